"""A history that an earlier release folded, of which the results are committed beside it.

`changes.jsonl` has the values of one partition of `identity.changes`, constructed: two sources, several subjects,
dates, values that can't be read, three mappings without any newer key. `results.json` has what that release made of it.
"""

from dataclasses import asdict
from functools import cache
from typing import Any

import orjson

from streamproc.core.fold.refold import Refold
from streamproc.core.records.change_event import decode_event
from streamproc.core.records.control import MAPPING, Control
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, OPERATIONS, OUTCOMES
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import decode
from tests.support.built import BEGIN, SECOND
from tests.support.paths import REPOSITORY

FOLDER = REPOSITORY / "tests" / "fixtures" / "history"


def results() -> dict[str, Any]:
    """What the earlier release made of it."""
    read: dict[str, Any] = orjson.loads((FOLDER / "results.json").read_bytes())
    return read


@cache
def changes() -> list[StoredRecord]:
    """The partition, from its beginning."""
    logged = []
    for offset, value in enumerate((FOLDER / "changes.jsonl").read_bytes().splitlines()):
        event = decode_event(value)
        key = (event.user or event.event).encode()
        logged.append(StoredRecord(CHANGES, 0, offset, Millis(BEGIN + offset * SECOND), key, value))
    return logged


def refolded() -> Refold:
    """A fold of it that hasn't begun."""
    return Refold(lambda offset: changes()[:offset], None)


def _early(order: Control) -> dict[str, Any]:
    """An order as that release wrote it."""
    later = {"account", "attribute", "connection"}
    return {name: value for name, value in asdict(order).items() if name not in later}


def history() -> InMemoryHistory:
    """The same with its records, an outcome for each, and the orders of its mappings."""
    records: list[StoredRecord] = []
    outcomes: list[StoredRecord] = []
    orders: list[StoredRecord] = []
    refold = refolded()
    for logged in changes():
        step = refold.take(logged)
        for user, value in sorted(step.records.items()):
            record = decode(value)
            told = Outcome(user, record.seq, "delivered", True, logged.timestamp, record.effect, record.cause, [], [])
            records.append(StoredRecord(OPERATIONS, 0, len(records), logged.timestamp, user.encode(), value))
            outcomes.append(
                StoredRecord(OUTCOMES, 0, 2 * len(outcomes), logged.timestamp, user.encode(), orjson.dumps(told))
            )
        event = step.event
        if event is not None and event.mapping is not None and not event.mapping.first:
            new, at = event.mapping, Millis(event.order[0] // 1000)
            order = Control(event.order[2], "mapping", None, None, new.by, event.reason or "", at, None, new.text)
            place, appended = event.origin.offset, event.origin.appended
            orders.append(StoredRecord(CONTROLS, 0, place, appended, MAPPING.encode(), orjson.dumps(_early(order))))
    return InMemoryHistory([*changes(), *records, *outcomes, *orders], 1)
