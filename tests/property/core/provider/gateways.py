"""Several gateways on one log, and a judge that hears of each record as it is appended."""

from collections import Counter
from dataclasses import dataclass, field

from streamproc.core.provider.event import decode, encode
from streamproc.core.provider.fold import Void
from streamproc.core.provider.group_members import digest
from streamproc.core.provider.proposal import Proposal
from streamproc.core.provider.refusal import Refusal
from streamproc.core.provider.request import Request, going_on
from streamproc.core.provider.state import Folded, ResourcesInMemory
from tests.property.core.provider.sequential import Sequential
from tests.unit.core.provider.replica import Replica


@dataclass(eq=False)
class Work:
    """A request at a gateway."""

    request: Request
    proposal: Proposal | None = None
    """What is to be appended, or was. None: it is answered."""
    offset: int | None = None
    """Where that was appended; None: it isn't yet."""
    made: str | None = None
    """Id of the resource of which a part has been folded."""
    ids: list[str] = field(default_factory=list)
    """Of the requests in the log that it came to."""
    answer: Folded | Refusal | None = None


class Gateway(Replica):
    """One of them, with what it has in hand."""

    def __init__(self, log: list[bytes], name: str, judge: "Judge") -> None:
        super().__init__(log, name=name)
        self.judge = judge
        self.works: list[Work] = []

    def take(self, request: Request) -> None:
        """A client asks."""
        self.works.append(Work(request))
        self._decide(self.works[-1])

    def append(self, work: Work, *, twice: bool = False) -> None:
        """The record reaches the log, perhaps more than once."""
        if work.proposal is not None and work.offset is None:
            work.offset = len(self.log)
            for _ in range(2 if twice else 1):
                self.log.append(encode(work.proposal.event))
                self.judge.hear()

    def go_on(self, records: int | None = None) -> None:
        """Folds, and answers whom that concerns."""
        first = self.position
        for offset, done in enumerate(self.fold(records), first):
            for work in self.works:
                if work.offset == offset and work.proposal is not None:
                    self._folded(work, work.proposal, done)

    def restart(self) -> None:
        """All that it knew is gone, and whoever waits for an answer gets none."""
        self.works, self.state, self.position = [], ResourcesInMemory(), 0

    def _decide(self, work: Work) -> None:
        found = self.decide(work.request)
        if not isinstance(found, Proposal):
            self.go_on()
            found = self.decide(work.request)
        if isinstance(found, Proposal):
            work.proposal, work.offset = found, None
            work.ids.append(found.event.request.id)
            self.judge.requests[found.event.request.id] = work.request
        else:
            work.proposal, work.answer = None, found
            self.judge.judge_refusal(work.request, found)

    def _folded(self, work: Work, proposal: Proposal, done: Folded | Void) -> None:
        if isinstance(done, Void):
            made = None if work.made is None else self.state.get(work.made)
            work.request = work.request if made is None else going_on(work.request, made)
            self._decide(work)
        elif done.after is None or (following := proposal.then(done.after)) is None:
            work.proposal, work.answer = None, done
        else:
            work.proposal, work.offset, work.made = following, None, done.after.id


class Judge:
    """Folds each record at once, and holds what one server without a log would hold by then."""

    def __init__(self, log: list[bytes]) -> None:
        self.replica = Replica(log)
        self.truth = Sequential()
        self.requests: dict[str, Request] = {}
        self.effects: list[Folded | Void] = []
        self.whole: Counter[str] = Counter()
        """How often the log holds a request; one that asks for what is so may come twice."""
        self.goals: dict[str, set[str]] = {}
        """Of a request in the log, the members that are to come of it."""

    def hear(self) -> None:
        """A record was appended: what it does is what its request asks for, or nothing."""
        event = decode(self.replica.log[-1])
        (done,) = self.replica.fold()
        self.effects.append(done)
        if isinstance(done, Void):
            return
        request, made = self.requests[event.request.id], done.after or done.before
        assert made is not None
        part, parts = (1, 1) if event.members is None else (event.members.part, event.members.parts)
        if part == 1:
            assert self.truth.refused(request) is None
            self.truth.write(request, made.id, made.version)
            here = self.truth.held.get(made.id)
            self.goals[event.request.id] = set() if here is None else here.members
        else:
            self.truth.held[made.id].version = made.version
        self._compare(made.id, done)
        held = self.replica.state.members(made.id)
        if part == parts:
            assert held == self.goals[event.request.id]
            self.whole[event.request.id] += done.changed or not self.whole[event.request.id]
        if made.id in self.truth.held:
            self.truth.held[made.id].members = set(held)  # of a part of it, only so much is true yet

    def times(self, work: Work) -> int:
        """How often the log holds the work, whole: once if its client was told so, and else never."""
        return sum(self.whole[each] for each in work.ids)

    def judge_refusal(self, request: Request, refusal: Refusal) -> None:
        """It is what one server would say by all that the log holds."""
        assert self.truth.refused(request) is type(refusal)

    def _compare(self, name: str, done: Folded) -> None:
        true, after = self.truth.held.get(name), done.after
        assert (true is None) == (after is None)
        if true is not None and after is not None:
            assert (true.type, true.attributes, true.version) == (after.type, after.attributes, after.version)
            assert (true.seeded, true.observed) == (after.seeded, set(after.observed))
            if after.type == "Group":
                assert after.members == digest(self.replica.state.members(name))
