"""A value's bytes → its JSON, or why it isn't JSON: encodings, a schema registry's framing, what was compressed.

JSON Schema's serializers put JSON behind the schema's id, or behind nothing where the id stands in a header; both are
read, and the id isn't looked up: the parsers check what they read. Framing is Confluent's (byte 0 and 4 bytes, or byte
1 and 16), Apicurio's (byte 0 and 8 bytes) and AWS Glue's (bytes 3 and 0, and 16 bytes).
"""

import json
from collections.abc import Iterable
from typing import Any, Final

import orjson

from streamproc.core.parsed_payload import Ignored

SCHEMA_ID: Final = frozenset({"__value_schema_id", "apicurio.value.globalid", "apicurio.value.contentid"})
"""Headers with the value's schema, in lower case."""
_BOM: Final = b"\xef\xbb\xbf"
_FRAMES: Final = ((b"\0", 5), (b"\0", 9), (b"\1", 17), (b"\3\0", 18))
"""How framing begins, and how long it is."""
_STRANGE: Final = (
    (b"Obj\1", "Avro: a container file"),
    (b"\x1f\x8b", "compressed with gzip within the value: let the producer compress (compression.type)"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd within the value: let the producer compress (compression.type)"),
    (b"\x04\x22\x4d\x18", "compressed with lz4 within the value: let the producer compress (compression.type)"),
    (b"\x82SNAPPY\0", "compressed with snappy within the value: let the producer compress (compression.type)"),
    (b"\x03\x05", "AWS Glue's framing, compressed: switch that off"),
    (b"\xac\xed\0\5", "a serialized Java object"),
    (b"<", "XML or HTML"),
)
_WIDE: Final = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"{\0\0\0", "UTF-32"),
    (b"[\0\0\0", "UTF-32"),
    (b"\0\0\0{", "UTF-32"),
    (b"\0\0\0[", "UTF-32"),
    (b"{\0", "UTF-16"),
    (b"[\0", "UTF-16"),
    (b"\0{\0", "UTF-16"),
    (b"\0[\0", "UTF-16"),
)


def json_of(value: bytes, headers: Iterable[str] = ()) -> Any:
    """The JSON, or an Ignored that says what the value is instead. `headers`: names, in lower case."""
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return _unwrapped(value, headers, f"not JSON: {error.msg} at byte {error.pos}")
    return _inner(found) if isinstance(found, str) else found


def _inner(text: str) -> Any:
    """JSON that was made into text and encoded once more, as converters do with texts; else the text."""
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return text


def _unwrapped(value: bytes, headers: Iterable[str], otherwise: str) -> Any:
    if value.startswith(_BOM):
        return json_of(value.removeprefix(_BOM), headers)
    if not value.strip():
        return Ignored("not_json", "the value is empty")
    wide = next((encoding for begins, encoding in _WIDE if value.startswith(begins)), None)
    if wide is not None:
        return Ignored("encoding", f"the value is {wide}, and JSON is UTF-8")
    for begins, length in _FRAMES:
        if value.startswith(begins) and (inner := value[length:].removeprefix(_BOM)).lstrip()[:1] in {b"{", b"["}:
            try:
                return orjson.loads(inner)
            except orjson.JSONDecodeError:
                continue
    if strange := next((what for begins, what in _STRANGE if value.startswith(begins)), None):
        return Ignored("wire_format", f"the value isn't JSON but {strange}")
    if value[:1] in {b"\0", b"\1", b"\3"}:
        return Ignored("wire_format", f"the value is Avro or Protobuf, {_schema(value)}: send JSON, or JSON Schema's")
    if not SCHEMA_ID.isdisjoint(headers):
        return Ignored("wire_format", "the value is Avro or Protobuf, its schema named in a header: send JSON")
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return Ignored("encoding", f"the value isn't UTF-8 at byte {error.start}")
    halved = _halved(value)
    return Ignored("not_json", otherwise) if halved is None else halved


def _halved(value: bytes) -> Any:
    """JSON with half a character somewhere, where a program has cut a text within an emoji: U+FFFD is put in its place.

    RFC 8259 §8.2 lets such JSON be, and says that what comes of it can't be foreseen. None: it is no JSON.
    """
    if rb"\u" not in value.lower():
        return None
    try:
        whole = json.dumps(json.loads(value), ensure_ascii=False, allow_nan=False)
        return orjson.loads(whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except (ValueError, RecursionError):
        return None


def _schema(value: bytes) -> str:
    return f"of schema {int.from_bytes(value[1:5], 'big')}" if value[:1] == b"\0" else "of a schema registry's schema"
