"""Recorded histories: JSON Lines under tests/replay, one for each event, with what it is to lead to.

The first line says what the history is. Each other one has the event, as it lies in `identity.changes`, and `gives`:
user → the essentials of their record after it, for reading. All of these histories are constructed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from streamproc.core.fold.refold import Refold, first_mapping
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES
from tests.support.paths import REPOSITORY

FOLDER = REPOSITORY / "tests" / "replay"
ESSENTIALS = ("effect", "desired", "operations", "problems", "due")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One history. `events`: in the order of their offsets; `gives`: see above, for each."""

    title: dict[str, Any]
    events: list[dict[str, Any]]
    gives: list[dict[str, dict[str, Any]]]

    def encoded(self) -> bytes:
        """As the file holds it."""
        entries = [{"event": event, "gives": given} for event, given in zip(self.events, self.gives, strict=True)]
        return b"".join(orjson.dumps(each) + b"\n" for each in [self.title, *entries])


def read(path: Path) -> Recorded:
    """The history in a file."""
    title, *entries = map(orjson.loads, path.read_bytes().splitlines())
    return Recorded(title, [each["event"] for each in entries], [each["gives"] for each in entries])


def folded(events: Iterable[dict[str, Any]]) -> list[dict[str, dict[str, Any]]]:
    """What the events lead to now."""
    changes = [
        StoredRecord(CHANGES, 0, offset, event["origin"]["appended"], event["user"].encode(), orjson.dumps(event))
        for offset, event in enumerate(events)
    ]
    again = Refold(lambda offset: changes[:offset], first_mapping(changes))
    found = []
    for one in changes:
        step = again.take(one)
        assert step.rejected is None, f"event at offset {one.offset}: {step.rejected}"
        found.append({user: _essentials(value) for user, value in sorted(step.records.items())})
    return found


def _essentials(value: bytes) -> dict[str, Any]:
    record = orjson.loads(value)
    return {name: record[name] for name in ESSENTIALS}


def differences(history: Recorded) -> Iterator[str]:
    """Where the events lead elsewhere now than they did, in words."""
    for offset, (event, was, now) in enumerate(zip(history.events, history.gives, folded(history.events), strict=True)):
        what = f"offset {offset} ({event['kind']} {event['event']} of {event['user'] or 'all users'})"
        for user in sorted(was.keys() | now.keys()):
            for name in ESSENTIALS:
                before, after = (each.get(user, {}).get(name) for each in (was, now))
                if before != after:
                    yield from _said(f"{what}: {user}'s {name}", before, after)


def _said(what: str, before: Any, after: Any) -> Iterator[str]:
    """An attribute at a time, where both sides have attributes."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        yield f"{what} was {orjson.dumps(before).decode()}, and is {orjson.dumps(after).decode()}"
        return
    for name in sorted(before.keys() | after.keys()):
        if (one := before.get(name, "absent")) != (other := after.get(name, "absent")):
            yield f"{what}: {name} was {orjson.dumps(one).decode()}, and is {orjson.dumps(other).decode()}"
