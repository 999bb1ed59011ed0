"""A directory in the simulated world: what its hooks tell and lose, what rounds find, what the oracle makes of it."""

import asyncio
import json
from collections.abc import Sequence
from random import Random
from typing import Any, Final

import orjson
import pytest

from streamproc.adapters.kafka.log import KafkaError
from streamproc.core.records.topic_names import events_topic, intake_topic, notifications_topic
from streamproc.settings import load_settings
from streamproc.testing.network import Network
from streamproc.testing.world import World
from tests.simulation.directory import SETTINGS, Directory
from tests.simulation.directory_history import directory_steps
from tests.simulation.oracle import expected
from tests.simulation.oracle.people import people

ADA: Final = {"userName": "ada@example.com", "displayName": "Ada Vale", "department": "Care", "job": "Agent"}
EACH: Final = pytest.mark.parametrize("source", list(SETTINGS))


def step(at: float, source: str, do: str, who: str = "D1", **fields: Any) -> dict[str, Any]:
    told = {"fields": fields} if fields else {}
    return {"at": at, "kind": "directory", "source": source, "do": do, "who": who, **told}


def played(source: str, steps: Sequence[dict[str, Any]], rates: dict[str, float], seed: int = 1) -> World:
    """Gateway and hydrator alone; nothing goes wrong any more half a second after the last step."""
    world = World(seed, rates, tracing=True)
    directory = Directory(world, Network(world), load_settings(**SETTINGS[source]), source)

    async def story() -> None:
        for name, main in directory.services().items():
            world.start(f"{name}0", main, KafkaError)
        for each in steps:
            await asyncio.sleep(max(0.0, each["at"] - world.loop.time()))
            directory.perform(each)
        await asyncio.sleep(0.5)
        world.calm()
        await directory.asked()

    world.run(story())
    assert not world.failures
    return world


def bodies(world: World, topic: str) -> list[dict[str, Any]]:
    """Of the records of a topic."""
    return [orjson.loads(each.value or b"null") for each in world.broker.records(topic)]


def shown(world: World, source: str) -> list[bool]:
    """Whether somebody may sign in, as the directory's answers said one after the other."""
    answers = [each for each in bodies(world, intake_topic(source)) if "status" in each or "accountEnabled" in each]
    return [each.get("accountEnabled", each.get("status") == "ACTIVE") for each in answers]


@EACH
def test_a_hook_leads_to_an_answer(source: str) -> None:
    """Gateway, notification, fetch, and what the directory said of the person: on the simulated Kafka in a moment."""
    world = played(source, [step(3.0, source, "create", **ADA), step(8.0, source, "update", active=False)], {})
    assert bodies(world, notifications_topic(source))
    assert shown(world, source)[0] is True
    assert shown(world, source)[-1] is False


@EACH
def test_what_hooks_lose_a_round_finds(source: str) -> None:
    """Without a single hook the leaver is found all the same."""
    steps = [step(3.0, source, "create", **ADA), step(20.0, source, "update", active=False)]
    world = played(source, steps, {"directory.drop": 1.0})
    assert bodies(world, notifications_topic(source)) == []
    assert shown(world, source)[-1] is False


@EACH
def test_a_run_is_the_same_each_time(source: str) -> None:
    """Of one seed each record has the same bytes, with faults and all: else no failure could be played again."""
    rates = {"directory.duplicate": 0.3, "directory.refuse": 0.2, "net.request_lost": 0.1, "net.reset_after": 0.1}
    steps = directory_steps(Random(3), source, ("U0",), 10.0)
    first, second = played(source, steps, rates), played(source, steps, rates)
    for topic in (intake_topic(source), events_topic(source), notifications_topic(source)):
        assert bodies(first, topic) == bodies(second, topic)
    assert first.lines == second.lines


def test_who_came_and_went_unseen_is_nobody() -> None:
    """Who was made and removed while nobody could ask was never known by their number: nothing is demanded of that."""
    world = World(1, {})
    directory = Directory(world, Network(world), load_settings(**SETTINGS["okta"]), "okta")
    steps = [step(1.0, "okta", "create", **ADA), step(1.1, "okta", "remove")]

    async def story() -> None:
        for each in steps:
            directory.perform(each)

    world.run(story())
    assert [each["kind"] for each in directory.known(steps)] == ["unseen", "unseen"]


@pytest.mark.parametrize("others", [(), ("D2",)])
def test_the_last_one_is_gone_only_once_that_was_told(others: Sequence[str]) -> None:
    """A directory that lists nobody isn't believed: where neither hook nor log told it, nobody can know that they left.
    While it lists somebody, all who are missing are found.
    """
    world = World(1, {}, tracing=True)
    directory = Directory(world, Network(world), load_settings(**SETTINGS["okta"]), "okta")
    steps = [step(0.0, "okta", "create", who, **ADA | {"userName": f"{who}@example.com"}) for who in ("D1", *others)]
    steps.append(step(10.0, "okta", "remove"))
    kinds = []

    async def story() -> None:
        for name, main in directory.services().items():
            world.start(f"{name}0", main, KafkaError)
        for each in steps[:-1]:
            directory.perform(each)
        await asyncio.sleep(10.0)
        for name in directory.services():
            world.kill(f"{name}0", 1.0)
        directory.perform(steps[-1])
        kinds.append(directory.known(steps)[-1]["kind"])
        changed = step(9.0, "okta", "update", active=False)
        kinds.append(directory.known([*steps[:-1], changed, steps[-1]])[-1]["kind"])
        await asyncio.sleep(5.0)
        await directory.asked()
        kinds.append(directory.known(steps)[-1]["kind"])

    world.run(story())
    assert kinds == (["directory"] * 3 if others else ["unseen", "unheard", "directory"])


def test_histories_of_directories_are_plain_and_told_in_order() -> None:
    """Of one seed always the same; nobody changes who isn't there, and nobody comes twice."""
    for seed in range(50):
        steps = directory_steps(Random(seed), "okta", ("U0", "U1"), 20.0)
        assert steps == json.loads(json.dumps(directory_steps(Random(seed), "okta", ("U0", "U1"), 20.0)))
        assert [each["at"] for each in steps] == sorted(each["at"] for each in steps)
        there: set[str] = set()
        for each in steps:
            assert (each["who"] in there) == (each["do"] != "create")
            there.add(each["who"])


def test_the_oracle_takes_the_directorys_last_word() -> None:
    """Of what was between nothing is left; a directory that lets somebody in is overruled by HR, and the other way."""
    steps = [step(1.0, "okta", "create", **ADA), step(2.0, "okta", "update", job="Team Lead")]
    wanted = expected(steps, 60.0)["D1"]
    assert (wanted.active, wanted.attributes["title"], wanted.attributes["userName"]) == (
        True,
        "Team Lead",
        ADA["userName"],
    )
    assert expected([*steps, step(3.0, "okta", "update", active=False)], 60.0)["D1"].active is False
    assert expected([*steps, step(3.0, "okta", "remove")], 60.0)["D1"].active is False
    assert people([step(1.0, "okta", "update", active=False)]) == {}


def test_of_two_sources_either_can_deny() -> None:
    """HR has them in, and the directory locks them out, or has removed them: they are out."""
    value: dict[str, Any] = {"id": "1", "type": "snapshot", "subject": "D1", "time": "2026-03-04T00:00:01+00:00"}
    value["attributes"] = {"userName": "d1@example.com", "displayName": "Ada", "active": True, "department": "Care"}
    said = {"at": 1.0, "kind": "say", "topic": "events.hris", "key": "D1", "value": value}
    there = step(2.0, "okta", "create", **ADA)
    assert expected([said, there], 60.0)["D1"].attributes["userName"] == ADA["userName"]
    for last in (step(3.0, "okta", "update", active=False), step(3.0, "okta", "remove")):
        assert expected([said, there, last], 60.0)["D1"].active is False
        assert expected([said, there, last], 60.0, mapping="hr-decides")["D1"].active is not False
