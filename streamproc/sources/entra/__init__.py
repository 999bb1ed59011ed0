"""Source `entra`: Microsoft Graph's change notifications, delta pages, users and groups, and Entra's audit log.

Rule 1: a notification names a user and holds no values: a hire and a leaver both arrive as `updated`. It only is a
reason to fetch.
Rule 2: in Graph null is a value and absence isn't: an attribute that wasn't selected is left out. A user is the whole
one only if `accountEnabled` is there, which no user lacks; anything less, and what a delta page holds, is a change.
So users are to be asked for with everything that is configured, `manager` expanded, and delta pages without
`return=minimal`, where absence wouldn't tell unset from unchanged.
Rule 3: a delta page has no order among users, but says more than once what it says of one: the last word counts.
Rule 4: missing from a page isn't gone. `@removed` and `deletedDateTime` are.

learn.microsoft.com: Graph change notifications, delta query, resources user, group and changeNotification; Event Grid
for Graph events. The audit log is in `entra_audit`.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import GONE, Fact
from streamproc.sources.entra.audit_log import activity, is_record
from streamproc.sources.lenient_json import (
    anchor,
    begun,
    digest,
    facts,
    items,
    micros,
    moment,
    named,
    parsed,
    record,
    text,
    truth,
    unfolded,
)
from streamproc.sources.options import SourceOptions

SOURCE: Final = "entra"
DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "userName": "userPrincipalName",
        "displayName": "displayName",
        "email": "mail",
        "phone": "businessPhones|mobilePhone",
        "job": "jobTitle",
        "department": "department",
        "division": "employeeOrgData.division",
        "manager": "manager.id",
        "employeeNumber": "employeeId",
    },
)

_RESOURCE: Final = re.compile(r"/?(user|group)s(?:/|\(')([^/')]+)", re.IGNORECASE)
"""`Users/<id>` and `users('<id>')`."""
_EVENT: Final = re.compile(r"Microsoft\.Graph\.(User|Group)(Created|Updated|Deleted)", re.IGNORECASE)
_CHANGES: Final = frozenset({"created", "updated", "deleted"})


def elements(payload: Any) -> list[Any]:
    """The notifications, log records, users or groups of a hook's body or a page, in order; else one element.

    What a delta page says of one user or group becomes one element, and each element keeps its page's context, by
    which the parts of a user are told from a whole one, and groups from users.
    """
    return unfolded(payload, _inside)


def read(payload: Any, taken: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What a hook's body, log records, a page of a delta query or a list, a user or a group says."""
    return parsed(found for each in elements(payload) for found in _read(each, taken, options))


def _inside(payload: Any) -> list[Any] | None:
    page = record(payload)
    held = payload if isinstance(payload, list) else page.get("value", page.get("records"))
    if not isinstance(held, list):
        return None
    context = _context(page)
    if context is None:
        return held
    marked = [{"@odata.context": context, **each} if isinstance(each, dict) else each for each in held]
    return _joined(marked) if "$delta" in context else marked


def _context(page: dict[str, Any]) -> str | None:
    """The page's context; a delta page that doesn't say that it is one is known by its links."""
    said = text(page.get("@odata.context"))
    links = "".join(text(page.get(f"@odata.{name}")) or "" for name in ("nextLink", "deltaLink"))
    if "$delta" in (said or "") or ("@odata.deltaLink" not in page and "/delta" not in links):
        return said
    return (said or ("#groups" if "/groups/" in links else "#users")) + "/$delta"


def _joined(held: list[Any]) -> list[Any]:
    """Delta items joined by id, at the place of the last one; later words count, members and managers add up."""
    found: dict[str | int, Any] = {}
    for place, item in enumerate(held):
        key = text(record(item).get("id")) or place
        earlier = record(found.pop(key, None))
        lists = {
            name: items(earlier[name]) + items(value)
            for name, value in record(item).items()
            if name in earlier and name.endswith("@delta")
        }
        restored = {name: value for name, value in earlier.items() if name != "@removed"}
        found[key] = restored | item | lists if earlier else item
    return list(found.values())


def _read(element: Any, taken: Receipt, options: SourceOptions) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    found = record(element)
    if "specversion" in found:
        yield from _cloud_event(found, taken)
    elif "lifecycleEvent" in found:
        yield Ignored("lifecycle", "about the subscription: renew it, and synchronise what it may have missed")
    elif "subscriptionId" in found or "changeType" in found:
        yield from _notification(found, taken)
    elif is_record(found):
        yield from activity(found, taken, options)
    elif (subject := text(found.get("id"))) is None:
        yield Ignored("not_understood", "no notification, log record, user or group")
    elif (kind := _type(found)) == "group":
        yield from _group(found, taken, options)
    elif kind == "user":
        yield _user(subject, found, taken, options)
    else:
        yield Ignored("type", "neither a user nor a group")


def _type(resource: dict[str, Any]) -> str:
    """`#microsoft.graph.user` is a `user`; untyped ones are told by their page, or else taken for users."""
    said = text(resource.get("@odata.type"))
    if said is not None:
        return said.rpartition(".")[2].casefold()
    grouped = "members@delta" in resource or "#groups" in (text(resource.get("@odata.context")) or "")
    return "group" if grouped else "user"


def _cloud_event(event: dict[str, Any], taken: Receipt) -> Iterator[FetchRequest | Ignored]:
    """A notification by way of Event Grid; its `data` is what a webhook would have had in `value`."""
    kind = text(event.get("type")) or ""
    if not kind.startswith("Microsoft.Graph."):
        yield Ignored("other_format", "a CloudEvent, but not one of Microsoft Graph")
    elif found := _EVENT.fullmatch(kind):
        data = {name: value for name, value in record(event.get("data")).items() if value is not None}
        outside = {
            "id": f"{text(event.get('source'))}#{name}" if (name := text(event.get("id"))) else None,
            "changeType": found[2],
            "resource": event.get("subject"),
            "eventTime": event.get("time"),
        }
        yield from _notification(outside | data, taken)
    elif kind.startswith("Microsoft.Graph.Subscription"):
        yield Ignored("lifecycle", "about the subscription: renew it, and synchronise what it may have missed")
    else:
        yield Ignored("type", "neither a user's nor a group's event")


def _notification(item: dict[str, Any], taken: Receipt) -> Iterator[FetchRequest | Ignored]:
    change = (text(item.get("changeType")) or "").casefold()
    data = record(item.get("resourceData"))
    place = _RESOURCE.match(text(item.get("resource")) or "")
    subject = text(data.get("id")) or (place[2] if place else None)
    kind = _type(data) if "@odata.type" in data or place is None else place[1].casefold()
    if text(item.get("subscriptionId")) == "NA" or change.startswith("validation"):
        yield Ignored("probe", "Graph's test of whether it reaches us")
    elif change not in _CHANGES or kind not in {"user", "group"}:
        yield Ignored("type", "neither a user nor a group was created, updated or deleted")
    elif subject is None:
        yield Ignored("incomplete", "the notification names nobody")
    else:
        said = micros(data.get("eventTime") or item.get("eventTime"))
        when = moment(said, taken.received)
        event = _event(item, data, subject, taken)
        if kind == "user":
            yield FetchRequest(subject, event, when, change, urgent=change != "created")
            return
        found = {member: None for member, _ in members(data)}
        yield from (FetchRequest(member, event, when, "group updated", urgent=True) for member in found)
        if not found:
            yield Ignored("group", "a group changed: its members have to be synchronised")


def _event(item: dict[str, Any], data: dict[str, Any], subject: str, taken: Receipt) -> str:
    """The id of a notification. Without a mark of its own, two updates of a user look alike and yet are two."""
    marks = (text(data.get(name)) for name in ("sequenceNumber", "eventTime", "@odata.etag"))
    mark = next((each for each in marks if each is not None), None)
    if mark is not None:
        return f"{text(item.get('subscriptionId'))}/{subject}/{mark}"
    return text(item.get("id")) or digest([item, taken.received])


def members(group: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Users named by `members@delta`, and whether they are members now."""
    for member in map(record, items(group.get("members@delta"))):
        subject = text(member.get("id"))
        if subject is not None and _type(member) == "user":
            yield subject, member.get("@removed") is None


def _group(
    group: dict[str, Any], taken: Receipt, options: SourceOptions
) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    when = taken.received if taken.read is None else taken.read
    name, event, held = text(group.get("displayName")), digest(group), dict(members(group))
    for subject, joins in held.items():
        if name is None:
            yield FetchRequest(subject, event, when, "group membership", urgent=not joins)
            continue
        said: dict[str, Fact] = {f"group:{name}": name if joins else None}
        order = (when, 0, event)
        yield SourceEvent(
            subject, event, "change", order, said, anchor(subject, said, options), reason="group membership"
        )
    if not held:
        yield Ignored("group", "a group changed: its members have to be synchronised")


def _user(subject: str, item: dict[str, Any], taken: Receipt, options: SourceOptions) -> SourceEvent | Ignored:
    event = digest(item)
    order = (taken.received if taken.read is None else taken.read, 0, event)
    if item.get("@removed") is not None:
        said: dict[str, Fact] = {"active": False, GONE: True}
        return SourceEvent(subject, event, "change", order, said, anchor(subject, said, options), reason="removed")
    user = _plain(subject, item)
    enabled = truth(user.get("accountEnabled"))
    part = "$delta" in (text(item.get("@odata.context")) or "") or any(name.endswith("@delta") for name in item)
    whole = enabled is not None and not part
    deleted = item.get("deletedDateTime") is not None
    said = facts(user, options) if whole else named(user, options)
    if enabled is not None or deleted:
        said["active"] = enabled is True and not deleted
    if deleted:
        said[GONE] = True
    groups = [text(each.get("displayName")) for each in map(record, items(item.get("memberOf"))) if _grants(each)]
    said |= {f"group:{name}": name for name in groups if name}
    if not said:
        return Ignored("incomplete", "nothing that is read here", subject)
    said |= begun(user.get("createdDateTime"))
    return SourceEvent(subject, event, "snapshot" if whole else "change", order, said, anchor(subject, said, options))


def _grants(holder: dict[str, Any]) -> bool:
    """`memberOf` lists directory roles and administrative units as well."""
    return "@odata.type" not in holder or _type(holder) == "group"


def _plain(subject: str, item: dict[str, Any]) -> dict[str, Any]:
    """The user as paths can read it."""
    user = dict(item)
    if isinstance(phones := item.get("businessPhones"), list):
        user["businessPhones"] = phones[0] if phones else None  # by its documentation it never holds two
    name, prefix = text(item.get("userPrincipalName")) or "", subject.replace("-", "")
    if len(prefix) == 32 and name.casefold().startswith(prefix.casefold()):
        user["userPrincipalName"] = name[32:]  # deletion puts the id before the name
    if "manager@delta" in item:
        manager = None
        for each in map(record, items(item["manager@delta"])):
            if each.get("@removed") is None:
                manager = text(each.get("id"))
            elif manager == text(each.get("id")):
                manager = None
        user["manager"] = {"id": manager}
    return user
