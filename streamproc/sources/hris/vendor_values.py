"""HRIS vendors whose hooks have values: BambooHR's older ones, Merge, JumpCloud.

Rule 1: labels mean the same in any case, and with or without blanks: `Work Email`, `workEmail`.
Rule 2: a hook says all that changed only if everything that it names was read and understood. Else the person is
fetched, and what wasn't understood is told.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final, NamedTuple

from streamproc.core.parsed_payload import Ignored, Receipt, SourceEvent
from streamproc.core.records.change_event import Effective, Fact
from streamproc.core.records.fact_names import FROM_DATES
from streamproc.core.records.units import Micros
from streamproc.sources.employment import Employment
from streamproc.sources.lenient_json import (
    anchor,
    at,
    digest,
    is_blank,
    items,
    micros,
    moment,
    record,
    text,
    truth,
    zone_of,
)
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import Reading, full_name, single, value_of
from streamproc.sources.values.dates import calendar_day, last_day
from streamproc.sources.values.identifiers import known_identifier
from streamproc.sources.values.statuses import LEFT, status
from streamproc.sources.values.unread import UNREAD, Unread

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
        "employeeNumber": "employee_number|Employee #|Employee Number|employeeIdentifier",
        **{name: name for name in ("genesysQueue", "genesysLanguage", "genesysRole")},
    },
    zone_attribute="Location|work_location",
    active=("Active", "Activated"),
    inactive=(*LEFT, "Pending", "Staged"),  # who isn't yet
)
_FIRST: Final = ("start_date", "hire_date")
_LAST: Final = ("termination_date",)
"""Merge's dates, which say midnight UTC."""
_NAMES: Final = ("firstname", "lastname")


_FORM: Final = re.compile(r"employees\[([^\]]+)\]\[([^\]]+)\](?:\[\d*\])?")


class Said(NamedTuple):
    """What a hook with values says."""

    event: SourceEvent | None
    ignored: tuple[Ignored, ...]
    complete: bool
    """Nothing else changed, and all was understood."""


def with_employees(form: dict[str, Any]) -> dict[str, Any]:
    """BambooHR's fields of a form (`employees[12345][First Name]`) as its JSON has them; any other body as it is."""
    named = [(match, value) for name, value in form.items() if (match := _FORM.fullmatch(name))]
    if not named:
        return form
    employees: dict[str, dict[str, Any]] = {}
    for match, value in named:
        employee = employees.setdefault(match[1], {"id": match[1], "changedFields": [], "fields": {}})
        if match[2] == "changedFields":
            employee["changedFields"] += items(value)
        elif match[2] in {"action", "timestamp", "id"}:
            employee[match[2]] = single(value)
        else:
            employee["fields"][match[2]] = single(value)
    return {name: value for name, value in form.items() if not _FORM.fullmatch(name)} | {
        "employees": list(employees.values())
    }


def bamboohr(employee: dict[str, Any], receipt: Receipt, options: SourceOptions) -> Said:
    """What the fields of one employee say."""
    subject = known_identifier(at(employee, "id|employeeId"))
    action = (text(employee.get("action")) or "Updated").casefold()
    fields = record(employee.get("fields"))
    sent = {label: field.get("value") if isinstance(field, dict) else field for label, field in fields.items()}
    reading, read = _sent(sent, options)
    if subject is None or action == "deleted" or not (reading.facts or reading.unread):
        return Said(None, (), complete=False)
    event, when = digest(employee), micros(employee.get("timestamp"))
    changed = {_label(text(label) or "") for label in items(employee.get("changedFields"))}
    told = tuple(reading.told(subject))
    complete = bool(changed) and changed <= read and not told
    change = _change(subject, event, when, reading.facts, action, receipt, options) if reading.facts else None
    return Said(change, told, complete)


def jumpcloud(body: dict[str, Any], event: str, receipt: Receipt, options: SourceOptions) -> Said:
    """What the changes of a user say: an event without changes may mean anything."""
    subject, kind = known_identifier(at(body, "resource.id")), (text(body.get("event_type")) or "").casefold()
    changes = [record(change) for change in items(body.get("changes"))]
    sent = {field: change.get("to") for change in changes if (field := text(change.get("field"))) is not None}
    reading, read = _sent(sent, options)
    if (value := sent.get("suspended")) is not None:
        suspended = truth(value)
        if suspended is None:
            reading.take("active", UNREAD, "status")
        elif suspended or "active" not in reading.unread:
            reading.facts["active"] = not suspended and reading.facts.get("active", True)
            read.add("suspended")
    if subject is None or kind != "user_update" or not (reading.facts or reading.unread):
        return Said(None, (), complete=False)
    told = tuple(reading.told(subject))
    change = None
    if reading.facts:
        change = _change(subject, event, micros(body.get("timestamp")), reading.facts, kind, receipt, options)
    named = len(sent) == len(changes)  # a change that names no field may be any
    return Said(change, told, complete=named and {_label(field) for field in sent} <= read and not told)


def merge(
    employee: dict[str, Any], kind: str, receipt: Receipt, options: SourceOptions
) -> Iterator[SourceEvent | Ignored]:
    """What Merge's Employee says: of now, and by its dates of later; nothing if it was deleted remotely."""
    subject = known_identifier(employee.get("id"))
    if subject is None or text(employee.get("employment_status")) is None or truth(employee.get("remote_was_deleted")):
        return
    reading, _ = _sent(employee, options)
    first, last = (_day(reading, employee, columns, options) for columns in (_FIRST, _LAST))
    zone, active = zone_of(employee, options), reading.facts.get("active")
    known = isinstance(active, bool) and not {*_FIRST, *_LAST} & reading.unread.keys()
    employment = Employment(zone, first, last, active if isinstance(active, bool) else None)
    works = employment.works(receipt.received)
    if works is False or (known and works is True):
        reading.facts["active"] = works
    elif active is True:
        del reading.facts["active"]
    event, when = digest(employee), micros(employee.get("modified_at"))
    change = _change(subject, event, when, reading.facts, kind, receipt, options)
    yield replace(change, cancels=FROM_DATES if known and first else None)
    yield from reading.told(subject)
    if not known:
        return
    order = moment(when, receipt.received)
    for turn, ahead, columns in (
        ("end", employment.leaving(receipt.received), _LAST),
        ("start", employment.coming(receipt.received), _FIRST),
    ):
        if ahead is not None:
            written = next(filter(None, (text(employee.get(column)) for column in columns)), "")
            name = f"{event}#{turn}"
            yield SourceEvent(
                subject,
                name,
                "change",
                (order, 2, name),
                {"active": turn == "start"},
                change.anchor,
                Effective(ahead, written, zone),
                row=f"{FROM_DATES}/{turn}/{written.partition('T')[0]}",
                reason=turn,
            )


def _sent(sent: Mapping[str, Any], options: SourceOptions) -> tuple[Reading, set[str]]:
    """The facts that are sent, including nulls, `active` only with a status; and the labels that were read."""
    by_label = {_label(label): value for label, value in sent.items()}
    reading, read = Reading(), set[str]()
    for name, path in options.attributes.items():
        labels = [label for label in map(_label, path.split("|")) if label in by_label]
        if not labels:
            continue
        read.update(labels)
        label = next((label for label in labels if not is_blank(by_label[label])), labels[0])
        value = by_label[label]
        if name != "active":
            reading.take(name, *value_of(name, value, options))
            continue
        active = status(value, options.active, options.inactive)
        if active is None:
            read.discard(label)  # a status that isn't there says nothing
        else:
            reading.take(name, active, "status")
    if by_label.keys() >= set(_NAMES):
        read.update(_NAMES)
        if reading.facts.get("displayName") is None and "displayName" not in reading.unread:
            reading.facts["displayName"] = full_name(*(by_label[name] for name in _NAMES))
    return reading, read


def _label(label: str) -> str:
    """In the spelling in which labels are compared (rule 1)."""
    return re.sub(r"[\s_]+", "", label.casefold())


def _day(reading: Reading, employee: Mapping[str, Any], columns: Iterable[str], options: SourceOptions) -> date | None:
    """The first day that is written in one of the columns; what isn't one is told."""
    for column in columns:
        day = (last_day if column in _LAST else calendar_day)(employee.get(column), options.dates)
        if isinstance(day, Unread):
            reading.unread[column] = "date"
            return None
        if day is not None:
            return day
    return None


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
