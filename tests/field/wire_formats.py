"""What producers put around JSON, and what isn't JSON at all."""

from typing import Final

import orjson

from tests.field.case import Case
from tests.field.pipeline import play
from tests.field.pipelines import hris, joins
from tests.field.says import now, says, words

_USER: Final = {"id": "00uF200", "status": "DEPROVISIONED", "profile": {"login": "f200@example.com"}}
_JSON: Final = orjson.dumps(_USER)


def _leaver(before: bytes, headers: dict[str, bytes] | None = None) -> None:
    assert now(says("okta", before + _JSON, headers=headers), "active") == [False]


def _json_schema() -> None:
    _leaver(b"\0" + (100042).to_bytes(4, "big"))


def _json_schema_by_header() -> None:
    _leaver(b"", {"__value_schema_id": b"\1" + bytes(16)})


def _byte_order_mark() -> None:
    _leaver(b"\xef\xbb\xbf")


def _avro() -> None:
    said = says("okta", b"\0\0\0\0\x2a\x0e00uF200\x02\x00")
    assert (words(said), "Avro" in said.ignored[0].reason) == (["wire_format"], True)


def _protobuf() -> None:
    said = says("hris", b"\x0a\x04F200\x10\x00", headers={"__value_schema_id": b"\1" + bytes(16)})
    assert (words(said), "Protobuf" in said.ignored[0].reason) == (["wire_format"], True)


def _utf16() -> None:
    said = says("workday", _JSON.decode().encode("utf-16"))
    assert (words(said), "UTF-16" in said.ignored[0].reason) == (["encoding"], True)


def _keys_of_all_kinds() -> None:
    for key in (None, '"F210"', '{"id":"F210"}', "somebody-else", ""):
        left = hris("F210", 2, active=False) | {"key": key}
        late = hris("F210", 1, active=True, job="Agent") | {"key": key}
        for records in ([joins("F210"), left, late], [joins("F210"), late, left], [left, late, joins("F210")]):
            assert not play(records).active("F210"), f"the key {key} decides nothing"


CASES: Final = (
    Case("E", "keys-that-arent-the-subject", _keys_of_all_kinds),
    Case("E", "json-schema-wire-format", _json_schema),
    Case("E", "json-schema-id-in-a-header", _json_schema_by_header),
    Case("E", "byte-order-mark", _byte_order_mark),
    Case("E", "avro-is-called-avro", _avro),
    Case("E", "protobuf-is-called-protobuf", _protobuf),
    Case("E", "utf-16-is-called-utf-16", _utf16),
)
