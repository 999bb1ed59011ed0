"""Whoever isn't ours, at a target that answers as badly as it can: named by no request, and never kept in by it."""

from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold.fold import fold
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.plan import is_left_alone
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import UserRecord
from streamproc.core.scim.dialect import DIALECTS
from streamproc.sink.decide.steps import LookUp, SendUser
from tests.property.sink.decide.test_next_step import MOST, misbehaviours
from tests.support.adverse_target import AdverseTarget, AdverseTurn

MAPPINGS: Final = {
    leaving: parse_mapping(f"""
[scope]
who = 'department == "Care"'
leaving = "{leaving}"
[suspend]
when = 'leave == "Suspended"'
[attributes]
title = "job"
[[copy]]
fact = "team"
to = "groups"
""")
    for leaving in ("deactivate", "release")
}
NAMED: Final[dict[str, Fact]] = {"userName": "ana@example.com", "displayName": "Ana", "active": True}
BY_HAND: Final = {"userName": "ana@example.com", "displayName": "By hand", "active": True}
ODD: Final = 8
"""Steps of a turn at which the target may misbehave."""

said = st.fixed_dictionaries(
    {},
    optional={
        "department": st.sampled_from(["Care", "Care", "Warehouse", None]),
        "active": st.sampled_from([True, True, False]),
        "leave": st.sampled_from([None, "Suspended"]),
        "job": st.sampled_from(["Agent", "Lead"]),
        "team": st.sampled_from(["Billing", "Spanish", None]),
    },
)


def folded(history: list[dict[str, Fact]], leaving: str) -> list[UserRecord]:
    """Ana's records after events that say this."""
    records: list[UserRecord] = []
    for number, facts in enumerate(history):
        origin = Origin("events.hris", 0, number, Millis(1_780_000_000_000 + number))
        order = (Micros(number), 0, f"e{number}")
        attributes = facts if number else {**NAMED, **facts}
        event = ChangeEvent("E1", "hris", "E1", f"e{number}", "change", order, attributes, origin)
        records.append(fold(records[-1] if records else None, number, event, MAPPINGS[leaving]))
    return records


def there(dialect: str, *, by_hand: bool) -> AdverseTarget:
    """With both groups, and an account that somebody else has made for Ana."""
    made = AdverseTarget(DIALECTS[dialect], groups={"Billing": set(), "Spanish": set()})
    made.versions |= {"g-Billing": 1, "g-Spanish": 1}
    if by_hand:
        made.users["h"], made.versions["h"] = dict(BY_HAND), 1
    return made


@given(
    history=st.lists(said, min_size=1, max_size=6),
    leaving=st.sampled_from(["deactivate", "release"]),
    dialect=st.sampled_from(["genesys", "rfc7644"]),
    by_hand=st.booleans(),
    data=st.data(),
)
def test_nobody_is_named_who_is_not_ours(
    history: list[dict[str, Fact]], leaving: str, dialect: str, by_hand: bool, data: st.DataObject
) -> None:
    """No request goes out before the first record in scope, nor for who was released; and who is out, is out there."""
    records, target = folded(history, leaving), there(dialect, by_hand=by_hand)
    delivery: DeliveredState | None = None
    number, hidden = 0, False  # hidden: a search has said that nobody is there, of an account that isn't by our doing
    while number < len(records):
        turn = AdverseTurn(target, records[number].desired, delivery, seq=number + 10)
        for step_number in range(MOST):
            if number + 1 < len(records) and not turn.progress.ending and data.draw(st.integers(0, 4)) == 0:
                number += 1
                turn.newer(records[number].desired)
            step = turn.next()
            if hasattr(step, "request"):
                check(records[: number + 1], step)
            odd = step_number < ODD and misbehaviours(step) != ()
            how = data.draw(st.sampled_from(["honest", *misbehaviours(step)])) if odd else "honest"
            hidden = hidden or (by_hand and isinstance(step, LookUp) and how == "lagging")
            turn.carry_out(step, how)
            if turn.finished is not None:
                delivery = turn.finished.state
                break
        assert turn.finished is not None
        number += 1
    target.land()
    assert delivery is not None
    desired = records[-1].desired
    if all(record.desired.get("scope") == "never" for record in records):
        assert target.users == ({"h": BY_HAND} if by_hand else {})
    elif desired.get("active") is False and delivery.parked is None and not hidden:
        assert not any(user["active"] for user in target.users.values())


def check(records: list[UserRecord], step: Any) -> None:
    """A request may go out for the newest of these."""
    desired: Resource = records[-1].desired
    assert desired.get("scope") != "never"
    assert not is_left_alone(desired)
    if isinstance(step, SendUser) and "scope" in desired:
        assert step.resource.get("active") is False
