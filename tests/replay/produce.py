"""Produces the artefacts of two checkouts, side by side, each with a broker of its own."""

import asyncio
import shutil
import sys
import time
from pathlib import Path

from streamproc.embedded import embedded_kafka
from tests.replay.audit import audit, give_files, log_of
from tests.replay.delivery import deliver
from tests.replay.intake import take_in
from tests.replay.stages import describe, fold, resolve
from tests.support.checkout import Checkout
from tests.support.cluster import Cluster, Record, cluster, parse_log, write_log
from tests.support.paths import REPOSITORY

DELIVERED = ("crash_run", "two_sources", "raw")
"""Histories whose operations are delivered, and whose logs are archived; `demo` has the users of `raw`."""
STORIES = REPOSITORY / "tests" / "replay" / "logs" / "stories.jsonl"

Logs = dict[str, list[Record]]


async def produce(before: Path, after: Path, work: Path) -> tuple[Path, Path]:
    """Folders of the artefacts of both, below `work`.

    `before` is a checkout, or what this left of one in an earlier `work`: the folder `before`, which is then used as it
    is. What the two archive is the log that the first wrote, so that one difference isn't told again by all that
    follows from it. Raises CheckoutError and EmbeddedKafkaUnavailable in an ExceptionGroup.
    """
    logs: asyncio.Future[Logs] = asyncio.get_running_loop().create_future()
    if (before / "logs").is_dir():
        logs.set_result({path.stem: parse_log(path) for path in sorted((before / "logs").iterdir())})
    async with asyncio.TaskGroup() as group:
        if not logs.done():
            group.create_task(_produce(before, work / "before", logs))
        group.create_task(_produce(after, work / "after", logs))
    return (before if (before / "logs").is_dir() else work / "before") / "artefacts", work / "after" / "artefacts"


async def _produce(root: Path, work: Path, logs: asyncio.Future[Logs]) -> None:
    begun = time.monotonic()

    def report(stage: str) -> None:
        sys.stderr.write(f"{work.name}: {stage}, {time.monotonic() - begun:.0f} s\n")

    shutil.rmtree(work, ignore_errors=True)
    checkout = Checkout(root, work)
    give_files(checkout)
    topics = await describe(checkout)
    report("described")
    async with embedded_kafka(progress=lambda _: None) as broker, cluster(broker.bootstrap, topics) as running:
        checkout.settings |= {"kafka": broker.bootstrap, "partitions": "1"}
        written = await _deliver(checkout, running)
        report("delivered")
        if work.name == "before":
            written["stories"] = parse_log(STORIES)
            (work / "logs").mkdir()
            for name, log in written.items():
                write_log(work / "logs" / f"{name}.jsonl", log)
            logs.set_result(written)
        await audit(checkout, running, await logs)
        report("audited")


async def _deliver(checkout: Checkout, running: Cluster) -> Logs:
    await take_in(checkout, running)
    folded = await fold(checkout, running) | {"raw": await resolve(checkout, running)}
    operations = [record for name in DELIVERED for record in folded[name] if record.topic == "scim.operations"]
    delivered = await deliver(checkout, running, operations)
    return {name: log_of(folded[name], delivered) for name in DELIVERED}
