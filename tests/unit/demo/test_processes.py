"""The services as child processes."""

import asyncio
import sys
from pathlib import Path

from streamproc.demo.processes import Child, Stack
from streamproc.settings import load_settings


async def test_who_stays_up_is_told_that_a_service_has_ended(tmp_path: Path) -> None:
    """With the end of its log, which goes with the stack's folder: else nothing happens any more, and nobody knows."""
    running = Stack(load_settings(), tmp_path, "http://127.0.0.1:1")
    log = tmp_path / "sink.log"
    log.write_text("streamproc: no Kafka broker answers\n")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    running.children["sink"] = Child("sink", (), {}, log, process)
    said: list[str] = []
    async with asyncio.timeout(60):
        await running.watch(said.append)
    assert said == [
        f"sink has ended, and the others go on; the end of {log}:",
        "streamproc: no Kafka broker answers",
    ]
