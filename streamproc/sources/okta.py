"""Source `okta`: System Log events, from an event hook or a page of the log, and users as the Users API has them.

Rule 1: an event is ordered by its `published` and known by its `uuid`, also when it was fetched: hook and log have the
same events. Okta promises no order between them, so of two in the same millisecond the one that removes access counts.
Rule 2: events name a user and have no values of the profile. Only some show by themselves whether a user may sign in.
Rule 3: a user in transition between two statuses is active only if both are active.
Rule 4: what gives access counts by its own clock or is fetched: without one it could come before what took access away.

developer.okta.com: concepts/event-hooks, reference/api/event-types; schemas LogEvent and User of the management API.
"""

from collections.abc import Iterator
from typing import Any, Final

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import GONE, Fact
from streamproc.sources.assignment import ASSIGNED, asked, fact, take
from streamproc.sources.lenient_json import anchor, at, digest, items, micros, moment, parsed, record, text, unfolded
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import add_others, full_name, read_all
from streamproc.sources.values.identifiers import known_identifier
from streamproc.sources.values.statuses import LEFT, status
from streamproc.sources.values.unread import UNREAD, Unread

SOURCE: Final = "okta"
DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "userName": "profile.login",
        "displayName": "profile.displayName",
        "email": "profile.email",
        "phone": "profile.primaryPhone",
        "mobile": "profile.mobile|profile.mobilePhone",  # the first is a customer's own
        "job": "profile.title",
        "department": "profile.department",
        "division": "profile.division",
        "manager": "profile.managerId|profile.manager",  # free text, both of them
        "employeeNumber": "profile.employeeNumber",
    },
    active=("PROVISIONED", "ACTIVE", "RECOVERY", "PASSWORD_EXPIRED", "LOCKED_OUT"),
    inactive=("STAGED", "SUSPENDED", "DEPROVISIONED", *LEFT),
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

ASSIGNMENT: Final = {"application.user_membership.add": True, "application.user_membership.remove": False}
REASSIGNMENT: Final = frozenset(
    f"application.user_membership.{each}" for each in ("approve", "deprovision", "restore", "revoke")
)
"""Events after which an assignment may be another, which the log has and no hook sends."""

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
TELLING: Final = frozenset({*ACTIVE, *MEMBERSHIP, *ASSIGNMENT})

HOLDING: Final = {
    **dict.fromkeys(("ACTIVE", "APPROVED", "IMPLICIT", "PROVISIONED", "STAGED"), True),
    **dict.fromkeys(("DEPROVISIONED", "INACTIVE", "REVOKED", "SUSPENDED", "UNASSIGNED"), False),
}
"""Status of a user of an application (AppUserStatus) → whether they are assigned; Okta keeps some who aren't any more.
The others, of an import or an approval that isn't through, say nothing.
"""

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
    return parsed(part for element in elements(payload) for part in _read(element, receipt, options))


def _inside(payload: Any) -> list[Any] | None:
    if isinstance(payload, dict):
        data = payload.get("data")
        payload = data.get("events") if isinstance(data, dict) else None
    return payload if isinstance(payload, list) else None


def _read(element: Any, receipt: Receipt, options: SourceOptions) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    resource = record(element)
    kind = text(resource.get("eventType"))
    if kind is not None:
        said = _event(kind.casefold(), resource, receipt, options)
        yield said
        yield from asked(said, MEMBERSHIP, options)
    elif "login" in record(resource.get("profile")):
        yield from _user(resource, receipt, options)
    else:
        yield Ignored("not_understood", "neither a System Log event nor a user")


def _event(
    kind: str, event: dict[str, Any], receipt: Receipt, options: SourceOptions
) -> SourceEvent | FetchRequest | Ignored:
    users = _targets(event, "User", "id")
    subject = users[0] if len(users) == 1 else None
    lifecycle = kind.startswith("user.lifecycle.") and subject is not None  # also of types that are added later
    about_us = bool(options.application) and options.application in _targets(event, "AppInstance", "id")
    assignment = about_us and (kind in ASSIGNMENT or kind in REASSIGNMENT)
    if not (kind in KNOWN or lifecycle or assignment) or _counts(STATUS.get(kind), options) is True:
        return Ignored("type", "events of this type change nothing here", subject)
    result = (text(at(event, "outcome.result")) or "SUCCESS").upper()
    if result in NOT_DONE:
        return Ignored("failed", "by its outcome it didn't happen", subject)
    if kind in GROUPS:
        return Ignored("group", "a group was renamed or deleted: its members have to be synchronised")
    if subject is None:  # Okta's own test delivery has no targets at all
        return Ignored("incomplete", "the targets don't name exactly one user")
    uuid, published = text(event.get("uuid")) or digest(event), micros(event.get("published"))
    when = moment(published, receipt.received)
    unordered = published is None and (ACTIVE.get(kind) or MEMBERSHIP.get(kind) or ASSIGNMENT.get(kind))
    if result not in DONE or kind not in TELLING or unordered:
        return FetchRequest(subject, uuid, when, kind, urgent=kind not in PROFILE)
    if kind in ACTIVE:
        gives = ACTIVE[kind]
        attributes: dict[str, Fact] = {"active": gives}
        if kind == DELETED:
            attributes[GONE] = True
    elif kind in ASSIGNMENT:
        gives = ASSIGNMENT[kind]
        attributes = {ASSIGNED: fact(assigned=gives)}
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
        if (text(target.get("type")) or "").casefold() == kind.casefold():
            name = known_identifier(target.get(key)) if key == "id" else text(target.get(key))
            names |= {} if name is None else {name: None}
    return list(names)


def _user(user: dict[str, Any], receipt: Receipt, options: SourceOptions) -> Iterator[SourceEvent | Ignored]:
    subject, active = known_identifier(user.get("id")), _active(user, options)
    if subject is None or active is None:
        yield Ignored("incomplete", "a user without an id or a status", subject)
        return
    reading = read_all(user, options)
    profile = record(user.get("profile"))
    add_others(reading, profile, STANDARD)
    if reading.facts.get("displayName", "") is None:
        reading.facts["displayName"] = full_name(profile.get("firstName"), profile.get("lastName"))
    groups = record(user.get("_embedded")).get("groups")  # the fetch puts the answer of /users/{id}/groups there
    if isinstance(groups, list):
        reading.groups((at(group, "profile.name") for group in groups), all_=True)
    reading.began(user.get("created"))
    reading.take("active", active, "status")
    unasked = take(reading, user, options)
    event, attributes = digest(user), reading.facts
    when = moment(micros(user.get("lastUpdated")), receipt.received) if receipt.read_at is None else receipt.read_at
    who = anchor(subject, attributes, options)
    yield SourceEvent(subject, event, "snapshot", (when, 0, event), attributes, who, kept=(*reading.kept, *unasked))
    yield from reading.told(subject)


def assigned(of_application: dict[str, Any]) -> bool | Unread:
    """Whether a user of the application, as Okta shows it, is assigned: by themselves or by a group."""
    return HOLDING.get((text(of_application.get("status")) or "").upper(), UNREAD)


def _active(user: dict[str, Any], options: SourceOptions) -> bool | Unread | None:
    """A change of status takes time; until it is done the user has both the old and the coming one."""
    now, coming = _counts(user.get("status"), options), _counts(user.get("transitioningToStatus"), options)
    if now is None or coming is None:
        return now
    return False if False in (now, coming) else UNREAD if UNREAD in (now, coming) else True


def _counts(word: Any, options: SourceOptions) -> bool | Unread | None:
    """Whether a status counts as active. Okta's own that aren't configured don't; one that it adds later is unread."""
    return status(word, options.active, (*options.inactive, *DEFAULTS.active))
