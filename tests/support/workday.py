"""Rows of Workday's report, and what they say at a moment."""

import json
from datetime import timedelta
from typing import Any

from streamproc.core.parsed_payload import ParsedPayload, Receipt
from streamproc.core.records.units import Micros
from streamproc.sources.lenient_json import EPOCH, micros
from streamproc.sources.workday import DEFAULTS, read
from tests.support.paths import PAYLOADS

FIXTURES = PAYLOADS / "workday"
OPTIONS = DEFAULTS.model_copy(
    update={
        "zones": {
            "Melbourne Office": "Australia/Melbourne",
            "Honolulu Office": "Pacific/Honolulu",
            "Berlin Office": "Europe/Berlin",
        }
    }
)


NOON = "2026-05-01T12:00:00Z"


def fixture(name: str) -> Any:
    """A constructed payload."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def us(moment: str) -> int:
    """µs since 1970."""
    micros_ = micros(moment)
    assert micros_ is not None
    return micros_


def at(payload: Any, moment: str = NOON) -> ParsedPayload:
    """What a payload says that was fetched at a moment."""
    return read(payload, Receipt(received=Micros(us(moment)), read_at=Micros(us(moment))), OPTIONS)


def row(**changes: Any) -> dict[str, Any]:
    """A report's row of one who works in Melbourne; `...` leaves a column out."""
    row_ = {
        "Employee_ID": "21001",
        "Preferred_Name": "Ana Ruiz",
        "Worker_Status": "Active",
        "Hire_Date": "2024-02-01",
        "Location": "Melbourne Office",
    } | changes
    return {name: value for name, value in row_.items() if value is not ...}


def utc(when: int) -> str:
    """The moment in words."""
    return (EPOCH + timedelta(microseconds=when)).isoformat().replace("+00:00", "Z")


def event(**changes: Any) -> dict[str, Any]:
    """Ana's termination, published by an integration; `...` leaves a field out."""
    event_ = fixture("business_events")[0] | changes
    return {name: value for name, value in event_.items() if value is not ...}


def published(received: str = NOON, **changes: Any) -> ParsedPayload:
    """What a business event says."""
    return read(event(**changes), Receipt(Micros(us(received))), OPTIONS)
