"""Lanes under any interleaving: a sink that reads, retries, loses partitions and gets them back, in all orders.

The model is the log itself: every record that was ever appended, who read it, and how its fate was told. `journal` is
what the real sink's transaction keeps: the newest record of each user whose fate was told.
"""

from collections import Counter
from typing import Final, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from streamproc.core.flow.offset_tracker import OffsetTracker
from streamproc.core.fold.plan import Urgency
from streamproc.sink.decide.lanes import SHARE, Lanes, Turn

PARTITIONS: Final = (0, 1)
USERS: Final = {0: ("ana", "ben", "cleo"), 1: ("maya", "noor")}
HOME: Final = {user: partition for partition, users in USERS.items() for user in users}

urgencies = st.sampled_from(Urgency)
users = st.sampled_from(sorted(HOME))
partitions = st.sampled_from(PARTITIONS)

SomeTurn: TypeAlias = Turn[tuple[int, int] | None]


class Sinks(RuleBasedStateMachine):
    """One sink after another over two partitions. A turn's work is its (partition, offset); other attempts' is None."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: Lanes[tuple[int, int] | None] = Lanes()
        self.log: dict[int, list[tuple[str, Urgency]]] = {partition: [] for partition in PARTITIONS}
        self.held = set(PARTITIONS)
        self.draining: set[int] = set()
        self.fates: Counter[tuple[int, int]] = Counter()
        self.journal: dict[str, int] = {}
        self.committed = dict.fromkeys(PARTITIONS, 0)
        self.lost: list[SomeTurn] = []
        """Turns whose partition went while they were in flight."""
        self._begin()

    def _begin(self) -> None:
        self.read: dict[int, list[int]] = {partition: [] for partition in PARTITIONS}
        self.position = dict(self.committed)
        self.started: dict[str, int] = {}
        self.flying: dict[str, SomeTurn] = {}
        self.pending: dict[str, list[int]] = {}
        """Offsets per user that wait, oldest first; -1 stands for another attempt."""
        self.waiting: dict[str, tuple[Urgency, int]] = {}
        """Users whose turn may come next: the most urgent of what waits, and since when."""
        self.ticks = 0
        self.passed = 0
        """Turns in a row that passed over less urgent work."""

    # What happens

    @rule(records=st.lists(st.tuples(users, urgencies), min_size=1, max_size=4), read=st.integers(0, 9))
    def append(self, records: list[tuple[str, Urgency]], read: int) -> None:
        """The worker writes records, and mostly the sink reads them at once."""
        for user, urgency in records:
            self.log[HOME[user]].append((user, urgency))
        if read:
            for partition in PARTITIONS:
                self.read_on(partition, len(self.log[partition]))

    @rule(partition=partitions, count=st.integers(1, 5))
    def read_on(self, partition: int, count: int) -> None:
        """The sink reads on, and passes over what the journal says was told before."""
        if partition not in self.held - self.draining:
            return
        for offset in range(self.position[partition], min(self.position[partition] + count, len(self.log[partition]))):
            self.position[partition] += 1
            self.read[partition].append(offset)
            user, urgency = self.log[partition][offset]
            if offset <= self.journal.get(user, -1):
                self.lanes.skip(partition, offset)
            else:
                self.lanes.offer(Turn(user, partition, offset, urgency, (partition, offset)))
                self.pending.setdefault(user, []).append(offset)
                self._wait(user)

    @precondition(lambda self: any(self.read.values()))
    @rule(data=st.data())
    def read_twice(self, data: st.DataObject) -> None:
        """The consumer gives a record that it gave before: it is in the lanes, or was, and nothing comes of it."""
        partition, offset = data.draw(st.sampled_from([(p, each) for p in PARTITIONS for each in self.read[p]]))
        user, urgency = self.log[partition][offset]
        self.lanes.offer(Turn(user, partition, offset, urgency, (partition, offset)))
        self.lanes.skip(partition, offset)

    @rule(user=users)
    def again(self, user: str) -> None:
        """What was parked is tried again: it holds no offset, and isn't needed where the user has other work."""
        if HOME[user] not in self.held - self.draining:
            return
        idle = user not in self.flying and not self.pending.get(user)
        self.lanes.again(Turn(user, HOME[user], -1, Urgency.CHANGE, None))
        if idle:
            self.pending[user] = [-1]
            self._wait(user)

    @precondition(lambda self: self.waiting)
    @rule(count=st.integers(1, 3))
    def take(self, count: int) -> None:
        """So many connections are free: the most urgent user's newest work starts, and now and then another's."""
        for _ in range(count):
            turn = self.lanes.take()
            assert (turn is None) == (not self.waiting)
            if turn is None:
                return
            assert turn.user == self._next()
            assert turn.user not in self.flying
            del self.waiting[turn.user]
            self._boards(turn, self.pending.pop(turn.user))

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """A turn reaches its fate, and all that it stands for."""
        self._finish(self.flying[data.draw(st.sampled_from(sorted(self.flying)))])

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        """A request failed: the turn keeps its lane, and takes the user's newest work on board."""
        user = data.draw(st.sampled_from(sorted(self.flying)))
        turn, waiting = self.flying[user], self.pending.pop(user, [])
        before = [*(offset for offset, _ in turn.superseded), turn.offset]  # the lanes go on adding to the turn's list
        newer = self.lanes.newest(user)
        assert (newer is None) == (not waiting)
        if newer is not None:
            self._boards(newer, [*before, *waiting])

    @precondition(lambda self: self.lost)
    @rule(data=st.data())
    def finish_late(self, data: st.DataObject) -> None:
        """An answer comes after its partition went, and perhaps came back: newer work doesn't count as answered."""
        turn = data.draw(st.sampled_from(self.lost))
        current = self.flying.get(turn.user)
        if current is None or current.offset != turn.offset:  # the sink ends a partition's tasks before it forgets it
            self.lanes.finish(turn)

    @rule()
    def commit(self) -> None:
        """The journals commit what may be committed."""
        for partition in self.held:
            if (offset := self.lanes.committable(partition)) is not None:
                self.committed[partition] = offset

    @precondition(lambda self: len(self.held - self.draining) == len(PARTITIONS))
    @rule(partition=partitions)
    def drain(self, partition: int) -> None:
        """A partition is about to go: nothing more of it starts, what is in flight may finish."""
        self.lanes.drain(partition)
        self.draining.add(partition)
        for user in USERS[partition]:
            self.pending.pop(user, None)
            self.waiting.pop(user, None)

    @precondition(lambda self: self.draining)
    @rule(commits=st.booleans())
    def revoke_drained(self, commits: bool) -> None:
        """The partition that was drained is gone; its last commit came through or didn't."""
        for partition in list(self.draining):
            self._revoke(partition, commits=commits)

    @precondition(lambda self: len(self.held - self.draining) == len(PARTITIONS))
    @rule(data=st.data(), commits=st.booleans())
    def lose(self, data: st.DataObject, commits: bool) -> None:
        """A partition is lost out of the blue, or both: the sink was fenced, or was killed and another one starts."""
        which = data.draw(st.sampled_from([*PARTITIONS, None]))
        if which is not None:
            self._revoke(which, commits=commits)
            return
        if commits:
            self.commit()
        self.lanes = Lanes()
        self.lost.clear()
        self._begin()

    @precondition(lambda self: len(self.held) < len(PARTITIONS))
    @rule()
    def assign(self) -> None:
        """What went comes back, to be read from the committed offset."""
        self.held = set(PARTITIONS)

    def teardown(self) -> None:
        """At last everything is read and finished: each record has had exactly one fate, and all is committed."""
        self.revoke_drained(commits=True)
        self.assign()
        for partition, log in self.log.items():
            self.read_on(partition, len(log))
        while self.waiting or self.flying:
            for turn in list(self.flying.values()):
                self._finish(turn)
            self.take(3)
        self.nothing_is_past_unfinished_work()
        for partition, log in self.log.items():
            assert all(self.fates[partition, offset] == 1 for offset in range(len(log)))
            assert self.lanes.committable(partition) == (len(log) if self.read[partition] else None)
            assert self.read[partition] or self.committed[partition] == len(log)
        assert self.fates.total() == sum(map(len, self.log.values()))
        assert len(self.lanes) == 0

    # What holds at all times

    @invariant()
    def one_in_flight_per_user(self) -> None:
        """The lanes know exactly the turns that were taken and not finished: one per user at most."""
        for partition in PARTITIONS:
            flying = sorted(turn.offset for turn in self.lanes.flying(partition))
            assert flying == sorted(turn.offset for turn in self.flying.values() if turn.partition == partition)
        assert len(self.lanes) == len(self.flying.keys() | {user for user, waits in self.pending.items() if waits})

    @invariant()
    def nothing_is_told_twice(self) -> None:
        """No record ever has two fates, whatever was revoked, retried or superseded."""
        assert all(count == 1 for count in self.fates.values())

    @invariant()
    def nothing_is_past_unfinished_work(self) -> None:
        """What may be committed is the first record that was read and isn't finished, or else the next to be read."""
        for partition in self.held:
            read = self.read[partition]
            open_ = (offset for offset in read if offset > self.journal.get(self.log[partition][offset][0], -1))
            expected = next(open_, self.position[partition]) if read else None
            assert self.lanes.committable(partition) == expected
            committed = self.committed[partition]
            assert all(self.fates[partition, offset] == 1 for offset in range(committed))

    # The model's own steps

    def _next(self) -> str:
        """Whose turn it is: the most urgent, then the longest waiting; every ninth time, less urgent work's."""
        first = min(self.waiting, key=self.waiting.__getitem__)
        urgency = self.waiting[first][0]
        if urgency is Urgency.REVOKE:
            return first
        less = [user for user, (of, _) in self.waiting.items() if of > urgency]
        if less and self.passed >= SHARE:
            self.passed = 0
            return min(less, key=lambda user: self.waiting[user][1])
        self.passed = self.passed + 1 if less else 0
        return first

    def _finish(self, turn: SomeTurn) -> None:
        self.lanes.finish(turn)
        del self.flying[turn.user]
        for work in [work for _, work in turn.superseded] + [turn.work]:
            if work is not None:
                self.fates[work] += 1
        self.journal[turn.user] = max(turn.offset, self.journal.get(turn.user, -1))
        if self.pending.get(turn.user):
            self._wait(turn.user)

    def _revoke(self, partition: int, *, commits: bool) -> None:
        if commits:
            self.commit()
        self.lanes.revoke(partition)
        self.held.discard(partition)
        self.draining.discard(partition)
        self.read[partition].clear()
        self.position[partition] = self.committed[partition]
        self.lost += [turn for turn in self.flying.values() if turn.partition == partition]
        for user in USERS[partition]:
            for of_user in (self.pending, self.waiting, self.flying, self.started):
                of_user.pop(user, None)

    def _wait(self, user: str) -> None:
        """The user waits for a turn, at the place of the most urgent thing that waits; a place once taken is kept."""
        if user in self.flying:
            return
        pressing = min(
            self.log[HOME[user]][offset][1] if offset >= 0 else Urgency.CHANGE for offset in self.pending[user]
        )
        if user not in self.waiting or pressing < self.waiting[user][0]:
            self.ticks += 1
            self.waiting[user] = (pressing, self.ticks)

    def _boards(self, turn: SomeTurn, offsets: list[int]) -> None:
        """A turn starts: it is the newest of what waited, stands for all the rest, and isn't older than the last."""
        assert [*(offset for offset, _ in turn.superseded), turn.offset] == offsets
        if turn.offset >= 0:
            assert turn.offset > self.started.get(turn.user, -1)
            self.started[turn.user] = turn.offset
        self.flying[turn.user] = turn


def test_lanes_in_any_interleaving() -> None:
    """Whatever happens in whatever order, each record has one fate, in order, and no commit passes unfinished work."""
    run_state_machine_as_test(Sinks, settings=settings(max_examples=60, stateful_step_count=50))


@given(data=st.data())
def test_offsets_are_those_of_a_plain_list(data: st.DataObject) -> None:
    """Started in order with gaps and finished in any order, the commit stands at the first that isn't finished."""
    offsets = OffsetTracker()
    started: list[int] = []
    finished: set[int] = set()
    following = data.draw(st.integers(0, 3))
    for _ in range(data.draw(st.integers(0, 25))):
        if data.draw(st.booleans()) or not started:
            following += data.draw(st.integers(0, 3))
            offsets.start(following)
            started.append(following)
            following += 1
        else:
            offset = data.draw(st.sampled_from(started))
            offsets.finish(offset)
            finished.add(offset)
        open_ = [offset for offset in started if offset not in finished]
        assert offsets.committable() == (open_[0] if open_ else following)


def test_offsets_know_only_what_was_started() -> None:
    """Before anything was read there is nothing to commit, a stranger is ignored, and so is what was read before."""
    offsets = OffsetTracker()
    assert offsets.committable() is None
    offsets.finish(7)
    assert offsets.committable() is None
    assert offsets.start(7)
    offsets.finish(6)
    assert offsets.committable() == 7
    assert [offsets.start(offset) for offset in (3, 7, 8, 8)] == [False, False, True, False]
    assert offsets.committable() == 7


def turn(user: str, offset: int, urgency: Urgency) -> Turn[str]:
    """Work that is its own name."""
    return Turn(user, 0, offset, urgency, f"{user}-{offset}")


def test_a_revocation_keeps_its_urgency_behind_a_flight() -> None:
    """A leaver's revocation that waits for a request in flight isn't set back by a later event that changes nothing."""
    lanes: Lanes[str] = Lanes()
    lanes.offer(turn("ana", 0, Urgency.CHANGE))
    flying = lanes.take()
    assert flying is not None
    lanes.offer(turn("ana", 1, Urgency.REVOKE))
    lanes.offer(turn("ana", 2, Urgency.NOTHING))
    lanes.offer(turn("ben", 3, Urgency.CHANGE))
    lanes.finish(flying)
    following = lanes.take()
    assert following is not None
    assert (following.user, following.offset, following.urgency) == ("ana", 2, Urgency.REVOKE)


def test_a_revocation_goes_before_everybody() -> None:
    """However many wait, a leaver who comes last goes first, then removals, activations and changes, oldest first."""
    lanes: Lanes[str] = Lanes()
    order = [Urgency.CHANGE, Urgency.ACTIVATE, Urgency.CHANGE, Urgency.REMOVE, Urgency.NOTHING, Urgency.REVOKE]
    for offset, urgency in enumerate(order):
        lanes.offer(turn(f"user-{offset}", offset, urgency))
    taken = [lanes.take() for _ in order]
    assert [each.offset for each in taken if each] == [5, 3, 1, 0, 2, 4]


def test_nobody_starves() -> None:
    """Behind removals that never end, every ninth turn goes to whoever has waited longest; revocations go first."""
    lanes: Lanes[str] = Lanes()
    lanes.offer(turn("waits", 0, Urgency.NOTHING))
    lanes.offer(turn("waits too", 1, Urgency.CHANGE))
    taken: list[str] = []
    for offset in range(2, 40):
        lanes.offer(turn(f"removal-{offset}", 2 * offset, Urgency.REMOVE))
        lanes.offer(turn(f"leaver-{offset}", 2 * offset + 1, Urgency.REVOKE))
        taken += [each.user for each in (lanes.take(), lanes.take()) if each]
    assert [user for user in taken if user.startswith("waits")] == ["waits", "waits too"]
    assert taken[::2] == [f"leaver-{offset}" for offset in range(2, 40)]
    assert [taken[1::2].index(user) for user in ("waits", "waits too")] == [SHARE, 2 * SHARE + 1]


def test_only_a_revocation_is_taken_beyond_the_connections() -> None:
    """When all connections are busy a leaver still gets a turn, and nobody else does."""
    lanes: Lanes[str] = Lanes()
    lanes.offer(turn("ana", 0, Urgency.REMOVE))
    assert lanes.take(revocations=True) is None
    lanes.offer(turn("ben", 1, Urgency.REVOKE))
    assert lanes.depth() == dict.fromkeys(Urgency, 0) | {Urgency.REMOVE: 1, Urgency.REVOKE: 1}
    taken = lanes.take(revocations=True)
    assert taken is not None
    assert taken.user == "ben"


def test_what_was_revoked_is_forgotten() -> None:
    """An answer that comes after its partition went is ignored, and the partition starts afresh when it comes back."""
    lanes: Lanes[str] = Lanes()
    lanes.offer(turn("ana", 5, Urgency.CHANGE))
    flying = lanes.take()
    assert flying is not None
    lanes.revoke(0)
    lanes.finish(flying)
    assert lanes.committable(0) is None
    assert len(lanes) == 0
    lanes.offer(turn("ana", 3, Urgency.CHANGE))
    assert lanes.committable(0) == 3
