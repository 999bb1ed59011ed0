"""Source `okta`: System Log events, from an event hook or a page of the log, and users as the Users API has them.

Rule 1: an event is ordered by its `published` and known by its `uuid`, also when it was fetched: hook and log have the
same events. Okta promises no order between them, so of two in the same millisecond the one that removes access counts.
Rule 2: events name a user and have no values of the profile. Only some show by themselves whether a user may sign in.
Rule 3: a user in transition between two statuses is active only if both are active.

developer.okta.com: concepts/event-hooks, reference/api/event-types; schemas LogEvent and User of the management API.
"""

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
    unfolded,
)
from streamproc.sources.options import SourceOptions

SOURCE: Final = "okta"
DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "userName": "profile.login",
        "displayName": "profile.displayName",
        "email": "profile.email",
        "phone": "profile.primaryPhone",
        "job": "profile.title",
        "department": "profile.department",
        "division": "profile.division",
        "manager": "profile.managerId|profile.manager",  # free text, both of them
        "employeeNumber": "profile.employeeNumber",
    },
    active=("PROVISIONED", "ACTIVE", "RECOVERY", "PASSWORD_EXPIRED", "LOCKED_OUT"),
)

DELETED: Final = "user.lifecycle.delete.completed"
ACTIVE: Final = {
    "user.lifecycle.suspend": False,
    "user.lifecycle.unsuspend": True,
    "user.lifecycle.deactivate": False,
    "user.lifecycle.delete.initiated": False,
    DELETED: False,  # never sent to a hook, but in the log
}
"""Events that say `active` by themselves."""

MEMBERSHIP: Final = {"group.user_membership.add": True, "group.user_membership.remove": False}

PROFILE: Final = frozenset(
    {
        "user.lifecycle.create",
        "user.lifecycle.activate",
        "user.lifecycle.reactivate",
        "user.account.update_profile",
        "user.account.update_primary_email",
        "user.account.update_user_type",
    }
)
"""Events after which the user has to be fetched: a new account isn't always usable, and no event has values."""

STATUS: Final = {
    "user.lifecycle.suspend": "SUSPENDED",
    "user.account.lock": "LOCKED_OUT",
    "user.account.unlock": "LOCKED_OUT",
    "user.account.unlock_by_admin": "LOCKED_OUT",
    "user.account.reset_password": "RECOVERY",
}
"""Event → the status that it begins or ends. If that status counts as active, the event changes nothing."""

GROUPS: Final = frozenset({"group.profile.update", "group.lifecycle.delete"})
"""Events that may change the groups of many users, and name none of them."""

KNOWN: Final = frozenset({*ACTIVE, *MEMBERSHIP, *PROFILE, *STATUS, *GROUPS})
TELLING: Final = frozenset({*ACTIVE, *MEMBERSHIP})

DONE: Final = frozenset({"SUCCESS", "ALLOW"})
NOT_DONE: Final = frozenset({"FAILURE", "SKIPPED", "DENY", "CHALLENGE", "RATE_LIMIT", "ABANDONED", "UNANSWERED"})
"""Outcomes (LogEvent.outcome.result). With any other one it may have happened, or may still happen: a fetch."""

STANDARD: Final = frozenset([
    "login", "email", "secondEmail", "firstName", "lastName", "middleName", "displayName", "nickName",
    "honorificPrefix", "honorificSuffix", "title", "division", "department", "costCenter", "employeeNumber",
    "organization", "userType", "manager", "managerId", "locale", "preferredLanguage", "timezone", "primaryPhone",
    "mobilePhone", "streetAddress", "city", "state", "zipCode", "countryCode", "postalAddress", "profileUrl",
])  # fmt: skip
"""Okta's base profile; other attributes of a profile are the customer's own."""


def elements(payload: Any) -> list[Any]:
    """The log events or users of a hook's body, a page or a list, in order; anything else is one element."""
    return unfolded(payload, _inside)


def read(payload: Any, receipt: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What a hook's body, a page of the log, a log event, a user or a list of users says."""
    return parsed(_read(element, receipt, options) for element in elements(payload))


def _inside(payload: Any) -> list[Any] | None:
    if isinstance(payload, dict):
        data = payload.get("data")
        payload = data.get("events") if isinstance(data, dict) else None
    return payload if isinstance(payload, list) else None


def _read(element: Any, receipt: Receipt, options: SourceOptions) -> SourceEvent | FetchRequest | Ignored:
    resource = record(element)
    kind = text(resource.get("eventType"))
    if kind is not None:
        return _event(kind, resource, receipt, options)
    if "login" in record(resource.get("profile")):
        return _user(resource, receipt, options)
    return Ignored("not_understood", "neither a System Log event nor a user")


def _event(
    kind: str, event: dict[str, Any], receipt: Receipt, options: SourceOptions
) -> SourceEvent | FetchRequest | Ignored:
    users = _targets(event, "User", "id")
    subject = users[0] if len(users) == 1 else None
    if kind not in KNOWN or STATUS.get(kind) in options.active:
        return Ignored("type", "events of this type change nothing here", subject)
    result = (text(at(event, "outcome.result")) or "SUCCESS").upper()
    if result in NOT_DONE:
        return Ignored("failed", "by its outcome it didn't happen", subject)
    if kind in GROUPS:
        return Ignored("group", "a group was renamed or deleted: its members have to be synchronised")
    if subject is None:  # Okta's own test delivery has no targets at all
        return Ignored("incomplete", "the targets don't name exactly one user")
    uuid = text(event.get("uuid")) or digest(event)
    when = moment(micros(event.get("published")), receipt.received)
    if result not in DONE or kind not in TELLING:
        return FetchRequest(subject, uuid, when, kind, urgent=kind not in PROFILE)
    if kind in ACTIVE:
        gives = ACTIVE[kind]
        attributes: dict[str, Fact] = {"active": gives}
        if kind == DELETED:
            attributes[GONE] = True
    else:
        gives = MEMBERSHIP[kind]
        attributes = {f"group:{name}": name if gives else None for name in _targets(event, "UserGroup", "displayName")}
        if not attributes:
            return Ignored("incomplete", "the targets name no group", subject)
    order = (when, int(not gives), uuid)
    return SourceEvent(subject, uuid, "change", order, attributes, anchor(subject, attributes, options), reason=kind)


def _targets(event: dict[str, Any], kind: str, key: str) -> list[str]:
    """One attribute of each target of a type. Their order isn't promised, and a target may appear twice."""
    names: dict[str, None] = {}
    for entry in items(event.get("target")):
        target = record(entry)
        if target.get("type") == kind and (name := text(target.get(key))) is not None:
            names[name] = None
    return list(names)


def _user(user: dict[str, Any], receipt: Receipt, options: SourceOptions) -> SourceEvent | Ignored:
    subject, status = text(user.get("id")), text(user.get("status"))
    if subject is None or status is None:
        return Ignored("incomplete", "a user without an id or a status", subject)
    attributes = others(record(user.get("profile")), STANDARD) | facts(user, options)
    if attributes.get("displayName", "") is None:
        names = [text(at(user, path)) for path in ("profile.firstName", "profile.lastName")]
        attributes["displayName"] = " ".join(name for name in names if name) or None
    groups = record(user.get("_embedded")).get("groups")  # the fetch puts the answer of /users/{id}/groups there
    if isinstance(groups, list):
        names = [text(at(group, "profile.name")) for group in groups]
        attributes |= {"group:": True, **{f"group:{name}": name for name in names if name}}
    # A change of status takes time; until it is done the user has both the old and the coming one.
    coming = text(user.get("transitioningToStatus")) or status
    attributes |= begun(user.get("created"))
    attributes["active"] = status in options.active and coming in options.active
    event = digest(user)
    when = moment(micros(user.get("lastUpdated")), receipt.received) if receipt.read_at is None else receipt.read_at
    return SourceEvent(subject, event, "snapshot", (when, 0, event), attributes, anchor(subject, attributes, options))
