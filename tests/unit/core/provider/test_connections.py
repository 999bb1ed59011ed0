"""Which definitions of connections count."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from streamproc.core.provider.connections import Connections, deciding
from streamproc.core.records.connection_definition import ConnectionDefinition, ConnectionToken
from streamproc.core.records.control import CONTROL, Control
from streamproc.core.records.units import Millis

OKTA = ConnectionDefinition("okta", 1, (ConnectionToken("a" * 64),))


def order(definition: ConnectionDefinition | None, **changes: Any) -> Control:
    """To bring it into force."""
    made = Control("c-1", "connection", None, None, "Kim", "the app is ready", Millis(1), connection=definition)
    return replace(made, **changes)


def test_the_newest_definition_counts() -> None:
    """An operator who adds a token finds the connection with both, at every gateway."""
    here = Connections(4)
    assert here.take(order(OKTA), 3) is None
    both = replace(OKTA, tokens=(*OKTA.tokens, ConnectionToken("b" * 64, Millis(9))), base=3)
    assert here.take(order(both), 7) is None
    assert here.get("okta") == both
    assert here.served() == {"okta": both}


def test_of_two_operators_at_once_the_second_is_refused() -> None:
    """Nobody's new token is lost because a colleague rotated at the same moment."""
    here = Connections(4)
    here.take(order(OKTA), 3)
    first, second = (replace(OKTA, tokens=(ConnectionToken(each * 64),), base=3) for each in "bc")
    assert here.take(order(first), 4) is None
    assert "another order meanwhile" in str(here.take(order(second), 5))
    assert "another order meanwhile" in str(here.take(order(OKTA), 6))
    assert here.get("okta") == first


@pytest.mark.parametrize("change", [{"partition": 2}, {"anchor": "self"}])
def test_a_partition_and_an_anchor_are_for_ever(change: dict[str, Any]) -> None:
    """What a name has said of who is who never comes to mean somebody else, not even after it was removed."""
    here = Connections(4)
    here.take(order(OKTA), 3)
    here.take(order(replace(OKTA, tokens=(), removed=True, base=3)), 4)
    assert "for ever" in str(here.take(order(replace(OKTA, base=4, **change)), 5))


def test_a_removed_connection_is_known_and_nobody_speaks_for_it() -> None:
    """Its records stay understood, and it can be added again."""
    here = Connections(4)
    here.take(order(OKTA), 3)
    gone = replace(OKTA, tokens=(), removed=True, base=3)
    assert here.take(order(gone), 4) is None
    assert here.get("okta") == gone
    assert not here.served()
    assert here.take(order(replace(OKTA, base=4)), 5) is None
    assert list(here.served()) == ["okta"]


def test_what_the_settings_define_no_order_changes() -> None:
    """A name in both is told, and the file counts."""
    here = Connections.with_fixed(4, [OKTA])
    assert "settings' file" in str(here.take(order(replace(OKTA, tokens=())), 3))
    assert here.get("okta") == OKTA
    assert here.clashing == ["okta"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "Okta"}, "a-z"),
        ({"name": ""}, "1 to 64"),
        ({"name": "x" * 65}, "1 to 64"),
        ({"name": "a/b"}, "a-z"),
        ({"partition": 4}, "no partition 4"),
        ({"partition": -1}, "no partition -1"),
        ({"anchor": ""}, "an anchor is"),
        ({"anchor": "employee\u200bNumber"}, "an anchor is"),
        ({"probes": ("test*",)}, "only for the anchor `self`"),
        ({"anchor": "self", "probes": ("a b",)}, "patterns"),
        ({"tokens": (ConnectionToken("secret"),)}, "SHA-256"),
        ({"tokens": (ConnectionToken("a" * 64),) * 17}, "at most 16"),
        ({"removed": True}, "no tokens"),
        ({"repeated_within": Millis(-1)}, "0 ms or more"),
    ],
)
def test_what_is_no_connection_is_refused_with_words(change: dict[str, Any], why: str) -> None:
    """An operator reads what to write instead, and nothing comes into force."""
    here = Connections(4)
    assert why in str(here.take(order(replace(OKTA, **change)), 3))
    assert not here.all()


def test_other_orders_are_others_business() -> None:
    """A pause of the sinks is no order about connections; one without a definition does nothing."""
    here = Connections(4)
    assert here.take(order(None, action="pause"), 3) is None
    assert here.take(order(None), 3) == "the order has no definition"


def test_a_definition_says_what_decides() -> None:
    """The gateway refuses a second user of one external id where that is the anchor."""
    made = deciding(replace(OKTA, anchor="externalId", repeated_within=Millis(600_000)))
    assert (made.name, made.anchor, made.repeated_within) == ("okta", "externalId", 600_000)


def test_an_order_is_read_back_as_it_was_given() -> None:
    """All orders about connections have one key, so there is one order in which they come."""
    given = order(replace(OKTA, probes=("x*",), anchor="self"))
    assert CONTROL.validate_json(orjson.dumps(given)) == given
    assert given.key == order(replace(OKTA, name="entra")).key == "connections"
