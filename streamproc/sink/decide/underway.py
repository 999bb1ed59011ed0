"""Underway: of what takes several requests, how far it has come, and what has been set aside of it. All are values."""

from typing import Any, Final, Literal

from msgspec import Struct

from streamproc.core.records.operation import Join, Leave
from streamproc.core.records.outcome import Request
from streamproc.core.records.resource import Resource
from streamproc.core.scim.list_response import Listing
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.steps import SendUser

NOT_FOUND: Final = ", and can't be found: "
"""Between what is known of an account and what was answered, where nobody finds it."""


class GroupLock(Struct, frozen=True):
    """We hold the lock of a group, in order to make a change to it. `looked`: the user was read under the lock."""

    change: Join | Leave
    looked: bool


class SetAside(Struct, frozen=True):
    """Something won't be done now, and why. `what`: an attribute ("manager", "group NAME"); None: the whole turn."""

    what: str | None
    code: Any
    reason: str
    response: Response | None = None
    holder: str | None = None
    """User who has the userName that is wanted."""


class Refusal(Struct, frozen=True):
    """A write was refused, perhaps on account of a manager who is there no more: that one is asked for first."""

    send: SendUser
    request: Request
    reason: str
    response: Response


class Taken(Struct, frozen=True):
    """The userName that is wanted is somebody else's, as the target says. What else there is to write goes first."""

    refused: Response | None
    """None: a search showed it before anything was sent."""
    reason: str
    holder: str | None = None
    """Which user has it. None: that isn't known yet."""
    way: Literal["try", "make way"] | None = None
    tried: bool = False
    """It was tried again since, and it isn't free."""


class UserRead(Struct, frozen=True):
    """A user as the target shows them, in our own terms."""

    held: Resource
    etag: str | None
    silent: bool
    """Nothing was said of groups: those are what was known before."""
    owner: str | None = None
    """Whose it is by its externalId, where that is somebody else."""
    theirs: bool = False
    """It shows itself that it is the account of the user."""
    body: dict[str, Any] | None = None
    """As the target shows it, where all of it is to be written."""


class Underway(Struct, frozen=True):
    """Of what takes several requests: how far it has come. Newer work begins it anew."""

    unknown_by_external_id: bool = False
    """The user was searched for by externalId in vain."""
    listing: Listing = Listing()
    """Of a search: its pages so far."""
    unsure: SetAside | None = None
    """Why it can't be said that nobody has this externalId."""
    matched: str | None = None
    """A search by this attribute showed the user who is read now."""
    sought: frozenset[str] = frozenset()
    """Groups that were looked for in this read."""
    unanswered: frozenset[str] = frozenset()
    """Those of them that the target wouldn't look up: it hasn't said that there are none of that name."""
    read: UserRead | None = None
    """The user who was read, whose groups are asked one by one."""
    asked: tuple[str, ...] = ()
    """Groups that are still to be asked whether the user is a member."""
    member_of: tuple[str, ...] = ()
    """Groups that said so."""
    renamed: str | None = None
    """Group whose id has another name by now, so that it is searched for by name."""
    lock: GroupLock | None = None
    refusal: Refusal | None = None
    guard_passed: bool = False
    withheld: bool = False
    """It isn't: there is time to read in which groups they are, while it is known which of them may be by our doing."""


class Seeded(Struct, frozen=True):
    """Attributes of an account that have had a value, and are seeded no more. `account` None: whichever is theirs."""

    account: str | None = None
    names: frozenset[str] = frozenset()

    def of(self, account: str | None) -> frozenset[str]:
        """Those of the account at this id."""
        return self.names if account is not None and self.account in {None, account} else frozenset()


class Adopting(Struct, frozen=True):
    """A create found the userName taken, or may have been carried out, and whose it is isn't found yet. `looks`: times
    that it was looked for.
    """

    refused: Response
    looks: int = 0
