"""Who changed something, by whatever an audit log says: the newest entry that shows it, or nobody."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.records.finding import Difference
from streamproc.core.records.units import Millis
from streamproc.reconcile.decide.authors import RECENT, authored, of_member, read_entries

NOW = Millis(1_800_000_000_000)
TITLE = Difference("title", "unknown", "own", "Agent", "Boss", "it isn't what was delivered")
BACK = Difference("active", "unknown", "own", False, True, "it isn't what was delivered")


def entry(
    prop: str, new: list[str], *, client: str = "theirs", ago: int = 1000, old: list[str] | None = None, **more: Any
) -> dict[str, Any]:
    """As the target's audit log shows it."""
    moment = datetime.fromtimestamp((NOW - ago) / 1000, UTC).isoformat()
    changes = [{"property": prop, "oldValues": old or [], "newValues": new}]
    return {
        "id": f"{prop}-{ago}",
        "client": {"id": client},
        "user": {"id": "p1", "name": "Sue"},
        "eventDate": moment,
        "propertyChanges": changes,
        **more,
    }


def one(difference: Difference, *entries: dict[str, Any]) -> Difference:
    """The difference, with who made it; we are the client `ours`."""
    read = read_entries({"entities": list(entries)})
    assert read is not None
    (told,) = authored([difference], read, "ours", NOW, "nobody")
    return told


def test_the_newest_entry_that_shows_the_attribute_counts() -> None:
    """Others' attributes, failures and older entries don't."""
    told = one(
        TITLE,
        entry("department", ["Care"], ago=1000, client="c1"),
        entry("title", ["Boss"], ago=2000, client="c2", status="FAILURE"),
        entry("title", ["Boss"], ago=3000, client="c3"),
        entry("title", ["Else"], ago=4000, client="c4"),
    )
    assert told.kind == "changed"
    assert told.changed is not None
    assert (told.changed.client, told.changed.name, told.changed.at) == ("c3", "Sue", NOW - 3000)


def test_an_entry_shows_an_attribute_by_its_value_where_its_name_is_a_strange_one() -> None:
    """How properties are called isn't documented."""
    assert one(TITLE, entry("jobTitle", ["BOSS"])).kind == "changed"
    assert one(TITLE, entry("jobTitle", ["Agent"])).kind == "unknown"


def test_the_same_value_of_another_attribute_names_nobody() -> None:
    """Whoever has made somebody the head of a department of that name hasn't changed the title."""
    told = one(TITLE, entry("department", ["Boss"], client="c1"), entry("title", ["Boss"], client="c2", ago=2000))
    assert told.changed is not None
    assert told.changed.client == "c2"
    assert one(TITLE, entry("department", ["Boss"])).changed is None


def test_our_own_client_is_us() -> None:
    """A write of ours just now is on its way. One that is old, and still shown, is repaired: something is wrong."""
    assert one(TITLE, entry("title", ["Boss"], client="ours", ago=1000)).kind == "pending"
    assert one(TITLE, entry("title", ["Boss"], client="OURS", ago=1000)).kind == "pending"
    late = one(TITLE, entry("title", ["Boss"], client="ours", ago=RECENT + 1000))
    assert (late.kind, late.repaired) == ("unknown", True)
    assert late.changed is not None
    lagging = one(TITLE, entry("title", ["Agent"], client="ours", ago=RECENT + 1000))
    assert (lagging.kind, lagging.changed) == ("unknown", None)


@given(
    ago=st.integers(0, 3000), client=st.sampled_from(["ours", "theirs"]), new=st.sampled_from(["active", "inactive"])
)
def test_a_leaver_who_is_back_is_never_on_their_way(ago: int, client: str, new: str) -> None:
    """Whatever the audit log says: they are to have no access."""
    told = one(BACK, entry("state", [new], client=client, ago=ago * 1000))
    assert told.repaired


def test_what_isnt_asked_stays_as_it_was() -> None:
    """On its way, missing: the audit log has no say in it."""
    pending = Difference("title", "pending", "own", "Agent", "Boss", "so")
    assert one(pending, entry("title", ["Boss"])) == pending


@pytest.mark.parametrize(("held", "who"), [(False, "taker"), (True, "giver")])
def test_a_membership_is_changed_by_who_moved_that_member(held: bool, who: str) -> None:
    """Of a group's entries those of others' memberships say nothing."""
    read = read_entries(
        {
            "entities": [
                entry("members", ["x", "y"], old=["x"], client="other", ago=500),
                entry("members", ["x"], old=["x", "A1"], client="taker", ago=1000),
                entry("members", ["x", "a1"], old=["x"], client="giver", ago=2000),
            ]
        }
    )
    assert read is not None
    difference = Difference("group Billing", "unknown", "own", not held, held, "so")
    (told,) = authored([difference], of_member(read, "a1", held=held), "ours", NOW, "nobody")
    assert told.changed is not None
    assert told.changed.client == who


WORDS = ["id", "name", "client", "user", "eventDate", "propertyChanges", "property", "newValues", "status", "entities"]
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=20,
)


@given(body=st.dictionaries(st.just("entities"), json | st.lists(json, max_size=4)))
def test_whatever_is_answered_is_nobody_rather_than_an_error(body: dict[str, Any]) -> None:
    """What can't be read names nobody, and the difference is repaired as before."""
    read = read_entries(body)
    (told,) = authored([TITLE], read or [], "ours", NOW, "nobody")
    assert told.attribute == "title"
    assert told.repaired or told.kind == "pending"
