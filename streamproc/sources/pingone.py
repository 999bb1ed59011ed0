"""Source `pingone`: activities, from a webhook or from the audit API, and users as the platform API has them.

Rule 1: an activity is ordered by its `recordedAt` and known by its `id`, also when it was fetched: webhook and API send
the same ones. Of two in the same millisecond the one that removes access counts.
Rule 2: an activity has no values. Its description may name the attribute that changed, in prose that may be
translated: it can make a fetch urgent, and is used for nothing else.
Rule 3: `actors` did it; the users concerned are in `resources`.
Rule 4: what gives access counts by its own clock or is fetched: without one it could come before what took access away.

developer.pingidentity.com: Subscriptions (webhooks), Audit activities, Users.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import GONE, Fact
from streamproc.sources.assignment import asked, take
from streamproc.sources.lenient_json import anchor, at, digest, items, micros, moment, parsed, record, text, unfolded
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import add_others, full_name, read_all
from streamproc.sources.values.identifiers import known_identifier
from streamproc.sources.values.statuses import status
from streamproc.sources.values.unread import UNREAD, Unread

SOURCE: Final = "pingone"
DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "userName": "username",
        "displayName": "name.formatted",
        "email": "email",
        "phone": "primaryPhone",
        "mobile": "mobile|mobilePhone",  # the first is a customer's own
        "job": "title",
        # PingOne has no such attributes: these are the names that a customer would give to custom ones.
        "department": "department",
        "division": "division",
        "manager": "manager",
        "employeeNumber": "employeeNumber",
    },
    active=("Enabled",),  # in the place of true and false, as some that pass users on write them
    inactive=("Disabled",),
)

PROFILE: Final = frozenset({"USER.CREATED", "USER.UPDATED"})
"""Activities after which the user has to be fetched. `USER.UPDATED` is for any attribute, including `enabled`."""
MEMBERSHIP: Final = {"MEMBER_OF_GROUP.CREATED": True, "MEMBER_OF_GROUP.DELETED": False}
GROUPS: Final = frozenset({"GROUP.UPDATED", "GROUP.DELETED"})
"""Activities that may change the groups of many users, and name none of them."""
DELETED: Final = "USER.DELETED"
NOT_DONE: Final = frozenset({"FAILURE", "FAILED", "ERROR"})
KNOWN: Final = frozenset({DELETED, *PROFILE, *MEMBERSHIP, *GROUPS})

STANDARD: Final = frozenset([
    "id", "environment", "population", "username", "email", "emailVerified", "enabled", "lifecycle", "account",
    "name", "nickname", "title", "type", "locale", "preferredLanguage", "timezone", "externalId", "primaryPhone",
    "mobilePhone", "address", "photo", "identityProvider", "password", "mfaEnabled", "verifyStatus", "lastSignOn",
    "memberOfGroupIDs", "memberOfGroupNames", "createdAt", "updatedAt",
])  # fmt: skip
"""Attributes that users have in every environment; others at the top level are the customer's own."""

Admission: TypeAlias = tuple[str, tuple[str, ...]]
"""Whether any or all of some groups are needed, and the ids of these."""
_HELD: Final[Mapping[str, Callable[[Iterable[bool]], bool]]] = {"ANY_GROUP": any, "ALL_GROUPS": all}
_OWNER: Final = re.compile(r"/users/([^/?#]+)", re.IGNORECASE)


def elements(payload: Any) -> list[Any]:
    """The activities or users of a webhook's body, a page or a list, in order; anything else is one element."""
    return unfolded(payload, _inside)


def read(payload: Any, receipt: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What a webhook's body, a page of activities or of users, an activity or a user says."""
    return parsed(part for element in elements(payload) for part in _read(element, receipt, options))


def _inside(payload: Any) -> list[Any] | None:
    page = record(record(payload).get("_embedded"))
    contents = payload if isinstance(payload, list) else page.get("activities", page.get("users"))
    return contents if isinstance(contents, list) else None


def _read(element: Any, receipt: Receipt, options: SourceOptions) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    resource = record(element)
    kind = text(at(resource, "action.type"))
    if kind is not None:
        said = _activity(kind.upper(), resource, receipt, options)
        yield said
        yield from asked(said, MEMBERSHIP, options)
    elif "username" in resource:
        yield from _user(resource, receipt, options)
    elif "action" in record(resource.get("event")):
        yield Ignored("other_format", "the webhook's format is Splunk: set it to Ping Activity Format")
    else:
        yield Ignored("not_understood", "neither an activity in Ping Activity Format nor a user")


def _activity(
    kind: str, activity: dict[str, Any], receipt: Receipt, options: SourceOptions
) -> SourceEvent | FetchRequest | Ignored:
    resources = [record(entry) for entry in items(activity.get("resources"))]
    users = list(dict.fromkeys(entry for entry in map(_owner, resources) if entry is not None))
    subject = users[0] if len(users) == 1 else None
    if kind not in KNOWN:
        return Ignored("type", "activities of this type change nothing here", subject)
    result = (text(at(activity, "result.status")) or "SUCCESS").upper()
    if result in NOT_DONE:
        return Ignored("failed", "by its result it didn't happen", subject)
    if kind in GROUPS:
        return Ignored("group", "a group was renamed or deleted: its members have to be synchronised")
    if subject is None:
        return Ignored("incomplete", "the resources don't name exactly one user")
    event, recorded = text(activity.get("id")) or digest(activity), micros(activity.get("recordedAt"))
    when = moment(recorded, receipt.received)
    if kind in PROFILE or result != "SUCCESS":  # with any other result it may have happened
        hidden = kind not in PROFILE or (kind == "USER.UPDATED" and _may_disable(activity))
        return FetchRequest(subject, event, when, kind, urgent=hidden)
    if kind == DELETED:
        gives = False
        attributes: dict[str, Fact] = {"active": False, GONE: True}
    else:
        gives = MEMBERSHIP[kind]
        names = [text(entry.get("name")) for entry in resources if _type(entry) == "MEMBER_OF_GROUP"]
        attributes = {f"group:{name}": name if gives else None for name in names if name}
        if not attributes or (gives and recorded is None):
            return FetchRequest(subject, event, when, kind, urgent=not gives)
    order = (when, int(not gives), event)
    return SourceEvent(subject, event, "change", order, attributes, anchor(subject, attributes, options), reason=kind)


def _type(resource: dict[str, Any]) -> str:
    return (text(resource.get("type")) or "").upper()


def _owner(resource: dict[str, Any]) -> str | None:
    """The user that a resource is, or belongs to: a membership shows that only in its `href`."""
    if _type(resource) == "USER" and (user_id := known_identifier(resource.get("id"))):
        return user_id
    match = _OWNER.search(text(resource.get("href")) or "")
    return known_identifier(match[1]) if match else None


def _may_disable(activity: dict[str, Any]) -> bool:
    """The description names the attribute that changed, never its value. Without one it may be `enabled`."""
    description = text(at(activity, "result.description"))
    return description is None or "enabled" in description.casefold()


def _user(user: dict[str, Any], receipt: Receipt, options: SourceOptions) -> Iterator[SourceEvent | Ignored]:
    subject, enabled = known_identifier(user.get("id")), status(user.get("enabled"), options.active, options.inactive)
    if subject is None or enabled is None:
        yield Ignored("incomplete", "a user without an id, or neither enabled nor disabled", subject)
        return
    reading = read_all(user, options)
    add_others(reading, user, STANDARD)
    if reading.facts.get("displayName", "") is None:
        reading.facts["displayName"] = full_name(at(user, "name.given"), at(user, "name.family"))
    reading.groups(items(user.get("memberOfGroupNames")), all_="memberOfGroupNames" in user)
    reading.began(user.get("createdAt"))
    reading.take("active", enabled, "status")
    unasked = take(reading, user, options)
    event, attributes = digest(user), reading.facts
    when = moment(micros(user.get("updatedAt")), receipt.received) if receipt.read_at is None else receipt.read_at
    who = anchor(subject, attributes, options)
    yield SourceEvent(subject, event, "snapshot", (when, 0, event), attributes, who, kept=(*reading.kept, *unasked))
    yield from reading.told(subject)


def admission(application: dict[str, Any]) -> Admission | None:
    """Who may use an application, by its access control; None: that isn't by groups, or can't be read.

    One without groups is open to everybody, so it says nothing of who is assigned.
    """
    control = record(at(application, "accessControl.group"))
    groups = [known_identifier(record(each).get("id")) for each in items(control.get("groups"))]
    named = sorted({group for group in groups if group is not None})
    kind = (text(control.get("type")) or "").upper()
    return (kind, tuple(named)) if groups and None not in groups and kind in _HELD else None


def assigned(admitted: Admission | None, groups: Any) -> bool | Unread:
    """Whether a user in groups of these ids may use the application."""
    if admitted is None or not isinstance(groups, list):
        return UNREAD
    kind, named = admitted
    held = {known_identifier(each) for each in groups}
    return _HELD[kind](group in held for group in named)
