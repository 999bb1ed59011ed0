"""What is kept of a user as a target shows them: it can be written, read again, and is short where it isn't ours."""

from typing import Any, cast

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.records.delivery import DeliveredState, decode_delivery
from streamproc.core.records.resource import IF_OWNED, Resource
from streamproc.core.records.units import Millis
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS, GENESYS_DIALECT, create_body
from streamproc.core.scim.own_terms import LONGEST, ROOM
from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.begin import begin
from streamproc.sink.decide.own_terms import user_read
from streamproc.sink.decide.predecessor import Predecessor
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.target import Target
from streamproc.sink.decide.underway import UserRead
from tests.support.adverse_target import work
from tests.support.hostile_targets.people import ANA, noted

texts = st.text(max_size=20) | st.sampled_from([255, 9000]).map("x".__mul__)
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | texts
fields = ("value", "name", "type", "proficiency", "authority")
elements = st.lists(st.dictionaries(st.sampled_from(fields), leaves))
values = st.recursive(leaves | elements, lambda inner: st.lists(inner, max_size=4), max_leaves=8)
core = ("userName", "displayName", "active", "title", "phoneNumbers", "emails", "roles", "groups", "meta", "externalId")
extended = st.dictionaries(
    st.sampled_from(["department", "manager", "routingSkills", "employeeNumber", "dateHire", "externalIds"]), values
)
bodies = st.builds(
    lambda body, more, other: {"id": "a", ENTERPRISE: more, GENESYS: other} | body,
    st.dictionaries(st.sampled_from(core), values),
    extended,
    extended,
)


OWNING = Resource(**{**ANA, "mobile": "+13175550102", "homePhone": None, "externalIds": {"hr": "7", "teams": None}})


def progress(desired: Resource = ANA) -> Progress:
    """Of somebody whom the sink knows."""
    return begin(work(10, desired), noted(), Predecessor(), Millis(0))


def read(body: dict[str, Any], desired: Resource = ANA) -> UserRead | None:
    """What is read of her."""
    return user_read(progress(desired), Target(GENESYS_DIALECT, lambda _: None, 30.0), Response(200, body, {}))


@given(body=bodies, desired=st.sampled_from([ANA, OWNING]))
def test_what_is_kept_can_be_written_and_read_again(body: dict[str, Any], desired: Resource) -> None:
    """A delivery that nobody could read would stop the sink at each start. Of what isn't owned nothing is kept."""
    user = read(body, desired)
    assert user is not None
    assert user.held.keys() & IF_OWNED == desired.keys() & IF_OWNED
    assert user.held.get("externalIds", {}).keys() == desired.get("externalIds", {}).keys()
    state = DeliveredState("E1", 10, "a", user.etag, user.held, None, Millis(0))
    written = orjson.dumps(state)
    assert decode_delivery(written) == state
    assert len(written) < 40 * LONGEST + 12 * ROOM


def test_what_is_long_and_not_ours_is_cut_and_stays_another() -> None:
    """A thousand roles of somebody else's don't stay in our state, but that there are others does; ours stay all."""
    body: dict[str, Any] = {"id": "a", "title": "Agent" * 1000, "roles": [{"value": f"r{n:04}"} for n in range(9000)]}
    body["roles"] += [{"value": "Agent"}, {"value": "x" * 5000}]
    user = read(body)
    assert user is not None
    held = cast("dict[str, Any]", user.held)
    assert held["title"] != "Agent"
    assert len(held["title"]) <= LONGEST + 1
    assert "Agent" in held["roles"]
    assert 10 < len(held["roles"]) <= ROOM
    assert sum(map(len, held["roles"])) <= ROOM + len("Agent")


def test_what_is_long_and_ours_is_kept_whole() -> None:
    """Else it would be written again and again."""
    ours = Resource(**{**ANA, "title": "t" * 5000, "roles": [f"r{n:04}" for n in range(2000)], "groups": []})
    user = read({**create_body(ours, GENESYS_DIALECT), "id": "a"}, ours)
    assert user is not None
    assert (user.held.get("title"), user.held.get("roles")) == (ours.get("title"), ours.get("roles"))


def test_an_inactive_that_nobody_said_needs_a_whole_user() -> None:
    """A server may leave out what is false, in a user whom it shows. An id alone, and an odd `active`, say nothing."""
    target = Target(GENESYS_DIALECT, lambda _: None, 30.0)
    target.shows_active = True
    left = begin(work(10, Resource(**{**ANA, "active": False})), noted(), Predecessor(), Millis(0))
    left = type(left)(
        **{**{name: getattr(left, name) for name in left.__struct_fields__}, "operations": ("deactivate",)}
    )
    shown = {"id": "a", "userName": "Ana@example.com"}
    for body, active in (
        (shown, False),
        ({"id": "a"}, None),
        (shown | {"active": "no longer"}, None),
        (shown | {"active": [False]}, None),
        (shown | {"active": True}, True),
    ):
        user = user_read(left, target, Response(200, body, {}))
        assert user is not None
        assert user.held.get("active") is active
