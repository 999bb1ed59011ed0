"""Producers with transactions: what they abort was never said, and what they leave open is waited for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import Producer
from streamproc.demo.processes import stack
from streamproc.embedded.broker import free_ports
from streamproc.settings import Settings, load_settings
from tests.kafka.test_pipeline import _until, unread
from tests.kafka.worker.test_batches import hired
from tests.kafka.worker.test_worker import newest, send


@asynccontextmanager
async def transactional(settings: Settings) -> AsyncIterator[Producer]:
    """A producer of HR's that has begun a transaction."""
    producer = KafkaLog(settings.kafka).producer("hr")
    await producer.start()
    await producer.begin_transaction()
    yield producer
    await producer.stop()


async def says(producer: Producer, user: str, **said: Any) -> None:
    """Append an event, and wait until the broker has it."""
    event = hired(user)
    event["attributes"] |= said
    await (await producer.send("events.hris", orjson.dumps(event), user.encode()))


async def open_for(address: str) -> list[float]:
    """How long the worker says it has waited for open transactions."""
    async with aiohttp.ClientSession() as http, http.get(f"http://{address}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("streamproc_open_transaction_seconds{")]


@pytest.mark.long
async def test_transactions_of_producers(settings: Settings, tmp_path: Path) -> None:
    """Aborted: nothing. Committed: all. Open: nobody behind it, and a gauge says so. The group comes past the marks."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    settings = load_settings(kafka=settings.kafka.bootstrap_servers, metrics=address)
    async with stack(settings, tmp_path) as running:
        await running.start("worker")
        async with transactional(settings) as hr:
            await says(hr, "E1", active=False)
            await hr.abort_transaction()
            await hr.begin_transaction()
            await says(hr, "E1")
            await says(hr, "E2")
            await hr.commit_transaction()
            found = await _until(lambda: newest(settings), lambda found: found.keys() == {"E1", "E2"})
            assert found["E1"]["active"] is True
            await _until(lambda: unread(settings), lambda count: count == 0)
            await hr.begin_transaction()
            await says(hr, "E1", active=False)
            await send(settings, "events.hris", ("E1", hired("E1") | {"id": "behind"}))
            await _until(lambda: open_for(address), bool)
            await hr.abort_transaction()
            await _until(lambda: unread(settings), lambda count: count == 0)
            assert await newest(settings) == found
            assert await open_for(address) == []
