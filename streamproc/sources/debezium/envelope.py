"""The forms of a change event, as one: in its envelope, with or without a schema, flattened, or in a CloudEvent.

debezium.io: connectors' change events, "Event flattening", "CloudEvents converter".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from streamproc.core.parsed_payload import Ignored
from streamproc.sources.debezium.encoded import Encoding, of_schema
from streamproc.sources.lenient_json import items, json_text, micros, record, text, truth

_CLOUD_EVENT: Final = re.compile(r"io\.debezium\..*\bdatachangeevent", re.IGNORECASE)
_TRANSACTION: Final = frozenset({"status", "id", "event_count", "data_collections"})
"""Fields of the transactions' topic, whose ids are nobody's."""
_TOMBSTONE: Final = Ignored("noise", "a tombstone: it follows a deletion, for compaction")
_STRANGE: Final = Ignored("not_understood", "neither a change event nor a row")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one row."""

    operation: str
    row: dict[str, Any]
    """As it is now; of a deleted one as it was, or its key alone."""
    source: dict[str, Any]
    """Where it comes from, in one spelling: `ts_ms` is `tsms`, as in CloudEvents' attributes."""
    milliseconds: Any
    """Since 1970, of when the connector had it, as sent."""
    encodings: dict[str, Encoding]
    """By the schema, if it came along."""


def change_of(element: Any) -> Change | Ignored:
    """The change; or why there is none."""
    schema, change = _unwrapped(element)
    if change is None:
        return _TOMBSTONE
    if not isinstance(change, dict):
        return _STRANGE
    if "specversion" in change:
        if not _CLOUD_EVENT.fullmatch(text(change.get("type")) or ""):
            return Ignored("other_format", "a CloudEvent, but not one of Debezium")
        schema, data = _unwrapped(json_text(change.get("data")))
        change = _cloud_event(change, record(data))
    elif "ddl" in change or change.keys() >= _TRANSACTION:
        return Ignored("type", "a transaction's beginning or end, or a change of a schema")
    elif "op" not in change or "__op" in change:
        return _flattened(change, of_schema(schema))
    operation = (text(change.get("op")) or "").casefold()
    side = "before" if operation == "d" else "after"
    row = record(json_text(change.get(side)))  # MongoDB's documents are text
    encodings = next((of_schema(each) for each in _fields(schema) if record(each).get("field") == side), {})
    return Change(operation, row, respelled(record(change.get("source"))), change.get("ts_ms"), encodings)


def respelled(source: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `source` in one spelling."""
    return {name.replace("_", "").casefold(): value for name, value in source.items()}


def _unwrapped(value: Any) -> tuple[Any, Any]:
    """The converter's schema, and what it wraps."""
    if isinstance(value, dict) and {"payload"} <= set(value) <= {"schema", "payload"}:
        return value.get("schema"), value["payload"]
    return None, value


def _fields(schema: Any) -> list[Any]:
    return items(record(schema).get("fields"))


def _cloud_event(event: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """As an envelope. Fields of `source`, where they are sent at all, are separate attributes, as text."""
    prefix = "iodebezium"
    source = {name.removeprefix(prefix): value for name, value in event.items() if name.startswith(prefix)}
    operation = source.get("op") or ("d" if data.get("after") is None else "u")
    when = micros(event.get("time"))
    return data | {"op": operation, "source": source, "ts_ms": None if when is None else when // 1000}


def _flattened(row: dict[str, Any], encodings: dict[str, Encoding]) -> Change:
    """A flattened row; `__` fields are those that the transformation is configured to add."""
    added = {name[2:]: value for name, value in row.items() if name.startswith("__")}
    source = {name.removeprefix("source_"): value for name, value in added.items() if name.startswith("source_")}
    operation = (text(added.get("op")) or "u").casefold()
    operation = "d" if truth(added.get("deleted")) else operation
    columns = {name: value for name, value in row.items() if not name.startswith("__")}
    return Change(operation, columns, respelled(added | source), added.get("ts_ms"), encodings)
