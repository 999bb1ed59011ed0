"""Adoption: an operator has given an account to a user, whoever it is marked as. By name, and never somebody else's."""

from msgspec.structs import replace

from streamproc.core.records.units import Millis
from streamproc.core.scim.response_body import same_id
from streamproc.sink.decide.attempts import Told
from streamproc.sink.decide.progress import Freshness, Progress
from streamproc.sink.decide.underway import SetAside, UserRead


def given(progress: Progress, account: str, holder: str | None, clock: Millis) -> Progress:
    """A turn with the account, which is read before anything else. `holder`: another user of ours who has it."""
    reason: str | None = None
    if holder is not None:
        reason = f"the account {account}, which an operator gave to this user, is that of {holder}"
    elif progress.held is not None and not same_id(progress.id or "", account):
        reason = f"an operator gave the account {account} to this user, who has the account {progress.id}"
    if reason is not None:
        return progress.with_aside(SetAside(None, "ambiguous", reason), clock)
    given = replace(progress, given=account, adopting=None, freshness=Freshness.STALE)
    return given if progress.held is not None else replace(given, id=account, claimed=True, etag=None)


def isnt_there(progress: Progress) -> tuple[Progress, SetAside]:
    """The account was read, and there is none."""
    reason = f"the account {progress.id}, which an operator gave to this user, isn't there"
    nobody = replace(progress, id=None, claimed=False, freshness=Freshness.UNKNOWN, given=None)
    return nobody, SetAside(None, "ambiguous", reason)


def told(progress: Progress, user: UserRead) -> tuple[Told, ...]:
    """What is told when the account is theirs from now on."""
    if progress.underway.matched:
        return (Told("adopted"),)
    if not progress.by_order or progress.looked or (user.owner is None and not progress.claimed):
        return ()
    before = "no externalId" if user.owner is None else f"the externalId {user.owner}"
    return (Told("adopted", reason=f"by an operator's order; the account {progress.id} had {before}"),)
