"""A partition's lines from mapping to mapping, so that several partitions can be read as one."""

from collections.abc import Iterator

from pydantic import ValidationError

from streamproc.audit.evidence.format import CONTROLS, TOPICS
from streamproc.audit.evidence.raw_line import Line
from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping_switch import switched
from streamproc.core.records.change_event import ChangeEvent, decode_event
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.stored_record import StoredRecord


class Run:
    """A partition's events, from mapping to mapping."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self.switch: tuple[Line, ChangeEvent] | None = None
        """The mapping that came into force after what `events` gave last; None: the partition has ended."""
        self._lines, self._rules = lines, Rules()
        self._appended = 0

    def events(self) -> Iterator[tuple[int, Line]]:
        """Up to the next mapping, each with when all up to it had been appended."""
        self.switch = None
        for line in self._lines:
            self._appended = max(self._appended, line.timestamp)
            event = event_of(line)
            if event is None or event.kind != "mapping":
                yield self._appended, line
            elif self._rules.taken(line, event):
                self.switch = line, event
                return


class Rules:
    """Which mappings came into force in a partition."""

    def __init__(self) -> None:
        self.marks: list[tuple[str, tuple[int, int] | None]] = []
        """The digest of each, and where it had been ordered."""
        self._rules: MappingInForce | None = None

    def taken(self, line: Line, event: ChangeEvent) -> bool:
        """Whether a mapping's event changed anything."""
        try:
            rules = switched(self._rules, line.offset, line.timestamp, event)
        except MappingError:
            return False
        if rules is None:
            return False
        self._rules = rules
        ordered = rules.origin.topic == TOPICS[CONTROLS]
        self.marks.append((rules.digest, (rules.origin.partition, rules.origin.offset) if ordered else None))
        return True


def user_of(line: Line | StoredRecord) -> str:
    return (line.key or b"").decode(errors="replace")


def event_of(line: Line) -> ChangeEvent | None:
    try:
        return decode_event(line.value or b"")
    except ValidationError:
        return None
