"""Which findings lead to a look, and whose is next."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streamproc.core.fold.plan import Urgency, is_left_alone
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import HELD
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.finding import Changed, Difference, Finding, is_look
from streamproc.core.records.resource import Resource
from streamproc.core.records.topic_names import FINDINGS
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.sink.decide.desired_state import DesiredState
from streamproc.sink.decide.looks import Looks, Noted, noted, turn_of

PLACE = Origin(FINDINGS, 1, 7, Millis(0))
EVENT = Cause("hris", "e1", Origin("events.hris", 0, 1, Millis(0)))
CODES = ("refused", "ambiguous", "regressed", "stalled", "held", "protected", "rejected", "frozen")

users = st.sampled_from(["E1", "E2", "E3"])
seqs = st.integers(0, 2)
kinds = st.sampled_from(["pending", "changed", "unknown", "orphan", "missing"])
differences = st.lists(
    st.builds(
        Difference,
        st.text(max_size=3),
        kinds,
        st.sampled_from(["own", "seed", "observe"]),
        st.none(),
        st.none(),
        st.just(""),
    ),
    max_size=8,
)
desired = st.fixed_dictionaries(
    {}, optional={"active": st.sampled_from([True, False]), "scope": st.sampled_from(["never", "left", "released"])}
)
parked: st.SearchStrategy[Parked | None] = st.none() | st.builds(
    lambda code, names: Parked(code, "", None, None, dict.fromkeys(names, ""), Resource(), Millis(0)),
    st.sampled_from(CODES),
    st.lists(st.just("title"), max_size=1),
)


@given(user=st.none() | users, found=differences, incident=st.booleans(), brief=st.booleans())
def test_only_what_is_to_be_repaired_of_a_user_is_noted(
    user: str | None, found: list[Difference], incident: bool, brief: bool
) -> None:
    """Accounts of nobody's, and what is on its way, seeded or observed, are none of the sink's."""
    finding = Finding(user, None, None, found, Millis(0), Millis(0), 3, 9, incident)
    each = noted(finding, PLACE, brief=brief)
    repaired = [difference for difference in found if difference.repaired]
    assert (each is None) == (user is None or not repaired)
    if each is not None:
        assert (each.user, each.partition, each.offset, each.seq, each.urgent) == (user, 1, 9, 3, incident)
        assert is_look(each.drift.cause)
        assert each.drift.cause.origin == PLACE
        assert each.drift.differences.keys() == (set() if brief else {each.attribute for each in repaired})


@given(
    names=st.tuples(users, users),
    told=st.tuples(seqs, seqs, seqs, seqs),
    wanted=desired,
    aside=parked,
    known=st.booleans(),
)
def test_a_turn_is_made_of_the_newest_record_alone(
    names: tuple[str, str], told: tuple[int, int, int, int], wanted: Any, aside: Parked | None, known: bool
) -> None:
    """Of the user's own, newest, delivered one, unless something keeps it; and it tells nothing of the record again."""
    of_finding, of_record, delivered, seen = told
    finding = Finding(names[0], None, None, [], Millis(0), Millis(0), of_finding, 9)
    by = Changed(Millis(0), "client-7", None, None, "entry-1")
    changed = Difference("title", "changed", "own", None, "Boss", "", by)
    each = noted(replace(finding, differences=[changed]), PLACE, brief=False)
    assert each is not None
    record = DesiredState(names[1], of_record, -1, "changed", EVENT, wanted, planned=True, problems=["a problem"])
    delivery = DeliveredState(names[0], delivered, "id", None, Resource(), aside, Millis(0)) if known else None
    turn = turn_of(each, record, delivery, seen)
    leaves = wanted.get("active") is False
    same = names[0] == names[1] and known and len({of_finding, of_record, delivered, seen}) == 1
    kept = aside is not None and (aside.code in HELD or (not aside.attributes and not leaves))
    assert (turn is not None) == (same and not kept and not is_left_alone(wanted))
    if turn is not None:
        work = turn.work
        assert (turn.user, turn.partition, turn.offset) == (names[0], 1, -1)
        assert turn.urgency is (Urgency.REVOKE if leaves else Urgency.NOTHING)
        assert (work.record.desired, work.record.cause, work.told, work.ordered) == (wanted, EVENT, True, False)
        assert (work.record.planned, work.record.problems) == (False, [])
        assert work.regressed == (aside is not None and aside.code == "regressed")
        assert (work.changed_by("title", "Boss"), work.changed_by("title", "Chief")) == (by, None)


events = st.one_of(
    st.tuples(st.just("add"), users, st.integers(0, 2), st.booleans()),
    st.tuples(st.just("drop"), users, st.just(0), st.booleans()),
    st.tuples(st.just("keep"), users, st.integers(0, 2), st.booleans()),
    st.tuples(st.just("take"), users, st.integers(0, 2), st.booleans()),
)


@given(history=st.lists(events, max_size=30), most=st.integers(1, 3))
def test_the_newest_of_each_user_waits_and_the_oldest_goes_first(
    history: list[tuple[str, str, int, bool]], most: int
) -> None:
    """Against a list that is as plain as the rule: at most so many, in order, of partitions that can go."""
    looks, model = Looks(most), list[Noted]()
    template = noted(
        Finding("E1", None, None, [Difference("a", "changed", "own", None, None, "")], Millis(0), Millis(0)),
        PLACE,
        brief=False,
    )
    assert template is not None
    for number, (kind, user, partition, urgent) in enumerate(history):
        match kind:
            case "add":
                each = replace(template, user=user, partition=partition, seq=number, urgent=urgent)
                looks.add(each)
                model = [other for other in model if other.user != user]
                others = [other for other in model if not other.urgent]
                if urgent and len(model) >= most and others:
                    model.remove(others[-1])
                model += [each] if len(model) < most else []
            case "drop":
                looks.drop(user)
                model = [other for other in model if other.user != user]
            case "keep":
                looks.keep(lambda each, partition=partition: each != partition)  # type: ignore[misc]
                model = [other for other in model if other.partition != partition]
            case _:
                taken = looks.take(1, lambda each, partition=partition: each >= partition, urgent=urgent)  # type: ignore[misc]
                able = [other for other in model if other.urgent == urgent and other.partition >= partition][:1]
                assert taken == able
                model = [other for other in model if other not in able]
        assert len(looks) == len(model)
