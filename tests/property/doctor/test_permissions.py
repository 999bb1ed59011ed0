"""Permissions held against the least set: for all roles that anybody could think of."""

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold.mapping import parse_mapping
from streamproc.doctor.permissions import EVERYWHERE, NEVER, Held, Policy, granted, judged, needs
from tests.support.examined import MAPPING

NEEDS = needs(parse_mapping(MAPPING))
NAMES = sorted({need.permission for need in NEEDS} | NEVER.keys() | {"routing:queue:view", "oauth:client:add"})
PARTS = [sorted({name.split(":")[part] for name in NAMES} | {EVERYWHERE}) for part in range(3)]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any, with words that matter."""
    role, domain, entity = (draw(st.sampled_from(words)) for words in (["A", "B"], PARTS[0], PARTS[1]))
    actions = draw(st.frozensets(st.sampled_from(PARTS[2]), min_size=1, max_size=3))
    division = draw(st.sampled_from([EVERYWHERE, "d1", "d2"]))
    return Policy(role, domain, entity, actions, draw(st.booleans()), division)


HELD = st.lists(policies(), max_size=6)


def exactly(names: list[str]) -> list[Policy]:
    """A role of these permissions."""
    split = [name.split(":") for name in names]
    return [Policy("exact", domain, entity, frozenset({action})) for domain, entity, action in split]


@given(HELD)
def test_what_is_missing_is_told_and_nothing_else_is(held: list[Policy]) -> None:
    """A line says "missing" of exactly those that no policy allows; an error of those without which it can't work."""
    lines = [line for line in judged(NEEDS, Held(held)) if line.text.startswith("missing")]
    lacking = [need for need in NEEDS if not any(policy.allows(need.permission) for policy in held)]
    assert [line.about for line in lines] == [need.permission for need in lacking]
    assert [line.severity for line in lines] == ["error" if need.kind == "must" else "warning" for need in lacking]


@given(HELD)
def test_whatever_is_too_much_is_named(held: list[Policy]) -> None:
    """Each name of a policy that isn't needed is in a line about its role, or has its own; no needed one is."""
    lines = list(judged(NEEDS, Held([*held, *exactly([need.permission for need in NEEDS])])))
    needed = {need.permission for need in NEEDS}
    for policy in held:
        for name in {*policy.names} - needed - NEVER.keys():
            texts = [line.text for line in lines if line.about == f"role {policy.role}"]
            assert any(name in text for text in texts)
    never = {name for name in NEVER if any(policy.allows(name) for policy in held)}
    assert {line.about for line in lines if line.text.startswith("never needed")} == never
    assert not any(line.severity == "error" for line in lines)
    for line in lines:
        if line.text.startswith("too much: "):
            told = line.text.removeprefix("too much: ").partition(";")[0].split(", ")
            assert needed.isdisjoint(told)


@given(st.sets(st.sampled_from(NAMES)))
def test_only_the_least_set_is_ok(names: set[str]) -> None:
    """Neither more nor less."""
    lines = list(judged(NEEDS, Held(exactly(sorted(names)))))
    assert ([line.severity for line in lines] == ["ok"]) == (names == {need.permission for need in NEEDS})


@given(st.sets(st.sampled_from(["d1", "d2", "d3"])))
def test_divisions_without_the_role_are_named(divisions: set[str]) -> None:
    """With a grant in all of them, or in each of them, nothing is."""
    names = [need.permission for need in NEEDS]
    every = {"d1": "One", "d2": "Two", "d3": "Three"}
    held = [
        Policy(policy.role, policy.domain, policy.entity, policy.actions, division=division)
        for division in divisions
        for policy in exactly(names)
    ]
    lines = [line for line in judged(NEEDS, Held(held, every)) if line.about == "divisions"]
    missing = sorted(every[each] for each in every.keys() - divisions)
    assert len(lines) == bool(divisions and missing)
    assert all(line.text.startswith(f"not granted in {', '.join(missing)}:") for line in lines)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "division", "policies", "actions", "domain", "grants", "id"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_an_odd_answer_ends_nothing(grants: object) -> None:
    """Whatever stands in the place of grants: either policies, or that there are none to be seen."""
    found = granted({"grants": grants})
    assert found is None or all(isinstance(policy, Policy) for policy in found)
