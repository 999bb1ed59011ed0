"""A userName that somebody else has: who gives it up goes first, and nobody is made to."""

import asyncio

import pytest

from streamproc.core.records.delivery import Parked
from tests.support.reconciler import Org, person


def named(user: str) -> str:
    return f"{user.lower()}@example.com"


async def holds(org: Org, *users: str) -> dict[str, str]:
    """User to the userName that the target shows."""
    return {user: (await org.user(user))["userName"] for user in users}


async def changed(org: Org) -> list[tuple[str, str]]:
    """UserName before and after, of each PATCH that was accepted."""
    shown = [each for each in await org.writes() if each["applied"] and each["method"] == "PATCH"]
    return [
        (str(each["user"]), operation["value"])
        for each in shown
        for operation in each["body"]["Operations"]
        if operation["path"] == "userName"
    ]


async def patiently(_: float) -> None:
    """Others have time to go on while somebody waits."""
    await asyncio.sleep(0.5)


def aside(org: Org, user: str) -> Parked:
    parked = org.store.known[user].parked
    assert parked is not None
    return parked


async def test_another_user_name_is_one_change_of_the_same_account(org: Org) -> None:
    """Who is renamed keeps the account: no second one is made, and one request says so."""
    there = await org.hired("E1")
    seq = org.say("E1", userName="new@example.com")
    await org.run()
    assert org.fate(seq) == "delivered"
    assert [(each["method"], each["applied"]) for each in await org.writes()] == [("PATCH", True)]
    user = await org.user("E1")
    assert (user["id"], user["userName"]) == (there, "new@example.com")


async def test_who_gives_a_name_up_goes_first(org: Org) -> None:
    """E1 wants the name that E2 is giving up: whatever comes first, both are delivered, each by one change."""
    await org.hired("E1")
    await org.hired("E2")
    org.clock.during = patiently
    first = org.say("E1", userName=named("E2"), job="Team Lead")
    second = org.say("E2", userName="e9@example.com")
    await org.run()
    assert (org.fate(first), org.fate(second), org.store.parked) == ("delivered", "delivered", {})
    assert await holds(org, "E1", "E2") == {"E1": named("E2"), "E2": "e9@example.com"}
    assert len(await changed(org)) == 2


@pytest.mark.parametrize("people", [2, 3, 5])
async def test_a_circle_ends_right(org: Org, people: int) -> None:
    """Each wants the next one's name. One has a temporary one for as long as that takes, of the same mailbox."""
    users = [f"E{number}" for number in range(people)]
    ids = [await org.hired(user) for user in users]
    org.clock.during = patiently
    seqs = [org.say(user, userName=named(after)) for user, after in zip(users, users[1:] + users[:1], strict=True)]
    await org.run()
    assert {org.fate(seq) for seq in seqs} == {"delivered"}
    assert await holds(org, *users) == dict(zip(users, map(named, users[1:] + users[:1]), strict=True))
    assert [(await org.user(user))["id"] for user in users] == ids
    names = [name for _, name in await changed(org)]
    temporary = [name for name in names if "+" in name]
    assert len(names) == people + 1
    assert [name.partition("+")[0] for name in temporary] == ["e0"]
    assert org.store.parked == {}


async def test_a_joiner_gets_a_name_that_is_being_given_up(org: Org) -> None:
    """A login that goes from one person to a new one: the new account waits for it, and isn't taken for the old one."""
    there = await org.hired("E1")
    org.clock.during = patiently
    joins = org.say("E2", **{**person("E2"), "userName": named("E1")})
    moves = org.say("E1", userName="e9@example.com")
    await org.run()
    assert (org.fate(joins), org.fate(moves), org.store.parked) == ("delivered", "delivered", {})
    assert await holds(org, "E1", "E2") == {"E1": "e9@example.com", "E2": named("E1")}
    assert (await org.user("E1"))["id"] == there


async def test_nobody_is_made_to_give_a_name_up(org: Org) -> None:
    """Two are to have one name: who has it keeps it; the other keeps theirs, is told why, and all else goes on."""
    await org.hired("E1")
    await org.hired("E2")
    seq = org.say("E1", userName=named("E2"), job="Team Lead")
    await org.run()
    assert await holds(org, "E1", "E2") == {"E1": named("E1"), "E2": named("E2")}
    assert (org.fate(seq), (await org.user("E1"))["title"]) == ("delivered", "Team Lead")
    parked = aside(org, "E1")
    assert (parked.code, parked.holder) == ("ambiguous", "E2")
    assert "userName belongs to the user with externalId E2 " in parked.attributes["userName"]


@pytest.mark.parametrize("who", ["a stranger", "another tool's"])
async def test_a_name_of_somebody_who_isnt_ours_is_told_at_once(org: Org, who: str) -> None:
    """An account that nobody of us has delivered gives nothing up by our doing: nobody waits for it."""
    await org.hired("E1")
    await org.foreign("boss", **({} if who == "a stranger" else {"externalId": "X9"}))
    begin = org.clock.now
    seq = org.say("E1", userName="boss@example.com")
    await org.run()
    assert (org.fate(seq), aside(org, "E1").code) == ("parked", "ambiguous")
    assert await holds(org, "E1") == {"E1": named("E1")}
    assert org.clock.now - begin < 1
    changes = [each for each in await org.writes() if each["method"] == "PATCH"]
    assert len(changes) == 1, "nor is it tried again"


@pytest.mark.parametrize("who", ["renamed", "joins"])
async def test_whose_the_name_is_isnt_kept_at_length(org: Org, who: str) -> None:
    """Another tool's mark may be as long as it likes: it is no user ID of ours, and little of it is kept."""
    await org.hired("E1")
    await org.foreign("boss", externalId="X" * 50_000)
    user = "E1" if who == "renamed" else "E2"
    org.say(user, **{**person(user), "userName": "boss@example.com"})
    await org.run()
    parked = aside(org, user)
    assert (parked.code, parked.holder) == ("ambiguous", None)
    assert len(str(parked)) < 3000


async def test_a_leaver_keeps_the_name(org: Org) -> None:
    """Who has left still has their account and its name: a successor isn't given it on nobody's word."""
    await org.hired("E1")
    await org.hired("E2")
    org.say("E2", active=False)
    await org.run()
    begin = org.clock.now
    org.say("E1", userName=named("E2"))
    await org.run()
    assert await holds(org, "E1", "E2") == {"E1": named("E1"), "E2": named("E2")}
    assert "externalId E2, who has left, and keeps it" in aside(org, "E1").attributes["userName"]
    assert org.clock.now - begin < 1, "nobody waits for that"


async def test_a_leaver_doesnt_wait_for_a_name(org: Org) -> None:
    """Somebody who leaves while they wait for a name is out at once, under the name that they have."""
    await org.hired("E1")
    await org.hired("E2")
    left: list[int] = []

    async def meanwhile(_: float) -> None:
        if not left:
            left.append(org.say("E1", active=False))
            began.append(org.clock.now)
            await asyncio.sleep(0.5)

    began: list[float] = []
    org.clock.during = meanwhile
    org.say("E1", userName=named("E2"))
    await org.run()
    assert org.fate(left[0]) == "revoked"
    assert org.clock.now - began[0] < 1
    assert (await org.user("E1"))["userName"] == named("E1")


async def test_what_the_log_says_is_free_and_the_target_doesnt_comes_to_an_end(org: Org) -> None:
    """Somebody was renamed by hand to a name that is another's to have: it is tried once, and then told."""
    await org.hired("E1")
    there = await org.hired("E2")
    await org.patch(f"Users/{there}", "replace", "userName", "wanted@example.com")
    renamed = org.say("E1", userName="wanted@example.com")
    joins = org.say("E3", **{**person("E3"), "userName": "wanted@example.com"})
    await org.run()
    assert (org.fate(renamed), org.fate(joins)) == ("parked", "parked")
    assert len(await org.writes()) < 8
    org.say("E2", job="Team Lead")  # a read shows the name, and it is written as it is to be
    await org.run()
    org.again("E1")
    await org.run()
    assert (await org.user("E1"))["userName"] == "wanted@example.com"


async def test_a_circle_goes_on_where_a_sink_was_killed(org: Org) -> None:
    """Somebody has their temporary name when the sink dies. The next one finds that by a read, and goes on."""
    await org.hired("E1")
    await org.hired("E2")
    org.clock.during = patiently
    seqs = [org.say("E1", userName=named("E2")), org.say("E2", userName=named("E1"))]
    dead = asyncio.Event()

    async def dies(_: str, __: str) -> None:
        if any("+" in name for _, name in await changed(org)):
            dead.set()
            await asyncio.Event().wait()

    org.wire.before = dies
    running = asyncio.create_task(org.run())
    await dead.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    org.start(until=seqs[-1] + 1)
    for user in ("E1", "E2"):
        org.take_in(org.records[user])
    await org.run()
    for o in org.outcomes + org.store.outcomes:
        print(o.user, o.verdict, o.reason, [(r.method, r.path, r.status) for r in o.requests])
    assert await holds(org, "E1", "E2") == {"E1": named("E2"), "E2": named("E1")}
    assert org.store.parked == {}
