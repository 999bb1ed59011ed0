"""Strangers: accounts that the target shows, and that are nobody's by our deliveries. Whose are they?

Rule 1: an account is somebody's, if not by a delivery, then by its externalId: of a user of ours who has no account.
Rule 2: for whom the sink is just creating or adopting an account, it isn't known which it will be: none that could be
theirs is an orphan.
Rule 3: who is out of scope and never was ours isn't ours, whatever an account says of itself. Nor is the second account
of somebody, unless they have left and the first is gone.
"""

from collections.abc import Collection
from typing import Any, Final

from msgspec import Struct

from streamproc.core.fold.plan import is_left_alone
from streamproc.core.records.finding import ACCOUNT, Difference, Finding
from streamproc.core.records.units import Millis
from streamproc.core.scim.place import active_back
from streamproc.core.scim.response_body import id_key, same_id
from streamproc.reconcile.decide.known_users import KnownUsers

LONGEST: Final = 200
"""Characters that are kept of what an account says of itself."""


class Stranger(Struct, frozen=True):
    """What is kept of such an account. `external_id`, `name`: None where it has none, or none that can be one."""

    id: str
    external_id: str | None
    name: str | None
    active: bool | None


class TheirAccount(Struct, frozen=True):
    """It is this user's."""

    user: str


class Wait(Struct, frozen=True):
    """It may be somebody's soon."""


class Orphan(Struct, frozen=True):
    """It is nobody's. `reason`: why, in words."""

    reason: str


class Strays:
    """Accounts that show the externalId of a user who has no account by our deliveries, or none any more."""

    def __init__(self) -> None:
        self._accounts: dict[str, str] = {}
        self._users: dict[str, str] = {}

    def of(self, user: str) -> str | None:
        """The target's id of theirs. None: none was met."""
        return self._accounts.get(user)

    def note(self, user: str, account: str) -> None:
        """It is theirs, and nobody else's."""
        self.drop(account)
        self._accounts[user] = account
        self._users[id_key(account)] = user

    def drop(self, account: str) -> None:
        """It isn't, any more."""
        user = self._users.pop(id_key(account), None)
        if user is not None and same_id(self._accounts.get(user), account):
            del self._accounts[user]


def stranger(account: str, body: dict[str, Any]) -> Stranger:
    """As the target shows it."""
    return Stranger(account, _text(body.get("externalId")), _text(body.get("userName")), _active(body.get("active")))


def whose(account: Stranger, known: KnownUsers, gone: Collection[str] = ()) -> TheirAccount | Wait | Orphan:
    """Whose it is by what the log says now. `gone`: accounts that aren't there any more, their ids in one case."""
    if (owner := known.owner_of(account.id)) is not None:
        return TheirAccount(owner)
    user = None if account.external_id is None else known.get(account.external_id)
    if user is not None:
        if is_left_alone(user.desired):
            return Orphan(f"user {user.user} is out of scope")
        there = user.account is not None and not (user.leaves and id_key(user.account) in gone)
        if there and not same_id(user.account, account.id):
            return Orphan(f"user {user.user} has another account, {user.account}")
        return TheirAccount(user.user)
    waiting = () if account.name is None else sorted(known.wanting(account.name))
    for each in waiting:
        found = known.get(each)
        if found is not None and found.behind:
            return Wait()
    wanted = f"; user {waiting[0]} is to have its userName" if waiting else ""
    if account.external_id is None:
        return Orphan(f"it has no externalId, and no user of ours has it{wanted}")
    return Orphan(f"no source knows its externalId{wanted}")


def orphaned(account: Stranger, reason: str, at: Millis) -> Finding:
    """The finding of an account that is nobody's."""
    held = {"externalId": account.external_id, "active": account.active}
    difference = Difference(ACCOUNT, "orphan", "own", None, held, reason)
    return Finding(None, account.id, account.name, [difference], at, at)


def is_the_same(account: Stranger, told: Finding) -> bool:
    """Whether it still says that it is whom a finding tells of: an account may have been given to somebody else."""
    held = [each.held.get("externalId") for each in told.differences if isinstance(each.held, dict)]
    return account.name == told.name and held == [account.external_id]


def _active(told: Any) -> bool | None:
    return active_back(told) if isinstance(told, bool | str | int) else None


def _text(told: Any) -> str | None:
    return told if isinstance(told, str) and 0 < len(told) <= LONGEST else None
