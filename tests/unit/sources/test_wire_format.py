"""JSON is found in each framing and with a byte order mark, and what isn't JSON is called what it is."""

import gzip
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.parsed_payload import Ignored
from streamproc.sources.wire_format import json_of

PAYLOAD = {"id": "1", "subject": "E1"}
TEXT = orjson.dumps(PAYLOAD)
GUID = bytes(range(16))
FRAMES = {
    "confluent": b"\0" + (1234).to_bytes(4, "big"),
    "confluent-guid": b"\1" + GUID,
    "apicurio": b"\0" + (7).to_bytes(8, "big"),
    "glue": b"\3\0" + GUID,
    "bom": b"\xef\xbb\xbf",
    "confluent-bom": b"\0\0\0\0\7\xef\xbb\xbf",
    "blanks": b"\r\n ",
}


@pytest.mark.parametrize("frame", FRAMES)
def test_json_is_read_in_each_framing(frame: str) -> None:
    """As if it weren't there, whatever the schema's id."""
    assert json_of(FRAMES[frame] + TEXT) == PAYLOAD
    assert json_of(FRAMES[frame] + b"[%b]" % TEXT) == [PAYLOAD]


def test_the_id_may_stand_in_a_header() -> None:
    """Then the value is plain JSON."""
    assert json_of(TEXT, ["__value_schema_id"]) == PAYLOAD


def test_json_that_was_encoded_twice() -> None:
    """A converter for texts makes it; a text that only begins like JSON stays one."""
    assert json_of(orjson.dumps(TEXT.decode())) == PAYLOAD
    assert json_of(b'"{no json"') == "{no json"
    assert json_of(b'"eyJ0b2tlbiI.a.b"') == "eyJ0b2tlbiI.a.b"


AVRO = b"\0\0\0\4\xd2\x0aE1234\x02\x06Ana"
PROTOBUF = b"\0\0\0\4\xd2\0\x0a\x05E1234\x12\x03Ana"


@pytest.mark.parametrize(
    ("value", "headers", "code", "words"),
    [
        (AVRO, [], "wire_format", "Avro or Protobuf, of schema 1234"),
        (PROTOBUF, [], "wire_format", "Avro or Protobuf, of schema 1234"),
        (b"\1" + GUID + b"\x0aE1234", [], "wire_format", "Avro or Protobuf"),
        (b"\x0aE1234\x02", ["__value_schema_id"], "wire_format", "Avro or Protobuf, its schema named in a header"),
        (b"Obj\1\4\x14avro.codec", [], "wire_format", "Avro"),
        (gzip.compress(TEXT, mtime=0), [], "wire_format", "gzip"),
        (b"\x03\x05" + GUID + b"x\x9c", [], "wire_format", "Glue"),
        (b"<html>", [], "wire_format", "HTML"),
        (PAYLOAD.__repr__().encode("utf-16"), [], "encoding", "UTF-16"),
        (TEXT.decode().encode("utf-16-le"), [], "encoding", "UTF-16"),
        (TEXT.decode().encode("utf-16-be"), [], "encoding", "UTF-16"),
        (TEXT.decode().encode("utf-32-le"), [], "encoding", "UTF-32"),
        (TEXT.decode().encode("utf-32-be"), [], "encoding", "UTF-32"),
        ('{"name": "José"}'.encode("latin-1"), [], "encoding", "UTF-8 at byte 13"),
        (b"", [], "not_json", "empty"),
        (b'{"id": "1', [], "not_json", "at byte"),
    ],
)
def test_what_isnt_json_is_named(value: bytes, headers: list[str], code: str, words: str) -> None:
    """In the code and in words that say what to send."""
    found = json_of(value, headers)
    assert isinstance(found, Ignored)
    assert found.code == code
    assert words in found.reason


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), json), st.sampled_from([*FRAMES.values(), b""]))
def test_a_framing_changes_nothing(payload: dict[str, Any], frame: bytes) -> None:
    """Whatever the payload."""
    assert json_of(frame + orjson.dumps(payload)) == payload


@given(st.binary(max_size=40))
def test_any_bytes_are_json_or_named(value: bytes) -> None:
    """Nothing is raised, and what isn't JSON never becomes a structure by being cut."""
    found = json_of(value)
    if isinstance(found, Ignored):
        assert found.reason
    elif not value.startswith((b"\0", b"\1", b"\3", b"\xef\xbb\xbf", b'"')):
        assert found == orjson.loads(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (rb'{"name": "Kim \ud83d"}', {"name": "Kim \ufffd"}),
        (rb'{"name": "\uDE00 Kim \ud83d\ude00"}', {"name": "\ufffd Kim \U0001f600"}),
        (rb'["\\ud83d", "\ud83d"]', ["\\ud83d", "\ufffd"]),
    ],
)
def test_half_a_character_hides_nothing_else(value: bytes, found: Any) -> None:
    """A program that cuts a text at forty units of UTF-16 leaves half an emoji: the rest is as it was."""
    assert json_of(value) == found


@pytest.mark.parametrize(
    "value", [rb'{"a": "\ud83d", "b": NaN}', rb'{"a": "\ud83d"', b"[" * 5000 + rb'"\ud83d"' + b"]" * 5000]
)
def test_half_a_character_makes_nothing_else_json(value: bytes) -> None:
    """What isn't JSON for another reason stays so, however deep it is."""
    assert json_of(value).code == "not_json"
