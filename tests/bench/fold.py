"""The fold with its plan, on one core: `python -m tests.bench.fold [--quick] [--json]`. Medians of rounds in turn.

`events_per_s` is of records that are kept decoded, as the worker keeps them, each event's record encoded and hashed.
`encoded_cpu_us_per_event` is of records as Kafka has them: decoded, folded, encoded and hashed. `ratio_to_json`
compares that with what orjson and SHA-256 have to do for the same records: decode, hash, encode with sorted keys, in
CPU time of the same round. `kept_ratio_to_json` compares the first with it, which hasn't to decode.
"""

import hashlib
import statistics
import time
from collections.abc import Callable

import orjson

from streamproc.core.errors import RejectedInputError
from streamproc.core.fold.fold import fold, fold_encoded
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Origin
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import UserRecord
from streamproc.settings import load_settings
from streamproc.sources.hris.contract import parse
from tests.bench import parser, say, show, size
from tests.bench.cpu import usage
from tests.chaos.history import history

EVENTS, USERS, ROUNDS = size(20_000, 10_000), size(2_000, 1_000), 5


def changes() -> list[ChangeEvent]:
    """The crash run's history, parsed: hires, changes, leavers, duplicates and late ones."""
    events: list[ChangeEvent] = []
    for offset, sent in enumerate(history(1, EVENTS, USERS)):
        value = sent.value if isinstance(sent.value, bytes) else orjson.dumps(sent.value)
        try:
            events += parse(value, {}, Origin("events.hris", 0, offset, Millis(1_790_000_000_000)))
        except RejectedInputError:
            continue
    return events


def fold_kept(events: list[ChangeEvent], mapping: Mapping) -> None:
    """Record to record."""
    records: dict[str, UserRecord] = {}
    for seq, event in enumerate(events):
        records[event.user] = fold(records.get(event.user), seq, event, mapping)


def fold_values(events: list[ChangeEvent], mapping: Mapping) -> list[bytes]:
    """Kafka value to Kafka value; all of them."""
    newest: dict[str, bytes] = {}
    values: list[bytes] = []
    for seq, event in enumerate(events):
        value = fold_encoded(newest.get(event.user), seq, event, mapping)
        assert value is not None
        newest[event.user] = value
        values.append(value)
    return values


def json_alone(values: list[bytes]) -> None:
    """What the same records cost without a fold."""
    for value in values:
        hashlib.sha256(value).hexdigest()
        orjson.dumps(orjson.loads(value), option=orjson.OPT_SORT_KEYS)


def cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds, of this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def measure() -> dict[str, float]:
    """All rounds."""
    mapping = parse_mapping(*load_settings().worker.mapping_text())
    events = changes()
    values = fold_values(events, mapping)
    walls: list[float] = []
    rounds: list[tuple[float, float, float]] = []
    begun = usage()
    for number in range(ROUNDS):
        began = time.perf_counter()
        kept = cpu_of(lambda: fold_kept(events, mapping))
        walls.append(time.perf_counter() - began)
        encoded = cpu_of(lambda: fold_values(events, mapping))
        rounds.append((kept, encoded, cpu_of(lambda: json_alone(values))))
        say(f"round {number + 1} of {ROUNDS}: CPU s kept {kept:.2f}, encoded {encoded:.2f}, JSON {rounds[-1][2]:.2f}")
    used = usage() - begun
    count = len(events)
    return {
        "events_per_s": round(count / statistics.median(walls)),
        "min": round(count / max(walls)),
        "max": round(count / min(walls)),
        "cpu_us_per_event": round(statistics.median(kept for kept, _, _ in rounds) / count * 1e6, 1),
        "encoded_cpu_us_per_event": round(statistics.median(encoded for _, encoded, _ in rounds) / count * 1e6, 1),
        "json_cpu_us_per_event": round(statistics.median(json for _, _, json in rounds) / count * 1e6, 1),
        "ratio_to_json": round(statistics.median(json / encoded for _, encoded, json in rounds), 3),
        "kept_ratio_to_json": round(statistics.median(json / kept for kept, _, json in rounds), 3),
        "events": count,
        "rounds": ROUNDS,
        **used.row(),
    }


def main() -> None:
    """Command line."""
    options = parser(__doc__).parse_args()
    show("the fold with its plan, one core", measure(), json=options.json)


if __name__ == "__main__":
    main()
