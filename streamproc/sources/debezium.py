"""Source `debezium`: rows of an HR table, in the change events of Debezium's connectors for relational databases.

Rule 1: a row sets the columns that it has, and no others: several tables may describe a person. A row that was read
by a snapshot (`op: r`) is a row like any other, and no hire.
Rule 2: a deleted row isn't a leaver. Rows are deleted when a table is archived, and a row whose key changes is deleted
and inserted again.
Rule 3: a placeholder for a value that the database didn't log says nothing.
Rule 4: order is the database's clock, then its log position. Kafka keeps the order of one key's rows, but after a
restart a connector sends old changes again.

debezium.io: connectors' change events, "Event flattening", "CloudEvents converter".
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from streamproc.core.parsed_payload import Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import Fact, Order
from streamproc.core.records.units import Micros, Millis, micros_of
from streamproc.sources.lenient_json import (
    anchor,
    at,
    digest,
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

SOURCE: Final = "debezium"
DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "subject": "employee_id|employee_number|id",  # the key, not a fact
        "userName": "user_name|username|work_email|email",
        "displayName": "display_name|full_name|name",
        "active": "active|is_active|employment_status|status",
        "email": "work_email|email",
        "phone": "work_phone|phone",
        "job": "job_title|title|job",
        "department": "department|department_name",
        "division": "division",
        "manager": "manager_id|manager",
        "employeeNumber": "employee_number|employee_id",
        "genesysQueue": "genesys_queue",
        "genesysLanguage": "genesys_language",
        "genesysRole": "genesys_role",
    },
    active=("active", "leave", "on leave", "on_leave"),  # people on leave haven't left
)

UNAVAILABLE: Final = "__debezium_unavailable_value"
"""Replaces a value that is stored out of line and didn't change (connectors/postgresql, TOAST), also in lists."""
POSITION: Final = ("gtid", "file", "pos", "row", "lsn", "changelsn", "commitlsn", "eventserialno", "scn")
"""Connectors' names for a position in the database's log, in the spelling of `_respelled`."""
HIGHEST: Final = 2**63

_CLOUD_EVENT: Final = re.compile(r"io\.debezium\..*\bdatachangeevent", re.IGNORECASE)
_NEW_KEY: Final = "__debezium.newkey"
"""Header of a deletion that is one half of a change of the row's key."""


def elements(payload: Any) -> list[Any]:
    """The change events of a list, in order; anything else is one."""
    return unfolded(payload, lambda value: value if isinstance(value, list) else None)


def read(payload: Any, receipt: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What a record says: a change event in its envelope, with or without schema, flattened, or a CloudEvent."""
    return parsed(part for element in elements(payload) for part in _read(element, receipt, options))


def _read(element: Any, receipt: Receipt, options: SourceOptions) -> Iterator[SourceEvent | Ignored]:
    change = _unwrapped(element)
    if change is None:
        yield Ignored("noise", "a tombstone: it follows a deletion, for compaction")
        return
    if not isinstance(change, dict):
        yield Ignored("not_understood", "neither a change event nor a row")
        return
    if "specversion" in change:
        if not _CLOUD_EVENT.fullmatch(text(change.get("type")) or ""):
            yield Ignored("other_format", "a CloudEvent, but not one of Debezium")
            return
        change = _cloud_event(change)
    elif "op" not in change or "__op" in change:
        change = _flattened(change)
    operation, source = text(change.get("op")), _respelled(record(change.get("source")))
    row = record(change.get("before" if operation == "d" else "after"))
    subject = text(at(row, options.attributes.get("subject", DEFAULTS.attributes["subject"])))
    if operation == "d":
        reason = "the row goes on under another key" if _NEW_KEY in receipt.headers else "a deleted row isn't a leaver"
        yield Ignored("deleted_row", reason, subject)
    elif operation in {"t", "m"}:
        yield Ignored("type", "neither a row nor a change of one")
    elif operation not in {"c", "u", "r"}:
        yield Ignored("not_understood", "an operation that Debezium doesn't have")
    elif subject is None or subject == UNAVAILABLE:
        yield Ignored("incomplete", "no row, or one without its key")
    else:
        event = _event(subject, operation, source) or digest(element)
        when = moment(_micros(source.get("tsms")) or _micros(change.get("ts_ms")), receipt.received)
        yield from _row(subject, row, (when, _sequence(source), event), options)


def _row(subject: str, row: Mapping[str, Any], order: Order, options: SourceOptions) -> Iterator[SourceEvent | Ignored]:
    columns = named(row, options)
    columns.pop("subject", None)
    if "displayName" not in columns and "first_name" in row and "last_name" in row:
        columns["displayName"] = " ".join(filter(None, (text(row["first_name"]), text(row["last_name"])))) or None
    attributes = {name: value for name, value in columns.items() if UNAVAILABLE not in str(value)}
    if attributes.get("active") is not None:
        active = _active(attributes.pop("active"), options.active)
        if active is None:
            yield Ignored("not_understood", "neither true nor false, and no statuses are configured", subject)
        else:
            attributes["active"] = active
    if attributes:
        yield SourceEvent(subject, order[2], "change", order, attributes, anchor(subject, attributes, options))
    else:
        yield Ignored("incomplete", "no column that is read here", subject)


def _active(value: Fact, statuses: tuple[str, ...]) -> bool | None:
    word = (text(value) or "").casefold()
    if word in {status.casefold() for status in statuses}:
        return True
    flag = truth(value)
    return False if flag is None and statuses else flag


def _unwrapped(value: Any) -> Any:
    """Without the converter's schema."""
    return value["payload"] if isinstance(value, dict) and {"payload"} <= set(value) <= {"schema", "payload"} else value


def _cloud_event(event: dict[str, Any]) -> dict[str, Any]:
    """As an envelope. Fields of `source`, where they are sent at all, are separate attributes, as text."""
    data = record(_unwrapped(event.get("data")))
    prefix = "iodebezium"
    source = {name.removeprefix(prefix): value for name, value in event.items() if name.startswith(prefix)}
    operation = source.get("op") or ("d" if data.get("after") is None else "u")
    when = micros(event.get("time"))
    return data | {"op": operation, "source": source, "ts_ms": None if when is None else when // 1000}


def _flattened(row: dict[str, Any]) -> dict[str, Any]:
    """A flattened row as an envelope; `__` fields are those that the transformation is configured to add."""
    added = {name[2:]: value for name, value in row.items() if name.startswith("__")}
    source = {name.removeprefix("source_"): value for name, value in added.items() if name.startswith("source_")}
    deleted = truth(added.get("deleted")) or added.get("op") == "d"
    operation = "d" if deleted else text(added.get("op")) or "u"
    return {"op": operation, "before": row, "after": row, "source": added | source}


def _respelled(source: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `source` in one spelling: `ts_ms` is `tsms`, as in CloudEvents' attributes."""
    return {name.replace("_", "").casefold(): value for name, value in source.items()}


def _event(subject: str, operation: str, source: Mapping[str, Any]) -> str | None:
    """The position in the log, and the row: rows of one snapshot or statement share a position."""
    positions = [position for position in (text(source.get(name)) for name in POSITION) if position is not None]
    table = [text(source.get(name)) or "" for name in ("name", "db", "schema", "table")]
    return "/".join([*table, subject, *positions, operation]) if positions else None


def _sequence(source: Mapping[str, Any]) -> int:
    """The position in the log as a number: PostgreSQL's LSN, MySQL's file and position, Oracle's SCN; else 0.

    MySQL's positions restart in each file, and its clock has whole seconds.
    """
    lsn, pos, scn = (_natural(source.get(name)) for name in ("lsn", "pos", "scn"))
    file = _natural((text(source.get("file")) or "").rpartition(".")[2]) or 0
    return next((number for number in (lsn, pos and (file << 40) + pos, scn) if number and number < HIGHEST), 0)


def _micros(milliseconds: Any) -> Micros | None:
    """µs of ms; 0, as some snapshots have it, isn't a time."""
    number = _natural(milliseconds)
    return micros_of(Millis(number)) if number else None


def _natural(value: Any) -> int | None:
    """A number that isn't negative, also as text."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
