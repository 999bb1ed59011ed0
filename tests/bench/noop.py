"""Faust's own no-op agent on events.hris, as its documents write one: for `bench.worker`. Prints rate and CPU."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import faust
import uvloop


async def main(bootstrap: str, expected: int) -> None:
    """Consume `expected` events; print events per second and CPU µs per event, from the first to the last."""
    app = faust.App(
        "noop",
        broker=f"kafka://{bootstrap}",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        autodiscover=False,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
    )
    done = asyncio.Event()
    seen, first, cpu = 0, 0.0, 0.0

    @app.agent(app.topic("events.hris", key_type=bytes, value_type=bytes, allow_empty=True))  # type: ignore[untyped-decorator]
    async def nothing(stream: Any) -> AsyncIterator[None]:
        nonlocal seen, first, cpu
        async for _ in stream:
            if seen == 0:
                first, cpu = time.perf_counter(), time.process_time()
            seen += 1
            if seen == expected:
                rate = expected / (time.perf_counter() - first)
                print(f"{rate:.1f} {(time.process_time() - cpu) / expected * 1e6:.1f}", flush=True)
                done.set()
        if False:
            yield

    app.finalize()
    await app.start()
    await done.wait()
    await app.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], int(sys.argv[2])))
