"""How the users of connections stand, by links, deliveries and outcomes. No I/O and no clock; the log makes it anew.

Rule 1: a subject's link says whose it is, and which record of the client's it has last heard. Only users who are linked
are kept, and of the others the last ones: a user may be delivered here before the link is read.
Rule 2: an outcome names the record that it is about by the event, OFFSET/INDEX, and by the partition of the worker's
own topic, which is the subject's. One that was superseded has the fate of what came after it.
Rule 3: "revoked" is said by the target alone: it was asked again, or it is known to hold `active` false.
"""

from collections import OrderedDict
from typing import Final, Generic, TypeVar

from msgspec import Struct
from msgspec.json import Decoder

from streamproc.core.records.control import HELD
from streamproc.core.records.delivery import DeliveredState, decode_delivery
from streamproc.core.records.units import Millis
from streamproc.core.shown import shown
from streamproc.gateway.scim.delivery import Delivery

SOURCE: Final = "scim"
EVENTS: Final = "events.scim"
MOST: Final = 4096
"""Outcomes, and users without a link, that are kept at most: those that may be asked for in seconds."""
LONGEST: Final = 500
"""Characters of a reason: it is whatever the target said."""
SKEW: Final = 60_000
"""Milliseconds by which the clocks of brokers and sinks may differ. Only what was read at the start is told by them."""
Key = TypeVar("Key")
Kept = TypeVar("Kept")


class _Place(Struct, frozen=True, gc=False):
    topic: str
    partition: int
    offset: int
    appended: Millis


class _Link(Struct, frozen=True):
    """The part of a Link that counts."""

    origin: _Place
    user: str | None = None
    heard: tuple[_Place, ...] = ()


class _Cause(Struct, frozen=True):
    source: str
    event: str
    origin: _Place


class _Outcome(Struct, frozen=True):
    """The part of an Outcome that counts."""

    user: str
    seq: int
    verdict: str
    final: bool
    cause: _Cause | None
    read_back: Millis | None = None


class _Subject(Struct, frozen=True, gc=False):
    """`heard`: offset in `events.scim`; `partition`, `offset`: in the worker's own topic, where it was appended `at`.

    `live`: it was read when all that lay before had been read.
    """

    user: str | None
    heard: int
    partition: int
    offset: int
    at: Millis
    live: bool


class _Fate(Struct, frozen=True, gc=False):
    seq: int
    verdict: str
    read_back: Millis | None


class _User(Struct, frozen=True, gc=False):
    seq: int
    delivery: Delivery


class _Newest(Generic[Key, Kept]):
    """As a dictionary that forgets what was put there first."""

    def __init__(self) -> None:
        self._all: OrderedDict[Key, Kept] = OrderedDict()

    def put(self, key: Key, value: Kept) -> None:
        self._all[key] = value
        self._all.move_to_end(key)
        if len(self._all) > MOST:
            self._all.popitem(last=False)

    def get(self, key: Key) -> Kept | None:
        return self._all.get(key)


_link: Final = Decoder(_Link).decode
_outcome: Final = Decoder(_Outcome).decode


class DeliveryLedger:
    """Of all connections."""

    def __init__(self) -> None:
        self._subjects: dict[str, _Subject] = {}
        """By `CONNECTION/ID`."""
        self._linked: dict[str, int] = {}
        """Users to how many subjects are theirs."""
        self._users: dict[str, _User] = {}
        """Those who are linked."""
        self._others: _Newest[str, bytes] = _Newest()
        """Values of those who aren't."""
        self._told: _Newest[tuple[str, int, int], _Fate] = _Newest()
        """By user, partition of the worker's own topic, and offset in `events.scim`."""
        self._fates: _Newest[str, _Fate] = _Newest()
        """The last of each user that stands by itself."""
        self._reached: _Newest[tuple[str, int], int] = _Newest()
        """By user and partition of the worker's own topic: the highest offset there of which the fate was told."""

    def take_link(self, key: bytes, value: bytes | None, *, live: bool) -> bool:
        """A record of `identity.links`. Returns whether it was a client's. Raises DecodeError where it isn't one."""
        source, _, name = key.decode("utf-8", "replace").partition("/")
        if source != SOURCE:
            return False
        before = self._subjects.pop(name, None)
        if value is not None:
            link = _link(value)
            heard = max((each.offset for each in link.heard if each.topic == EVENTS), default=-1)
            place = link.origin
            now = _Subject(link.user, heard, place.partition, place.offset, place.appended, live)
            self._subjects[name] = now
            self._count(now.user, 1)
        self._count(None if before is None else before.user, -1)
        return True

    def take_delivery(self, key: bytes, value: bytes | None) -> None:
        """A record of `scim.deliveries`. Raises ValueError where it isn't one."""
        user = key.decode("utf-8", "replace")
        if user not in self._linked:
            self._others.put(user, value or b"")
        elif value is None:
            self._users.pop(user, None)
        else:
            self._users[user] = _user(value)

    def take_outcome(self, value: bytes) -> None:
        """A record of `scim.outcomes`. Raises DecodeError where it isn't one."""
        outcome = _outcome(value)
        if not outcome.final:
            return
        fate = _Fate(outcome.seq, outcome.verdict, outcome.read_back)
        if outcome.verdict != "superseded":
            self._fates.put(outcome.user, fate)
        cause = outcome.cause
        if cause is None or cause.source != SOURCE:
            return
        offset, partition = cause.event.partition("/")[0], cause.origin.partition
        if offset.isascii() and offset.isdigit():
            self._told.put((outcome.user, partition, int(offset)), fate)
            reached = self._reached.get((outcome.user, partition))
            self._reached.put((outcome.user, partition), max(cause.origin.offset, -1 if reached is None else reached))

    def of(self, name: str) -> Delivery | None:
        """How a subject stands, `CONNECTION/ID`. None: it isn't known of whom it is, or what became of them."""
        subject = self._subjects.get(name)
        if subject is None:
            return None
        if subject.user is None:
            return Delivery("unlinked", subject.at)
        user = self._users.get(subject.user)
        if user is None or self._is_pending(subject, subject.user, user):
            return Delivery("pending", subject.at, None, None if user is None else user.delivery.genesys_id)
        return user.delivery

    def settled(self, name: str) -> Delivery | None:
        """The same where it is what became of all that the subject has said. None: that isn't told yet."""
        found = self.of(name)
        return None if found is None or found.state == "pending" else found

    def came_of(self, name: str, offset: int) -> Delivery | None:
        """What became of one record of a client's. None: that isn't told yet."""
        subject = self._subjects.get(name)
        if subject is None:
            return None
        if subject.user is None:
            return Delivery("unlinked", subject.at) if subject.heard >= offset else None
        user, fate = self._users.get(subject.user), self._told.get((subject.user, subject.partition, offset))
        if fate is not None and fate.verdict == "superseded":
            last = self._fates.get(subject.user)
            fate = last if last is not None and last.seq > fate.seq else None
        if fate is None:
            return None
        if fate.verdict == "revoked":
            known = None if user is None else user.delivery.genesys_id
            return Delivery("revoked", fate.read_back, None, known)
        return user.delivery if user is not None and user.seq >= fate.seq else None

    def _is_pending(self, subject: _Subject, name: str, user: _User) -> bool:
        reached = self._reached.get((name, subject.partition))
        if reached is not None and reached >= subject.offset:
            return False
        since = user.delivery.since
        return subject.live or (since is not None and since + SKEW < subject.at)

    def _count(self, user: str | None, change: int) -> None:
        """One more subject of a user's, or one less."""
        if user is None:
            return
        now = self._linked.get(user, 0) + change
        if not now:
            del self._linked[user]
            self._users.pop(user, None)
            return
        self._linked[user] = now
        if user not in self._users and (value := self._others.get(user)):
            self._users[user] = _user(value)


def _user(value: bytes) -> _User:
    """Raises ValueError."""
    state = decode_delivery(value)
    return _User(state.seq, standing(state))


def standing(state: DeliveredState) -> Delivery:
    """How a user stands by what was last told of them (rule 3)."""
    parked, held = state.parked, state.held
    reason = None if parked is None else shown(parked.told, LONGEST)
    if held is not None and held.get("active") is False:
        return Delivery("revoked", state.at, reason, state.id)
    if parked is not None and (held is None or not parked.attributes):
        return Delivery("held" if parked.code in HELD else "parked", state.at, reason, state.id)
    if held is None:
        return Delivery("absent", state.at)
    return Delivery("delivered" if parked is None else "partial", state.at, reason, state.id)
