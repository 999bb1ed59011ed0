"""Reading a resource: what was understood is a fact, what wasn't is named, and never both."""

from typing import Any

import pytest

from streamproc.core.parsed_payload import Ignored
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import Reading, add_others, full_name, read_all, read_named
from streamproc.sources.values.unread import UNREAD

OPTIONS = SourceOptions(
    attributes={
        "displayName": "name",
        "phone": "phone",
        "job": "job.title|title",
        "employeeNumber": "number",
        "queue": "q",
    }
)


def test_all_and_named() -> None:
    """A whole resource says none of what it leaves out; a part of one is silent on it."""
    resource = {
        "NAME": " Ana\u00a0Ruiz ",
        "job": {"title": None},
        "Title\u200b": "Agent",
        "number": 12417.0,
        "q": ["A", 4.0],
    }
    understood = {"displayName": "Ana Ruiz", "job": "Agent", "employeeNumber": "12417", "queue": ["A", 4]}
    assert read_all(resource, OPTIONS).facts == understood | {"phone": None}
    assert read_named(resource, OPTIONS).facts == understood
    assert read_named({}, OPTIONS) == Reading()


@pytest.mark.parametrize(
    ("column", "value", "fact"),
    [
        ("name", {"first": "A"}, "displayName"),
        ("name", ["A", "B"], "displayName"),
        ("title", True, "job"),
        ("number", "N/A", "employeeNumber"),
        ("number", 0.5, "employeeNumber"),
        ("q", [{"value": "A"}], "queue"),
        ("q", {"A": [1]}, "queue"),
    ],
)
def test_what_isnt_understood_is_named(column: str, value: Any, fact: str) -> None:
    """It is no fact, a snapshot keeps what was known of it, and it is told with its subject."""
    reading = read_all({column: value}, OPTIONS)
    assert fact not in reading.facts
    assert reading.kept == (fact,)
    (told,) = reading.told("E1")
    assert told == Ignored("not_understood", told.reason, "E1", fact)


def test_the_last_word_on_a_fact_counts() -> None:
    """A fact is understood or it isn't."""
    reading = Reading()
    reading.take("active", UNREAD, "status")
    reading.take("active", True, "status")
    assert (reading.facts, reading.unread) == ({"active": True}, {})
    reading.take("active", UNREAD, "status")
    assert (reading.facts, reading.kept) == ({}, ("active",))


def test_groups_that_cant_be_read_take_none_away() -> None:
    """Only where every name was read are these all; a group without a name is none."""
    all_, some = Reading(), Reading()
    all_.groups(["Agents", None], all_=True)
    some.groups(["Agents", {"id": 5}], all_=True)
    assert all_.facts == {"group:Agents": "Agents", "group:": True}
    assert (some.facts, list(some.unread)) == ({"group:Agents": "Agents"}, ["groups"])


def test_other_attributes_take_nobodys_place() -> None:
    """Neither a standard one's, nor a fact's, nor a group's, nor what says that somebody is active or gone."""
    reading = read_all({"name": "Ana"}, OPTIONS)
    more = {
        "team": "Red",
        "name": "x",
        "active": True,
        "gone": True,
        "began": 1,
        "group:A": "A",
        "job": "x",
        "languages": {"Spanish": 4},
        "deep": {"a": {"b": 1}},
        "_links": {"self": {"href": "x"}},
    }
    add_others(reading, more, frozenset({"name"}))
    assert list(reading.unread) == ["deep"]
    assert {name: value for name, value in reading.facts.items() if value is not None} == {
        "displayName": "Ana",
        "team": "Red",
        "languages": {"Spanish": 4},
    }


def test_a_name_from_its_parts() -> None:
    """With those that there are."""
    assert full_name(" Ana ", "Ruiz") == "Ana Ruiz"
    assert full_name(None, "Ruiz") == "Ruiz"
    assert full_name(None, "", {}) is None
