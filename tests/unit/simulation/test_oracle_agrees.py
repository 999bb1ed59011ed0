"""Oracle and product agree where nothing goes wrong: so what they disagree on in a simulation comes from a fault."""

import asyncio
from random import Random
from typing import Any, cast

import pytest

from streamproc.adapters.kafka.log import TopicPartition
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import UserRecord, decode
from streamproc.sources import configured
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from streamproc.testing.memory_log.partition import MemoryRecord
from streamproc.testing.world import BEGIN
from streamproc.worker.raw_record import RawRecord
from tests.field.worker import FieldWorker
from tests.simulation.history import GROUPS, history
from tests.simulation.mappings import TEXTS
from tests.simulation.operator import Operator
from tests.simulation.oracle import Expected, expected, mismatched

OPTIONS = configured("", "sources.toml")
LOOK = 0.5
"""Seconds between two looks at dates."""
REST = 20.0
SEEDS = 60
EMPTY = dict.fromkeys(("title", "phone", "department", "division", "employeeNumber", "manager"))
LISTS: dict[str, Any] = {"roles": [], "groups": [], "skills": {}, "languages": {}}


class Fold:
    """Resolver and fold of the product, each step at its moment, and nothing beside."""

    def __init__(self, mapping: str) -> None:
        self.now = 0.0
        broker = MemoryBroker(2, self.millis)
        self.log = MemoryLog(broker)
        self.broker = broker
        self.operator = Operator(self.log, self.millis)
        self.worker = FieldWorker(self.log, OPTIONS, TEXTS[mapping], self.millis())

    def millis(self) -> Millis:
        return Millis(round((BEGIN + self.now) * 1000))

    async def until(self, moment: float) -> None:
        while self.now + LOOK < moment:
            self.now += LOOK
            await self.worker.dates(self.millis())
        self.now = moment

    async def take(self, step: dict[str, Any]) -> float:
        """Returns when the broker had it."""
        appended = self.now
        for place in await self.operator.perform(step):
            partition = self.broker.partition(TopicPartition(place.topic, place.partition))
            await self.worker.take(raw_of(next(partition.read(place.offset, committed_only=False))))
            appended = place.appended / 1000 - BEGIN
        return appended


def raw_of(stored: MemoryRecord) -> RawRecord:
    place = (stored.topic, stored.partition, stored.offset, stored.timestamp)
    return RawRecord(*place, stored.key, stored.value, dict(stored.headers))


async def agree(seed: int) -> dict[str, str]:
    told = history(Random(seed))
    steps, mapping = told["steps"], told["options"]["mapping"]
    fold, appended = Fold(mapping), {}
    for number, step in enumerate(steps):
        await fold.until(step["at"])
        appended[number] = await fold.take(step)
    await fold.until(steps[-1]["at"] + REST)
    records = {user: decode(value) for each in fold.worker.folds for user, value in each.records.items()}
    wanted = expected(steps, fold.now, mapping=mapping, appended=appended)
    return mismatched(wanted, desired(records, wanted))


def desired(records: dict[str, UserRecord], wanted: dict[str, Expected]) -> dict[str, dict[str, Any]]:
    """What a target would hold that takes everything at once."""
    found: dict[str, dict[str, Any]] = {}
    for user, record in records.items():
        said = cast("dict[str, Any]", record.desired)
        named = said.get("userName") and said.get("displayName")
        if said.get("scope") != "never" and said.get("active") is not None and (named or said["active"] is False):
            found[user] = EMPTY | LISTS | {"userName": "", "displayName": ""} | said
            found[user]["groups"] = [name for name in found[user]["groups"] if name in GROUPS]
    for user, each in wanted.items():
        if (each.never or not each.attributes) and user in found and found[user]["active"] is False:
            del found[user]  # nobody is created to be inactive
        each.attributes.pop("manager", None)  # it depends on who was ever there
    return found


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_the_fold_ends_where_the_oracle_says(first: int) -> None:
    """The same steps, understood by two programs that share nothing, come to the same users."""
    wrong = {seed: asyncio.run(agree(seed)) for seed in range(first, first + 20)}
    assert {seed: each for seed, each in wrong.items() if each} == {}
