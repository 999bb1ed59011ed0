"""Any records at all, whoever wrote them: each has its whole effect or none, and a replay comes to the same bytes."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.provider.event import Asked, Members, ScimEvent, decode, encode
from streamproc.core.provider.fold import Void, fold
from streamproc.core.provider.group_members import NOBODY, digest
from streamproc.core.provider.observed import joined, names, parted
from streamproc.core.provider.state import Folded, ResourcesInMemory, ScimResource
from streamproc.core.records.units import Millis

IDS = ("a", "b", "c")
VALUES: list[Any] = [
    None,
    True,
    -(2**63),
    2**63,
    0.5,
    "",
    "\u0000",
    "zo\u00eb",
    [],
    ["a"],
    {},
    {"name": "x"},
    {"x:y": {}},
]
attributes = st.dictionaries(
    st.sampled_from(["userName", "title", "urn:x:User", "x:y"]), st.sampled_from(VALUES), max_size=3
)
requests = st.builds(
    Asked, st.sampled_from(["r1", "r2"]), st.integers(0, 9).map(Millis), st.just("POST"), st.just("/Users")
)


@st.composite
def members(draw: st.DrawFn, held: frozenset[str]) -> Members:
    """A change of members that fits the group, or nearly, or not at all."""
    add = draw(st.lists(st.sampled_from(IDS), max_size=3, unique=draw(st.booleans())))
    remove = draw(st.lists(st.sampled_from(IDS), max_size=3, unique=True))
    if draw(st.integers(0, 3)):
        add, remove = [each for each in add if each not in held], [each for each in remove if each in held]
    after = draw(st.sampled_from([digest((held - set(remove)) | set(add)), NOBODY]))
    part, parts = draw(st.sampled_from([(1, 1), (2, 3), (1, 2), (0, 1)]))
    return Members(tuple(add), tuple(remove), after.count, after.hash, part, parts)


@st.composite
def events(draw: st.DrawFn, state: ResourcesInMemory) -> ScimEvent:
    """A record by somebody who knows what is there, or doesn't, and keeps the rules, or doesn't."""
    there: list[ScimResource] = list(state)
    known = draw(st.sampled_from([None, *there])) if there else None
    honest = draw(st.integers(0, 4)) > 0
    change = draw(st.sampled_from(["put", "patch", "delete", "none", "seed"] if known else ["create", "seed"]))
    named = {"create": None, "seed": draw(st.sampled_from(IDS))}.get(change)
    result = None if change == "delete" else draw(attributes)
    claims = (
        {}
        if result is None
        else draw(st.dictionaries(st.sampled_from(["userName", "x"]), st.sampled_from("pq"), max_size=2))
    )
    kind = draw(st.sampled_from(["User", "Group"])) if known is None else known.type
    change_of = members(frozenset() if known is None else frozenset(state.members(known.id)))
    right: dict[str, Any] = {
        "change": change,
        "type": kind,
        "id": named if known is None else known.id,
        "base": None if known is None else known.version,
        "claims": claims,
        "result": result,
        "members": draw(st.none() | change_of) if kind == "Group" and change not in {"delete", "none"} else None,
    }
    wrong: dict[str, st.SearchStrategy[Any]] = {
        "change": st.sampled_from(["create", "put", "patch", "delete", "none", "seed"]),
        "type": st.sampled_from(["User", "Group"]),
        "id": st.none() | st.sampled_from([*IDS, *(each.id for each in there)]),
        "base": st.none() | st.integers(-1, 12),
        "claims": st.dictionaries(st.sampled_from(["userName", "x"]), st.sampled_from("pq")),
        "result": st.none() | attributes,
        "members": st.none() | change_of,
    }
    for field in () if honest else draw(st.sets(st.sampled_from(sorted(wrong)))):
        right[field] = draw(wrong[field])
    written = tuple(
        draw(st.lists(st.sampled_from(["userName", "title", "urn:x:User:name.x", "emails[a eq 1]"]), max_size=2))
    )
    return ScimEvent(1, "okta", "self", written=written, urgent=False, request=draw(requests), **right)


def all_of(state: ResourcesInMemory) -> list[tuple[bytes, list[str]]]:
    """Each resource with its members, in the order in which they were made."""
    return [(each.encoded(), sorted(state.members(each.id))) for each in state]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_each_record_has_its_whole_effect_or_none(data: st.DataObject) -> None:
    """A program that writes nonsense into the log can't break a rule: no name is two resources', no version stays, no
    group holds another number of members than it says, nobody but the one that is named changes.
    """
    state, log = ResourcesInMemory(), {}
    for offset in range(data.draw(st.integers(1, 10))):
        event = data.draw(events(state))
        value = encode(event)
        assert encode(decode(value)) == value
        before = all_of(state)
        done = fold(state, decode(value), partition=0, offset=offset)
        assert all_of(state) == before
        if isinstance(done, Folded):
            log[offset] = value
            state.apply(done)
            named = done.after or done.before
            assert named is not None
            others = [each for each in all_of(state) if f'"id":"{named.id}"'.encode() not in each[0]]
            assert others == [each for each in before if f'"id":"{named.id}"'.encode() not in each[0]]
            assert done.after is None or done.after is done.before or done.after.version == offset
        check(state)
    again = ResourcesInMemory()
    for offset, value in log.items():
        done = fold(again, decode(value), partition=0, offset=offset)
        assert not isinstance(done, Void)
        again.apply(done)
    assert all_of(again) == all_of(state)


def check(state: ResourcesInMemory) -> None:
    """What holds of all resources, whatever is written."""
    claims = [(each.type, *claim) for each in state for claim in each.claims.items()]
    assert len(claims) == len(set(claims))
    for each in state:
        assert all(state.claimant(each.type, *claim) == each.id for claim in each.claims.items())
        assert (each.members is None) == (each.type == "User")
        assert each.members is None or each.members == digest(state.members(each.id))
        assert set(each.observed) <= set(names(each.attributes))
        assert joined(*parted(each)) == each.attributes
