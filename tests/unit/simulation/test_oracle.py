"""What the oracle demands, by hand: if it is wrong, the simulation blames the product, or is silent about a leaver."""

from typing import Any, Final

import pytest

from tests.simulation.oracle import Expected, accounts_of, expected, mismatched
from tests.simulation.oracle.rules import names

WHOLE: Final[dict[str, Any]] = {
    "userName": "u1@example.com", "displayName": "User U1", "active": True, "job": "Senior Agent",
    "department": "Billing East", "division": "Care",
}  # fmt: skip


def hris(at: float, name: str, *, kind: str = "change", time: float | None = None, **event: Any) -> dict[str, Any]:
    """A step: user U1's event of that name. `time`: seconds after the world's beginning; the same as `at`."""
    said: dict[str, Any] = {key: event.pop(key) for key in ("effective", "cancels", "sequence") if key in event}
    if "effective" in said:
        said["effective"] = moment(said["effective"])
    value: dict[str, Any] = {
        "id": name,
        "type": kind,
        "subject": "U1",
        "time": moment(at if time is None else time),
        **said,
    }
    value["attributes"] = event
    return {"at": at, "kind": "say", "topic": "events.hris", "key": "U1", "value": value}


def moment(seconds: float) -> str:
    return f"2026-03-04T00:{int(seconds) // 60:02}:{seconds % 60:06.3f}+00:00"


def joins(at: float = 1.0, **more: Any) -> dict[str, Any]:
    return hris(at, "first", kind="snapshot", **(WHOLE | more))


def account(at: float, number: str, *, enabled: bool = True, name: str = "a1") -> dict[str, Any]:
    value: dict[str, Any] = {"id": name, "accountEnabled": enabled, "userPrincipalName": f"{name}@corp.example.com"}
    value |= {"displayName": name, "employeeId": number, "jobTitle": "Consultant", "department": "Care"}
    return {"at": at, "kind": "say", "topic": "events.entra", "key": name, "value": value}


def order(at: float, action: str, **more: Any) -> dict[str, Any]:
    return {"at": at, "kind": "order", "action": action, **more}


def mapping(at: float, name: str) -> dict[str, Any]:
    return {"at": at, "kind": "mapping", "mapping": name}


def ends(*steps: dict[str, Any], user: str = "U1", end: float = 100.0, first: str = "default") -> Expected:
    return expected(steps, end, mapping=first)[user]


def test_a_newcomer_has_what_the_default_mapping_gives() -> None:
    """Somebody hired by HR gets skills, groups and roles by department and job."""
    wanted = ends(joins())
    assert wanted.active is True
    assert wanted.attributes["skills"] == {"Billing": 3.0}
    assert (wanted.attributes["groups"], wanted.attributes["roles"]) == ([], ["Agent", "employee"])


@pytest.mark.parametrize(
    ("time", "active"),
    [(2.0, False), (0.5, True)],
    ids=["a word after the snapshot", "a word from before the snapshot, late"],
)
def test_a_leaver_is_out_by_the_later_word_of_the_source(time: float, *, active: bool) -> None:
    """Late and shuffled events end as the source meant them."""
    assert ends(joins(), hris(3.0, "left", time=time, active=False)).active is active
    assert ends(hris(0.9, "left", time=0.5, active=False), joins(3.0)).active is True


def test_of_one_moment_sequence_counts_and_then_the_id() -> None:
    """Two changes of the same second don't depend on which came first."""
    first, second = hris(5.0, "b", job="Clerk"), hris(5.0, "a", job="Team Lead")
    assert ends(joins(), first, second).attributes["title"] == "Clerk"
    second["value"]["sequence"] = 1
    assert ends(joins(), second, first).attributes["title"] == "Team Lead"


def test_a_date_counts_from_then_on_unless_it_is_cancelled() -> None:
    """Who leaves next week is in until then, and stays where it was called off."""
    leaves = hris(2.0, "end", effective=30.0, active=False)
    assert ends(joins(), leaves, end=12.0).active is True
    assert ends(joins(), leaves).active is False
    assert ends(joins(), leaves, hris(3.0, "back", active=True)).active is False
    assert ends(joins(), leaves, hris(3.0, "off", cancels="end", job="Clerk")).active is True
    assert ends(joins(), hris(1.5, "off", cancels="end", job="Clerk"), leaves).active is False
    assert ends(joins(), leaves, end=35.0).active is None, "it may not have been acted on yet"


def test_a_clock_that_is_ahead_hides_no_leaver() -> None:
    """An event from the future counts from when it came; one from more than a day ahead not at all."""
    ahead = hris(5.0, "ahead", time=600.0, active=True)
    assert ends(joins(), ahead, hris(6.0, "left", active=False)).active is False
    ahead["value"]["time"] = "2026-03-05T06:00:00+00:00"
    ahead["value"]["attributes"] = {"active": False}
    assert ends(joins(), ahead).active is True


def test_an_event_that_is_refused_still_takes_access() -> None:
    """A leaver's event with something wrong in it is a leaver's event, and any other is nothing."""
    assert ends(joins(), hris(2.0, "odd", salary=5, active=False)).active is False
    assert ends(joins(), hris(2.0, "odd", salary=5, job="Clerk")).attributes["title"] == "Senior Agent"


def test_who_never_was_ours_is_nobody_there() -> None:
    """Out of scope from the first to the last word: no account. Once in scope: no access."""
    assert ends(joins(department="Sales"), first="scoped").never
    was = ends(joins(), hris(2.0, "moved", department="Sales"), first="scoped")
    assert (was.active, was.never) == (False, False)
    assert ends(joins(department="Sales"), mapping(3.0, "scoped")).never is False


def test_the_last_mapping_decides() -> None:
    """A suspension takes access while the mapping that has it is in force."""
    away = hris(2.0, "away", custom={"leave": "Garden leave"})
    assert ends(joins(), away).active is True
    assert ends(joins(), away, mapping(3.0, "strict")).active is False
    lean = ends(joins(), away, mapping(3.0, "strict"), mapping(4.0, "lean"))
    assert set(lean.attributes) == {"userName", "displayName", "title", "department", "roles"}


def test_a_single_source_that_says_no_is_enough() -> None:
    """Disabled in the directory, or left by HR: no access, unless the mapping hears only HR."""
    assert ends(joins(), account(2.0, "U1")).active is True
    assert ends(joins(), account(2.0, "U1", enabled=False)).active is False
    assert ends(joins(active=False), account(2.0, "U1")).active is False
    assert ends(joins(), account(2.0, "U1", enabled=False), first="hr-decides").active is True


def test_what_only_a_source_without_a_say_speaks_of_stays_as_it_is() -> None:
    """A title by a directory that the mapping doesn't hear any more is nobody's to write, and nobody's to empty."""
    fields = {"userName": "u1@dir.example.com", "displayName": "Person U1", "department": "Care", "job": "Agent"}
    there = {"at": 1.0, "kind": "directory", "source": "okta", "do": "create", "who": "U1", "fields": fields}
    heard = [there, hris(2.0, "in", active=True)]
    assert ends(*heard).attributes["title"] == "Agent"
    assert "title" not in ends(*heard, first="hr-decides").attributes
    assert "title" not in ends(*heard, mapping(3.0, "hr-decides")).attributes
    emptied = [*heard, mapping(3.0, "hr-decides"), hris(4.0, "none", job=None)]
    assert ends(*emptied).attributes["title"] is None, "who has a say has said that there is none"


def test_of_whom_nobody_knows_what_a_directory_showed_last_only_a_denial_is_demanded() -> None:
    """It has removed everybody, which isn't believed, and nobody asked after the change before."""
    fields = {"userName": "u1@dir.example.com", "displayName": "Person U1"}
    there = {"at": 1.0, "kind": "directory", "source": "okta", "do": "create", "who": "U1", "fields": fields}
    gone = {"at": 3.0, "kind": "unheard", "source": "okta", "do": "remove", "who": "U1"}
    assert ends(there, joins()).active is True
    assert ends(there, joins(), gone).active is None
    assert ends(there, joins(active=False), gone).active is False


def test_the_login_is_the_directorys() -> None:
    """People sign in by what the identity provider calls them."""
    assert ends(joins(), account(2.0, "U1")).attributes["userName"] == "a1@corp.example.com"


@pytest.mark.parametrize(
    ("how", "active"),
    [
        ([account(2.0, "U1", enabled=False), account(3.0, "U2")], False),
        ([account(2.0, "U1"), account(3.0, "U2")], True),
        ([account(2.0, "U1"), account(3.0, "U1", enabled=False), account(4.0, "U2", enabled=False)], False),
        ([account(2.0, "U1"), account(3.0, "U1", enabled=False), account(4.0, "U2")], False),
        ([account(2.0, "U1"), account(3.0, "U2", enabled=False)], False),
        ([account(2.0, "U1", enabled=False), order(3.0, "link", subject="entra/a1", user="U2")], True),
        ([account(2.0, "U1", enabled=False), order(3.0, "split", subject="entra/a1")], True),
    ],
    ids=[
        "never seen enabled",
        "renumbered",
        "disabled before",
        "enabled for the next",
        "disabled at once",
        "given away",
        "split off",
    ],
)
def test_what_an_account_leaves_behind(how: list[dict[str, Any]], *, active: bool) -> None:
    """Nobody who was disabled is let in again because their number was changed; an operator may."""
    assert ends(joins(), *how).active is active


def test_nobody_vouches_for_who_had_only_that_account() -> None:
    """Their access ends with it."""
    assert ends(account(2.0, "U1"), account(3.0, "U2")).active is False
    assert ends(account(2.0, "U1"), account(3.0, "U2"), user="U2").active is True


def test_an_order_holds_until_the_source_names_somebody_else() -> None:
    """The operator's word goes before the number, as long as the number stays."""
    linked = [account(2.0, "U1"), order(3.0, "link", subject="entra/a1", user="U2")]
    assert ends(*linked, account(4.0, "U1"), user="U2").active is True
    assert ends(*linked, account(4.0, "U3"), user="U2").active is False
    assert ends(*linked, account(4.0, "U3"), user="U3").active is True


def test_of_two_accounts_only_the_denial_is_demanded() -> None:
    """Which of them is the user isn't worked out; that HR says no is enough all the same."""
    two = [account(2.0, "U1"), account(3.0, "U1", name="a2")]
    assert ends(joins(), *two).active is None
    assert ends(joins(active=False), *two).active is False


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("Spanish:4.5, English", {"Spanish": 4.5, "English": None}),
        (["Spanish:2"], {"Spanish": 2.0}),
        (None, {}),
        ("Spanish:fluent", None),
        ("Spanish:6", None),
        ({"Billing": True}, None),
    ],
)
def test_lists_as_people_write_them(written: Any, found: dict[str, float | None] | None) -> None:
    """What can't be read isn't guessed."""
    assert names(written, leveled=True) == found


def held(**more: Any) -> dict[str, Any]:
    wanted = ends(joins()).attributes
    return wanted | {"active": True, "phone": None, "employeeNumber": None} | more


def test_differences_are_told() -> None:
    """A wrong title, access that is left, and somebody whom nobody asked for."""
    wanted = {"U1": ends(joins())}
    assert mismatched(wanted, {"U1": held()}) == {}
    assert "title" in mismatched(wanted, {"U1": held(title="Clerk")})["U1"]
    assert "isn't there" in mismatched(wanted, {})["U1"]
    assert mismatched(wanted, {"U1": held(), "U7": held(userName="u7")})["U7"] == "nobody asked for this user"
    gone = {"U1": Expected(False)}
    assert mismatched(gone, {"U1": held()}) == {"U1": "still has access"}
    assert mismatched(gone, {"U1": held(active=False)}) == mismatched(gone, {}) == {}
    assert mismatched({"U1": Expected(False, never=True)}, {"U1": held(active=False)}) == {"U1": "may not be there"}


def test_nobody_is_made_to_give_up_a_name() -> None:
    """Who is to have a leaver's name keeps their own; who is to have a mover's name gets it."""
    leaver = held(active=False)
    wanted = {"U1": ends(joins()), "U2": Expected(False)}
    taken = {"U1": held(userName="old@example.com"), "U2": leaver}
    assert mismatched(wanted, taken) == {}
    taken["U2"] = held(userName="u1@example.com")
    wanted["U2"] = Expected(True, attributes={"userName": "new@example.com"})
    assert "userName" in mismatched(wanted, taken)["U1"]
    assert "userName" not in str(mismatched(wanted, taken, free=False))
    wanted["U3"], taken["U3"] = Expected(False), held(userName="New@example.com", active=False)
    assert mismatched(wanted, taken) == {}, "who can't move on can't make room"


def test_groups_into_which_others_put_somebody_may_stay() -> None:
    """They aren't ours to take away; all others are, and what is ours has to be there."""
    wanted = {"U1": Expected(True, attributes={"userName": "u1@example.com", "groups": ["Sales Queue"]})}
    there = {"U1": held(groups=["Sales Queue", "Supervisors"])}
    assert "Supervisors" in mismatched(wanted, there)["U1"]
    assert mismatched(wanted, there, given={"U1": {"Supervisors"}}) == {}
    assert "groups" in mismatched(wanted, {"U1": held(groups=[])}, given={"U1": {"Sales Queue"}})["U1"]


def test_the_targets_users_in_the_mappings_names() -> None:
    """A manager by user, groups by name."""
    boss = {"id": "7", "externalId": "U2", "userName": "u2", "active": True}
    user = boss | {"id": "8", "externalId": "U1", "groups": [{"value": "g"}]}
    user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = {"manager": {"value": "7"}}
    found = accounts_of([boss, user, {"id": "9", "userName": "admin"}], {"g": "Supervisors"})
    assert set(found) == {"U1", "U2"}
    assert (found["U1"]["manager"], found["U1"]["groups"]) == ("U2", ["Supervisors"])
