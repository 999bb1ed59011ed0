"""Records of `events.scim`: read strictly, written the same by everybody."""

import json

import pytest
from msgspec import structs

from streamproc.core.provider.event import Asked, LaterFormatError, NotAnEventError, attribute_of, decode, encode
from streamproc.core.provider.proposal import Proposal
from streamproc.core.records.units import Millis
from tests.unit.core.provider.replica import Replica, group, user


def record(**changed: object) -> bytes:
    """Of a user who is made, with some fields changed."""
    proposal = Replica([]).decide(user(title="Agent"))
    assert isinstance(proposal, Proposal)
    return json.dumps(json.loads(encode(proposal.event)) | changed).encode()


def test_a_record_is_read_as_it_was_written() -> None:
    """What one gateway decided, another one knows."""
    for request in (user(name="zoë@example.com", title="Agent", active=True), group("Sales", "b", "a")):
        proposal = Replica([]).decide(request, at=7, body="{}")
        assert isinstance(proposal, Proposal)
        assert decode(encode(proposal.event)) == proposal.event


def test_equal_events_are_equal_bytes() -> None:
    """The order in which a client sends attributes leaves no trace, so a replay can be compared byte by byte."""
    here = Replica([])
    written: list[bytes] = []
    for request in (user(title="A", active=True), user(active=True, title="A")):
        proposal = here.decide(request)
        assert isinstance(proposal, Proposal)
        assert proposal.event.result is not None
        proposal.event.result["name"] = dict.fromkeys(reversed("ab") if written else "ab", "x")
        written.append(encode(structs.replace(proposal.event, written=(), request=Asked("r", Millis(0), "POST", "/"))))
    assert written[0] == written[1]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"v": "1"}',
        record(more=1),
        record(base="7"),
        record(type="Device"),
        record(v=0),
        record(v=True),
        record(request=None),
        b"[" * 100_000,
        b'{"v":1,"result":"\\ud800"}',
    ],
)
def test_what_is_no_event_is_told_from_one(value: bytes) -> None:
    """A stranger's record in the topic has no effect, and is reported."""
    with pytest.raises(NotAnEventError):
        decode(value)


def test_a_later_release_isnt_passed_over() -> None:
    """While releases are changed one by one, an old one stops instead of being wrong about who has access."""
    with pytest.raises(LaterFormatError, match="format 2"):
        decode(record(v=2, more={"x": 1}))


@pytest.mark.parametrize(
    ("path", "attribute"),
    [
        ("userName", "userName"),
        ("name.givenName", "name"),
        ('phoneNumbers[type eq "mobile"]', "phoneNumbers"),
        ('emails[value eq "a:b.c"].value', "emails"),
        ("urn:x:enterprise:2.0:User:manager.value", "urn:x:enterprise:2.0:User:manager"),
        ('urn:x:2.0:User:externalIds[authority eq "a:b"].value', "urn:x:2.0:User:externalIds"),
        ("urn:x:2.0:User", "urn:x:2.0:User"),
    ],
)
def test_a_written_path_is_of_an_attribute(path: str, attribute: str) -> None:
    """Who writes one number has spoken of the numbers."""
    assert attribute_of(path) == attribute
