"""Folds a bundle's events anew, partition by partition: what each user's records have to be."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from streamproc.audit.evidence.controls import Controls
from streamproc.audit.evidence.finding import Finding
from streamproc.audit.evidence.format import CHAIN, CONTROLS, EVENTS, TOPICS, Contents, UnreadableError
from streamproc.audit.evidence.line_reader import LineReader
from streamproc.audit.evidence.raw_line import Line
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.user_tally import Folded, UserTally
from streamproc.audit.orders import mapping_done, mapping_ordered
from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping_switch import compiled
from streamproc.core.fold.refold import Refold, Step, first_mapping
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.stored_record import StoredRecord

NEVER: Final = 2**63


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is folded of a bundle that may be anybody's."""

    records: int = sys.maxsize
    """Records that are folded, and users that are taken in."""
    again: int = sys.maxsize
    """Lines that are read again where the mapping changes: of each partition all before, at each change."""


class Events:
    """The events of a bundle. Reports what isn't as it should be on the way."""

    def __init__(
        self, contents: Contents, scope: Scope, controls: Controls, find: Callable[[Finding], None], bounds: Bounds
    ) -> None:
        self.texts: dict[str, str] = {}
        """Digest → text of each mapping that some event brought."""
        self._left, self._again = bounds.records, bounds.again
        self._contents = contents
        self._scope = scope
        self._controls = controls
        self._find = find

    def fold(self, reader: LineReader, partition: int, tallies: dict[str, UserTally]) -> None:
        """Fold a partition into the tallies of its users."""
        refold = self._refold(partition)
        if refold.rules is None and reader.partition == partition:
            what = f"no event of partition {partition} says which mapping is in force: nothing of it can be folded"
            self._find(Finding("left out", EVENTS, what))
        for number, line in reader.of(partition):
            if self._left < 0:
                continue
            step = _step(refold, line.logged(TOPICS[EVENTS])) if refold.rules is not None else None
            event = None if step is None else step.event
            if step is None and refold.rules is not None:
                self._find(Finding("altered", EVENTS, "can't be folded", number, seq=line.offset))
            if self._scope.beyond(line.timestamp):
                self._find(Finding("added", EVENTS, "after the end of the period", number, seq=line.offset))
            if event is not None and event.kind == "mapping":
                self._mapping(number, line, event, step)
            else:
                user = (line.key or b"").decode(errors="replace")
                tally = tallies.get(user)
                if tally is None:
                    tally = tallies[user] = UserTally(user, partition)
                    self._left -= 1
                tally.events += 1
                tally.why |= self._scope.why("event", line.timestamp)
                if event is not None:
                    self._event(number, line, event, user)
            for user, value in () if step is None else step.records.items():
                if user in tallies:
                    tallies[user].folded[line.offset] = Folded.of(value)
                    self._left -= 1
            if self._left < 0:
                self._find(Finding("altered", EVENTS, f"they lead to more than {CHAIN} has: not folded on", number))

    def record(self, partition: int, user: str, seq: int) -> bytes:
        """The bytes of one record. The partition is folded once more for it."""
        refold = self._refold(partition)
        for line in self._of(partition):
            step = _step(refold, line.logged(TOPICS[EVENTS]))
            if line.offset == seq and step is not None and user in step.records:
                return step.records[user]
        return b"{}"

    def _of(self, partition: int, until: int = NEVER) -> Iterator[Line]:
        reader = LineReader(self._contents, EVENTS, lambda _: None)
        while reader.partition is not None and reader.partition <= partition:
            for _, line in reader.of(reader.partition):
                if line.partition == partition and line.offset < until:
                    yield line

    def _before(self, partition: int, until: int = NEVER) -> Iterator[StoredRecord]:
        for line in self._of(partition, until):
            self._again -= 1
            if self._again < 0:
                raise UnreadableError("the mapping changes too often")
            yield line.logged(TOPICS[EVENTS])

    def _refold(self, partition: int) -> Refold:
        return Refold(lambda until: self._before(partition, until), first_mapping(self._before(partition)))

    def _event(self, number: int, line: Line, event: ChangeEvent, user: str) -> None:
        if event.user != user:
            what = f"it is about user {event.user}, and its key says another"
            self._find(Finding("altered", EVENTS, what, number, user, line.offset))
        if (unlike := self._controls.orders.unlike_move(event)) is not None:
            self._find(Finding("left out", CONTROLS, unlike, None, user, line.offset))

    def _mapping(self, number: int, line: Line, event: ChangeEvent, step: Step | None) -> None:
        if step is None or step.rejected is not None or event.mapping is None:
            what = f"mapping {event.event}: its text isn't that of the mapping that it names"
            self._find(Finding("altered", EVENTS, what, number, seq=line.offset))
            return
        try:
            compiled(event.event, event.mapping.text)
        except MappingError:  # it changed nothing, so its order doesn't matter
            return
        self.texts.setdefault(event.event, event.mapping.text)
        position = (event.origin.partition, event.origin.offset)
        if event.origin.topic != TOPICS[CONTROLS]:
            return
        placed = self._controls.orders.by_place.get(position)
        if placed is None:
            what = f"the order that brought mapping {event.event}, at partition {position[0]}, offset {position[1]}"
            self._find(Finding("left out", CONTROLS, what, seq=line.offset))
            return
        done, ordered = mapping_done(event), mapping_ordered(placed, position)
        if differing := [name for name in done if done[name] != ordered[name]]:
            what = f"the order of mapping {event.event} says something else than its event: {', '.join(differing)}"
            self._find(Finding("altered", CONTROLS, what, seq=line.offset))


def _step(refold: Refold, logged: StoredRecord) -> Step | None:
    """The step; None: the fold failed. No event of ours makes it fail, but a bundle may hold anything."""
    try:
        return refold.take(logged)
    except Exception:  # noqa: BLE001 - whatever it is, the line is to blame
        return None
