"""HRIS vendors whose hooks have values: BambooHR's older ones, Merge, JumpCloud."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from streamproc.core.parsed_payload import Receipt, SourceEvent
from streamproc.core.records.change_event import Effective, Fact
from streamproc.core.records.units import Micros
from streamproc.sources.employment import Employment
from streamproc.sources.lenient_json import (
    anchor,
    at,
    day,
    digest,
    fact,
    items,
    micros,
    moment,
    record,
    text,
    truth,
    zone_of,
)
from streamproc.sources.options import SourceOptions

DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={  # Merge's Employee | BambooHR's labels | JumpCloud's fields
        "userName": "work_email|Work Email|email",
        "displayName": "display_full_name|Display Name|displayname",
        "active": "employment_status|Status|state",
        "email": "work_email|Work Email|email",
        "phone": "mobile_phone_number|Work Phone",
        "job": "Job Title|jobTitle",
        "department": "Department|department",
        "division": "Division",
        "manager": "manager|Reporting to",
        "employeeNumber": "employee_number|Employee #|employeeIdentifier",
        **{name: name for name in ("genesysQueue", "genesysLanguage", "genesysRole")},
    },
    zone_attribute="Location|work_location",
    active=("Active", "Activated"),
)


def bamboohr(employee: dict[str, Any], receipt: Receipt, options: SourceOptions) -> tuple[SourceEvent | None, bool]:
    """What the fields of one employee say, and whether nothing else changed."""
    subject, action = text(employee.get("id")), (text(employee.get("action")) or "Updated").casefold()
    fields = record(employee.get("fields"))
    sent = {label: field.get("value") if isinstance(field, dict) else field for label, field in fields.items()}
    attributes = _sent(sent, options)
    if subject is None or action == "deleted" or not attributes:
        return None, False
    event, when = digest(employee), micros(employee.get("timestamp"))
    complete = all(text(label) in sent for label in items(employee.get("changedFields")))
    return _change(subject, event, when, attributes, action, receipt, options), complete


def jumpcloud(
    body: dict[str, Any], event: str, receipt: Receipt, options: SourceOptions
) -> tuple[SourceEvent | None, bool]:
    """What the changes of a user say, and whether nothing else changed: an event without changes may mean anything."""
    subject, kind = text(at(body, "resource.id")), text(body.get("event_type")) or ""
    changes = [record(change) for change in items(body.get("changes"))]
    sent = {field: change.get("to") for change in changes if (field := text(change.get("field"))) is not None}
    attributes = _sent(sent, options)
    suspended = truth(sent.get("suspended"))
    if suspended is not None:
        attributes["active"] = not suspended and attributes.get("active", True)
    if subject is None or kind != "user_update" or not attributes:
        return None, subject is not None and kind == "user_update" and bool(sent)
    return _change(subject, event, micros(body.get("timestamp")), attributes, kind, receipt, options), True


def merge(employee: dict[str, Any], kind: str, receipt: Receipt, options: SourceOptions) -> Iterator[SourceEvent]:
    """What Merge's Employee says: of now, and by its dates of later; nothing if it was deleted remotely."""
    subject, status = text(employee.get("id")), _active(employee.get("employment_status"), options)
    if subject is None or status is None or truth(employee.get("remote_was_deleted")):
        return
    first = text(employee.get("start_date")) or text(employee.get("hire_date")) or ""
    last = text(employee.get("termination_date")) or ""
    zone = zone_of(employee, options)
    employment_ = Employment(
        zone, day(first.partition("T")[0]), day(last.partition("T")[0]), status
    )  # Merge says midnight UTC
    event, when = digest(employee), micros(employee.get("modified_at"))
    attributes = _sent(employee, options) | {"active": employment_.works(receipt.received)}
    yield replace(_change(subject, event, when, attributes, kind, receipt, options), cancels="dates" if first else None)
    order = moment(when, receipt.received)
    for turn, ahead, written in (
        ("end", employment_.leaving(receipt.received), last),
        ("start", employment_.coming(receipt.received), first),
    ):
        if ahead is not None:
            name = f"{event}#{turn}"
            yield SourceEvent(
                subject,
                name,
                "change",
                (order, 2, name),
                {"active": turn == "start"},
                anchor(subject, attributes, options),
                Effective(ahead, written, zone),
                row=f"dates/{turn}/{written.partition('T')[0]}",
                reason=turn,
            )


def _sent(sent: dict[str, Any], options: SourceOptions) -> dict[str, Fact]:
    """The facts that are sent, including nulls; `active` only with a status."""
    attributes: dict[str, Fact] = {}
    for name, path in options.attributes.items():
        labels = [label.strip() for label in path.split("|") if label.strip() in sent]
        if labels:
            attributes[name] = fact(sent[labels[0]])
    if "active" in attributes:
        active = _active(attributes.pop("active"), options)
        if active is not None:
            attributes["active"] = active
    return attributes


def _active(status: Any, options: SourceOptions) -> bool | None:
    """A status is active if it is one of the configured ones; None: there is no status."""
    word, flag = text(status), truth(status)
    if flag is not None or word is None:
        return flag
    return word.casefold() in {configured.casefold() for configured in options.active}


def _change(
    subject: str,
    event: str,
    when: Micros | None,
    attributes: dict[str, Fact],
    kind: str,
    receipt: Receipt,
    options: SourceOptions,
) -> SourceEvent:
    """Of two changes at one moment the one that removes access counts."""
    order = (moment(when, receipt.received), int(attributes.get("active") is False), event)
    return SourceEvent(subject, event, "change", order, attributes, anchor(subject, attributes, options), reason=kind)
