"""What holds for every parser, whatever it is given."""

from typing import Any, Protocol

from streamproc.core.parsed_payload import ParsedPayload, Receipt
from streamproc.sources.lenient_json import AHEAD


class Parser(Protocol):
    """A module of `streamproc.sources`."""

    def read(self, payload: Any, taken: Receipt) -> ParsedPayload: ...

    def elements(self, payload: Any) -> list[Any]: ...


def consistent(source: Parser, payload: Any, taken: Receipt) -> tuple[ParsedPayload, list[ParsedPayload]]:
    """The payload is read, twice the same, as the concatenation of its elements. Returns both."""
    found = source.read(payload, taken)
    assert repr(source.read(payload, taken)) == repr(found)  # not a number isn't equal to itself
    alone = [source.read(each, taken) for each in source.elements(payload)]
    assert repr(found.events) == repr(tuple(said for each in alone for said in each.events))
    assert found.notifications == tuple(notice for each in alone for notice in each.notifications)
    assert found.ignored == tuple(ignored for each in alone for ignored in each.ignored)
    for said in found.events:
        assert said.subject == said.subject.strip() != ""
        assert said.order[0] <= taken.received + AHEAD
        assert said.attributes.get("active") in (None, False, True)
    return found, alone
