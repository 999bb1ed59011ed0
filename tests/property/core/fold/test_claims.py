"""Claims: whatever several subjects of a source say, come, go and are ordered, only one of them is the user."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.records.user_record import encode
from tests.unit.core.fold.test_claims import User

NAMES = ("A", "B", "C")


@dataclass(frozen=True)
class Step:
    """What one subject does, or an operator with it."""

    what: str
    subject: str
    active: bool | None = None
    began: int | None = None
    gone: bool = False


def play(source: str, steps: list[Step]) -> tuple[list[Any], User]:
    """What is desired after each step, and the user after all."""
    user, desired = User(), []
    for step in steps:
        name, login = f"{source}/{step.subject}", f"{step.subject}@example.com"
        said: dict[str, Any] = {"active": step.active, "userName": login, "gone": step.gone or None}
        said |= {} if step.began is None else {"began": step.began}
        match step.what:
            case "say":
                user.hear(name, "snapshot", **said)
            case "change":
                user.hear(name, **said)
            case "link" | "moves in":
                user.linked(name, "kim" if step.what == "link" else None, "V", **said)
            case _:
                user.left(name, "kim" if step.what == "split" else None, **({"active": False} if step.gone else {}))
        desired.append((step.subject, user.active, user.login))
    return desired, user


def steps(names: tuple[str, ...] = NAMES, *, orders: bool = True) -> st.SearchStrategy[list[Step]]:
    """Of these subjects."""
    kinds = ["say", "change", "moves in", "leaves", *(["link", "split"] if orders else [])]
    step = st.builds(
        Step,
        st.sampled_from(kinds),
        st.sampled_from(names),
        st.sampled_from([True, True, False, None]),
        st.none() | st.integers(1, 1_900_000_000_000_000),
        st.booleans(),
    )
    return st.lists(step, max_size=14)


sources = st.sampled_from(["okta", "hris"])


@settings(max_examples=150)
@given(source=sources, given_steps=steps())
def test_one_is_the_user_and_who_is_held_stays_so(source: str, given_steps: list[Step]) -> None:
    """No two are active as the user but by an operator's word; who is held has no facts, and only that word ends it."""
    held: set[str] = set()
    for length in range(1, len(given_steps) + 1):
        _, user = play(source, given_steps[:length])
        facts = user.here.facts
        if given_steps[length - 1].what == "link":
            held.discard(f"{source}/{given_steps[length - 1].subject}")
        now = {name for name, each in facts.items() if each.standing == "held"}
        assert held <= now
        held = now
        assert all(facts[name].values.keys() <= {"active"} and not facts[name].rows for name in now)
        active = [each for each in facts.values() if each.standing == "" and each.values.get("active") is True]
        assert len(active) <= 1


@given(source=sources, given_steps=steps())
def test_who_was_only_ever_held_might_as_well_not_exist(source: str, given_steps: list[Step]) -> None:
    """Without all that they did, the same is desired at each moment."""
    ever: set[str] = set()
    for length in range(1, len(given_steps) + 1):
        _, user = play(source, given_steps[:length])
        ever |= {name[-1] for name, each in user.here.facts.items() if each.standing != "held"}
    with_them, _ = play(source, given_steps)
    without, _ = play(source, [step for step in given_steps if step.subject in ever])
    assert [each for each in with_them if each[0] in ever] == without


@given(source=sources, others=steps(("B", "C"), orders=False), position=st.integers(0, 14))
def test_the_first_one_loses_nothing_by_claims(source: str, others: list[Step], position: int) -> None:
    """Who is active goes on being so, under their login, whatever others write; and is out as soon as they leave."""
    first, again = Step("say", "A", True), Step("change", "A", True)
    desired, _ = play(source, [first, *others[:position], again, *others[position:]])
    assert {(active, login) for _, active, login in desired} == {(True, "A@example.com")}
    desired, _ = play(source, [first, *others[:position], Step("change", "A", False), *others[position:]])
    claimed = {step.subject for step in others[:position] if step.what != "leaves" and step.active}
    early = all(step.subject in claimed and (step.active or step.what == "leaves") for step in others)
    if early:
        assert all(login == "A@example.com" for _, _, login in desired)
        assert all(active is False for _, active, _ in desired[position + 1 :])


@given(source=sources, given_steps=steps())
def test_a_replay_gives_the_same_bytes(source: str, given_steps: list[Step]) -> None:
    """It is the log's order alone that decides."""
    if given_steps:
        (_, one), (_, other) = play(source, given_steps), play(source, given_steps)
        assert encode(one.here) == encode(other.here)
