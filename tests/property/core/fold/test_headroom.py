"""Whatever a user's record holds, what takes access away still fits."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.fold import claims, headroom
from streamproc.core.fold.headroom import Folded, fold_within
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Effective, Fact, Move, Origin, SourceFacts
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import LARGEST, ORDINARY, decode, sealed

NOW = 1_796_000_000_000
MAPPING = parse_mapping(
    '[attributes]\nuserName = "userName"\nactive = "active"\ntitle = "job"\n[claims]\nseveral = ["okta"]\n'
)


def event(number: int, kind: Any = "change", subject: str = "S1", **more: Any) -> ChangeEvent:
    """The next of a subject."""
    order = (Micros((NOW + number) * 1000), 0, f"e{number}")
    origin = Origin("events.okta", 0, number, Millis(NOW + number))
    attributes: dict[str, Fact] = more.pop("attributes", {})
    return ChangeEvent("E1", "okta", subject, f"e{number}", kind, order, attributes, origin, **more)


def after(*events: ChangeEvent, known: bytes | None = None) -> bytes:
    """The record after them, those that fit."""
    for each in events:
        known = fold_within(known, each.origin.offset, each, MAPPING).value or known
    assert known is not None
    return known


HIRED = event(0, "snapshot", attributes={"userName": "a@example.com", "active": True, "job": "agent"})


def full(size: int = ORDINARY - 1_000) -> bytes:
    """A record of nearly so many bytes."""
    known, length = after(HIRED), size // 3
    while length > 0:
        filled = fold_within(known, 1, event(1, attributes={"job": "j" * length}), MAPPING).value
        if filled is not None and len(filled) <= size:
            assert len(filled) > size - 200
            return filled
        length -= 20
    raise AssertionError("there is no room for anything")


LEAVINGS = (
    event(9, attributes={"active": False}),
    event(9, attributes={"active": False, "job": "x" * 200_000}),
    event(9, "snapshot", attributes={"userName": "a@example.com", "active": False, "job": "x" * 400_000}),
    event(9, subject="S2" * 100, attributes={"active": False, "job": "x" * 300_000}),
    event(9, "unlink", move=Move(None)),
    event(
        9,
        "link",
        subject="S3",
        move=Move("E2", None, SourceFacts("S3", HIRED.origin, HIRED.order, {"active": False, "job": "x" * 300_000})),
    ),
)


@pytest.mark.parametrize("leaving", LEAVINGS)
@pytest.mark.parametrize("size", [3_000, ORDINARY - 1_000, ORDINARY - 10])
def test_leaving_fits(leaving: ChangeEvent, size: int) -> None:
    """By any event that takes access away, however much else it says."""
    folded = fold_within(full(size), 9, leaving, MAPPING)
    assert folded.value is not None
    record = decode(folded.value)
    assert (record.desired.get("active"), record.seq, len(folded.value) <= LARGEST) == (False, 9, True)
    assert sealed(folded.value) == record.hash


SCOPED = parse_mapping(
    """
[scope]
who = 'department == "Care"'
[suspend]
when = 'leave == "Suspended"'
[attributes]
title = "job"
"""
)


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({"department": "Warehouse"}, True),
        ({"leave": "Suspended"}, True),
        ({"department": "Warehouse", "onCall": False}, True),
        ({"leave": "Suspended", "onCall": False}, True),
        ({"department": "Care"}, False),
        ({"department": "w" * 300}, False),
        ({"leave": None}, False),
        ({"department": None, "leave": 7}, False),
    ],
)
@pytest.mark.parametrize("kind", ["snapshot", "change"])
def test_what_takes_access_by_the_mapping_fits(kind: str, said: dict[str, Fact], taken: bool) -> None:
    """However much else an event says; if it gives access, or changes nothing of it, it is rejected as ever."""
    inside: dict[str, Fact] = {"userName": "a@example.com", "active": True, "department": "Care"}
    known = fold_within(None, 0, event(0, "snapshot", attributes=inside), SCOPED).value
    folded = fold_within(known, 9, event(9, kind, attributes={**inside, **said, "job": "x" * 200_000}), SCOPED)
    if not taken:
        assert folded == Folded(None, "too_large")
        return
    assert folded.value is not None
    assert folded.left_out == "too_large"
    record = decode(folded.value)
    assert record.desired.get("active") is False
    assert not record.desired.get("title")
    assert sealed(folded.value) == record.hash


@pytest.mark.parametrize(
    ("more", "kept", "taken"),
    [({"group:": None, "group:Others": True}, (), True), ({"group:": None}, ("group:Ours",), False), ({}, (), False)],
)
def test_a_snapshot_that_leaves_out_the_group_takes_access(
    more: dict[str, Fact], kept: tuple[str, ...], taken: bool
) -> None:
    """It says by that that they aren't in it, if it speaks of groups and could read this one."""
    by = parse_mapping('[scope]\nwho = \'inGroup("Ours")\'\n[attributes]\ntitle = "job"\n')
    named: dict[str, Fact] = {"userName": "a@example.com", "active": True}
    known = fold_within(None, 0, event(0, "snapshot", attributes={**named, "group:": None, "group:Ours": True}), by)
    snapshot = event(9, "snapshot", attributes={**named, **more, "job": "x" * 200_000}, kept=kept)
    folded = fold_within(known.value, 9, snapshot, by)
    if not taken:
        assert folded == Folded(None, "too_large")
        return
    assert folded.value is not None
    assert decode(folded.value).desired.get("active") is False


def test_who_is_suspended_leaves_the_scope() -> None:
    """By an event that doesn't fit as well, so that the end of their leave lets nobody in who isn't ours."""
    inside: dict[str, Fact] = {"userName": "a@example.com", "active": True, "department": "Care", "leave": "Suspended"}
    known = fold_within(None, 0, event(0, "snapshot", attributes=inside), SCOPED).value
    moves = event(9, attributes={"department": "Warehouse", "onCall": False, "job": "x" * 200_000})
    known = fold_within(known, 9, moves, SCOPED).value
    back = fold_within(known, 10, event(10, attributes={"leave": None}), SCOPED).value
    assert back is not None
    assert decode(back).desired.get("active") is False


def test_a_stranger_who_is_too_large_is_not_let_in() -> None:
    """Who was never in scope isn't by what is left of an event that didn't fit."""
    outside: dict[str, Fact] = {"userName": "a@example.com", "active": True, "department": "Warehouse"}
    known = fold_within(None, 0, event(0, "snapshot", attributes=outside), SCOPED).value
    enters: dict[str, Fact] = {"department": "Care", "job": "x" * 200_000}
    assert fold_within(known, 9, event(9, attributes=enters), SCOPED) == Folded(None, "too_large")
    folded = fold_within(known, 9, event(9, attributes={**enters, "active": False}), SCOPED)
    assert folded.value is not None
    assert decode(folded.value).desired == {"externalId": "E1", "scope": "never"}


@pytest.mark.parametrize("more", [{"job": "x" * 200_000}, {"active": True, "job": "x" * 200_000}])
def test_what_gives_and_doesnt_fit_is_rejected(more: dict[str, Fact]) -> None:
    """Whole; the record stays as it is."""
    assert fold_within(full(), 9, event(9, attributes=more), MAPPING) == Folded(None, "too_large")


def test_a_dated_leaving_fits_and_comes() -> None:
    """Its date is kept, and nothing else of it."""
    at = Effective(Micros((NOW + 1_000) * 1000), "", "UTC")
    known = after(event(9, effective=at, attributes={"active": False, "job": "x" * 200_000}), known=full())
    assert (decode(known).due, decode(known).desired.get("active")) == (at.at, True)
    assert decode(after(event(2_000, "due"), known=known)).desired.get("active") is False


def test_where_nothing_fits_only_the_denial_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of before these bounds may be as large as it can be."""
    known = full()
    monkeypatch.setattr(headroom, "ORDINARY", 1_000)
    monkeypatch.setattr(headroom, "LARGEST", ORDINARY // 2)
    record = decode(after(event(9, attributes={"active": False, "job": "x" * 200_000}), known=known))
    assert (record.desired.get("active"), record.facts["okta/S1"].values) == (False, {"active": False})


def test_strangers_denials_keep_nobodys_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, and however full they make a record: whom it knew before is still heard."""
    monkeypatch.setattr(claims, "MOST", 1_000)
    monkeypatch.setattr(headroom, "ORDINARY", 4_000)
    monkeypatch.setattr(headroom, "LARGEST", 20_000)
    known, number = after(HIRED, event(1, subject="S-last", attributes={"active": True})), 10
    while True:
        number += 1
        denial = event(number, subject=f"{number}" + "s" * 250, attributes={"active": False})
        folded = fold_within(known, number, denial, MAPPING)
        if folded.value is None:
            break
        known = folded.value
    assert (folded.rejected, folded.denies, len(known) > 19_000) == ("too_large", True, True)
    last = fold_within(known, number + 1, event(number + 1, subject="S-last", attributes={"active": False}), MAPPING)
    assert last.value is not None
    assert decode(last.value).facts["okta/S-last"].values["active"] is False


@given(st.lists(st.tuples(st.integers(1, 6), st.sampled_from((True, False, None)), st.integers(0, 5_000)), max_size=30))
@settings(max_examples=100, deadline=None)
def test_a_full_record_follows_every_denial(said: list[tuple[int, bool | None, int]]) -> None:
    """Where little room is left, the newest word of the only subject that was heard last still takes access away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headroom, "ORDINARY", 6_000)
        patch.setattr(headroom, "LARGEST", 20_000)
        known = after(HIRED)
        for number, (subject, active, size) in enumerate(said, 10):
            attributes: dict[str, Fact] = {"active": active, "job": "j" * size}
            folded = fold_within(known, number, event(number, subject=f"S{subject}", attributes=attributes), MAPPING)
            known = folded.value or known
            assert not folded.denies
            if active is False and subject == 1:
                assert decode(known).facts["okta/S1"].values["active"] is False
