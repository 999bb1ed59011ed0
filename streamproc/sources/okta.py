"""Source `okta`: System Log events, from an event hook or a page of the log, and users as the Users API has them.

Rule 1: an event counts at its `published` and by its `uuid`, also when it was fetched: hook and log carry the same
events. Okta promises no order between them, so of two in the same millisecond the one that takes away counts.
Rule 2: events name a user and hold no values of the profile. Only some say by themselves whether somebody may sign in.
Rule 3: a user between two statuses is active only if both are.

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
"""Events after which the user has to be fetched: a new account isn't always usable, and no event holds values."""

STATUS: Final = {
    "user.lifecycle.suspend": "SUSPENDED",
    "user.account.lock": "LOCKED_OUT",
    "user.account.unlock": "LOCKED_OUT",
    "user.account.unlock_by_admin": "LOCKED_OUT",
    "user.account.reset_password": "RECOVERY",
}
"""Event → the status that it begins or ends. Where that one counts as active, the event changes nothing."""

GROUPS: Final = frozenset({"group.profile.update", "group.lifecycle.delete"})
"""Events that may change the groups of many users, none of whom they name."""

KNOWN: Final = frozenset({*ACTIVE, *MEMBERSHIP, *PROFILE, *STATUS, *GROUPS})
TELLING: Final = frozenset({*ACTIVE, *MEMBERSHIP})

DONE: Final = frozenset({"SUCCESS", "ALLOW"})
NOT_DONE: Final = frozenset({"FAILURE", "SKIPPED", "DENY", "CHALLENGE", "RATE_LIMIT", "ABANDONED", "UNANSWERED"})
"""Outcomes (LogEvent.outcome.result). What is in neither may still happen, or may have: the user is fetched."""

STANDARD: Final = frozenset([
    "login", "email", "secondEmail", "firstName", "lastName", "middleName", "displayName", "nickName",
    "honorificPrefix", "honorificSuffix", "title", "division", "department", "costCenter", "employeeNumber",
    "organization", "userType", "manager", "managerId", "locale", "preferredLanguage", "timezone", "primaryPhone",
    "mobilePhone", "streetAddress", "city", "state", "zipCode", "countryCode", "postalAddress", "profileUrl",
])  # fmt: skip
"""Okta's base profile; what else a profile holds is the customer's own."""


def elements(payload: Any) -> list[Any]:
    """The log events or users of a hook's body, a page or a list, in order; anything else is one element."""
    return unfolded(payload, _inside)


def read(payload: Any, taken: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What a hook's body, a page of the log, a log event, a user or a list of users says."""
    return parsed(_read(each, taken, options) for each in elements(payload))


def _inside(payload: Any) -> list[Any] | None:
    if isinstance(payload, dict):
        data = payload.get("data")
        payload = data.get("events") if isinstance(data, dict) else None
    return payload if isinstance(payload, list) else None


def _read(element: Any, taken: Receipt, options: SourceOptions) -> SourceEvent | FetchRequest | Ignored:
    found = record(element)
    kind = text(found.get("eventType"))
    if kind is not None:
        return _event(kind, found, taken, options)
    if "login" in record(found.get("profile")):
        return _user(found, taken, options)
    return Ignored("not_understood", "neither a System Log event nor a user")


def _event(
    kind: str, event: dict[str, Any], taken: Receipt, options: SourceOptions
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
    when = moment(micros(event.get("published")), taken.received)
    if result not in DONE or kind not in TELLING:
        return FetchRequest(subject, uuid, when, kind, urgent=kind not in PROFILE)
    if kind in ACTIVE:
        gives = ACTIVE[kind]
        said: dict[str, Fact] = {"active": gives}
        if kind == DELETED:
            said[GONE] = True
    else:
        gives = MEMBERSHIP[kind]
        said = {f"group:{name}": name if gives else None for name in _targets(event, "UserGroup", "displayName")}
        if not said:
            return Ignored("incomplete", "the targets name no group", subject)
    order = (when, int(not gives), uuid)
    return SourceEvent(subject, uuid, "change", order, said, anchor(subject, said, options), reason=kind)


def _targets(event: dict[str, Any], kind: str, key: str) -> list[str]:
    """One attribute of each target of a type; their order isn't promised, and a target may be there twice."""
    found: dict[str, None] = {}
    for each in items(event.get("target")):
        target = record(each)
        if target.get("type") == kind and (name := text(target.get(key))) is not None:
            found[name] = None
    return list(found)


def _user(user: dict[str, Any], taken: Receipt, options: SourceOptions) -> SourceEvent | Ignored:
    subject, status = text(user.get("id")), text(user.get("status"))
    if subject is None or status is None:
        return Ignored("incomplete", "a user without an id or a status", subject)
    said = others(record(user.get("profile")), STANDARD) | facts(user, options)
    if said.get("displayName", "") is None:
        names = [text(at(user, path)) for path in ("profile.firstName", "profile.lastName")]
        said["displayName"] = " ".join(name for name in names if name) or None
    groups = record(user.get("_embedded")).get(
        "groups"
    )  # the answer of /users/{id}/groups, put there by who fetched it
    if isinstance(groups, list):
        names = [text(at(each, "profile.name")) for each in groups]
        said |= {"group:": True, **{f"group:{name}": name for name in names if name}}
    # A change of status takes its time, and until it is done the old one still stands beside the coming one.
    coming = text(user.get("transitioningToStatus")) or status
    said |= begun(user.get("created"))
    said["active"] = status in options.active and coming in options.active
    event = digest(user)
    when = moment(micros(user.get("lastUpdated")), taken.received) if taken.read is None else taken.read
    return SourceEvent(subject, event, "snapshot", (when, 0, event), said, anchor(subject, said, options))
