"""What nobody could read may have been about a leaver."""

import time

import pytest

from streamproc.sources.suspected_leaver import LARGEST, may_deny


@pytest.mark.parametrize(
    "value",
    [
        None,
        b'{"active":false',
        b'{"Active" : "0"}',
        b'{\\"active\\": \\"false\\"}',
        b'{"accountEnabled":false,"x":[[[',
        b'{"status":"SUSPENDED"}',
        b'["TERMINATED"]',
        b'{"eventType":"user.lifecycle.deactivate"}',
        b'{"op":"d","before":{}}',
        b'{"deleted":true}',
        b'{"terminationDate":"2026-11-30"}',
        b"<wd:Active>0</wd:Active>",
        "{'active': False}".encode("utf-16"),
        "{'active': False}".encode("utf-16-be"),
        b" " * (LARGEST + 1),
    ],
)
def test_what_looks_like_a_leaver(value: bytes | None) -> None:
    """In JSON or not, whole or cut, in any of the words of our sources."""
    assert may_deny(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b'{"active":true,"status":"ACTIVE"}',
        b'{"terminationDate":null,"suspended":false,"disabledPlans":[],"deleted":"","active":"true"}',
        b'{"op":"u","after":{"active":1}}',
        b'{"inactivity":0,"profile":{"login":"a@example.com"}}',
    ],
)
def test_what_doesnt(value: bytes) -> None:
    """The name of a field in which there is nothing says nothing."""
    assert not may_deny(value)


@pytest.mark.parametrize("part", [b"a", b":", b'","', b"active ", b": ", b":a", b'"inactive":0,', b"is_active_"])
def test_it_takes_no_longer_than_it_is_long(part: bytes) -> None:
    """Whatever is in it."""
    began = time.process_time()
    may_deny(part * (2_000_000 // len(part)))
    assert time.process_time() - began < 2
