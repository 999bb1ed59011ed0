"""Cells as converters write them into JSON: decimals and bits as base64, dates and times as numbers since 1970.

What a cell is the schema says, where one is sent, and else `encodings` of the options. Without either only what can't
be anything else is decoded: structures. debezium.io: "Data type mappings" of each connector; Apache Kafka:
`org.apache.kafka.connect.data.Decimal`; MongoDB's Extended JSON.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from streamproc.sources.lenient_json import items, record, text
from streamproc.sources.values.unread import UNREAD

UNAVAILABLE: Final = "__debezium_unavailable_value"
"""Replaces a value that is stored out of line and didn't change (connectors/postgresql, TOAST), also in lists."""

_UNAVAILABLE_BYTES: Final = base64.b64encode(UNAVAILABLE.encode()).decode()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BY_NAME: Final = {
    "org.apache.kafka.connect.data.Decimal": "decimal",
    "io.debezium.data.Bits": "bits",
    "io.debezium.time.Date": "days",
    "org.apache.kafka.connect.data.Date": "days",
    "io.debezium.time.Timestamp": "ms",
    "org.apache.kafka.connect.data.Timestamp": "ms",
    "io.debezium.time.MicroTimestamp": "us",
    "io.debezium.time.NanoTimestamp": "ns",
}
"""Name of a field's schema → how the field is written."""
_PER_SECOND: Final = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
_EXTENDED: Final = {"$numberLong": int, "$numberInt": int, "$numberDouble": float, "$oid": str, "$uuid": str}


class Encoding(NamedTuple):
    """How a column is written. `kind`: as in the options; `bytes`: of no further meaning."""

    kind: str
    scale: int = 0


def of_schema(schema: Any) -> dict[str, Encoding]:
    """Column → how it is written, by the converter's schema of a row; columns that are what they seem are left out."""
    encodings: dict[str, Encoding] = {}
    for field in items(record(schema).get("fields")):
        column, name, kind = (text(record(field).get(key)) for key in ("field", "name", "type"))
        if column is None:
            continue
        if name in _BY_NAME:
            scale = text(record(record(field).get("parameters")).get("scale")) or "0"
            encodings[column] = Encoding(_BY_NAME[name], int(scale) if re.fullmatch(r"-?\d{1,3}", scale) else 0)
        elif kind in {"bytes", "string"}:
            encodings[column] = Encoding("text" if kind == "string" else "bytes")
    return encodings


def of_options(encodings: Mapping[str, str]) -> dict[str, Encoding]:
    """The same by the options; columns in lower case."""
    return {
        column.casefold(): Encoding(kind, int(scale or 0))
        for column, written in encodings.items()
        for kind, _, scale in [written.partition(":")]
    }


def decoded(value: Any, encoding: Encoding | None) -> Any:
    """The value as text, a number or a truth value; dates as RFC 3339 writes them. UNREAD: it isn't what it should be.

    0 is no date: MySQL's zero dates become it.
    """
    if value is None or isinstance(value, bool) or UNAVAILABLE in str(value):
        return value
    if value == _UNAVAILABLE_BYTES:
        return UNAVAILABLE
    if isinstance(value, dict):
        return _structure(value)
    kind, scale = encoding or (None, 0)
    match kind:
        case "decimal":
            return _decimal(value, scale)
        case "bits" | "bytes":
            return _bits(value)
        case "days":
            return _day(value)
        case "ms" | "us" | "ns":
            return _moment(value, _PER_SECOND[kind])
        case _:
            return value


def may_be_encoded(value: Any) -> bool:
    """Whether a text may be base64 that no schema explains. Short ones without padding look like codes: `E100`."""
    if not isinstance(value, str) or not (written := value.strip()) or not _BASE64.fullmatch(written):
        return False
    mixed = written.upper() != written and written.lower() != written
    return bool(re.search(r"[+/=]", written)) or (mixed and len(written) <= 16)


def bit(value: Any) -> Any:
    """A single byte 0 or 1 in base64 as a number: bits and decimals alike. Anything else as it is."""
    return {"AA==": 0, "AQ==": 1}.get(value.strip(), value) if isinstance(value, str) else value


def _structure(value: dict[str, Any]) -> Any:
    """Decimals of a scale of their own (Oracle's NUMBER), and MongoDB's types; any other structure as it is."""
    if value.keys() == {"scale", "value"} and isinstance(value["scale"], int) and isinstance(value["value"], str):
        return _decimal(value["value"], value["scale"])
    if len(value) != 1:
        return value
    ((name, inner),) = value.items()
    if name == "$numberDecimal":
        return _number(inner)
    if name == "$date":
        inner = decoded(inner, None)
        return inner if isinstance(inner, str) else _moment(inner, 1_000)
    if name not in _EXTENDED:
        return value
    try:
        return _EXTENDED[name](inner)
    except (TypeError, ValueError):
        return UNREAD


def _decimal(value: Any, scale: int) -> Any:
    """Two's complement, big endian; a number, or text that is one, comes from another `decimal.handling.mode`."""
    if not isinstance(value, str):
        return value
    content = _content(value)
    if content is None or abs(scale) > 100:
        return _number(value)
    return _number(Decimal(int.from_bytes(content, "big", signed=True)).scaleb(-scale))


def _number(value: Any) -> Any:
    """A whole number as an integer, any other as text, so that none of its digits is lost."""
    try:
        number = Decimal(value)
        if not number.is_finite() or abs(number.adjusted()) > 100:
            return UNREAD
    except (ArithmeticError, TypeError, ValueError):
        return UNREAD
    return int(number) if number == number.to_integral_value() else f"{number.normalize():f}"


def _bits(value: Any) -> Any:
    """Little endian (io.debezium.data.Bits)."""
    if not isinstance(value, str):
        return value
    content = _content(value)
    return UNREAD if content is None or len(content) > 8 else int.from_bytes(content, "little")


def _day(value: Any) -> Any:
    number = _whole(value)
    if number is None:
        return value
    try:
        return (date(1970, 1, 1) + timedelta(days=number)).isoformat() if number else None
    except OverflowError:
        return UNREAD


def _moment(value: Any, per_second: int) -> Any:
    number = _whole(value)
    if number is None:
        return value
    try:
        moment = _EPOCH + timedelta(microseconds=number * 1_000_000 // per_second)
    except OverflowError:
        return UNREAD
    return moment.isoformat().replace("+00:00", "Z") if number else None


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,20}", value.strip()):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if isinstance(value, int) else None


def _content(value: str) -> bytes | None:
    try:
        return base64.b64decode(value.strip(), validate=True) or None
    except (binascii.Error, ValueError):
        return None
