"""What nobody understood, on a real broker: told, replayed after the options have changed, and in force."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.core.records.topic_names import REJECTIONS
from streamproc.demo.processes import stack
from streamproc.settings import Settings, environment
from tests.kafka.test_pipeline import _until, read
from tests.kafka.worker.test_worker import newest, send


def row(status: str, title: str) -> dict[str, Any]:
    """A report with one worker; constructed."""
    worker = {"Employee_ID": "000460", "Preferred_Name": "Test", "Email_Address": "w@example.com"}
    return {"Report_Entry": [{**worker, "Worker_Status": status, "Business_Title": title}]}


async def command(settings: Settings, *arguments: str) -> bytes:
    """Standard output of `streamproc rejected …`, which has to end with 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "streamproc.cli",
        "rejected",
        *arguments,
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out


@pytest.mark.long
async def test_a_leaver_in_a_word_that_nobody_knew(settings: Settings, tmp_path: Path) -> None:
    """Access stays and the word is told; once it is configured, a replay of the same bytes ends the access."""
    sources = tmp_path / "sources.toml"
    async with stack(settings, tmp_path) as running:
        await running.start("worker")
        await send(settings, "events.workday", ("000460", row("Active", "Agent")), ("000460", row("Gone", "Trainer")))
        await _until(lambda: newest(settings), lambda found: found.get("000460", {}).get("title") == "Trainer")
        assert (await newest(settings))["000460"]["active"] is True
        (told,) = orjson.loads(await command(settings, "list", "--json", "--source", "workday"))
        assert (told["code"], told["subject"], told["partial"]) == ("not_understood", "000460", True)
        assert b"Gone" not in await command(settings, "show", told["name"])
        sources.write_text("workday = { inactive = ['Gone'] }\n")
        await running.children["worker"].kill()
        await running.child("worker", "worker", STREAMPROC_SOURCES=str(sources)).start()
        by = ("--by", "Kim Berg", "--reason", "configured")
        await command(settings, "replay", told["name"], *by)
        await command(settings, "replay", "--all", *by)  # twice is once
        await _until(lambda: newest(settings), lambda found: found["000460"]["active"] is False)
        assert orjson.loads(await command(settings, "list", "--json")) == []
        (done,) = orjson.loads(await command(settings, "list", "--json", "--all"))
        assert (done["name"], done["state"]) == (told["name"], "replayed")
    names = {record.key for record in (await read(settings, REJECTIONS))[REJECTIONS]}
    assert names == {told["name"].encode()}
