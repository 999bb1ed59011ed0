"""Two gateways on one log: however their work falls out, it is as if one had done it, one request after the other."""

from typing import Any
from unittest.mock import patch as patched

from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.provider import group_members
from streamproc.core.provider.group_members import AddMembers, RemoveMembers, ReplaceMembers
from streamproc.core.provider.request import Request
from streamproc.core.provider.state import Folded, ScimResource
from tests.property.core.provider.gateways import Gateway, Judge
from tests.unit.core.provider.replica import Replica, delete, group, patch, put, seeded, user

NAMES = st.sampled_from(["kim", "KIM", "zo\u00eb", "Zoe\u0308", "lee"])
IDS = st.lists(st.sampled_from(["m1", "m2", "m3", "m4", "m5"]), unique=True, max_size=5).map(tuple)
TITLES = st.sampled_from(["A", "B", None])
ACTIVE = st.sampled_from([True, False, None])
EDITS = st.one_of(st.builds(AddMembers, IDS), st.builds(RemoveMembers, IDS), st.builds(ReplaceMembers, IDS))


def said(**attributes: Any) -> dict[str, Any]:
    """Without those that are None."""
    return {name: value for name, value in attributes.items() if value is not None}


@st.composite
def requests(draw: st.DrawFn, there: list[ScimResource]) -> Request:
    """What a client may ask that knows these resources, some of which may be gone."""
    name, title, active, members = draw(NAMES), draw(TITLES), draw(ACTIVE), draw(IDS)
    match draw(
        st.sampled_from(
            ["user", "group", "seed user", "seed group", *(["put", "patch", "patch", "delete"] if there else [])]
        )
    ):
        case "user":
            return user(name, **said(title=title, active=active))
        case "group":
            return group(name, *members)
        case "seed user":
            return seeded(draw(st.sampled_from(["s1", "s2"])), **said(userName=name, title=title, active=active))
        case "seed group":
            return seeded(draw(st.sampled_from(["s2", "s3"])), members, displayName=name)
        case what:
            return draw(writes(what, draw(st.sampled_from(there))))


@st.composite
def writes(draw: st.DrawFn, what: str, resource: ScimResource) -> Request:
    """To one of them, by who may have seen an older version."""
    name, title, active = draw(NAMES), draw(TITLES), draw(ACTIVE)
    if_match = draw(st.sampled_from([None, None, str(resource.version)]))
    if what == "delete":
        return delete(resource, if_match)
    if resource.type == "User":
        if what == "put":
            return put(resource, if_match=if_match, **said(userName=name, title=title, active=active))
        changes = {"title": title, "active": active, "userName": draw(st.one_of(st.none(), NAMES))}
        named = draw(st.sets(st.sampled_from(sorted(changes)), min_size=1))
        return patch(resource, if_match=if_match, **{each: changes[each] for each in sorted(named)})
    if what == "put":
        return put(resource, draw(st.one_of(st.none(), IDS)), if_match, displayName=name)
    edits = draw(st.lists(EDITS, min_size=1, max_size=3))
    return patch(resource, *edits, if_match=if_match, **said(displayName=draw(st.one_of(st.none(), NAMES))))


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_two_gateways_are_as_one(data: st.DataObject) -> None:
    """One user per name; each write does what its client was told, once; each refusal was right when it was told; and
    a gateway that begins anew, or never saw what was void, holds the same bytes.
    """
    log: list[bytes] = []
    judge = Judge(log)
    gateways = [Gateway(log, "a", judge), Gateway(log, "b", judge)]
    with patched.object(group_members, "MOST_CHANGES", 2):
        for _ in range(data.draw(st.integers(1, 25))):
            gateway = data.draw(st.sampled_from(gateways))
            match data.draw(
                st.sampled_from(["ask", "ask", "ask", "append", "append", "fold", "fold", "again", "restart"])
            ):
                case "ask":
                    gateway.take(data.draw(requests(list(judge.replica.state))))
                case "append" | "again" as how if gateway.works:
                    gateway.append(data.draw(st.sampled_from(gateway.works)), twice=how == "again")
                case "fold":
                    gateway.go_on(data.draw(st.integers(1, 5)))
                case "restart" if data.draw(st.integers(0, 3)) == 0:
                    gateway.restart()
        works = [work for gateway in gateways for work in gateway.works]
        while any(work.answer is None for work in works):
            for gateway in gateways:
                for work in gateway.works:
                    gateway.append(work)
                gateway.go_on()
    for gateway in gateways:
        gateway.go_on()
    for work in works:
        assert isinstance(work.answer, Folded) == (judge.times(work) > 0)
        assert judge.times(work) <= 1
    states = [[(each.encoded(), gateway.state.members(each.id)) for each in gateway.state] for gateway in gateways]
    afresh = Replica(log)
    afresh.fold()
    truth = [(each.encoded(), afresh.state.members(each.id)) for each in afresh.state]
    assert states == [truth, truth]
