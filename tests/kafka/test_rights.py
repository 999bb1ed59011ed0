"""A Kafka with TLS, passwords and ACLs: each process has a user of its own, with the rights that are printed for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio
from click.testing import CliRunner

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.cli.main import cli
from streamproc.core.errors import StreamprocError
from streamproc.demo.directories import pointed as stand_ins
from streamproc.demo.play import held
from streamproc.demo.processes import stack
from streamproc.rights import PROCESSES
from streamproc.settings import Settings, environment, load_settings
from tests.kafka.test_pipeline import _until
from tests.support.secured import SecuredKafka, secured_kafka

pytestmark = pytest.mark.asyncio(loop_scope="module")

RIGHTS = {process.name: process.rights("streamproc") for process in PROCESSES}
DOORS = {"gateway_token": "token-for-producers-1", "okta_hook_secret": "secret-of-okta-12345"}
PARTITIONS = 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecuredKafka]:
    """The broker, its topics, and a user for each process."""
    async with secured_kafka(tmp_path_factory.mktemp("secured")) as kafka:
        for process in PROCESSES:
            await kafka.user(_user(process.name), RIGHTS[process.name])
        done = await command(kafka, "topics --create", "topics", "--create")
        assert done[0] == 0, done
        yield kafka


def _user(process: str) -> str:
    return process.replace(" ", "_").replace("-", "")


def settings_of(kafka: SecuredKafka, process: str, **more: Any) -> Settings:
    """Settings of a process's own user."""
    return load_settings(**kafka.settings(_user(process)) | {"partitions": PARTITIONS} | more)


async def command(kafka: SecuredKafka, process: str, *arguments: str, **more: Any) -> tuple[int, str]:
    """Exit code and what is printed; an error of ours is its line."""
    env = environment(settings_of(kafka, process, **more))
    result = await asyncio.to_thread(CliRunner().invoke, cli, arguments, env=env)
    if isinstance(result.exception, StreamprocError):
        return 1, str(result.exception)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def hired(subject: str) -> dict[str, Any]:
    """An event of the generic contract, constructed."""
    who = {"userName": f"{subject}@example.com", "displayName": subject, "active": True}
    event = {"id": subject, "type": "snapshot", "subject": subject, "time": "2026-03-02T09:00:00Z"}
    return event | {"attributes": who}


async def test_each_process_works_with_exactly_its_rights(secured: SecuredKafka, tmp_path: Path) -> None:
    """Events by HTTP, by Kafka and by a directory's hook reach the target; operators and auditors see them."""
    began = len(secured.broker.log.read_text())
    base = settings_of(secured, "sink")
    async with stack(base, tmp_path) as running, aiohttp.ClientSession() as http:
        at = running.settings.by_name()
        for name, more in {
            "worker": {},
            "sink": {},
            "gateway": DOORS | {"gateway_port": 0},
            "hydrator": stand_ins(running.simulator),
        }.items():
            own = secured.settings(_user(name))
            running.settings = load_settings(**at | own | more)
            running.child(name, name)
        ports = await asyncio.gather(
            *(child.start() for name, child in running.children.items() if name != "simulator")
        )
        door = f"http://127.0.0.1:{ports[2]}"
        config = {"gateway": door, "hook_headers": {"okta": {"Authorization": DOORS["okta_hook_secret"]}}}
        for path, body in (("config", config), ("okta/people", [person("E3")])):
            async with http.post(f"{running.simulator}/_sim/directories/{path}", json=body) as answer:
                answer.raise_for_status()
        headers = {"Authorization": f"Bearer {DOORS['gateway_token']}", "Content-Type": "application/json"}
        async with http.post(f"{door}/v1/events", data=orjson.dumps(hired("E1")), headers=headers) as answer:
            assert answer.status == 202
        await send(settings_of(secured, "producer of events.hris"), hired("E2"))
        await _until(lambda: held(http, running.simulator), lambda there: {"E1", "E2", "E3"} <= {*there})
        kept = str(tmp_path / "kept")
        for process, line in (
            ("topics --create", ("topics", "--check")),
            ("sync", ("sync", "okta")),
            ("operators", ("parked", "list")),
            ("operators", ("identities", "list", "--all")),
            ("operators", ("sink", "pause", "--by", "Kim Berg", "--reason", "test")),
            ("auditors", ("archive", kept)),
            ("auditors --raw", ("archive", kept, "--raw")),
            ("auditors", ("replay", "--verify")),
            ("auditors", ("report", "revocations", "--from", "2020-01-01", "--to", "2100-01-01")),
        ):
            more = stand_ins(running.simulator) if process == "sync" else {}
            code, printed = await command(secured, process, *line, **more)
            assert code == 0, (line, printed)
        for child in running.children.values():
            assert child.running, child.log.read_text()
    denied = [line for line in secured.broker.log.read_text()[began:].splitlines() if "Denied" in line]
    assert denied == []


def person(number: str) -> dict[str, Any]:
    """Of a directory."""
    return {"employeeNumber": number, "userName": f"{number}@example.com", "displayName": number, "active": True}


async def send(settings: Settings, event: dict[str, Any]) -> None:
    """As a producer of events.hris."""
    producer = KafkaLog(settings.kafka).producer()
    await producer.start()
    try:
        await producer.send_and_wait("events.hris", orjson.dumps(event), key=event["subject"].encode())
    finally:
        await producer.stop()
