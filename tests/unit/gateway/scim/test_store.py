"""The file with the state of connections: what it survives, and what it answers by."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from streamproc.core.provider.filter_parser import parse
from streamproc.core.provider.resource_types import USERS
from streamproc.core.provider.state import Folded
from streamproc.gateway.scim.filter_sql import condition
from streamproc.gateway.scim.store import Store, _where
from tests.support.scim_resources import a_group, a_user

ALICE = a_user(5, {"userName": "Alice", "emails": [{"value": "a@example.org"}], "active": True}, id="alice")
TEAM = a_group(7, "Sales", frozenset({"alice", "gone"}), id="sales")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scim.sqlite"


def written(path: Path) -> None:
    """A file that somebody wrote before."""
    store = Store(path, "topic 1")
    with store.batch(8):
        store.of("okta").apply(Folded(None, ALICE))
        store.of("okta").apply(Folded(None, TEAM, ("alice", "gone")))
    store.close()


def test_a_file_is_taken_up_where_it_was(path: Path) -> None:
    """After a restart everything is there, and reading goes on where it had come to."""
    written(path)
    store = Store(path, "topic 1")
    resources = store.of("okta")
    assert store.next_offset == 8
    assert resources.get("alice") == ALICE
    assert resources.members("sales") == {"alice", "gone"}
    assert resources.groups_of("alice") == [("sales", "Sales")]
    assert store.of("entra").get("alice") is None
    store.close()


def test_a_file_of_something_else_is_thrown_away(path: Path) -> None:
    """After the topic was made anew, or the machine started again, nobody is answered from what was before."""
    written(path)
    store = Store(path, "topic 2")
    assert store.next_offset == 0
    assert store.of("okta").get("alice") is None
    store.close()


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\x00" + bytes(200)])
def test_a_file_that_is_no_database_is_thrown_away(path: Path, content: bytes) -> None:
    """A damaged file doesn't keep the gateway from starting."""
    path.write_bytes(content)
    store = Store(path, "topic 1")
    assert store.next_offset == 0
    store.close()


def test_a_file_in_use_is_left_alone(path: Path) -> None:
    """A second process doesn't throw away what the first one works with, but says so."""
    first = Store(path, "topic 1")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Store(path, "topic 2")
    with first.batch(3):
        pass
    assert first.next_offset == 3
    first.close()


def test_half_a_batch_is_none(path: Path) -> None:
    """When something goes wrong within a batch, state and place stay together where they were."""
    written(path)
    store = Store(path, "topic 1")
    resources = store.of("okta")
    with pytest.raises(RuntimeError), store.batch(9):  # noqa: PT012 - what comes before it is the point
        resources.apply(Folded(ALICE, None))
        assert resources.get("alice") is None
        raise RuntimeError
    assert store.next_offset == 8
    assert resources.get("alice") == ALICE
    assert resources.claimant("User", "userName", "alice") == "alice"
    store.close()


def test_a_deleted_group_leaves_nothing(path: Path) -> None:
    """Who was a member of a deleted group isn't any more, and the name is free; a deleted user stays a member."""
    written(path)
    store = Store(path, "topic 1")
    resources = store.of("okta")
    with store.batch(9):
        resources.apply(Folded(ALICE, None))
        assert resources.members_among("sales", ["alice", "bob"]) == {"alice"}
        resources.apply(Folded(TEAM, None))
    assert resources.claimant("Group", "displayName", "sales") is None
    assert resources.groups_of("alice") == []
    assert resources.known(["alice", "sales"]) == frozenset()
    store.close()


def test_a_record_with_odd_values_is_stored(path: Path) -> None:
    """What no release of ours writes, in a record that another one wrote, doesn't stop the gateway."""
    odd: dict[str, Any] = {"userName": 7, "emails": "x", "active": "yes", "displayName": ["a"], "externalId": {"a": 1}}
    store = Store(path, "topic 1")
    made = structs.replace(ALICE, attributes=odd)
    with store.batch(6):
        store.of("okta").apply(Folded(None, made))
    assert store.of("okta").get("alice") == made
    store.close()


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ('userName eq "x"', "resource_user_name"),
        ('userName eq "x" and active eq true', "resource_user_name"),
        ('externalId eq "x"', "resource_external_id"),
        ('employeeNumber eq "x"', "resource_employee_number"),
        ('emails eq "x"', "email_value"),
        ('emails[type eq "work"].value eq "x"', "email_value"),
        ('userName eq "x" or externalId eq "y"', "resource_external_id"),
        ('userName eq "x" or emails.value eq "y"', "email_value"),
    ],
)
def test_look_ups_go_by_an_index(path: Path, text: str, index: str) -> None:
    """The look-ups that clients make before they create somebody take no longer with more users."""
    store = Store(path, "topic 1")
    asked = condition(parse(text), USERS, "okta")
    plan = store._database.execute(
        f"EXPLAIN QUERY PLAN SELECT r.first {_where(asked)} ORDER BY r.first", ("okta", "User", *asked.parameters)
    ).fetchall()
    steps = "\n".join(row[3] for row in plan)
    assert index in steps
    assert "SCAN" not in steps
    store.close()
