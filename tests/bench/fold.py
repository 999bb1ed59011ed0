"""The pure fold, with its plan, on one core: `python -m tests.bench.fold [--json]`. Median of five rounds."""

import statistics
import time

from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.user_record import UserRecord
from streamproc.settings import load_settings
from tests.bench import show
from tests.chaos.history import history

EVENTS, USERS, ROUNDS = 20_000, 2_000, 5


def changes() -> list[ChangeEvent]:
    """The crash run's history, parsed: hires, changes, leavers, duplicates and late ones."""
    import orjson

    from streamproc.core.errors import RejectedInputError
    from streamproc.sources.hris.contract import parse

    found: list[ChangeEvent] = []
    for offset, sent in enumerate(history(1, EVENTS, USERS)):
        value = sent.value if isinstance(sent.value, bytes) else orjson.dumps(sent.value)
        try:
            found += parse(value, {}, Origin("events.hris", 0, offset, 1_790_000_000_000))
        except RejectedInputError:
            continue
    return found


def rate(events: list[ChangeEvent], mapping: Mapping) -> float:
    """Events per second over all users."""
    records: dict[str, UserRecord] = {}
    begun = time.perf_counter()
    for seq, event in enumerate(events):
        records[event.user] = fold(records.get(event.user), seq, event, mapping)
    return len(events) / (time.perf_counter() - begun)


def main() -> None:
    """Command line."""
    mapping = parse_mapping(*load_settings().worker.mapping_text())
    events = changes()
    rates = [rate(events, mapping) for _ in range(ROUNDS)]
    show(
        "pure fold and plan, one core",
        {
            "events_per_s": round(statistics.median(rates)),
            "min": round(min(rates)),
            "max": round(max(rates)),
            "events": len(events),
        },
    )


if __name__ == "__main__":
    main()
