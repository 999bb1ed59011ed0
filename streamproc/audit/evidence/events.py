"""Events: a bundle's events folded anew, partition by partition: what each user's records have to be."""

from collections.abc import Callable, Iterator
from typing import Final

from streamproc.audit.evidence.controls import Controls
from streamproc.audit.evidence.finding import Finding
from streamproc.audit.evidence.format import CONTROLS, EVENTS, TOPICS, Contents
from streamproc.audit.evidence.line_reader import LineReader
from streamproc.audit.evidence.raw_line import Line
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.user_tally import Folded, UserTally
from streamproc.core.errors import MappingError
from streamproc.core.fold.mapping_switch import compiled
from streamproc.core.fold.refold import Refold, Step, first_mapping
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.stored_record import StoredRecord

NEVER: Final = 2**63


class Events:
    """See above. What isn't as it should be is told on the way."""

    def __init__(self, contents: Contents, chosen: Scope, controls: Controls, find: Callable[[Finding], None]) -> None:
        self.texts: dict[str, str] = {}
        """Digest → text of each mapping that some event brought."""
        self._contents = contents
        self._chosen = chosen
        self._controls = controls
        self._find = find

    def fold(self, pages: LineReader, partition: int, accounts: dict[str, UserTally]) -> None:
        """A partition, into the accounts of whom it is about."""
        refold = self._refold(partition)
        if refold.rules is None and pages.partition == partition:
            what = f"no event of partition {partition} says which mapping is in force: nothing of it can be folded"
            self._find(Finding("left out", EVENTS, what))
        for number, line in pages.of(partition):
            step = _taken(refold, line.logged(TOPICS[EVENTS])) if refold.rules is not None else None
            event = None if step is None else step.event
            if step is None and refold.rules is not None:
                self._find(Finding("altered", EVENTS, "can't be folded", number, seq=line.offset))
            if self._chosen.beyond(line.timestamp):
                self._find(Finding("added", EVENTS, "after the end of the period", number, seq=line.offset))
            if event is not None and event.kind == "mapping":
                self._mapping(number, line, event, step)
            else:
                user = (line.key or b"").decode(errors="replace")
                account = accounts.setdefault(user, UserTally(user, partition))
                account.events += 1
                account.why |= self._chosen.why("event", line.timestamp)
                if event is not None:
                    self._event(number, line, event, user)
            for user, value in () if step is None else step.records.items():
                if user in accounts:
                    accounts[user].folded[line.offset] = Folded.of(value)

    def record(self, partition: int, user: str, seq: int) -> bytes:
        """One record again, in its own bytes. The partition is folded once more for it."""
        refold = self._refold(partition)
        for line in self._of(partition):
            step = _taken(refold, line.logged(TOPICS[EVENTS]))
            if line.offset == seq and step is not None and user in step.records:
                return step.records[user]
        return b"{}"

    def _of(self, partition: int, until: int = NEVER) -> Iterator[Line]:
        pages = LineReader(self._contents, EVENTS, lambda _: None)
        while pages.partition is not None and pages.partition <= partition:
            for _, line in pages.of(pages.partition):
                if line.partition == partition and line.offset < until:
                    yield line

    def _before(self, partition: int, until: int = NEVER) -> Iterator[StoredRecord]:
        return (line.logged(TOPICS[EVENTS]) for line in self._of(partition, until))

    def _refold(self, partition: int) -> Refold:
        return Refold(lambda until: self._before(partition, until), first_mapping(self._before(partition)))

    def _event(self, number: int, line: Line, event: ChangeEvent, user: str) -> None:
        if event.user != user:
            what = f"it is about user {event.user}, and its key says another"
            self._find(Finding("altered", EVENTS, what, number, user, line.offset))
        by = None if event.move is None else event.move.by
        if by is not None and (by, event.reason) not in self._controls.moves:
            what = f"the order behind this {event.kind}, {event.event}, isn't there"
            self._find(Finding("left out", CONTROLS, what, None, user, line.offset))

    def _mapping(self, number: int, line: Line, event: ChangeEvent, step: Step | None) -> None:
        if step is None or step.rejected is not None or event.mapping is None:
            what = f"mapping {event.event}: its text isn't that of the mapping that it names"
            self._find(Finding("altered", EVENTS, what, number, seq=line.offset))
            return
        try:
            compiled(event.event, event.mapping.text)
        except MappingError:  # it changed nothing, so nobody looked at it
            return
        self.texts.setdefault(event.event, event.mapping.text)
        place = (event.origin.partition, event.origin.offset)
        if event.origin.topic != TOPICS[CONTROLS]:
            return
        if place not in self._controls.texts:
            what = f"the order that brought mapping {event.event}, at partition {place[0]}, offset {place[1]}"
            self._find(Finding("left out", CONTROLS, what, seq=line.offset))
        elif self._controls.texts[place] != event.mapping.text:
            what = f"the order of mapping {event.event} brought another text than its event"
            self._find(Finding("altered", CONTROLS, what, seq=line.offset))


def _taken(refold: Refold, logged: StoredRecord) -> Step | None:
    """None: the fold fell over it. No event of ours does that, but this may be anybody's."""
    try:
        return refold.take(logged)
    except Exception:  # noqa: BLE001 - whatever it was, it is the line's fault
        return None
