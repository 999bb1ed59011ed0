"""Who is ours, by hand: each cell of the table, what a record then desires, and why."""

from typing import Any, Final

import pytest

from streamproc.core.expressions.expression import Unknown
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.fold.plan import plan
from streamproc.core.fold.scope import Clause, access_taken, decisive, desire, standing
from streamproc.core.records.change_event import Fact
from streamproc.core.records.operation import Create, Deactivate, Reactivate
from streamproc.core.records.resource import Resource, by_mapping

ANA: Final[dict[str, Fact]] = {
    "userName": "ana@example.com",
    "displayName": "Ana",
    "active": True,
    "job": "Agent",
    "department": "Sales",
}
OURS: Final = Resource(externalId="E1", userName="ana@example.com", displayName="Ana", active=True, title="Agent")
NEVER: Final = Resource(externalId="E1", scope="never")


def mapping(leaving: str = "deactivate", blank: str = "keep") -> Mapping:
    """Sales and support are ours; who is suspended has no access."""
    return parse_mapping(f"""
[scope]
who = 'department in ["Sales", "Support"] && worker != "Intern"'
leaving = "{leaving}"
blank = "{blank}"
[suspend]
when = 'leave == "Suspended"'
[attributes]
title = "job"
""")


def after(before: Resource | None, by: Mapping, **changed: Fact) -> tuple[Resource, list[str]]:
    """What is desired of Ana, who is no intern, with these facts instead of hers."""
    return desire(by, "E1", {**ANA, "worker": "Employee", "leave": None, **changed}, before)


def known(state: str) -> Resource | None:
    """What was desired of Ana until now."""
    out: dict[str, Any] = {"left": {"active": False, "scope": "left"}, "released": {"scope": "released"}}
    return {"no record": None, "never": NEVER, "in": OURS}.get(state, Resource(**{**OURS, **out.get(state, {})}))


SAID: Final[dict[str, dict[str, Fact]]] = {
    "true": {"department": "Sales"},
    "false": {"department": "Warehouse"},
    "unknown": {"department": None},
}
TABLE: Final = {
    ("no record", "true"): "in",
    ("no record", "false"): "never",
    ("no record", "unknown"): "never",
    ("never", "true"): "in",
    ("never", "false"): "never",
    ("never", "unknown"): "never",
    ("in", "true"): "in",
    ("in", "unknown"): "in",
    ("left", "true"): "in",
    ("left", "false"): "left",
    ("left", "unknown"): "left",
    ("released", "true"): "in",
    ("released", "false"): "released",
    ("released", "unknown"): "released",
}


@pytest.mark.parametrize("leaving", ["deactivate", "release"])
@pytest.mark.parametrize(("before", "said"), [*TABLE, ("in", "false")])
def test_each_cell_of_the_table(before: str, said: str, leaving: str) -> None:
    """The state follows from the state before and from what `who` gives; what happens to a leaver is the mapping's."""
    by, left = mapping(leaving), {"deactivate": "left", "release": "released"}[leaving]
    expected = TABLE.get((before, said), left)
    here = standing(by, {**ANA, "worker": "Employee", **SAID[said]}, known(before))
    assert here.state == expected
    assert here.who == (said == "true") if said != "unknown" else isinstance(here.who, Unknown)
    desired, _ = after(known(before), by, **SAID[said])
    assert desired.get("scope", "in") == expected


def test_who_never_was_ours_has_nothing_but_a_name_in_the_log() -> None:
    """No attribute, no operation, no word on access, also when a source says no."""
    for active in (True, False, None):
        assert after(None, mapping(), department="Warehouse", active=active) == (NEVER, [])
    assert plan(None, NEVER) == plan(NEVER, NEVER) == []


def test_who_comes_into_scope_is_created() -> None:
    """A forklift driver who moves to sales is a new user there, with all that was said of them."""
    desired, problems = after(NEVER, mapping(), department="Sales")
    assert (desired, problems) == (OURS, [])
    assert plan(NEVER, desired) == [Create()]


def test_who_leaves_the_scope_loses_access_by_one_operation() -> None:
    """The rest stays as it was, whatever else is said; and access comes back whole."""
    left, _ = after(OURS, mapping(), department="Warehouse", job="Driver")
    assert left == Resource(**{**OURS, "active": False, "scope": "left"})
    assert plan(OURS, left) == [Deactivate()]
    assert after(left, mapping(), department="Warehouse", job="Foreman")[0] == left
    back, _ = after(left, mapping(), department="Support", job="Lead")
    assert back == Resource(**{**OURS, "title": "Lead"})
    assert [type(each) for each in plan(left, back)] == [Reactivate]


def test_who_is_released_is_written_nothing_but_a_leaving() -> None:
    """A later no by a source takes access; that they are active again gives none while they are out of scope."""
    by = mapping("release")
    released, _ = after(OURS, by, department="Warehouse", job="Driver")
    assert released == Resource(**{**OURS, "scope": "released"})
    assert plan(OURS, released) == []
    gone, _ = after(released, by, department="Warehouse", active=False)
    assert gone == Resource(**{**released, "active": False})
    assert plan(released, gone) == [Deactivate()]
    assert after(gone, by, department="Warehouse", active=True)[0] == gone
    assert after(gone, by, department="Sales", active=True)[0] == OURS


@pytest.mark.parametrize("before", ["in", "left", "released"])
@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("leave", [None, "Suspended", 7])
def test_deny_wins(before: str, said: str, leave: Fact) -> None:
    """Who was ever in scope, and of whom a source says no, is inactive under whatever else."""
    for leaving in ("deactivate", "release"):
        desired, _ = after(known(before), mapping(leaving), **SAID[said], leave=leave, active=False)
        assert desired["active"] is False
        assert "suspended" not in desired


def test_a_no_of_a_source_is_told_of_who_has_left() -> None:
    """It lets a leaver through whose leaving the scope is held; what can't be read leaves it as it was."""
    left, _ = after(OURS, mapping(), department="Warehouse")
    gone, _ = after(left, mapping(), department="Warehouse", active=False)
    assert gone == Resource(**{**left, "denied": True})
    assert after(OURS, mapping(), department="Warehouse", active=False)[0] == gone
    for before in (left, gone):
        assert after(before, mapping(), department="Warehouse", active="perhaps")[0] == before
    assert after(gone, mapping(), department="Warehouse", active=True)[0] == left
    assert after(gone, mapping(), department="Sales", active=True)[0] == OURS
    assert [by_mapping(each) for each in (OURS, left, gone)] == [False, True, False]


def test_suspension_takes_access_for_a_time() -> None:
    """All else is kept up to date meanwhile, and access comes back by one operation."""
    suspended, problems = after(OURS, mapping(), leave="Suspended", job="Lead")
    assert suspended == Resource(**{**OURS, "title": "Lead", "active": False, "suspended": True})
    assert problems == []
    assert plan(OURS, suspended) == [Deactivate()]
    back, _ = after(suspended, mapping(), leave=None, job="Lead")
    assert back == Resource(**{**OURS, "title": "Lead"})
    assert [type(each) for each in plan(suspended, back)] == [Reactivate]


def test_suspension_that_is_unknown_stays_as_it_was() -> None:
    """Nobody is suspended, or let in again, because a fact can't be read; and that is told."""
    suspended = after(OURS, mapping(), leave="Suspended")[0]
    by = parse_mapping('[suspend]\nwhen = \'leave.startsWith("Suspended")\'\n[attributes]\ntitle = "job"\n')
    for before, expected in ((OURS, OURS), (suspended, suspended)):
        problem = "suspension rests on what can't be said: leave: expected text"
        assert desire(by, "E1", {**ANA, "leave": 7}, before) == (expected, [problem])
    facts: dict[str, Fact] = {**ANA, "worker": "Employee"}
    assert desire(mapping(), "E1", facts, OURS) == (OURS, [])
    assert desire(mapping(), "E1", facts, suspended) == (suspended, ["suspension rests on leave, which has no value"])


@pytest.mark.parametrize("said", [None, "perhaps"])
def test_access_of_which_nobody_says_that_it_is_given_is_taken_and_comes_back_by_a_yes(said: Fact) -> None:
    """A no goes before what has no value or can't be read, and who is out isn't let in by such a word either."""
    suspended = after(OURS, mapping(), leave="Suspended", active=said)[0]
    assert suspended == Resource(**{**OURS, "active": False, "suspended": True})
    blank = after(OURS, mapping(), active=said)[0]
    assert after(blank, mapping(), leave="Suspended", active=said)[0] == suspended
    assert after(suspended, mapping(), active=said)[0] == suspended
    assert after(suspended, mapping())[0] == OURS


def test_a_suspended_user_who_leaves_the_scope_has_only_left() -> None:
    """Of one word on access, the last counts."""
    suspended = after(OURS, mapping(), leave="Suspended")[0]
    left = after(suspended, mapping(), leave="Suspended", department="Warehouse")[0]
    assert left == Resource(**{**OURS, "active": False, "scope": "left"})


def test_a_suspended_user_who_is_released_is_told_from_a_leaver() -> None:
    """Until a source says no, what the mass guard holds of their suspension isn't asked anew as a leaving."""
    by = mapping(leaving="release")
    suspended = after(OURS, by, leave="Suspended")[0]
    released = after(suspended, by, leave="Suspended", department="Warehouse")[0]
    assert released == Resource(**{**OURS, "active": False, "suspended": True, "scope": "released"})
    assert by_mapping(released)
    gone = after(released, by, leave="Suspended", department="Warehouse", active=False)[0]
    assert gone == Resource(**{**OURS, "active": False, "scope": "released"})
    assert after(released, by, department="Support")[0].get("active") is True


def test_a_blank_keeps_or_is_a_value() -> None:
    """A fact without a value changes nothing and is told; with `blank = "leave"` it is a value."""
    assert after(OURS, mapping(), department=None) == (OURS, ["scope rests on department, which has no value"])
    assert after(None, mapping(), department=None)[0] == NEVER
    assert after(OURS, mapping(blank="leave"), department=None)[0]["scope"] == "left"
    assert after(None, mapping(), worker=None)[0] == NEVER, "an empty column lets nobody in by !="


@pytest.mark.parametrize(
    "who", ['inGroup("Genesys Users")', 'facts["group:Genesys Users"] == true', '!has(facts["group:Blocked"])']
)
def test_a_group_without_a_value_is_a_plain_no(who: str) -> None:
    """That somebody has left a group, or has been in one, is no blank."""
    by = parse_mapping(f"[scope]\nwho = '{who}'\n")
    facts: dict[str, Fact] = {**ANA, "group:Genesys Users": True}
    inside = desire(by, "E1", facts, None)[0]
    assert inside["active"] is True
    outside = {**facts, "group:Genesys Users": None, "group:Blocked": None}
    desired, problems = desire(by, "E1", outside, inside)
    assert (desired["scope"], problems) == ("left", [])


def test_without_a_scope_everybody_is_in() -> None:
    """Also who was out of scope under the mapping before; and nothing of the state is left."""
    by = parse_mapping('[attributes]\ntitle = "job"\n')
    for before in (None, *map(known, ("never", "left", "released", "in"))):
        assert desire(by, "E1", ANA, before) == (OURS, [])


def test_the_first_scope_over_a_running_fleet() -> None:
    """Who has a record under a mapping without a scope counts as in; `release` makes that step harmless."""
    assert after(OURS, mapping(), department="Warehouse")[0]["active"] is False
    assert after(OURS, mapping("release"), department="Warehouse")[0]["active"] is True


def test_the_clause_that_decided_is_named_with_its_facts() -> None:
    """Of those that the outermost `&&` joins, the first that is false; else the first that can't be said."""
    who = mapping().who
    assert who is not None
    first, second = 'department in ["Sales", "Support"]', 'worker != "Intern"'
    assert decisive(who, {"department": "Warehouse"}) == Clause(first, ("department",))
    assert decisive(who, {"worker": "Intern"}) == Clause(second, ("worker",))
    assert decisive(who, {"department": "Sales"}) == Clause(second, ("worker",))
    assert decisive(who, {"department": "Sales", "worker": "Employee"}) == Clause(who.text, ("department", "worker"))


def test_a_record_that_is_full_still_takes_access() -> None:
    """Of what is desired nothing changes then but access, and why it is taken."""
    left = Resource(**{**OURS, "active": False, "title": "Other", "scope": "left"})
    suspended = Resource(**{**OURS, "active": False, "title": "Other", "suspended": True})
    gone = Resource(**{**OURS, "active": False, "title": "Other"})
    assert access_taken(OURS, left) == Resource(**{**OURS, "active": False, "scope": "left"})
    assert access_taken(OURS, suspended) == Resource(**{**OURS, "active": False, "suspended": True})
    assert access_taken(suspended, gone) == Resource(**{**OURS, "title": "Other", "active": False})
    assert access_taken(NEVER, OURS) == NEVER
    assert access_taken(NEVER, gone) == Resource(externalId="E1", active=False)


def test_another_scope_is_another_mapping() -> None:
    """By its digest, that each record names; what is the default is the same whether it is written or not."""
    texts = [
        "",
        "[scope]\nwho = 'active'\n",
        "[scope]\nwho = '!active'\n",
        "[scope]\nwho = 'active'\nleaving = \"release\"\n",
        "[scope]\nwho = 'active'\nblank = \"leave\"\n",
        "[suspend]\nwhen = 'active'\n",
        '[tables.a]\nb = "c"\n',
        '[externalIds]\na = "b"\n',
    ]
    assert len({parse_mapping(text).digest for text in texts}) == len(texts)
    written = 'functions = 1\n[scope]\nwho = \'active\'\nleaving = "deactivate"\nblank = "keep"\n'
    assert parse_mapping(written).digest == parse_mapping(texts[1]).digest
