"""Parked work, and what makes it go on: time, the arrival of whom it waits for, an operator's order."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

import structlog

from streamproc.core.fold.plan import Urgency
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import APPLIES, HELD, WAITING
from streamproc.core.records.delivery import DeliveredState, Standing
from streamproc.core.records.outcome import Outcome, Verdict
from streamproc.core.records.topic_names import OPERATIONS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import OURS, Cause
from streamproc.sink.control_follower import ControlFollower, ReceivedCommand
from streamproc.sink.decide.desired_state import Work, retry_of
from streamproc.sink.decide.lanes import Lanes, Turn
from streamproc.sink.decide.loops import let_go
from streamproc.sink.delivery_store import DeliveryStore

log = structlog.get_logger("streamproc.sink")

RETRY_EVERY: Final = 30.0
"""Seconds after which what was set aside, and isn't given up, is tried again; and twice as long after each time."""
LEAVER_MOST: Final = 600.0
"""Seconds between attempts at a leaver, at most."""
RETRY_MOST: Final = 1800.0
"""The same of others."""
LEEWAY: Final = 1000.0
"""Milliseconds by which a look may come early."""


class _Attempts(NamedTuple):
    """At what one user has set aside `since` a seq. `due`: ms since 1970."""

    since: int
    code: str
    times: int
    due: float


class ParkedWork:
    """One for all partitions. `now`: ms since 1970. `reject`: tells the mass guard, and gives what it remembers."""

    def __init__(
        self,
        lanes: Lanes[Work],
        stores: Mapping[int, DeliveryStore],
        now: Callable[[], Millis],
        reject: Callable[[str], Standing | None],
    ) -> None:
        self._lanes = lanes
        self._stores = stores
        self._now = now
        self._reject = reject
        self._later: dict[str, list[ReceivedCommand]] = {}
        """Orders about users who are in flight."""
        self._attempts: dict[str, _Attempts] = {}

    def retry(self) -> None:
        """Try again what waits for something that may be there by now, and leavers whom the target refused: less and
        less often, since what comes to nothing for ever mustn't use up the limit.
        """
        parked: set[str] = set()
        for store in self._stores.values():
            for user, code in list(store.parked.items()):
                parked.add(user)
                if code not in HELD and code != "regressed" and self._is_due(store, user, code):
                    self._again(store, user, only_leaver=code not in WAITING)
        for user in self._attempts.keys() - parked:
            del self._attempts[user]
        for user in [each for each in self._later if each not in self._lanes]:
            del self._later[user]  # their turn went with its partition, and whoever has that reads the orders anew

    def recovered(self) -> None:
        """The target was in trouble, and is back: nobody waits any longer for that."""
        for user, attempts in self._attempts.items():
            if attempts.code == "stalled":
                self._attempts[user] = attempts._replace(times=0, due=0.0)

    def _is_due(self, store: DeliveryStore, user: str, code: str) -> bool:
        """Whether it is time. The first time comes with the first look after it was set aside."""
        delivery, now = store.delivery(user), self._now()
        parked = delivery.parked if delivery is not None else None
        since, leaves = (parked.since, parked.desired.get("active") is False) if parked is not None else (-1, False)
        before = self._attempts.get(user)
        if before is None or before.since != since:
            before = _Attempts(since, code, 0, now)
        if now < before.due:
            self._attempts[user] = before
            return False
        wait = min(LEAVER_MOST if leaves else RETRY_MOST, RETRY_EVERY * 2.0**before.times)
        self._attempts[user] = _Attempts(since, code, before.times + 1, now + wait * 1000 - LEEWAY)
        return True

    def arrived(self, user: str) -> None:
        """The target has a new user, or one by another name: who waits for that one goes on."""
        for store in self._stores.values():
            for each in store.waiting.pop(user, ()):
                self._again(store, each)

    def goes_on(self, user: str) -> None:
        """Somebody whose work was set aside has something to do about it now."""
        for store in self._stores.values():
            if user in store.parked:
                self._again(store, user)

    def ordered(self, order: ReceivedCommand) -> None:
        """An operator's control about a user."""
        user = order.control.user
        for store in self._stores.values():
            unfreezes = order.control.action == "unfreeze" and user is not None and store.delivery(user) is not None
            if user in store.parked or unfreezes:
                self.obey(store, order)

    def acquired(self, store: DeliveryStore, controls: ControlFollower) -> None:
        """A partition came, perhaps with controls that nobody has carried out yet."""
        for user in store.parked.keys() | store.frozen.keys():
            for order in controls.orders(user):
                self.obey(store, order)

    def obey(self, store: DeliveryStore, order: ReceivedCommand) -> None:
        """Carry a control out, if it is about what is set aside now, and says something that can be said of it."""
        control = order.control
        assert control.user is not None
        if control.user in self._lanes:
            self._later.setdefault(control.user, []).append(order)
            return
        delivery = store.delivery(control.user)
        if delivery is not None and control.action == "unfreeze":
            self._let_go(store, delivery, order)
            return
        parked = delivery.parked if delivery else None
        if delivery is None or parked is None or parked.since != control.since:
            return
        if parked.code not in APPLIES.get(control.action, ()):
            return
        cause = _cause(order)
        match control.action:
            case "release" | "retry":
                self._again(store, control.user, cause)
            case "adopt":
                self._again(store, control.user, cause, adopt=control.account)
            case "reject":
                rejected = replace(parked, code="rejected", reason=f"rejected by {control.by}: {control.reason}")
                standing = self._reject(control.user)
                self._decided(store, replace(delivery, parked=rejected, standing=standing), cause, "rejected")
            case "skip":
                self._decided(store, replace(delivery, parked=None), cause, "skipped")
            case "pause" | "resume":
                return
        log.warning("ordered", action=control.action, by=control.by, partition=store.partition, seq=delivery.seq)

    def finished(self, store: DeliveryStore, user: str) -> None:
        """The user's turn has ended: what was ordered meanwhile is obeyed now."""
        for order in self._later.pop(user, ()):
            self.obey(store, order)

    def _let_go(self, store: DeliveryStore, delivery: DeliveredState, order: ReceivedCommand) -> None:
        """What was frozen is planned again from what the target holds then: the user is read first, once they stay."""
        thawed = let_go(delivery, order.control, order.origin.offset)
        if thawed is None:
            return
        control = order.control
        log.warning("ordered", action=control.action, by=control.by, partition=store.partition, seq=delivery.seq)
        store.record([], thawed)
        if thawed.parked is not None and thawed.parked.code == "stalled":
            self._again(store, delivery.user, _cause(order))

    def _decided(self, store: DeliveryStore, delivery: DeliveredState, cause: Cause, said: Verdict) -> None:
        at, reason = self._now(), cause.reason
        outcome = Outcome(delivery.user, delivery.seq, said, False, at, "unchanged", cause, [], [], reason)
        store.record([outcome], replace(delivery, at=at))

    def _again(
        self,
        store: DeliveryStore,
        user: str,
        order: Cause | None = None,
        *,
        only_leaver: bool = False,
        adopt: str | None = None,
    ) -> None:
        delivery = store.delivery(user)
        parked = delivery.parked if delivery else None
        if delivery is None or parked is None or not store.caught_up:
            return  # what is wanted may be older than what the sink before us has delivered
        leaver = parked.desired.get("active") is False
        if only_leaver and not leaver:
            return
        waited = Cause(OURS, "retry", Origin(OPERATIONS, store.partition, -1, delivery.at))
        cause = order or waited
        record = retry_of(user, delivery.seq, parked.desired, cause)
        work = Work(record, told=True, ordered=order is not None, adopt=adopt)
        # What only time brings again mustn't hold up what is new.
        pressure = Urgency.REVOKE if leaver else Urgency.CHANGE if order else Urgency.NOTHING
        self._lanes.again(Turn(user, store.partition, -1, pressure, work))


def _cause(order: ReceivedCommand) -> Cause:
    control = order.control
    return Cause(OURS, control.id, order.origin, f"{control.by}: {control.reason}")
