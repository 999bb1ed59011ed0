"""Sink and reconcile on a real broker, and people who change the target by hand: what operators and auditors see."""

import time
import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.reading import records_of
from streamproc.core.records.topic_names import FINDINGS
from streamproc.settings import Settings
from tests.support.reconcile_rig import command, edit, eventually, open_account, reconciling, states
from tests.support.rig import Rig, person, rig

BY = ("--by", "Kim Berg", "--reason", "asked the team")


async def hire(made: Rig, *users: str) -> None:
    """People who are there and known."""
    await made.all_told([(user, await made.say(user, **person(user))) for user in users])


async def settled(settings: Settings) -> bool:
    """Whether something was found, and is over."""
    return set((await states(settings)).values()) == {"settled"}


async def test_what_a_supervisor_changes_is_written_back_and_told(settings: Settings, tmp_path: Path) -> None:
    """One write puts it right, the log says who had changed it, and the finding is settled; nobody else is touched."""
    async with rig(settings, tmp_path) as made, made.sink(), reconciling(made.settings):
        await hire(made, "E1", "E2")
        before = len((await made.sim("GET", "ledger"))["entries"])
        await edit(made, "E1", email="sue.was.here@example.com")
        await made.until(lambda: any(each["cause"]["event"] == "look" and each["operations"] for each in made.told))
        (look,) = [each for each in made.told if each["cause"]["event"] == "look" and each["operations"]]
        assert (look["user"], look["verdict"]) == ("E1", "delivered")
        assert "Sue Visor" in look["cause"]["reason"]
        assert (await made.users())["E1"]["userName"] == "e1@example.com"
        await eventually(lambda: settled(settings))
        written = (await made.sim("GET", "ledger"))["entries"][before:]
        assert len([each for each in written if each["method"] == "PATCH" and "/Users/" in each["path"]]) == 1
        assert await states(settings) == {"E1": "settled"}


@pytest.mark.long
async def test_strangers_accounts_wait_for_an_order_by_name(settings: Settings, tmp_path: Path) -> None:
    """Nobody's accounts are told and left alone; one is ignored, one loses access by an order, and ours don't."""
    kafka = ("--kafka", settings.kafka.bootstrap_servers)
    async with rig(settings, tmp_path) as made, made.sink(), reconciling(made.settings):
        await hire(made, "E1")
        robot = await open_account(made, "robot@example.com")
        former = await open_account(made, "former@example.com", externalId="X9")

        names = [f"account/{robot}", f"account/{former}"]

        async def all_are(state: str) -> bool:
            return await states(settings) == dict.fromkeys(names, state)

        await eventually(lambda: all_are("open"))
        await command("findings", "deactivate", "E1", *BY, *kafka, code=1)
        await command("findings", "ignore", robot, *BY, *kafka)
        await command("findings", "deactivate", f"account/{former}", *BY, *kafka)

        await eventually(lambda: all_are("answered"))
        there = {each["id"]: each["active"] for each in await made.sim("GET", "users")}
        assert (there[robot], there[former]) == (True, False)
        assert (await made.users())["E1"]["active"]
    listed = orjson.loads(await command("findings", "list", "--all", "--json", *kafka))
    assert {(each["userName"], each["differences"][0]["kind"]) for each in listed} == {
        ("robot@example.com", "orphan"),
        ("former@example.com", "orphan"),
    }


async def hear(made: Rig, user: str, **facts: Any) -> None:
    """An event of HR, for the worker."""
    event = {"id": f"{user}-{time.time_ns()}", "type": "change", "subject": user, "attributes": facts}
    event["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    await made.producer.send_and_wait("events.hris", orjson.dumps(event), key=user.encode())


@pytest.mark.long
async def test_who_is_activated_again_by_hand_loses_access_at_once(settings: Settings, tmp_path: Path) -> None:
    """Access is taken again, and as-of, report, verification and evidence tell the same of it."""
    kafka = ("--kafka", settings.kafka.bootstrap_servers)
    async with rig(settings, tmp_path) as made, reconciling(made.settings):
        await made.stack.start("worker", "sink")
        begun = round(time.time() * 1000) - 60_000

        async def active(user: str) -> Any:
            return (await made.users()).get(user, {}).get("active")

        async def is_out() -> bool:
            return await active("E1") is False

        await hear(made, "E1", **person("E1"))
        await eventually(lambda: active("E1"))
        await hear(made, "E1", active=False)
        await eventually(is_out)
        await edit(made, "E1", state="active")
        await made.until(lambda: any(each["cause"]["event"] == "look" and each["read_back"] for each in made.told))
        assert await is_out()
        await eventually(lambda: settled(settings))

    found = [record async for record in records_of(KafkaLog(settings.kafka), FINDINGS)]
    incident = next(each for each in found if orjson.loads(each.value or b"")["incident"])
    at = orjson.loads(await command("replay", "--as-of", str(incident.timestamp), "--user", "E1", "--json", *kafka))
    (difference,) = at["found"]["differences"]
    assert (at["found"]["incident"], difference["changed"]["name"]) == (True, "Sue Visor")
    period = ("--from", str(begun), "--to", str(round(time.time() * 1000) + 60_000))
    report = orjson.loads(await command("report", "revocations", *period, "--json", *kafka))
    (back,) = [each for each in report["leavers"] if each["cause"] == "reactivation"]
    assert (back["user"], back["state"]) == ("E1", "revoked")
    assert "Sue Visor" in back["reason"]
    assert back["since_effective_ms"] >= back["clock_ms"] > 0
    await command("replay", "--verify", *kafka)
    for name, more in (("plain", ()), ("redacted", ("--redact",))):
        bundle = str(tmp_path / f"{name}.zip")
        await command("report", "evidence", "--user", "E1", "-o", bundle, *more, *kafka)
        await command("report", "verify", bundle)
    with zipfile.ZipFile(tmp_path / "redacted.zip") as bundle_file:
        assert not any(b"Visor" in bundle_file.read(each) for each in bundle_file.namelist())


async def test_an_account_with_another_id_is_adopted_by_name(settings: Settings, tmp_path: Path) -> None:
    """Whose account was made by hand waits until an operator says that it is theirs; from then on it is kept right."""
    kafka = ("--kafka", settings.kafka.bootstrap_servers)
    async with rig(settings, tmp_path) as made, made.sink():
        account = await open_account(made, "e1@example.com", externalId="old-7")
        seq = await made.say("E1", **person("E1"))
        await made.all_told([("E1", seq)])
        assert made.fates["E1", seq]["verdict"] == "parked"
        await command("findings", "adopt", "E2", account, *BY, *kafka, code=1)
        await command("findings", "adopt", "E1", account, *BY, *kafka)
        await made.until(lambda: any(each["verdict"] == "delivered" for each in made.told))
        (done,) = [each for each in made.told if each["verdict"] == "delivered"]
        assert done["cause"]["reason"] == "Kim Berg: asked the team"
        there = (await made.users())["E1"]
        assert (there["id"], there["active"], there["title"]) == (account, True, "Agent")
        left = await made.say("E1", active=False)
        await made.all_told([("E1", left)])
        assert made.fates["E1", left]["verdict"] == "revoked"
