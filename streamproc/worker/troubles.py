"""What is wrong with a worker now, and with what comes to all of them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from streamproc.core.records.units import Millis
from streamproc.health.decide.conditions import Trouble
from streamproc.worker.decide.silence import Usual, limited

RECOVERY: Final = 30.0
"""Seconds that tables may take to be whole again after partitions have moved."""
SWITCH: Final = 60.0
"""Seconds that a mapping may take to come into force."""


def recovery_troubles(remaining: int, *, settled: bool) -> Iterator[Trouble]:
    """Nothing is folded before tables are whole. `remaining`: records still to be read for that."""
    if not settled:
        what = f"{remaining} records are still to be read" if remaining else "partitions move"
        yield Trouble("recovering", "tables", "blind", f"nothing is folded until tables are whole: {what}", RECOVERY)


def order_troubles(*, waits: bool) -> Iterator[Trouble]:
    """A mapping that was ordered, and that no partition knows of yet."""
    if waits:
        yield Trouble(
            "mapping",
            "order",
            "blind",
            "a mapping was ordered, and isn't on its way yet: see the log of this worker",
            SWITCH,
        )


def mapping_troubles(in_force: Mapping[int, tuple[str, Millis]]) -> Iterator[Trouble]:
    """Partitions that are folded by a mapping of before. `in_force`: partition → digest of its mapping, since when."""
    if not in_force:
        return
    newest, _ = max(in_force.values(), key=lambda each: (each[1], each[0]))
    if waiting := sorted(partition for partition, (digest, _) in in_force.items() if digest != newest):
        numbers = ", ".join(map(str, waiting))
        reason = f"in these partitions mapping {newest} isn't in force yet: {numbers}. Is there a worker for each?"
        yield Trouble("mapping", "partitions", "blind", reason, SWITCH)


def silence_troubles(
    last: Mapping[str, Millis], usual: Mapping[str, Usual], limits: Mapping[str, float], begun: Millis, now: Millis
) -> Iterator[Trouble]:
    """Sources that have said nothing for too long. `last`: when each said something; `begun`: since when we listen.

    `limits`: source → seconds that are set, 0: any silence will do. One that has never said anything is judged by
    these alone.
    """
    for source in sorted({*last, *limits}):
        heard, limit = last.get(source), limits.get(source)
        if limit is not None:
            silence = limited(limit, begun if heard is None else heard, now) if limit else None
        else:
            silence = usual[source].too_long(last[source], now) if source in usual else None
        if silence is not None:
            since = "anything was asked for" if heard is None else minute(heard)
            reason = (
                f"nothing has come from it since {since}; at this time {silence.limit // 60_000} minutes are usual, "
                "or set (STREAMPROC_SILENCE). Is anybody at work there? Then look at its hook, producer or sync"
            )
            yield Trouble("silent", source, "blind", reason)


def minute(at: Millis) -> str:
    """In UTC, to the minute."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
