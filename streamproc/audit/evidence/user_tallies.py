"""Accounts: per user, what a bundle's raw lines come to. The events are folded anew, and the rest is held against that.

Rule 1: a recorded record is, byte for byte, what its events give under the mapping in force at its offset.
Rule 2: a record that isn't there was compacted away if a later one of its user is; else it isn't written yet. Both are
told, and computed all the same.
Rule 3: each record has one fate, an outcome that is `final`, up to the newest one of its user that was told; what comes
after is open. `superseded` with `since` is the fate of all after that seq.
Rule 4: an order that an event or an outcome goes back to is among the controls.
Rule 5: users are told apart by partition, one partition after the other, so that only one is in memory.
"""

from collections.abc import Callable, Iterator

from streamproc.audit.evidence.controls import Controls
from streamproc.audit.evidence.events import Events
from streamproc.audit.evidence.finding import Finding
from streamproc.audit.evidence.format import CONTROLS, EVENTS, OUTCOMES, RECORDS, TOPICS, Contents
from streamproc.audit.evidence.line_reader import LineReader
from streamproc.audit.evidence.outcomes import Outcomes
from streamproc.audit.evidence.records import Records
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.user_tally import UserTally


class UserTallies:
    """See above. `each()` gives them by partition and user; the rest holds once it has come to its end."""

    def __init__(self, contents: Contents, chosen: Scope, find: Callable[[Finding], None]) -> None:
        self.ranges: dict[str, dict[str, list[int]]] = {}
        """Topic → partition → offset of the first and the last line."""
        self._contents = contents
        self._find = find
        self._controls = Controls(find)
        self._events = Events(contents, chosen, self._controls, find)
        self._records = Records(chosen, find)
        self._outcomes = Outcomes(chosen, self._controls, find)

    @property
    def texts(self) -> dict[str, str]:
        """Digest → text of each mapping that some event brought."""
        return self._events.texts

    @property
    def orders(self) -> int:
        """How many operators' orders there are."""
        return len(self._controls.texts)

    def each(self) -> Iterator[UserTally]:
        """By partition, and in it by user. What isn't as it should be is told on the way."""
        self._controls.read(self._contents)
        pages = [LineReader(self._contents, file, self._find) for file in (EVENTS, RECORDS, OUTCOMES)]
        events, records, outcomes = pages
        while heads := [each.partition for each in pages if each.partition is not None]:
            partition = min(heads)
            accounts: dict[str, UserTally] = {}
            self._events.fold(events, partition, accounts)
            self._records.compare(records, partition, accounts)
            self._outcomes.compare(outcomes, partition, accounts)
            for user in sorted(accounts):
                self._outcomes.fates(accounts[user])
                yield accounts[user]
        self.ranges = {TOPICS[each.file]: each.ranges for each in pages}
        self.ranges[TOPICS[CONTROLS]] = self._controls.ranges

    def differences(self) -> Iterator[tuple[Finding, str]]:
        """For each altered record that was found, in what it differs. Its partition is folded once more for it."""
        return self._records.differences(self._events)
