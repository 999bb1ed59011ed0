"""What is appended after a look: nothing is told twice for nothing, and nothing is left standing that is over."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streamproc.core.records.control import Control
from streamproc.core.records.finding import Changed, Difference, Finding
from streamproc.core.records.units import Millis
from streamproc.reconcile.decide.next_finding import as_before, disagrees, ignored, is_repaired, next_finding

KIM = Changed(Millis(1), "c", "p", "Kim", "e")
differences_: st.SearchStrategy[Difference] = st.builds(
    Difference,
    st.sampled_from(["title", "email", "active"]),
    st.sampled_from(["pending", "changed", "unknown"]),
    st.sampled_from(["own", "observe"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["b", "c", None]),
    st.sampled_from(["so", "or so"]),
    st.sampled_from([None, KIM]),
)
some = st.lists(differences_, unique_by=lambda each: each.attribute, max_size=3).map(
    lambda found: sorted(found, key=lambda each: each.attribute)
)
ORDER = Control("order", "ignore", "E1", 5, "Kim", "why", Millis(0))


def finding(differences: list[Difference], at: int, **more: Any) -> Finding:
    """Of one user."""
    return Finding("E1", "a", "ann@example.com", differences, Millis(at), Millis(at), **more)


def told(looks: list[list[Difference]]) -> tuple[list[Finding], Finding | None]:
    """All that is appended after these looks, and what stands."""
    appended: list[Finding] = []
    newest: Finding | None = None
    for at, differences in enumerate(looks, 1):
        if (after := next_finding(newest, finding(differences, at))) is not None:
            appended.append(after)
            newest = after
    return appended, newest


@given(looks=st.lists(some, max_size=6))
def test_what_stands_is_what_the_last_look_saw(looks: list[list[Difference]]) -> None:
    """By attribute, kind, policy and both values; with nothing seen, nothing stands."""
    _, newest = told(looks)
    last = looks[-1] if looks else []

    def seen(found: list[Difference]) -> list[Any]:
        return [(each.attribute, each.kind, each.policy, each.desired, each.held) for each in found]

    assert seen([] if newest is None else newest.differences) == seen(last)


@given(looks=st.lists(some, max_size=6))
def test_each_is_news_or_to_be_repaired(looks: list[list[Difference]]) -> None:
    """No record repeats the one before unless the sink is to look; the first isn't empty."""
    appended, _ = told(looks)
    for before, after in zip([finding([], 0), *appended], appended, strict=False):
        same = [replace(each, reason="", changed=None) for each in before.differences] == [
            replace(each, reason="", changed=None) for each in after.differences
        ]
        assert not same or is_repaired(after)


@given(differences=some.filter(bool))
def test_what_is_to_be_repaired_is_told_at_each_look(differences: list[Difference]) -> None:
    """The sink may not have been there. What isn't is told once."""
    before = finding(differences, 1)
    after = next_finding(before, finding(differences, 2))
    assert (after is not None) is is_repaired(before)


@given(looks=st.lists(some, min_size=2, max_size=6))
def test_since_is_when_something_was_seen_first(looks: list[list[Difference]]) -> None:
    """As long as anything disagrees; at the end of it, when it was over."""
    begun: int | None = None
    newest: Finding | None = None
    for at, differences in enumerate(looks, 1):
        begun = (begun or at) if differences else None
        if (after := next_finding(newest, finding(differences, at))) is not None:
            newest = after
            assert after.since == (at if begun is None else begun)


@given(differences=some.filter(bool), later=some, incident=st.booleans())
def test_an_ignored_one_stays_so_until_something_else_disagrees(
    differences: list[Difference], later: list[Difference], incident: bool
) -> None:
    """An incident can't be ignored, and one that comes later isn't."""
    seen = finding(differences, 1, incident=incident)
    closed = ignored(seen, ORDER)
    assert (closed is None) is incident
    if closed is None:
        return
    assert not disagrees(closed)
    assert next_finding(closed, finding(differences, 2)) is None
    after = next_finding(closed, finding(later, 2))
    assert after is None or after.answered is None
    again = next_finding(closed, finding(differences, 2, incident=True))
    assert again is not None
    assert disagrees(again)


def test_who_did_it_is_remembered_of_the_same_alone() -> None:
    """Else the audit log would be asked at each look at what is only observed."""
    before = finding([Difference("title", "changed", "observe", "a", "b", "so", KIM)], 1)
    same, other = (Difference("title", "unknown", "observe", "a", held, "?") for held in ("b", "c"))
    assert as_before(before, [same]) == before.differences
    assert as_before(before, [other]) == [other]
    assert as_before(None, [same]) == [same]


def test_who_did_it_is_asked_anew_of_what_we_write() -> None:
    """It may have been put right since, and changed again to the same by somebody else."""
    before = finding([Difference("title", "changed", "own", "a", "b", "so", KIM)], 1)
    again = Difference("title", "unknown", "own", "a", "b", "?")
    assert as_before(before, [again]) == [again]
