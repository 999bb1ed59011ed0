"""The lines of a bundle, redacted by the rules of `redaction.py`.

The redacted events are folded beside the original ones, and each pair of records has to agree in seq, effect, dates,
problems and kinds of operations. So the redacted bundle proves what the original one proves.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

import orjson
from pydantic import ValidationError

from streamproc.audit.evidence.format import CONTROLS, EVENTS, OUTCOMES, RECORDS, TOPICS, Contents, lines, read_small
from streamproc.audit.evidence.raw_line import Line, line_of
from streamproc.audit.evidence.redaction import MARK, WHOLE, Redaction, facts_read, ids
from streamproc.audit.evidence.scope import Scope
from streamproc.core.errors import EvidenceError
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.refold import Refold, Step, first_mapping
from streamproc.core.records.change_event import ChangeEvent, Origin, decode_event
from streamproc.core.records.control import CONTROL, MAPPING, SINK
from streamproc.core.records.outcome import OUTCOME
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.user_record import Cause

SAME: Final = ("seq", "prev", "due", "as_of", "effect", "mapping", "problems")
"""Fields of a record that stay as they were, as do the kinds of its operations."""


class Shelf(Protocol):
    """Keeps bytes out of memory."""

    def put(self, value: bytes) -> int:
        """Put bytes away. Returns the index to get them by."""

    def get(self, index: int) -> bytes: ...


class Redacted:
    """A bundle, redacted. `original` has no findings. `files` are read once, in their order."""

    def __init__(self, original: Contents, key: bytes, shelf: Shelf) -> None:
        self._original = original
        self._shelf = shelf
        self._mappings = [name for name in original.names if name.startswith("mappings/")]
        texts = [read_small(original, name).decode() for name in self._mappings]
        self._redaction = Redaction(key, facts_read(parse_mapping(text) for text in texts), self._ids())
        self._records: dict[tuple[str, int], int] = {}
        self._hashes: dict[str, list[str]] = {}

    def files(self) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Name and content of each file of raw lines, and of the mappings."""
        yield EVENTS, self._events()
        yield RECORDS, self._of_records()
        yield OUTCOMES, self._of_outcomes()
        yield CONTROLS, self._of_controls()
        for name in self._mappings:
            yield name, [read_small(self._original, name)]

    def chosen(self, scope: Scope) -> Scope:
        """Whose evidence it is, redacted."""
        return Scope(tuple(sorted(map(self._redaction.word, scope.users))), scope.first, scope.until)

    def as_object(self) -> dict[str, Any]:
        """As JSON for the manifest, once the files were read."""
        kept, hidden = sorted(self._redaction.kept_facts), sorted(self._redaction.hidden)
        return {"prefix": MARK, "kept": kept, "hidden": hidden, "whole": list(WHOLE)}

    def linked(self, tally: dict[str, Any]) -> dict[str, Any]:
        """A user's line of the chain, with the original record's hashes beside each record."""
        before = ""
        for record, digest in zip(tally["records"], self._hashes[tally["user"]], strict=True):
            record["original"] = {"before": before, "hash": digest}
            before = digest
        return tally

    def _lines(self, file: str) -> Iterator[Line]:
        return map(line_of, lines(self._original, file))

    def _ids(self) -> Iterator[str]:
        for line in self._lines(EVENTS):
            event = _event(line)
            if event is not None:
                yield from ids(event)

    def _before(self, partition: int, until: int | None = None, *, redacted: bool) -> Iterator[StoredRecord]:
        for line in self._lines(EVENTS):
            if line.partition > partition:
                return
            if line.partition == partition and (until is None or line.offset < until):
                yield (self._hidden(line) if redacted else line).logged(TOPICS[EVENTS])

    def _refold(self, partition: int, *, redacted: bool) -> Refold:
        rules = first_mapping(self._before(partition, redacted=redacted))
        return Refold(lambda until: self._before(partition, until, redacted=redacted), rules)

    def _events(self) -> Iterator[bytes]:
        here: int | None = None
        for line in self._lines(EVENTS):
            if line.partition != here:
                here = line.partition
                old, new = self._refold(here, redacted=False), self._refold(here, redacted=True)
            hidden = self._hidden(line)
            self._compare(old.take(line.logged(TOPICS[EVENTS])), new.take(hidden.logged(TOPICS[EVENTS])))
            yield hidden.encoded()

    def _hidden(self, line: Line) -> Line:
        event = _event(line)
        key = (line.key or b"").decode(errors="replace")
        if event is None:  # it led to nothing, and what it holds isn't known
            return Line(line.partition, line.offset, line.timestamp, self._redaction.word(key).encode(), None)
        key = key if event.kind == "mapping" else self._redaction.word(key)
        value = orjson.dumps(self._redaction.event(event))
        return Line(line.partition, line.offset, line.timestamp, key.encode(), value)

    def _compare(self, old: Step, new: Step) -> None:
        seq, word = old.logged.offset, self._redaction.word
        if old.rejected != new.rejected or {word(user) for user in old.records} != new.records.keys():
            raise EvidenceError(f"it can't be redacted: the event at offset {seq} would lead to something else")
        for user, value in old.records.items():
            hidden = new.records[word(user)]
            was, now = orjson.loads(value), orjson.loads(hidden)
            differing = [name for name in SAME if was[name] != now[name]]
            if [operation["op"] for operation in was["operations"]] != [
                operation["op"] for operation in now["operations"]
            ]:
                differing.append("operations")
            if differing:
                raise EvidenceError(
                    f"it can't be redacted: the record of user {user} at seq {seq} would have another "
                    f"{', '.join(differing)}; make it without --redact"
                )
            self._records[word(user), seq] = self._shelf.put(hidden)
            self._hashes.setdefault(word(user), []).append(was["hash"])

    def _of_records(self) -> Iterator[bytes]:
        for line in self._lines(RECORDS):
            raw = orjson.loads(line.value or b"")
            user = self._redaction.word(raw["user"])
            value = self._shelf.get(self._records[user, raw["seq"]])
            yield Line(line.partition, line.offset, line.timestamp, user.encode(), value).encoded()

    def _of_outcomes(self) -> Iterator[bytes]:
        for line in self._lines(OUTCOMES):
            outcome = OUTCOME.validate_json(line.value or b"")
            user = self._redaction.word(outcome.user)
            cause, problems = self._recorded(user, outcome.seq)
            value = orjson.dumps(self._redaction.outcome(outcome, cause, problems))
            yield Line(line.partition, line.offset, line.timestamp, user.encode(), value).encoded()

    def _recorded(self, user: str, seq: int) -> tuple[Cause | None, list[str]]:
        """Cause and problems of a redacted record; none for a record after the end of the period."""
        index = self._records.get((user, seq))
        if index is None:
            return None, []
        record = orjson.loads(self._shelf.get(index))
        return Cause(**record["cause"] | {"origin": Origin(**record["cause"]["origin"])}), record["problems"]

    def _of_controls(self) -> Iterator[bytes]:
        for line in self._lines(CONTROLS):
            control = CONTROL.validate_json(line.value or b"")
            key = (line.key or b"").decode()
            key = key if key in {SINK, MAPPING} else self._redaction.word(key)
            value = orjson.dumps(self._redaction.control(control))
            yield Line(line.partition, line.offset, line.timestamp, key.encode(), value).encoded()


def _event(line: Line) -> ChangeEvent | None:
    try:
        return decode_event(line.value or b"")
    except ValidationError:
        return None
