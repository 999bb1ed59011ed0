"""What a record does: all of it, or nothing."""

import re

import pytest
from msgspec import structs

from streamproc.core.provider.event import Members, ScimEvent, encode
from streamproc.core.provider.fold import Void
from streamproc.core.provider.group_members import digest
from streamproc.core.provider.proposal import Proposal
from streamproc.core.provider.request import Connection, Request
from streamproc.core.provider.state import Folded
from tests.unit.core.provider.replica import (
    Replica,
    adds,
    delete,
    group,
    patch,
    seeded,
    user,
)


def event(replica: Replica, request: Request, **changed: object) -> ScimEvent:
    """The record of a request, with some fields changed."""
    replica.fold()
    proposal = replica.decide(request)
    assert isinstance(proposal, Proposal)
    return structs.replace(proposal.event, **changed)


def folded(replica: Replica, event: ScimEvent) -> Folded | Void:
    """What the record does when it is appended now."""
    replica.fold()
    replica.log.append(encode(event))
    return replica.fold()[0]


def test_an_id_is_a_uuid_by_the_place_in_the_log() -> None:
    """A replay gives everybody the id that the client has kept; another connection's is another one."""
    log: list[bytes] = []
    kim = Replica(log).made(user())
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", kim.id)
    again = Replica(log)
    again.fold()
    assert list(again.state) == [kim]
    assert len({kim.id, Replica([], Connection("entra")).made(user()).id, Replica([]).made(group()).id}) == 3


def test_no_id_comes_again_in_a_topic_that_was_made_anew() -> None:
    """A client that kept the id of somebody from before doesn't change somebody else."""
    assert Replica([], name="before").made(user()).id != Replica([], name="now").made(user()).id


def test_the_first_on_a_version_counts() -> None:
    """Two gateways change one user at once: one change is made, the other is decided anew."""
    here = Replica([])
    kim = here.made(user())
    one, other = event(here, patch(kim, title="A")), event(here, patch(kim, title="B"))
    done = folded(here, one)
    assert isinstance(done, Folded)
    assert folded(here, other) == Void("version")
    assert folded(here, event(here, patch(kim, title="B"), type="Group")) == Void("version")
    assert here.now(kim.id).attributes["title"] == "A"
    assert (here.now(kim.id).version, here.now(kim.id).first) == (1, 0)


def test_a_name_has_one_user() -> None:
    """Two gateways create somebody at once: there is one."""
    here = Replica([])
    one, other = event(here, user()), event(here, user("KIM@example.com"))
    assert isinstance(folded(here, one), Folded)
    assert folded(here, other) == Void("taken")
    lee = here.made(user("lee@example.com"))
    assert folded(here, event(here, patch(lee, title="A"), claims={"userName": "kim@example.com"})) == Void("taken")


def test_a_record_that_comes_twice_counts_once() -> None:
    """A producer that repeats itself after a lost acknowledgement makes no second change."""
    here = Replica([])
    for request in (user(), group("Sales", "x")):
        made = event(here, request)
        assert isinstance(folded(here, made), Folded)
        assert folded(here, made) == Void("taken")
    kim, sales = here.state
    writes: list[Request] = [patch(kim, title="A"), adds(sales, "y"), delete(kim)]
    for write in writes:
        made = event(here, write)
        assert isinstance(folded(here, made), Folded)
        assert folded(here, made) == Void("version")


def test_what_is_so_already_makes_no_version() -> None:
    """A client that sends everything each hour makes nothing stale."""
    here = Replica([])
    kim = here.made(user(title="A"))
    done = here.write(patch(kim, title="A"))
    assert isinstance(done, Folded)
    assert (done.changed, here.now(kim.id)) == (False, kim)
    assert b'"change":"none"' in here.log[-1]
    stale = event(here, patch(kim, title="A"))
    here.made(patch(kim, title="B"))
    assert folded(here, stale) == Void("version")


def test_a_deleted_resource_is_gone_and_its_name_is_free() -> None:
    """Who comes back is somebody new, and the group that they were in holds an id of nobody's."""
    here = Replica([])
    kim, sales = here.made(user()), here.made(group())
    here.made(adds(sales, kim.id))
    late = event(here, patch(kim, title="A"))
    done = here.write(delete(kim))
    assert isinstance(done, Folded)
    assert (done.before, done.after, here.state.get(kim.id)) == (kim, None, None)
    assert folded(here, late) == Void("version")
    here.log.append(here.log[0])
    (again,) = here.fold()
    assert isinstance(again, Folded)
    assert again.after is not None
    assert again.after.id != kim.id
    assert here.state.members(sales.id) == {kim.id}
    here.write(delete(here.now(sales.id)))
    assert here.state.members(sales.id) == set()


def test_members_that_nobody_knows_are_kept_and_told() -> None:
    """A client that adds somebody before it creates them, as seeds do, finds them there."""
    here = Replica([])
    kim, sales = here.made(user()), here.made(group())
    done = here.write(adds(sales, kim.id, "x"))
    assert isinstance(done, Folded)
    assert (done.added, done.unknown) == (tuple(sorted((kim.id, "x"))), frozenset("x"))
    assert here.now(sales.id).members == digest({kim.id, "x"})


def test_members_that_dont_add_up_are_void() -> None:
    """A record that takes the group for another one changes nobody."""
    here = Replica([])
    sales = here.made(group("Sales", "x"))
    right = event(here, adds(sales, "y"))
    assert right.members is not None
    for wrong in (
        structs.replace(right.members, count=3),
        structs.replace(right.members, hash="0" * 64),
        structs.replace(right.members, hash="no number"),
        structs.replace(right.members, add=("x",)),
        structs.replace(right.members, add=(), remove=("y",)),
        *(
            Members(add, remove, after.count, after.hash)
            for add, remove in ((("x",), ()), ((), ("y",)))
            for after in [digest(frozenset("x")).after(add, remove)]
        ),
    ):
        assert folded(here, structs.replace(right, members=wrong)) == Void("members")
    assert here.state.members(sales.id) == {"x"}
    assert isinstance(folded(here, right), Folded)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "x"},
        {"change": "put"},
        {"change": "delete"},
        {"result": None},
        {"change": "seed"},
        {"change": "none"},
        {"base": 0},
        {"type": "User"},
    ],
)
def test_a_record_that_contradicts_itself_is_void(changed: dict[str, object]) -> None:
    """A program that writes nonsense into the log stops nobody and changes nothing."""
    here = Replica([])
    assert folded(here, event(here, group("Sales", "x"), **changed)) == Void("malformed")
    assert list(here.state) == []


def test_members_by_thousands_in_one_record_are_void() -> None:
    """No record is larger than what a broker takes, whoever wrote it."""
    here = Replica([])
    made = event(here, group("Sales", "x"))
    assert made.members is not None
    many = tuple(map(str, range(1_001)))
    assert folded(here, structs.replace(made, members=structs.replace(made.members, add=many))) == Void("malformed")
    twice = structs.replace(made.members, add=("x", "x"))
    assert folded(here, structs.replace(made, members=twice)) == Void("malformed")


def test_a_seed_has_the_targets_id_and_gives_way_to_clients() -> None:
    """The ids that a client has kept go on working, and what the client says isn't overwritten by what was there."""
    here = Replica([])
    kim = here.made(seeded("genesys-1", userName="kim@example.com", title="Agent"), body="{}")
    assert (kim.id, kim.seeded, kim.observed, kim.posted) == ("genesys-1", True, ("title", "userName"), None)
    again = event(Replica([]), seeded("genesys-1", userName="other@example.com"))
    assert folded(here, again) == Void("exists")
    late = event(here, seeded("genesys-1", userName="kim@example.com", title="Boss"))
    said = here.made(patch(kim, title="Lead"))
    assert (said.seeded, said.observed) == (False, ("userName",))
    assert folded(here, late) == Void("version")
    assert folded(here, structs.replace(late, base=said.version)) == Void("exists")


def test_times_never_go_back() -> None:
    """`lastModified` doesn't fall when another gateway's clock is behind; `created` stays."""
    here = Replica([])
    kim = here.made(user(), at=100)
    kim = here.made(patch(kim, title="A"), at=50)
    assert (kim.created, kim.modified) == (100, 100)
    assert here.made(patch(kim, title="B"), at=170).modified == 170
