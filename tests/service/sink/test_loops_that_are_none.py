"""What goes out again and again and is no fight: a retry, much at once, and access that is taken."""

from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.scim.dialect import GENESYS
from tests.service.sink.test_loops import fought, looked
from tests.support.reconciler import Org, Start, roles, skills

NAMES: list[str | int | float | bool | None] = [f"S{number}" for number in range(35)]
MAPPING = """
[attributes]
title = "job"
[[copy]]
fact = "skilled"
to = "skills"
level = 3.0
[[copy]]
fact = "spoken"
to = "languages"
level = 3.0
"""


async def test_what_is_tried_again_after_failures_is_no_fight(org: Org) -> None:
    """For an hour the target answers each write with a 500 and applies none. Then the title and the role go out."""
    await org.hired()
    org.say("E1", job="Lead")
    for _ in range(8):
        await org.faults({"kind": "500_before", "method": "PATCH", "times": 50})
        await org.run()
        assert org.store.known["E1"].parked is not None
        org.clock.now += 300.0
        org.again("E1")
    await org.faults()
    await org.run()
    shown, delivery = await org.user(), org.store.known["E1"]
    assert (shown["title"], delivery.frozen, delivery.parked) == ("Lead", {}, None)
    assert await fought(org, "title", "Boss", 4) == ["Lead"] * 3 + ["Boss"]


async def emptied(org: Org, id_: str) -> None:
    """Somebody takes all skills and languages of a user away by hand."""
    for what in ("routingSkills", "routingLanguages"):
        await org.patch(f"Users/{id_}", "replace", f"{GENESYS}:{what}", [])


async def test_much_at_once_is_one_change_and_not_very_many_fights(start: Start) -> None:
    """Seventy skills and languages are taken by hand, and given back. What is changed next is put right all the same;
    who takes the seventy once more within the hour is let be.
    """
    org = await start(skills=tuple(map(str, NAMES)), languages=tuple(map(str, NAMES)))
    org.mapping = parse_mapping(MAPPING)
    id_ = await org.hired(skilled=NAMES, spoken=NAMES)
    await emptied(org, id_)
    await looked(org)
    assert len(skills(await org.user())) == len(NAMES)
    assert await fought(org, "title", "Boss", 1) == ["Agent"]
    assert org.store.known["E1"].frozen == {}
    await emptied(org, id_)
    await looked(org)
    assert len(org.store.known["E1"].frozen) == 2 * len(NAMES)


async def test_what_sources_fight_over_ends_without_the_role_and_the_membership(org: Org) -> None:
    """They are given and taken by turns. It is a giving that is frozen: who isn't to have them by the newest record
    doesn't, and is told of what waits.
    """
    await org.hired(genesysQueue="Billing")
    seen = []
    for number in range(9):
        seq = org.say("E1", job="Team Lead" if number % 2 == 0 else "Agent")
        await org.run()
        shown = await org.user()
        assert ("Supervisor" in roles(shown)) is (shown["id"] in await org.members("Supervisors"))
        seen.append("Supervisor" in roles(shown))
    assert seen == [True, False, True, False, True, False, False, False, False]
    frozen = org.store.known["E1"].frozen
    assert {"role Supervisor", "group Supervisors"} <= frozen.keys()
    assert org.fate(seq) == "parked"
