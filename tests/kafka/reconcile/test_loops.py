"""A supervisor who changes an email back five times, on a real broker: what operators and auditors see of it."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.operators.loops import frozen_items
from streamproc.settings import Settings
from tests.support.reconcile_rig import command, edit, eventually, reconciling
from tests.support.rig import Rig, person, rig

BY = ("--by", "Kim Berg", "--reason", "she has no permission any more")


async def fought(made: Rig, settings: Settings, theirs: str, ours: str) -> None:
    """Each time that it is put right they change it back, until it isn't any more."""

    async def over() -> bool:
        name = (await made.users())["E1"]["userName"]
        return name == ours or bool(await frozen_items(KafkaLog(settings.kafka)))

    for _ in range(5):
        await edit(made, "E1", email=theirs)
        await eventually(over)


@pytest.mark.long
async def test_three_writes_a_case_and_a_leaver_who_leaves_meanwhile(settings: Settings, tmp_path: Path) -> None:
    """The list names both parties; the leaver is revoked by one write; let go, what is desired is written when they
    return.
    """
    kafka = ("--kafka", settings.kafka.bootstrap_servers)
    async with rig(settings, tmp_path) as made, made.sink(), reconciling(made.settings):
        await made.all_told([("E1", await made.say("E1", **person("E1")))])
        before = len((await made.sim("GET", "ledger"))["entries"])
        await fought(made, settings, "boss@example.com", "e1@example.com")
        written = (await made.sim("GET", "ledger"))["entries"][before:]
        assert len([each for each in written if each["method"] == "PATCH"]) == 3
        (row,) = orjson.loads(await command("loops", "list", "--json", *kafka))
        assert (row["user"], row["item"], row["writes"]) == ("E1", "userName", 3)
        assert ["Sue Visor" in party["name"] or party["name"] == "hris" for party in row["parties"]] == [True, True]

        left = await made.say("E1", active=False)
        await made.all_told([("E1", left)])
        fate: dict[str, Any] = made.fates["E1", left]
        assert fate["verdict"] == "revoked"
        assert [each["method"] for each in fate["requests"] if each["method"] != "GET"] == ["PATCH"]

        await command("loops", "release", "E1", *BY, *kafka)
        await eventually(lambda: _nothing_frozen(settings))
        back = await made.say("E1", active=True)
        await made.all_told([("E1", back)])
        assert (await made.users())["E1"]["userName"] == "e1@example.com"


async def _nothing_frozen(settings: Settings) -> bool:
    return not await frozen_items(KafkaLog(settings.kafka))
