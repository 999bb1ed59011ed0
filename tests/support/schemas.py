"""Validators of the committed schemas, and events that they judge."""

import json
from copy import deepcopy
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from streamproc import topics
from streamproc.core.errors import RejectedInputError
from streamproc.core.records.change_event import Origin
from streamproc.core.records.units import Millis
from streamproc.sources.hris import contract
from tests.support.paths import REPOSITORY

FOLDER = REPOSITORY / "schemas"
APPENDED = 1_790_000_000_000
OURS = [topic for topic in topics.TOPICS if topic.value is not None]
"""Those whose values are described: what a source's hook or API sends is the source's own."""


def on_calendar(value: object) -> bool:
    """The part of `format: date-time` that the pattern leaves open: whether the day exists."""
    if isinstance(value, str):
        datetime.fromisoformat(value.upper())
    return True


formats = FormatChecker(())
formats.checks("date-time", raises=ValueError)(on_calendar)


@cache
def validator(name: str, part: str = "") -> Draft202012Validator:
    """A validator of a committed file, or of a part of it."""
    schema = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    registry: Registry[Any] = Registry().with_resource(schema["$id"], Resource.from_contents(schema))
    return Draft202012Validator({"$ref": schema["$id"] + part}, registry=registry, format_checker=formats)


def accepts(value: Any, name: str = "events.hris.schema.json", part: str = "") -> bool:
    """Whether the committed schema accepts the value."""
    return bool(validator(name, part).is_valid(value))


def worker_accepts(event: Any, headers: dict[str, bytes] | None = None) -> bool:
    """Whether the worker's parser accepts the value."""
    return rejected(event, headers) is None


def rejected(event: Any, headers: dict[str, bytes] | None = None) -> str | None:
    """The code with which the worker's parser rejects the value."""
    try:
        contract.parse(orjson.dumps(event), headers or {}, Origin("events.hris", 0, 7, Millis(APPENDED)))
    except RejectedInputError as error:
        return error.code
    return None


def event(**changed: Any) -> dict[str, Any]:
    """A valid snapshot, changed at the top level."""
    plain = {
        "id": "hr-1",
        "type": "snapshot",
        "subject": "E1001",
        "time": "2026-03-02T09:00:00+01:00",
        "sequence": 3,
        "effective": "2026-03-02T00:00:00Z",
        "reason": None,
        "attributes": {
            "userName": "ana.ruiz@example.com",
            "displayName": "Ana Ruiz",
            "active": True,
            "job": "Agent",
            "department": "Spanish Support",
            "division": "Care",
            "phone": None,
            "manager": "E2001",
            "custom": {"genesysLanguage": ["Spanish:4"], "genesysQueue": "Billing", "level": 2, "by": {"Spanish": 4.5}},
        },
    }
    return plain | changed


def change(**attributes: Any) -> dict[str, Any]:
    """A valid change that says these attributes."""
    return event(type="change", attributes=attributes)


def cloudevent(kind: str = "snapshot", **changed: Any) -> dict[str, Any]:
    """A valid CloudEvent in structured mode, changed at the top level."""
    plain = event() if kind == "snapshot" else change(active=False)
    envelope = {name: plain.pop(name) for name in ("id", "subject", "time")}
    plain.pop("type")
    return {
        "specversion": "1.0",
        "type": f"streamproc.user.{kind}.v1",
        "source": "/hris/emea",
        **envelope,
        "datacontenttype": "application/json",
        "data": plain,
    } | changed


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    """The event without one of its attributes."""
    copy = deepcopy(value)
    del copy["attributes"][name]
    return copy


MISTAKES: dict[str, Any] = {
    **{f"snapshot without {name}": without(event(), name) for name in contract.COMPLETE},
    **{f"without {name}": {k: v for k, v in event().items() if k != name} for name in ("id", "type", "subject")},
    "without time": {name: value for name, value in event().items() if name != "time"},
    "no attributes": change(),
    "snapshot of nothing": event(attributes={}),
    "attributes missing": {name: value for name, value in event().items() if name != "attributes"},
    "unknown type": event(type="delete"),
    "type due": event(type="due"),
    "unknown field": event(operation="update"),
    "unknown attribute": change(salary=1),
    "active as text": change(active="false"),
    "active null": change(active=None),
    "userName null": change(userName=None),
    "userName empty": change(userName=""),
    "userName blank": change(userName="  "),
    "displayName too long": change(displayName="x" * 257),
    "department as number": change(department=7),
    "department too long": change(department="x" * 1025),
    "custom as list": change(custom=["Spanish"]),
    "custom null": change(custom=None),
    "custom nested too deeply": change(custom={"genesysLanguage": {"Spanish": {"level": 4}}}),
    "custom name empty": change(custom={"": "x"}),
    "custom name of a standard attribute": change(custom={"active": True}),
    "custom in custom": change(custom={"custom": "x"}),
    "subject empty": event(subject=""),
    "subject blank": event(subject=" "),
    "subject as number": event(subject=1001),
    "id too long": event(id="x" * 257),
    "time without zone": event(time="2026-03-02T09:00:00"),
    "time without time": event(time="2026-03-02"),
    "time as number": event(time=1772442000),
    "time as digits": event(time="1772442000"),
    "time on no calendar": event(time="2026-02-30T09:00:00Z"),
    "time in a leap second": event(time="2026-06-30T23:59:60Z"),
    "time null": event(time=None),
    "effective without zone": event(effective="2026-03-02T09:00:00"),
    "sequence negative": event(sequence=-1),
    "sequence too great": event(sequence=2**53),
    "sequence as text": event(sequence="1"),
    "sequence with a fraction": event(sequence=1.5),
    "sequence null": event(sequence=None),
    "reason as object": event(reason={"code": 1}),
    "a list": [event()],
    "a text": "event",
    "nothing": None,
}


CLOUDEVENT_MISTAKES: dict[str, Any] = {
    **{
        f"without {name}": {k: v for k, v in cloudevent().items() if k != name}
        for name in ("specversion", "type", "source", "id", "subject", "time", "data")
    },
    "another version": cloudevent(specversion="0.3"),
    "another type": cloudevent(type="com.example.user.changed"),
    "incomplete snapshot": cloudevent() | {"data": cloudevent("change")["data"]},
    "data as text": cloudevent(data="e30="),
    "sequence as the extension has it": cloudevent(data={"attributes": {"active": False}, "sequence": "0001"}),
}
