"""Payloads of Microsoft Graph and of Entra's audit log."""

import json
from typing import Any

from streamproc.core.parsed_payload import FetchRequest, Receipt, SourceEvent
from streamproc.core.records.units import Micros
from streamproc.sources.entra import DEFAULTS, read
from tests.support.paths import PAYLOADS

FIXTURES = PAYLOADS / "entra"


ANA, BEN, CY, LEE = (f"00000000-0000-4000-8000-00000000000{last}" for last in "1239")


NOON = 1_772_452_800_000_000  # 2026-03-02T12:00:00Z
TAKEN = Receipt(received=Micros(NOON + 5_000_000))


def fixture(name: str) -> Any:
    """A constructed payload."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def without(payload: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The same with changes; `...` leaves a field out."""
    return {name: value for name, value in (payload | changes).items() if value is not ...}


def activity(operation: str, *changed: tuple[str, str | None], **properties: Any) -> dict[str, Any]:
    """A record of the audit log about Ana; `changed` are attributes with their new value."""
    modified = [{"displayName": name, "oldValue": None, "newValue": value} for name, value in changed]
    user = {"id": ANA, "type": "User", "displayName": None, "modifiedProperties": modified}
    record = {
        "id": "Directory_1",
        "category": "UserManagement",
        "result": "success",
        "activityDisplayName": operation,
        "activityDateTime": "2026-03-02T12:00:00.0000000+00:00",
        "targetResources": [user],
    }
    return {"category": "AuditLogs", "operationName": operation, "properties": without(record, **properties)}


def one_said(payload: Any, taken: Receipt = TAKEN, **options: Any) -> SourceEvent:
    """The one thing that a payload says, and nothing beside it."""
    parsed = read(payload, taken, DEFAULTS.model_copy(update=options))
    assert (parsed.notifications, parsed.ignored) == ((), ())
    (event,) = parsed.events
    return event


def one_notice(payload: Any) -> FetchRequest:
    """The one subject to fetch, and nothing beside it."""
    parsed = read(payload, TAKEN)
    assert (parsed.events, parsed.ignored) == ((), ())
    (notice,) = parsed.notifications
    return notice


def codes(payload: Any) -> list[str]:
    """Why nothing of a payload means anything here."""
    found = read(payload, TAKEN)
    assert (found.events, found.notifications) == ((), ())
    return [each.code for each in found.ignored]
