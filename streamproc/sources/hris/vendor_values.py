"""The HRIS vendors whose hooks carry values: BambooHR's older ones, Merge, JumpCloud."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from streamproc.core.parsed_payload import Receipt, SourceEvent
from streamproc.core.records.change_event import Effective, Fact
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
        **{each: each for each in ("genesysQueue", "genesysLanguage", "genesysRole")},
    },
    zone_attribute="Location|work_location",
    active=("Active", "Activated"),
)


def bamboohr(employee: dict[str, Any], taken: Receipt, options: SourceOptions) -> tuple[SourceEvent | None, bool]:
    """What the fields of one employee say, and whether that is all that changed."""
    subject, action = text(employee.get("id")), (text(employee.get("action")) or "Updated").casefold()
    fields = record(employee.get("fields"))
    sent = {label: one.get("value") if isinstance(one, dict) else one for label, one in fields.items()}
    said = _sent(sent, options)
    if subject is None or action == "deleted" or not said:
        return None, False
    event, when = digest(employee), micros(employee.get("timestamp"))
    complete = all(text(label) in sent for label in items(employee.get("changedFields")))
    return _change(subject, event, when, said, action, taken, options), complete


def jumpcloud(
    body: dict[str, Any], event: str, taken: Receipt, options: SourceOptions
) -> tuple[SourceEvent | None, bool]:
    """What the changes of a user say, and whether that is all: an event without changes may be about anything."""
    subject, kind = text(at(body, "resource.id")), text(body.get("event_type")) or ""
    changes = [record(each) for each in items(body.get("changes"))]
    sent = {field: each.get("to") for each in changes if (field := text(each.get("field"))) is not None}
    said = _sent(sent, options)
    suspended = truth(sent.get("suspended"))
    if suspended is not None:
        said["active"] = not suspended and said.get("active", True)
    if subject is None or kind != "user_update" or not said:
        return None, subject is not None and kind == "user_update" and bool(sent)
    return _change(subject, event, micros(body.get("timestamp")), said, kind, taken, options), True


def merge(employee: dict[str, Any], kind: str, taken: Receipt, options: SourceOptions) -> Iterator[SourceEvent]:
    """What an Employee of Merge says: now, and what lies ahead by its dates; nothing if it was deleted remotely."""
    subject, status = text(employee.get("id")), _active(employee.get("employment_status"), options)
    if subject is None or status is None or truth(employee.get("remote_was_deleted")):
        return
    first = text(employee.get("start_date")) or text(employee.get("hire_date")) or ""
    last = text(employee.get("termination_date")) or ""
    zone = zone_of(employee, options)
    one = Employment(zone, day(first.partition("T")[0]), day(last.partition("T")[0]), status)  # Merge says midnight UTC
    event, when = digest(employee), micros(employee.get("modified_at"))
    said = _sent(employee, options) | {"active": one.works(taken.received)}
    yield replace(_change(subject, event, when, said, kind, taken, options), cancels="dates" if first else None)
    order = moment(when, taken.received)
    for turn, ahead, written in (
        ("end", one.leaving(taken.received), last),
        ("start", one.coming(taken.received), first),
    ):
        if ahead is not None:
            name = f"{event}#{turn}"
            yield SourceEvent(
                subject,
                name,
                "change",
                (order, 2, name),
                {"active": turn == "start"},
                anchor(subject, said, options),
                Effective(ahead, written, zone),
                row=f"dates/{turn}/{written.partition('T')[0]}",
                reason=turn,
            )


def _sent(sent: dict[str, Any], options: SourceOptions) -> dict[str, Fact]:
    """The facts of what is sent, null ones too; `active` only where a status is."""
    said: dict[str, Fact] = {}
    for name, path in options.attributes.items():
        found = [each.strip() for each in path.split("|") if each.strip() in sent]
        if found:
            said[name] = fact(sent[found[0]])
    if "active" in said:
        active = _active(said.pop("active"), options)
        if active is not None:
            said["active"] = active
    return said


def _active(status: Any, options: SourceOptions) -> bool | None:
    """A status is active if it is one of the configured; None: none is said."""
    word, flag = text(status), truth(status)
    if flag is not None or word is None:
        return flag
    return word.casefold() in {each.casefold() for each in options.active}


def _change(
    subject: str,
    event: str,
    when: int | None,
    said: dict[str, Fact],
    kind: str,
    taken: Receipt,
    options: SourceOptions,
) -> SourceEvent:
    """Of one moment, what takes away counts."""
    order = (moment(when, taken.received), int(said.get("active") is False), event)
    return SourceEvent(subject, event, "change", order, said, anchor(subject, said, options), reason=kind)
