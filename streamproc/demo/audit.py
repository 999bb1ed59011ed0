"""The fifth act: what an auditor asks of the log that the others have left."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from streamproc.archive.history import opened
from streamproc.archive.per_partition import map_partitions
from streamproc.audit.asof.query import as_of
from streamproc.audit.asof.text import answered
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import NEEDED as OF_REPLAY
from streamproc.audit.replay.verify import verify
from streamproc.audit.revocations.latency import LIMIT, report
from streamproc.audit.revocations.query import NEEDED as OF_REPORT
from streamproc.audit.revocations.query import leavers
from streamproc.demo.play import Ending
from streamproc.settings import KafkaSettings

WHO: Final = "E1001"
WHAT: Final = "Spanish 4.0"
LOOKS: Final = 20
"""Half seconds within which the log must have what was delivered."""


async def play_audit(kafka: KafkaSettings, say: Callable[[str], None]) -> Ending:
    """Fold the log anew, ask why somebody has a skill, and how fast leavers lost their access."""
    topics = [*dict.fromkeys((*OF_REPLAY, *OF_REPORT))]
    for _ in range(LOOKS):
        now = time.time_ns() // 1_000_000
        async with opened(kafka, None, topics=topics) as history:
            result = await asyncio.to_thread(verify, history, PartitionRequest(), map_partitions)
            summary = report(await asyncio.to_thread(leavers, history, now), 0, now, round(LIMIT * 1000))
            why = [
                line
                for answer in as_of(history, now, WHO)
                for line in answered(answer)
                if WHAT in line and " since " in line
            ][:1]
        if not result.counts.open and not result.counts.unfolded:
            break  # otherwise Genesys has it, and the log doesn't say so yet
        await asyncio.sleep(0.5)
    counts, wrong = result.counts, []
    if result.first is not None:
        wrong.append(f"replay: {result.first.sentence}")
    elif counts.open or counts.unfolded:
        wrong.append(f"replay: {counts.open} events have no fate yet, {counts.unfolded} weren't folded")
    equal = "NOT EQUAL" if wrong else "equal"
    say(f"{_mark(wrong)} the log folded anew: {counts.records} records and {counts.fates} fates, {equal}")
    if not why:
        wrong.append(f"as of: nothing says why {WHO} has {WHAT}")
    say(f"{_mark(not why)} why has Ana Spanish?")
    for line in why:
        say(f"       {line.strip()}")
    late = len(summary.late)
    if late or not summary.leavers:
        wrong.append(f"revocations: {late} of {len(summary.leavers)} leavers kept access for longer than {LIMIT:.0f} s")
    clock, moved = summary.clock, sum(leaver.cause == "scope" for leaver in summary.leavers)
    say(
        f"{_mark(late)} {clock.n} people lost their access, {moved} of them as they moved out of scope: "
        f"{clock.p50} ms median, {clock.maximum} ms longest"
    )
    return Ending([], wrong)


def _mark(wrong: object) -> str:
    return "WRONG" if wrong else "ok  "
