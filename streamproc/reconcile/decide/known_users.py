"""Known users: what the log says of everybody, by user ID and by account.

Kept encoded, since it is everybody; what is asked for is decoded.
"""

from collections.abc import Iterator
from typing import Final

import orjson
from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder

from streamproc.core.fold.plan import is_left_alone
from streamproc.core.records.delivery import decode_delivery
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import UserRecord, decode
from streamproc.core.scim.response_body import id_key
from streamproc.reconcile.decide.classify import KnownUser


class _Record(Struct):
    """The fields of a UserRecord that are read."""

    user: str
    seq: int
    as_of: Millis
    desired: Raw


_RECORD: Final = Decoder(_Record)
_DESIRED: Final = Decoder(Resource)


class _Kept(Struct, gc=False):
    """Of one user."""

    seq: int
    offset: int
    desired: bytes


class KnownUsers:
    """Everybody of whom there is a record."""

    def __init__(self) -> None:
        self._records: dict[str, _Kept] = {}
        self._left: dict[str, Millis] = {}
        """Somebody who is to be inactive → since when, as far as was seen, by the log."""
        self._deliveries: dict[str, bytes] = {}
        self._accounts: dict[str, tuple[str, ...]] = {}
        """Account → users whose it is by our deliveries; of several the last one counts."""
        self._ids: dict[str, str] = {}
        """User → account, as the target writes it."""
        self._names: dict[str, set[str]] = {}
        """userName that somebody is to have who has no account yet → these users."""
        self._unplaced: dict[str, str] = {}
        """Somebody without an account → that name."""
        self.groups: set[str] = set()
        """Names of groups that anybody is to be in, or was put into by us."""
        self.attributes: set[str] = set()
        """What is owned of anybody."""

    def take_record(self, offset: int, value: bytes) -> None:
        """A record of `scim.operations`. Raises ValueError where it isn't one. Of two the higher seq counts."""
        seq, user, as_of, encoded = _read(value)
        before = self._records.get(user)
        if before is not None and before.seq > seq:
            return
        desired = _DESIRED.decode(encoded)
        if desired.get("active") is False and not is_left_alone(desired):
            self._left.setdefault(user, as_of)
        else:
            self._left.pop(user, None)
        self._records[user] = _Kept(seq, offset, encoded)
        self.groups |= set(desired.get("groups", ()))
        self.attributes |= desired.keys()
        self._place(user, desired)

    def take_delivery(self, value: bytes) -> None:
        """A delivery. Raises ValueError where it isn't one."""
        delivery = decode_delivery(value)
        user, before = delivery.user, self._ids.pop(delivery.user, None)
        if before is not None:
            self._accounts[id_key(before)] = tuple(each for each in self._accounts[id_key(before)] if each != user)
        if delivery.id is not None:
            self._accounts[id_key(delivery.id)] = (*self._accounts.get(id_key(delivery.id), ()), user)
            self._ids[user] = delivery.id
        self._deliveries[user] = value
        self.groups |= set((delivery.held or {}).get("groups", ()))
        if (kept := self._records.get(user)) is not None:
            self._place(user, _DESIRED.decode(kept.desired))

    def get(self, user: str) -> KnownUser | None:
        """What is known of somebody. None: there is no record."""
        if (kept := self._records.get(user)) is None:
            return None
        desired, value = _DESIRED.decode(kept.desired), self._deliveries.get(user)
        manager = desired.get("manager")
        return KnownUser(
            user,
            kept.seq,
            kept.offset,
            desired,
            None if value is None else decode_delivery(value),
            None if manager is None else self._ids.get(manager),
        )

    def owner_of(self, account: str) -> str | None:
        """Whose account it is by our deliveries."""
        return next(reversed(self._accounts.get(id_key(account), ())), None)

    def wanting(self, name: str) -> set[str]:
        """Who is to have this userName, and has no account."""
        return self._names.get(name.casefold(), set())

    def placed(self) -> Iterator[tuple[str, str]]:
        """Everybody who has an account, and which."""
        yield from self._ids.items()

    def unplaced(self) -> Iterator[str]:
        """Everybody who is to have one, and has none."""
        yield from self._unplaced

    def leavers(self, since: Millis) -> list[str]:
        """Whose access was taken since then, and who has an account: the newest first."""
        late = [(at, user) for user, at in self._left.items() if at >= since and user in self._ids]
        return [user for _, user in sorted(late, reverse=True)]

    def __len__(self) -> int:
        return len(self._records)

    def _place(self, user: str, desired: Resource) -> None:
        if (before := self._unplaced.pop(user, None)) is not None:
            self._names[before].discard(user)
            if not self._names[before]:
                del self._names[before]
        wanted = desired.get("active") is True and not is_left_alone(desired)
        if user not in self._ids and wanted:
            name = (desired.get("userName") or "").casefold()
            self._unplaced[user] = name
            self._names.setdefault(name, set()).add(user)


def _read(value: bytes) -> tuple[int, str, Millis, bytes]:
    record: _Record | UserRecord
    try:
        record = _RECORD.decode(value)
        return record.seq, record.user, record.as_of, bytes(record.desired)
    except (DecodeError, RecursionError):
        record = decode(value)
        return record.seq, record.user, record.as_of, orjson.dumps(record.desired)
