"""Whether an answer that accepts a write is about what was sent, and what it tells of a group."""

from msgspec.structs import replace

from streamproc.core.records.operation import Create
from streamproc.core.scim.response_action import Deliver, Denied, ResponseAction, Retry
from streamproc.core.scim.response_body import etag, is_resource, resource_id, same_id
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.steps import Exchange, Moment, Send, SendMembership
from streamproc.sink.decide.target import GroupLearned, Learned, Target
from streamproc.sink.decide.underway import UserRead


def is_elsewhere(
    step: Send, user: UserRead | None, response: Response, target: Target, *, by_order: bool = False
) -> bool:
    """Whether an answer that accepts isn't about what was sent: it shows another user or group, or neither.

    `by_order`: the account is the user's, whatever externalId it shows.
    """
    if not response.body:
        return False
    if isinstance(step, SendMembership):
        there = target.group(step.operation.group).id
        return not (is_resource(response.body, "Group") and same_id(resource_id(response.body), there))
    if user is None or (user.owner is not None and not by_order):
        return True
    return isinstance(step.operation, Create) and not user.theirs and "userName" in user.held


def group_learned(
    step: SendMembership, action: ResponseAction, exchange: Exchange, target: Target, at: Moment
) -> tuple[Learned, ...]:
    """What is known of the group since: its version, unless the answer leaves it open."""
    name, group = step.operation.group, target.group(step.operation.group)
    match action:
        case Deliver() if not is_elsewhere(step, None, exchange.response, target):
            version = etag(exchange.response)
            renamed = exchange.response.body.get("displayName", name) != name
            fresh = version is not None and not renamed
            return (GroupLearned(name, replace(group, etag=version, read=at.ticks, fresh=fresh)),)
        case Retry() | Denied():
            return ()
        case _:
            return (GroupLearned(name, replace(group, fresh=False)),)
