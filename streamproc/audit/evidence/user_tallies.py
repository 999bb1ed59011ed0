"""What a bundle's raw lines come to, user by user: the events are folded anew, and the rest is compared with that.

Rule 1: a record is, byte for byte, what its events give under the mapping in force at its offset.
Rule 2: a missing record was compacted if a later one of its user is there; otherwise it isn't written yet. Both kinds
are listed, and computed all the same.
Rule 3: each record has one fate, which is a `final` outcome, up to the newest fate of its user; later records are open.
`superseded` with `since` is the fate of all records after that seq.
Rule 4: an order that an event or an outcome goes back to is among the controls.
Rule 5: partitions are compared one after the other, so that memory holds only one.
"""

from collections.abc import Callable, Iterator

from streamproc.audit.evidence.controls import Controls
from streamproc.audit.evidence.events import Bounds, Events
from streamproc.audit.evidence.finding import Finding
from streamproc.audit.evidence.format import CONTROLS, EVENTS, OUTCOMES, RECORDS, TOPICS, Contents
from streamproc.audit.evidence.line_reader import LineReader
from streamproc.audit.evidence.outcomes import Outcomes
from streamproc.audit.evidence.records import Records
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.user_tally import UserTally


class UserTallies:
    """Tallies all users. `in_order()` yields them; the rest is known once it has ended."""

    def __init__(self, contents: Contents, scope: Scope, find: Callable[[Finding], None], bounds: Bounds) -> None:
        self.ranges: dict[str, dict[str, list[int]]] = {}
        """Topic → partition → offset of the first and the last line."""
        self._contents = contents
        self._find = find
        self._controls = Controls(find)
        self._events = Events(contents, scope, self._controls, find, bounds)
        self._records = Records(scope, find)
        self._outcomes = Outcomes(scope, self._controls, find)

    @property
    def texts(self) -> dict[str, str]:
        """Digest → text of each mapping that some event brought."""
        return self._events.texts

    @property
    def orders(self) -> int:
        """How many operators' orders the bundle has."""
        return len(self._controls.orders.by_place)

    def in_order(self) -> Iterator[UserTally]:
        """The tallies, by partition and user. Reports what isn't as it should be on the way."""
        self._controls.read(self._contents)
        readers = [LineReader(self._contents, file, self._find) for file in (EVENTS, RECORDS, OUTCOMES)]
        events, records, outcomes = readers
        while heads := [reader.partition for reader in readers if reader.partition is not None]:
            partition = min(heads)
            tallies: dict[str, UserTally] = {}
            self._events.fold(events, partition, tallies)
            self._records.compare(records, partition, tallies)
            self._outcomes.compare(outcomes, partition, tallies)
            for user in sorted(tallies):
                self._outcomes.fates(tallies[user])
                yield tallies[user]
        self.ranges = {TOPICS[reader.file]: reader.ranges for reader in readers}
        self.ranges[TOPICS[CONTROLS]] = self._controls.ranges

    def differences(self) -> Iterator[tuple[Finding, str]]:
        """For each altered record, in what it differs. Its partition is folded once more for it."""
        return self._records.differences(self._events)
