"""The sink on a real broker: leavers under pressure, what is set aside, and operators' orders, across restarts."""

import asyncio
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from streamproc.cli.main import cli
from streamproc.settings import Settings
from tests.support.rig import Rig, person, rig


async def run(*arguments: str) -> str:
    """A command as an operator gives it. Returns what it printed; it must exit with 0."""
    result = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


async def hire(made: Rig, *users: str) -> None:
    """People who are there and known."""
    await made.all_told([(user, await made.say(user, **person(user))) for user in users])


async def test_a_paused_sink_sends_nothing_until_it_is_resumed(settings: Settings, tmp_path: Path) -> None:
    """`sink pause` holds for sinks that start later too; `sink resume` lets everything go on."""
    kafka = ("--kafka", settings.kafka.bootstrap_servers, "--by", "Kim Berg", "--reason", "maintenance")
    async with rig(settings, tmp_path) as made:
        async with made.sink():
            await hire(made, "E1")
            await run("sink", "pause", *kafka)
        async with made.sink() as sink:
            await made.until(lambda: sink._gate.stopped)
            seq = await made.say("E1", department="Sales")
            with pytest.raises(TimeoutError):
                await made.all_told([("E1", seq)], seconds=1)
            before = len((await made.sim("GET", "ledger"))["entries"])
            await run("sink", "resume", *kafka)
            await made.all_told([("E1", seq)])
            assert len((await made.sim("GET", "ledger"))["entries"]) == before + 1


async def test_parked_users_are_listed_retried_and_skipped(settings: Settings, tmp_path: Path) -> None:
    """An operator sees what was refused and why, tries it again once the cause is gone, or gives it up."""
    kafka = ("--kafka", settings.kafka.bootstrap_servers)
    why = ("--by", "Kim Berg", "--reason", "skill was added")
    async with rig(settings, tmp_path) as made, made.sink():
        await hire(made, "E1", "E2")
        seqs = [(user, await made.say(user, genesysLanguage="Klingon")) for user in ("E1", "E2")]
        await made.all_told(seqs)
        listed = await run("parked", "list", *kafka)
        assert "E1" in listed
        assert "'Klingon' is not configured" in listed
        await run("parked", "skip", "E2", *why, *kafka)
        await made.until(lambda: any(each["verdict"] == "skipped" for each in made.told))
        await made.sim("POST", "config", {"languages": ["Klingon"]})
        await run("parked", "retry", "E1", *why, *kafka)
        await made.until(lambda: any(each["verdict"] == "delivered" for each in made.told))
        (retried,) = [each for each in made.told if each["verdict"] == "delivered"]
        assert retried["cause"]["reason"] == "Kim Berg: skill was added"
        assert "Klingon" in str((await made.users())["E1"])
        assert "Klingon" not in str((await made.users())["E2"])
        await made.until(lambda: any(each["verdict"] == "delivered" for each in made.told))
        assert orjson.loads(await run("parked", "list", "--json", *kafka)) == []


async def test_a_broken_file_is_held_and_single_leavers_flow(settings: Settings, tmp_path: Path) -> None:
    """Of a file that says everybody has left a few go through; the rest wait for an operator, also after a restart."""
    kafka = ("--kafka", settings.kafka.bootstrap_servers, "--by", "Kim Berg", "--reason", "broken file")
    small = {"guard_count": 6, "guard_share": 0.0, "guard_day_count": 50}
    file = [f"F{number:02}" for number in range(20)]
    async with rig(settings, tmp_path) as made:
        async with made.sink(**small):
            await hire(made, *file, "R1", "R2")
            left = {user: await made.say(user, active=False) for user in file}
            left |= {user: await made.said_by("okta", user, active=False) for user in ("R1", "R2")}
            await made.all_told(left.items())
        told = {user: made.fates[user, seq]["verdict"] for user, seq in left.items()}
        held = sorted(user for user, fate in told.items() if fate == "held")
        assert told["R1"] == told["R2"] == "revoked"
        assert set(held) < set(file)
        assert 14 <= len(held) <= 17
        listed = orjson.loads(await run("held", "list", "--json", *kafka[:2]))
        assert [each["user"] for each in listed] == held
        assert "mass guard" in listed[0]["reason"]
        await run("held", "release", held[0], *kafka)
        await run("held", "reject", held[1], *kafka)
        async with made.sink(**small):
            await made.until(lambda: {"revoked", "rejected"} <= {each["verdict"] for each in made.told})
            again = await made.say(held[2], phone="+13175550100")
            insists = await made.say(held[1], phone="+13175550100")
            back = await made.say(held[3], active=True)
            wanted = {(held[2], again): "held", (held[1], insists): "held", (held[3], back): "no-op"}
            await made.all_told(wanted)
            assert {which: made.fates[which]["verdict"] for which in wanted} == wanted
            listed = orjson.loads(await run("held", "list", "--json", *kafka[:2]))
            assert [each["user"] for each in listed] == sorted({*held} - {held[0], held[3]})
            there = await made.users()
            assert there[held[0]]["active"] is False
            assert all(there[user]["active"] for user in held[1:])


async def test_a_protected_account_is_never_deactivated(settings: Settings, tmp_path: Path) -> None:
    """The account that the contact centre can't be without stays, whatever HR says; the list says so."""
    async with rig(settings, tmp_path) as made, made.sink(guard_protected="ADM-* E9"):
        await hire(made, "ADM-1", "E1")
        left = [(user, await made.say(user, active=False)) for user in ("ADM-1", "E1")]
        await made.all_told(left)
        assert [made.fates[each]["verdict"] for each in left] == ["parked", "revoked"]
        listed = orjson.loads(await run("held", "list", "--json", "--kafka", settings.kafka.bootstrap_servers))
        assert [(each["user"], each["code"]) for each in listed] == [("ADM-1", "protected")]
        assert (await made.users())["ADM-1"]["active"]
