"""python -m streamproc.embedded: one broker until Ctrl-C."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from streamproc.embedded import EmbeddedKafkaUnavailable, embedded_kafka
from streamproc.embedded.artifacts import to_stderr
from streamproc.embedded.broker import alive


async def run(data: Path | None, heap_mb: int) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # Ctrl-C does the same by itself
    async with embedded_kafka(data=data, heap_mb=heap_mb) as kafka:
        sys.stdout.write(kafka.bootstrap + "\n")
        sys.stdout.flush()
        while alive(kafka.pid):  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(1.0)
        raise EmbeddedKafkaUnavailable("the broker ended by itself")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m streamproc.embedded", description=__doc__)
    parser.add_argument("--data", type=Path, help="keep the data in this folder (default: a temporary one)")
    parser.add_argument("--heap-mb", type=int, default=512)
    options = parser.parse_args()
    try:
        with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
            asyncio.run(run(options.data, options.heap_mb))
    except EmbeddedKafkaUnavailable as error:
        to_stderr(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
