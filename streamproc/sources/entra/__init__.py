"""Source `entra`: Microsoft Graph's change notifications, delta pages, users and groups, and Entra's audit log.

Rule 1: a notification names a user and has no values: a hire and a leaver both arrive as `updated`. It only causes a
fetch.
Rule 2: in Graph null is a value and absence isn't: attributes that weren't selected are left out. A user is complete
only with `accountEnabled`, which every user has; without it, and on a delta page, it is a change. So users have to be
requested with everything that is configured and `manager` expanded, and delta pages without `return=minimal`, with
which absence could mean unset or unchanged.
Rule 3: a delta page has no order among users, but may repeat one: its last entry counts.
Rule 4: a user who is missing from a page isn't gone. `@removed` and `deletedDateTime` mean gone.

learn.microsoft.com: Graph change notifications, delta query, resources user, group and changeNotification; Event Grid
for Graph events. The audit log is in `audit_log`.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, Literal

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import GONE, Fact
from streamproc.sources.assignment import take
from streamproc.sources.entra.audit_log import activity, is_record
from streamproc.sources.lenient_json import anchor, digest, items, micros, moment, parsed, record, text, unfolded
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import full_name, not_understood, read_all, read_named
from streamproc.sources.values.dates import last_day
from streamproc.sources.values.identifiers import known_identifier
from streamproc.sources.values.statuses import status
from streamproc.sources.values.unread import UNREAD, Unread

SOURCE: Final = "entra"
DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "userName": "userPrincipalName",
        "displayName": "displayName",
        "email": "mail",
        "phone": "businessPhones|mobilePhone",
        "mobile": "mobilePhone",
        "job": "jobTitle",
        "department": "department",
        "division": "employeeOrgData.division",
        "manager": "manager.id",
        "employeeNumber": "employeeId",
    },
    active=("Enabled",),  # in the place of true and false, as some that pass users on write them
    inactive=("Disabled",),
)

_RESOURCE: Final = re.compile(r"/?(user|group)s(?:/|\(')([^/')]+)", re.IGNORECASE)
"""`Users/<id>` and `users('<id>')`."""
_EVENT: Final = re.compile(r"Microsoft\.Graph\.(User|Group)(Created|Updated|Deleted)", re.IGNORECASE)
_HIDDEN: Final = True
"""In the place of a name that Graph doesn't show for want of a right: that can't be read, so others may be hidden."""
_CHANGES: Final = frozenset({"created", "updated", "deleted"})


def elements(payload: Any) -> list[Any]:
    """The notifications, log records, users or groups of a hook's body or a page, in order; else one element.

    All entries of a delta page for one user or group become one element. Each element keeps its page's context, which
    tells a part of a user from a complete one, and groups from users.
    """
    return unfolded(payload, _inside)


def read(payload: Any, receipt: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What a hook's body, log records, a page of a delta query or a list, a user or a group says."""
    return parsed(part for element in elements(payload) for part in _read(element, receipt, options))


def _inside(payload: Any) -> list[Any] | None:
    page = record(payload)
    contents = payload if isinstance(payload, list) else page.get("value", page.get("records"))
    if not isinstance(contents, list):
        return None
    context = _context(page)
    if context is None:
        return contents
    marked = [{"@odata.context": context, **element} if isinstance(element, dict) else element for element in contents]
    return _joined(marked) if "$delta" in context else marked


def _context(page: dict[str, Any]) -> str | None:
    """The page's context; a delta page whose context doesn't show it is recognised by its links."""
    context = text(page.get("@odata.context"))
    links = "".join(text(page.get(f"@odata.{name}")) or "" for name in ("nextLink", "deltaLink"))
    if "$delta" in (context or "") or ("@odata.deltaLink" not in page and "/delta" not in links):
        return context
    return (context or ("#groups" if "/groups/" in links else "#users")) + "/$delta"


def _joined(elements_: list[Any]) -> list[Any]:
    """Delta items joined by id, in the order of their last entries; later values count, members and managers add up."""
    joined: dict[str | int, Any] = {}
    for index, item in enumerate(elements_):
        key = known_identifier(record(item).get("id")) or index
        earlier = record(joined.pop(key, None))
        lists = {
            name: items(earlier[name]) + items(value)
            for name, value in record(item).items()
            if name in earlier and name.endswith("@delta")
        }
        restored = {name: value for name, value in earlier.items() if name != "@removed"}
        joined[key] = restored | item | lists if earlier else item
    return list(joined.values())


def _read(element: Any, receipt: Receipt, options: SourceOptions) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    resource = record(element)
    if "specversion" in resource:
        yield from _cloud_event(resource, receipt)
    elif "lifecycleEvent" in resource:
        yield Ignored("lifecycle", "about the subscription: renew it, and synchronise what it may have missed")
    elif "subscriptionId" in resource or "changeType" in resource:
        yield from _notification(resource, receipt)
    elif is_record(resource):
        yield from activity(resource, receipt, options)
    elif (subject := known_identifier(resource.get("id"))) is None:
        yield Ignored("not_understood", "no notification, log record, user or group")
    elif (kind := _type(resource)) == "group":
        yield from _group(resource, receipt, options)
    elif kind == "user":
        yield from _user(subject, resource, receipt, options)
    else:
        yield Ignored("type", "neither a user nor a group")


def _type(resource: dict[str, Any]) -> str:
    """`#microsoft.graph.user` is a `user`; the type of untyped ones is that of their page, or else `user`."""
    name = text(resource.get("@odata.type"))
    if name is not None:
        return name.rpartition(".")[2].casefold()
    grouped = "members@delta" in resource or "#groups" in (text(resource.get("@odata.context")) or "")
    return "group" if grouped else "user"


def _cloud_event(event: dict[str, Any], receipt: Receipt) -> Iterator[FetchRequest | Ignored]:
    """A notification through Event Grid; its `data` is what a webhook would have in `value`."""
    kind = text(event.get("type")) or ""
    if not kind.casefold().startswith("microsoft.graph."):
        yield Ignored("other_format", "a CloudEvent, but not one of Microsoft Graph")
    elif match := _EVENT.fullmatch(kind):
        data = {name: value for name, value in record(event.get("data")).items() if value is not None}
        outside = {
            "id": f"{text(event.get('source'))}#{name}" if (name := text(event.get("id"))) else None,
            "changeType": match[2],
            "resource": event.get("subject"),
            "eventTime": event.get("time"),
        }
        yield from _notification(outside | data, receipt)
    elif kind.casefold().startswith("microsoft.graph.subscription"):
        yield Ignored("lifecycle", "about the subscription: renew it, and synchronise what it may have missed")
    else:
        yield Ignored("type", "neither a user's nor a group's event")


def _notification(item: dict[str, Any], receipt: Receipt) -> Iterator[FetchRequest | Ignored]:
    change = (text(item.get("changeType")) or "").casefold()
    data = record(item.get("resourceData"))
    path = _RESOURCE.match(text(item.get("resource")) or "")
    subject = known_identifier(data.get("id")) or (known_identifier(path[2]) if path else None)
    kind = _type(data) if "@odata.type" in data or path is None else path[1].casefold()
    if text(item.get("subscriptionId")) == "NA" or change.startswith("validation"):
        yield Ignored("probe", "Graph's test of whether it reaches us")
    elif not change or kind not in {"user", "group"} or (kind == "group" and change not in _CHANGES):
        yield Ignored("type", "neither a user nor a group was created, updated or deleted")
    elif subject is None:
        yield Ignored("incomplete", "the notification names nobody")
    else:
        at = micros(data.get("eventTime") or item.get("eventTime"))
        when = moment(at, receipt.received)
        event = _event(item, data, subject, receipt)
        if kind == "user":
            yield FetchRequest(subject, event, when, change, urgent=change != "created")
            return
        named_members = {member: None for member, _ in members(data)}
        yield from (FetchRequest(member, event, when, "group updated", urgent=True) for member in named_members)
        if not named_members:
            yield Ignored("group", "a group changed: its members have to be synchronised")


def _event(item: dict[str, Any], data: dict[str, Any], subject: str, receipt: Receipt) -> str:
    """The id of a notification. Without a mark of their own, two updates of a user look alike, and still are two."""
    marks = (text(data.get(name)) for name in ("sequenceNumber", "eventTime", "@odata.etag"))
    mark = next((value for value in marks if value is not None), None)
    if mark is not None:
        return f"{text(item.get('subscriptionId'))}/{subject}/{mark}"
    return text(item.get("id")) or digest([item, receipt.received])


def members(group: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """The users in `members@delta`, and whether they are members now."""
    for member in map(record, items(group.get("members@delta"))):
        subject = known_identifier(member.get("id"))
        if subject is not None and _type(member) == "user":
            yield subject, member.get("@removed") is None


def _group(
    group: dict[str, Any], receipt: Receipt, options: SourceOptions
) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    when = receipt.received if receipt.read_at is None else receipt.read_at
    name, event, members_ = text(group.get("displayName")), digest(group), dict(members(group))
    for subject, joins in members_.items():
        if name is None:
            yield FetchRequest(subject, event, when, "group membership", urgent=not joins)
            continue
        attributes: dict[str, Fact] = {f"group:{name}": name if joins else None}
        order = (when, 0, event)
        yield SourceEvent(
            subject, event, "change", order, attributes, anchor(subject, attributes, options), reason="group membership"
        )
    if not members_:
        yield Ignored("group", "a group changed: its members have to be synchronised")


def _user(
    subject: str, item: dict[str, Any], receipt: Receipt, options: SourceOptions
) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    event = digest(item)
    order = (receipt.received if receipt.read_at is None else receipt.read_at, 0, event)
    removed = _removed(item.get("@removed"))
    if removed is UNREAD:
        yield FetchRequest(subject, event, order[0], "perhaps removed", urgent=True)
        yield not_understood(subject, "@removed", "value")
        return
    if removed:
        attributes: dict[str, Fact] = {"active": False, GONE: True}
        who = anchor(subject, attributes, options)
        yield SourceEvent(subject, event, "change", order, attributes, who, reason="removed")
        return
    user = _plain(subject, item)
    enabled = status(user.get("accountEnabled"), options.active, options.inactive)
    part = "$delta" in (text(item.get("@odata.context")) or "") or any(name.endswith("@delta") for name in item)
    complete = enabled is not None and not part
    reading = read_all(user, options) if complete else read_named(user, options)
    attributes = reading.facts
    if attributes.get("displayName", "") is None:
        attributes["displayName"] = full_name(user.get("givenName"), user.get("surname"))
    deleted = last_day(item.get("deletedDateTime"))
    if deleted is UNREAD:
        reading.take("deletedDateTime", UNREAD, "moment")
    elif deleted is not None:
        attributes[GONE], enabled = True, False
    if enabled is not None:
        reading.take("active", UNREAD if enabled and deleted is UNREAD else enabled, "status")
    holders = [holder for holder in map(record, items(item.get("memberOf"))) if _grants(holder)]
    every = complete and receipt.read_at is not None and isinstance(item.get("memberOf"), list)  # the fetch reads all
    names = [holder.get("displayName") for holder in holders]
    reading.groups([_HIDDEN if every and name is None else name for name in names], all_=every)
    unasked = take(reading, user, options) if complete else ()
    if attributes or reading.unread:
        reading.began(user.get("createdDateTime"))
    if attributes:
        kind: Literal["snapshot", "change"] = "snapshot" if complete else "change"
        who = anchor(subject, attributes, options)
        kept = (*reading.kept, *unasked) if complete else ()
        yield SourceEvent(subject, event, kind, order, attributes, who, kept=kept)
    elif not reading.unread:
        yield Ignored("incomplete", "nothing that is read here", subject)
    yield from reading.told(subject)


def _removed(mark: Any) -> bool | Unread:
    """Whether the mark says that the user is gone: `{"reason": "changed"}`, or "deleted"."""
    if isinstance(mark, dict) or mark is True or mark in ("changed", "deleted"):
        return True
    return False if mark is None or mark is False or mark == "" else UNREAD


def _grants(holder: dict[str, Any]) -> bool:
    """Whether it is a group: `memberOf` lists directory roles and administrative units as well."""
    return "@odata.type" not in holder or _type(holder) == "group"


def _plain(subject: str, item: dict[str, Any]) -> dict[str, Any]:
    """The user as paths can read it."""
    user = dict(item)
    if isinstance(phones := item.get("businessPhones"), list):
        user["businessPhones"] = phones[0] if phones else None  # as documented, it never has two
    name, prefix = text(item.get("userPrincipalName")) or "", subject.replace("-", "")
    if len(prefix) == 32 and name.casefold().startswith(prefix.casefold()):
        user["userPrincipalName"] = name[32:]  # deletion puts the id before the name
    if "manager@delta" in item:
        manager = None
        for entry in map(record, items(item["manager@delta"])):
            if entry.get("@removed") is None:
                manager = text(entry.get("id"))
            elif manager == text(entry.get("id")):
                manager = None
        user["manager"] = {"id": manager}
    return user
