"""Authority: whose word counts where sources differ, and where one source has two subjects of a person."""

from dataclasses import replace
from typing import Any

import pytest

from streamproc.core.errors import MappingError
from streamproc.core.fold.authority import view
from streamproc.core.fold.facts import absorb
from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.identity.resolve import resolve
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records.change_event import ChangeEvent, Fact, Move, Origin, SourceFacts
from streamproc.core.records.units import Micros, Millis
from tests.unit.core.fold.test_fold import _said


def told(said: dict[str, Fact], order: int = 1, **changes: Any) -> SourceFacts:
    """What a subject said in one snapshot."""
    return SourceFacts("s", Origin("t", 0, 0, Millis(0)), floor=(Micros(order), 0, "e"), values=said, **changes)


def test_the_first_source_in_the_list_with_a_value_counts() -> None:
    """Whatever it says later or earlier; null is no value, and who isn't in the list has no say."""
    facts = {
        "entra/x": told({"job": "Clerk", "department": "Care"}, order=9),
        "okta/o": told({"job": "Agent", "department": "Sales"}),
        "workday/w": told({"job": None, "department": None}),
    }
    authority = {"job": ["workday", "okta"], "department": ["workday"]}
    assert view(facts, authority=authority) == {"job": "Agent", "department": None}
    assert view(facts) == {"job": "Clerk", "department": "Care"}


def test_a_list_binds_a_single_source_too() -> None:
    """A source without a say in a fact doesn't give it where it is alone either."""
    facts = {"okta/o": told({"active": True, "job": "Agent"})}
    assert view(facts, authority={"active": ["workday"]}) == {"job": "Agent"}


def test_deny_wins_among_those_with_a_say() -> None:
    """One source in the list that says false is enough; one that isn't in the list can't deny, and can't give."""
    facts = {"entra/x": told({"active": False}), "okta/o": told({"active": True}), "workday/w": told({"active": True})}
    assert view(facts) == {"active": False}
    assert view(facts, authority={"active": ["workday", "okta"]}) == {"active": True}
    assert view(facts, authority={"active": ["okta", "entra"]}) == {"active": False}


def test_a_job_that_began_later_outlasts_one_that_ends() -> None:
    """The closed contract of somebody who goes on as an employee doesn't disable them, however late it is told."""
    old = told({"active": False, "job": "Contractor", "desk": 1}, order=9, since=1, vouched=7)
    new = told({"active": True, "job": "Agent"}, since=2, vouched=2)
    assert view({"workday/C/1": old, "workday/1": new}) == {"active": True, "job": "Agent"}
    closed = told({"active": False, "job": "Agent"})
    assert view({"workday/C/1": old, "workday/1": closed}) == {"active": False, "job": "Contractor", "desk": 1}
    silent = told({"active": None, "job": "Lead"}, order=10)
    assert view({"workday/C/1": old, "workday/1": silent}) == {"active": False, "job": "Contractor", "desk": 1}


DAY = 86_400_000_000


def people(**said: tuple[bool, int, int | None]) -> dict[str, SourceFacts]:
    """Subjects of one person: whether they are active, since which day, and on which day that was last said."""
    return {
        name.replace("_", "/"): told(
            {"active": active}, since=since * DAY, vouched=None if said is None else said * DAY
        )
        for name, (active, since, said) in said.items()
    }


@pytest.mark.parametrize(
    ("subjects", "active"),
    [
        pytest.param(
            {"workday_C": (True, 1, 3), "workday_E": (False, 2, 9)}, False, id="an old contract without an end"
        ),
        pytest.param(
            {"workday_C": (True, 1, 12), "workday_E": (False, 2, 9)}, True, id="a contract said to go on since"
        ),
        pytest.param({"workday_C": (False, 1, 9), "workday_E": (True, 2, 3)}, True, id="contractor becomes employee"),
        pytest.param({"workday_C": (True, 1, 9), "workday_E": (False, 1, 9)}, False, id="both of one reading"),
        pytest.param({"workday_C": (True, 1, 3), "workday_E": (False, 2, None)}, True, id="over before we heard of it"),
        pytest.param({"okta_main": (False, 1, 9), "okta_admin": (True, 2, 12)}, False, id="a second account"),
        pytest.param({"okta_main": (False, 1, 9), "okta_anew": (True, 10, 12)}, False, id="an account made anew"),
        pytest.param(
            {"workday_A": (False, 1, 2), "workday_B": (False, 3, 9), "workday_C": (True, 4, 5)},
            True,
            id="the third job",
        ),
        pytest.param(
            {"workday_A": (False, 1, 2), "workday_B": (False, 5, 9), "workday_C": (True, 4, 5)},
            False,
            id="the job before the last",
        ),
    ],
)
def test_two_subjects_of_one_source(subjects: dict[str, tuple[bool, int, int | None]], active: bool) -> None:
    """Who lost one of two jobs or accounts is active only by another that outlasts it, whatever their order here."""
    facts = people(**subjects)
    assert view(facts)["active"] is active
    assert view(dict(reversed(facts.items())))["active"] is active


def test_an_account_made_after_the_other_was_deleted() -> None:
    """Who comes back with a new account, once the old one is gone; an older second account doesn't become the first."""
    main = replace(told({"active": False, "gone": True}, order=10 * DAY), since=Micros(DAY), vouched=Micros(9 * DAY))
    for since, active in ((11, True), (9, False)):
        assert view({"okta/main": main, **people(okta_new=(True, since, since))})["active"] is active
    first_read_later = told({"active": True, "began": 2 * DAY}, since=11 * DAY, vouched=11 * DAY)
    assert view({"okta/main": main, "okta/admin": first_read_later})["active"] is False


def test_what_never_was_active_hasnt_ended() -> None:
    """A staged second account, or a hire that lies ahead, locks nobody out; nor does it leave a denial behind."""
    staged = told({"active": False, "began": 5 * DAY}, since=5 * DAY)
    assert view({"okta/admin": staged, **people(okta_main=(True, 1, 4))})["active"] is True
    assert view({"okta/admin": staged})["active"] is False
    read_late = replace(staged, since=Micros(9 * DAY))
    assert view({"okta/admin": read_late, **people(okta_main=(True, 1, 4))})["active"] is False
    ahead = told({"active": False, "began": 5 * DAY}, since=3 * DAY)
    contract = people(workday_C=(True, 1, 2))
    assert view({"workday/E": ahead} | contract, now=Millis(4 * DAY // 1000))["active"] is True
    assert view({"workday/E": ahead} | contract, now=Millis(6 * DAY // 1000))["active"] is False  # it began, and ended
    left, _ = absorb(replace(staged, subject="x"), moved("7", "unlink", "78", None), None)
    assert view({"entra/x": left, "okta/o": told({"active": True})})["active"] is True


def test_a_job_begins_when_the_source_says() -> None:
    """Not when we first heard of it: of two that were first read together the dates tell which came later."""
    facts = people(workday_C=(False, 5, 9), workday_E=(True, 5, 5))
    assert view(facts)["active"] is False
    for name, day in (("workday/C", 1), ("workday/E", 4)):
        facts[name] = replace(facts[name], values=facts[name].values | {"began": day * DAY})
    assert view(facts)["active"] is True


def test_who_left_leaves_nothing_behind() -> None:
    """What a subject that was split off had said has no value any more; without another voucher, access ends."""
    gone = told({"active": None, "job": None}, left=True)
    assert view({"okta/o": gone}) == {"active": False, "job": None}
    assert view({"okta/o": gone, "workday/w": told({"active": True})}) == {"active": True, "job": None}
    assert view({"okta/o": told({"job": None}, left=True)}) == {"job": None}


def moved(user: str, kind: str, other: str | None, by: str | None, facts: SourceFacts | None = None) -> ChangeEvent:
    """A subject comes or goes."""
    event = _said(50 if kind == "link" else 51)
    move = Move(other, by, facts)
    return replace(event, user=user, subject="x", source="entra", kind=kind, attributes={}, move=move)  # type: ignore[arg-type]


def test_who_was_disabled_isnt_let_in_by_another_number() -> None:
    """The account's number is changed after it was disabled: what it denied stays, unless an operator moved it."""
    disabled = told({"active": False, "job": "Agent"}, vouched=0, since=0)
    okta = {"okta/o": told({"active": True})}
    left, _ = absorb(disabled, moved("7", "unlink", "8", None), None)
    assert view(okta | {"entra/x": left}) == {"active": False, "job": None}
    by_operator, _ = absorb(disabled, moved("7", "unlink", "8", "kim"), None)
    assert view(okta | {"entra/x": by_operator})["active"] is True
    # Whoever had the number by mistake for a while is as before, once it is put right.
    brought, _ = absorb(None, moved("8", "link", "7", None, disabled), None)
    assert view(okta | {"entra/x": brought})["active"] is False
    again, _ = absorb(brought, moved("8", "unlink", "7", None), None)
    assert view(okta | {"entra/x": again})["active"] is True
    # It comes and goes again: what it denied at home it goes on to deny.
    home, _ = absorb(
        left, replace(moved("7", "link", "8", None, disabled), origin=Origin("t", 0, 60, Millis(60))), None
    )
    away, _ = absorb(home, replace(moved("7", "unlink", "8", None), origin=Origin("t", 0, 61, Millis(61))), None)
    assert view(okta | {"entra/x": away})["active"] is False


def test_disabled_and_given_another_number_in_one_go() -> None:
    """One snapshot that says both: the account that was disabled was this user's."""
    origin = Origin("events.entra", 0, 1, Millis(1))
    first = SourceEvent("x", "e1", "snapshot", (Micros(1), 0, "e1"), {"active": True}, "7")
    then = SourceEvent("x", "e2", "snapshot", (Micros(2), 0, "e2"), {"active": False}, "TERM-7")
    link, events = resolve(None, "entra", [first], origin)
    _, later = resolve(link, "entra", [then], replace(origin, offset=2))
    facts: SourceFacts | None = None
    for event in (*events, *later):
        if event.user == "7":
            facts, _ = absorb(facts, event, None)
    assert facts is not None
    assert view({"entra/x": facts, "okta/o": told({"active": True})})["active"] is False


def test_authority_is_part_of_the_mapping() -> None:
    """It is in the digest, so that a record tells by which rules it came about, and the fold applies it."""
    plain = parse_mapping('[attributes]\nactive = "active"\n')
    listed = parse_mapping('[attributes]\nactive = "active"\n[authority]\nactive = ["workday"]\n')
    assert plain.digest != listed.digest
    assert fold(None, 1, _said(1, active=True), plain).desired.get("active") is True
    assert "active" not in fold(None, 1, _said(1, active=True), listed).desired


def test_what_a_source_gave_stays_when_it_has_no_say_any_more() -> None:
    """What it said isn't known then: a new mapping empties nobody's title before somebody with a say has spoken."""
    text = '[attributes]\nactive = "active"\ntitle = "job"\n'
    plain, listed = parse_mapping(text), parse_mapping(text + '[authority]\njob = ["workday"]\n')
    before = fold(None, 1, _said(1, active=True, job="Agent"), plain)
    switched = fold(before, 2, replace(_said(2), kind="mapping"), listed)
    assert before.desired.get("title") == "Agent"
    assert ("title" in switched.desired, switched.operations) == (False, [])
    emptied = fold(switched, 3, replace(_said(3, job=None), source="workday"), listed)
    assert emptied.desired.get("title", "kept") is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('jobb = ["okta"]', "authority.jobb: nothing in this file reads"),
        ("active = []", "authority.active: is empty"),
    ],
)
def test_a_mistake_in_authority_is_told(line: str, reason: str) -> None:
    """A fact that nothing reads, and a list of nobody, are mistakes: silence would give access or take it."""
    with pytest.raises(MappingError, match=reason):
        parse_mapping(f"[authority]\n{line}\n")
