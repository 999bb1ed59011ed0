"""Source `pingone`: activities, from a webhook or from the audit API, and users as the platform API has them.

Rule 1: an activity counts at its `recordedAt` and by its `id`, also when it was fetched: webhook and API carry the
same ones. Of two in the same millisecond the one that takes away counts.
Rule 2: an activity holds no values. Its description may name the attribute that changed, in prose that can be
translated: it may hasten a fetch, and never is read for more.
Rule 3: `actors` did it; whom it was done to is in `resources`.

developer.pingidentity.com: Subscriptions (webhooks), Audit activities, Users.
"""

import re
from typing import Any, Final

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import GONE, Fact
from streamproc.sources.lenient_json import (
    anchor,
    at,
    begun,
    digest,
    facts,
    items,
    micros,
    moment,
    others,
    parsed,
    record,
    text,
    truth,
    unfolded,
)
from streamproc.sources.options import SourceOptions

SOURCE: Final = "pingone"
DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "userName": "username",
        "displayName": "name.formatted",
        "email": "email",
        "phone": "primaryPhone",
        "job": "title",
        # PingOne has no such attributes: these are the names that a customer would give to custom ones.
        "department": "department",
        "division": "division",
        "manager": "manager",
        "employeeNumber": "employeeNumber",
    },
)

PROFILE: Final = frozenset({"USER.CREATED", "USER.UPDATED"})
"""Activities after which the user has to be fetched. `USER.UPDATED` is any attribute, `enabled` among them."""
MEMBERSHIP: Final = {"MEMBER_OF_GROUP.CREATED": True, "MEMBER_OF_GROUP.DELETED": False}
GROUPS: Final = frozenset({"GROUP.UPDATED", "GROUP.DELETED"})
"""Activities that may change the groups of many users, none of whom they name."""
DELETED: Final = "USER.DELETED"
KNOWN: Final = frozenset({DELETED, *PROFILE, *MEMBERSHIP, *GROUPS})

STANDARD: Final = frozenset([
    "id", "environment", "population", "username", "email", "emailVerified", "enabled", "lifecycle", "account",
    "name", "nickname", "title", "type", "locale", "preferredLanguage", "timezone", "externalId", "primaryPhone",
    "mobilePhone", "address", "photo", "identityProvider", "password", "mfaEnabled", "verifyStatus", "lastSignOn",
    "memberOfGroupIDs", "memberOfGroupNames", "createdAt", "updatedAt",
])  # fmt: skip
"""A user's attributes in every environment; what else a user has at top level is the customer's own."""

_OWNER: Final = re.compile(r"/users/([^/?#]+)")


def elements(payload: Any) -> list[Any]:
    """The activities or users of a webhook's body, a page or a list, in order; anything else is one element."""
    return unfolded(payload, _inside)


def read(payload: Any, taken: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What a webhook's body, a page of activities or of users, an activity or a user says."""
    return parsed(_read(each, taken, options) for each in elements(payload))


def _inside(payload: Any) -> list[Any] | None:
    page = record(record(payload).get("_embedded"))
    held = payload if isinstance(payload, list) else page.get("activities", page.get("users"))
    return held if isinstance(held, list) else None


def _read(element: Any, taken: Receipt, options: SourceOptions) -> SourceEvent | FetchRequest | Ignored:
    found = record(element)
    kind = text(at(found, "action.type"))
    if kind is not None:
        return _activity(kind, found, taken, options)
    if "username" in found:
        return _user(found, taken, options)
    if "action" in record(found.get("event")):
        return Ignored("other_format", "the webhook's format is Splunk: set it to Ping Activity Format")
    return Ignored("not_understood", "neither an activity in Ping Activity Format nor a user")


def _activity(
    kind: str, activity: dict[str, Any], taken: Receipt, options: SourceOptions
) -> SourceEvent | FetchRequest | Ignored:
    resources = [record(each) for each in items(activity.get("resources"))]
    users = list(dict.fromkeys(each for each in map(_owner, resources) if each is not None))
    subject = users[0] if len(users) == 1 else None
    if kind not in KNOWN:
        return Ignored("type", "activities of this type change nothing here", subject)
    if (text(at(activity, "result.status")) or "SUCCESS").upper() != "SUCCESS":
        return Ignored("failed", "by its result it didn't happen", subject)
    if kind in GROUPS:
        return Ignored("group", "a group was renamed or deleted: its members have to be synchronised")
    if subject is None:
        return Ignored("incomplete", "the resources don't name exactly one user")
    event = text(activity.get("id")) or digest(activity)
    when = moment(micros(activity.get("recordedAt")), taken.received)
    if kind in PROFILE:
        return FetchRequest(subject, event, when, kind, urgent=kind == "USER.UPDATED" and _may_disable(activity))
    if kind == DELETED:
        gives = False
        said: dict[str, Fact] = {"active": False, GONE: True}
    else:
        gives = MEMBERSHIP[kind]
        names = [text(each.get("name")) for each in resources if each.get("type") == "MEMBER_OF_GROUP"]
        said = {f"group:{name}": name if gives else None for name in names if name}
        if not said:
            return FetchRequest(subject, event, when, kind, urgent=not gives)
    order = (when, int(not gives), event)
    return SourceEvent(subject, event, "change", order, said, anchor(subject, said, options), reason=kind)


def _owner(resource: dict[str, Any]) -> str | None:
    """The user whom a resource is, or whose it is: a membership tells that only in its `href`."""
    if resource.get("type") == "USER" and (said := text(resource.get("id"))):
        return said
    found = _OWNER.search(text(resource.get("href")) or "")
    return found[1] if found else None


def _may_disable(activity: dict[str, Any]) -> bool:
    """The description names the attribute that changed, never its value; one that is missing may hide it."""
    description = text(at(activity, "result.description"))
    return description is None or "enabled" in description.casefold()


def _user(user: dict[str, Any], taken: Receipt, options: SourceOptions) -> SourceEvent | Ignored:
    subject, enabled = text(user.get("id")), truth(user.get("enabled"))
    if subject is None or enabled is None:
        return Ignored("incomplete", "a user without an id, or neither enabled nor disabled", subject)
    said = others(user, STANDARD) | facts(user, options)
    if said.get("displayName", "") is None:
        names = [text(at(user, path)) for path in ("name.given", "name.family")]
        said["displayName"] = " ".join(name for name in names if name) or None
    groups = [text(each) for each in items(user.get("memberOfGroupNames"))]
    said |= {f"group:{name}": name for name in groups if name}
    if "memberOfGroupNames" in user:
        said["group:"] = True  # these are all
    said["active"] = enabled
    said |= begun(user.get("createdAt"))
    event = digest(user)
    when = moment(micros(user.get("updatedAt")), taken.received) if taken.read is None else taken.read
    return SourceEvent(subject, event, "snapshot", (when, 0, event), said, anchor(subject, said, options))
