"""Pushes without a broker: what the worker sends for writes of SCIM clients, in which order, and what it keeps."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import orjson

from streamproc.adapters.kafka.connections_in_force import ConnectionsInForce
from streamproc.adapters.kafka.log import Producer
from streamproc.core.provider.event import decode, encode
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.headers import FORWARDED, OF, RECEIVED
from streamproc.core.records.topic_names import FORWARDS, PUSHED, REJECTIONS, RESOURCES
from streamproc.core.records.units import Millis
from streamproc.sources import SOURCES
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.pushes import TOGETHER, Pushes
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.rejections import Rejections
from streamproc.worker.stream_app import StateTable
from tests.unit.core.provider.replica import PARTITION
from tests.unit.sources.scim.heard import NOW, Heard, members, replace

PARTITIONS = 8
OPTIONS = {name: source.defaults for name, source in SOURCES.items()}
OKTA = ConnectionDefinition("okta", PARTITION)
Sent = tuple[str, str, Any]
"""Topic, key, value."""


class Table:
    """Table `provider`: what the brokers have acknowledged."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}

    def keep(self, key: bytes, value: bytes, _: int) -> None:
        self.kept[key] = value

    def records(self) -> Iterator[tuple[bytes, bytes, int]]:
        yield from ((key, value, PARTITION) for key, value in self.kept.items())


class Known:
    """Definitions of connections, some of which are only found where all orders are read to their end."""

    def __init__(self, *definitions: ConnectionDefinition, later: ConnectionDefinition | None = None) -> None:
        self.by_name = {each.name: each for each in definitions}
        self.later = later
        self.asked = 0

    @property
    def connections(self) -> "Known":
        return self

    def get(self, name: str) -> ConnectionDefinition | None:
        return self.by_name.get(name)

    async def definition(self, name: str) -> ConnectionDefinition | None:
        self.asked += 1
        if self.later is not None:
            self.by_name[self.later.name] = self.later
        return self.get(name)


class Bench(Heard):
    """A client, a worker that reads what it has written, and the brokers' side of the worker."""

    def __init__(self, known: Known | None = None, table: Table | None = None) -> None:
        super().__init__()
        self.table = table or Table()
        self.outbox = BatchingProducer(cast("Producer", None), PARTITIONS, 100_000)
        self.ignored: Counter[tuple[str, str]] = Counter()
        self.done: list[int] = []
        self.pushes = Pushes(
            cast("StateTable", self.table),
            cast("ConnectionsInForce", known or Known(OKTA)),
            OPTIONS["scim"],
            self.outbox,
            Rejections(self.outbox, OPTIONS),
            self.ignored,
            lambda raw: self.done.append(raw.offset),
        )

    def raw(self, offset: int) -> RawRecord:
        """A record of the log."""
        value = self.replica.log[offset]
        return RawRecord(PUSHED, PARTITION, offset, Millis(NOW + offset), b"okta", value, {})

    async def take(self, first: int = 0) -> None:
        """All from this offset on, as the agent hands it over."""
        for offset in range(first, len(self.replica.log)):
            if (waiting := self.pushes.take(self.raw(offset))) is not None:
                await waiting

    def sent(self) -> list[Sent]:
        """One round, all of it acknowledged. What was forwarded comes to the links."""
        taken, self.outbox._waiting = self.outbox._waiting, {}
        then, self.outbox._then = self.outbox._then, []
        found = []
        for (topic, partition), records in taken.items():
            for key, value, acknowledged, headers in records:
                found.append((topic, key.decode(), orjson.loads(value)))
                acknowledged()
                if topic == FORWARDS:
                    self.pushes.came(RawRecord(topic, partition, 0, Millis(NOW), key, value, dict(headers)))
        for call in then:
            call()
        return found

    def all_sent(self) -> list[Sent]:
        """Rounds until there is nothing more."""
        found: list[Sent] = []
        while self.outbox._waiting:
            found += self.sent()
        return found


def said(sent: list[Sent], who: str) -> list[dict[str, Any]]:
    """What was forwarded of a user, in its order."""
    return [
        each["attributes"]
        for topic, _, value in sent
        if topic == FORWARDS
        for each in value
        if each["subject"] == f"okta/{who}"
    ]


async def test_what_is_said_goes_first_then_what_is_kept_then_it_is_done() -> None:
    """A worker that dies between two of these finds the record again, and what it kept says how far it was."""
    bench = Bench()
    kim = bench.post(userName="kim", number="E1")
    await bench.take()
    assert [topic for topic, *_ in bench.sent()] == [FORWARDS]
    assert (bench.table.kept, bench.done) == ({}, [])
    assert [(topic, key) for topic, key, _ in bench.sent()] == [(RESOURCES, f'["okta","{kim}"]')]
    assert bench.done == [0]
    assert list(bench.table.kept) == [f'["okta","{kim}"]'.encode()]


async def test_the_next_record_knows_at_once_what_the_last_one_did() -> None:
    """A client that goes on at once finds its user, though the brokers have acknowledged nothing yet."""
    bench = Bench()
    kim = bench.post(userName="kim", number="E1")
    bench.patch(kim, replace("active", False))
    await bench.take()
    sent = bench.all_sent()
    assert [each["active"] for each in said(sent, kim)] == [True, False]
    assert bench.done == [0, 1]


async def test_what_is_forwarded_says_whose_it_is_and_when_it_came() -> None:
    """It counts as any other source's input, received when the client's request came to the gateway."""
    bench = Bench()
    bench.post(userName="kim", number="E1")
    event = decode(bench.replica.log[0])
    asked = event.request.__class__(id="r", at=Millis(NOW - 50), method="POST", path="/Users")
    bench.replica.log[0] = encode(event.__class__(**{**_fields(event), "request": asked}))
    await bench.take()
    ((_, _, _, headers),) = next(iter(bench.outbox._waiting.values()))
    assert dict(headers)[OF] == b"scim"
    assert dict(headers)[FORWARDED] == f"events.scim/{PARTITION}/0/{NOW}".encode()
    assert dict(headers)[RECEIVED] == str((NOW - 50) * 1000).encode()


async def test_a_record_that_comes_again_is_done_and_says_nothing() -> None:
    """After a restart the worker reads what it had not committed yet, and nobody hears of it twice."""
    bench = Bench()
    kim = bench.post(userName="kim", number="E1")
    bench.patch(kim, replace("title", "Agent"))
    await bench.take()
    bench.all_sent()
    again = Bench(table=bench.table)
    again.replica.log = bench.replica.log
    await again.take()
    assert again.outbox._waiting == {}
    assert again.done == [0, 1]


async def test_who_comes_second_is_counted_and_nothing_else() -> None:
    """Of two writes that were decided on the same version one is void: no word of it, no rejection."""
    bench = Bench()
    kim = bench.post(userName="kim", number="E1")
    bench.patch(kim, replace("title", "Agent"))
    bench.replica.log.append(bench.replica.log[-1])
    await bench.take()
    bench.all_sent()
    assert bench.done == [2, 0, 1]
    assert len(bench.table.kept) == 1


async def test_a_connection_that_is_defined_a_moment_ago_is_found() -> None:
    """The worker reads the orders to their end before it says that there is no such connection."""
    bench = Bench(Known(later=OKTA))
    kim = bench.post(userName="kim", number="E1")
    await bench.take()
    assert said(bench.all_sent(), kim)
    assert bench.done == [0]


async def test_a_connection_that_only_the_gateway_knows_is_understood() -> None:
    """Its definition is in a settings file that the worker doesn't have: each record says by what people are told.
    Whether it was ordered meanwhile is asked once, and not for each record.
    """
    known = Known()
    bench = Bench(known)
    kim = bench.post(userName="kim", number="E1", active=True)
    group = bench.post("Group", displayName="Care", members=[kim])
    bench.patch(kim, replace("active", False))
    bench.patch(group, {"op": "remove", "path": "members"}, kind="Group")
    await bench.take()
    sent = bench.all_sent()
    assert [each for each in sent if each[0] == REJECTIONS] == []
    heard = said(sent, kim)
    assert [each["active"] for each in heard if "active" in each] == [True, False]
    assert [each["groups"] for each in heard if "groups" in each] == [["Care"], []]
    assert known.asked == 1


async def test_a_record_in_another_partition_than_its_connections_is_nobodys() -> None:
    """No gateway takes it for a write, so the worker doesn't either."""
    bench = Bench(Known(ConnectionDefinition("okta", PARTITION + 1)))
    bench.post(userName="kim", number="E1")
    await bench.take()
    assert [topic for topic, *_ in bench.all_sent()] == [REJECTIONS]
    assert bench.done == [0]


async def test_who_has_no_anchor_is_told_with_where_to_look() -> None:
    """The rejection names connection and id, as `streamproc identities` has them; what was said waits."""
    bench = Bench()
    kim = bench.post(userName="kim")
    await bench.take()
    sent = bench.all_sent()
    (rejection,) = [value for topic, _, value in sent if topic == REJECTIONS]
    assert (rejection["code"], rejection["subject"], rejection["partial"]) == ("unlinked", f"okta/{kim}", True)
    assert said(sent, kim)
    assert bench.ignored == {("scim", "unlinked"): 1}


async def test_whom_a_client_takes_out_of_a_seeded_group_was_in_it_first() -> None:
    """In two records of the worker's own topic, neither of which the link takes for the other."""
    bench = Bench()
    kim = bench.post(userName="kim", number="E1")
    bench.seed("G1", "Group", displayName="Care", members=[kim])
    await bench.take()
    bench.all_sent()
    bench.patch("G1", members("remove", kim), kind="Group")
    await bench.take(2)
    waiting = [
        record for (topic, _), records in bench.outbox._waiting.items() if topic == FORWARDS for record in records
    ]
    assert [dict(headers)[FORWARDED].split(b"/")[0] for *_, headers in waiting] == [b"scim.resources", b"events.scim"]
    assert [each["groups"] for each in said(bench.all_sent(), kim)] == [["Care"], []]


async def test_a_seeded_leaver_whom_nobody_knows_alarms_also_when_deleted() -> None:
    """Who has an account and no anchor keeps access, whichever way the app says that they have left."""
    bench = Bench()
    bench.seed("G1", userName="kim", active=True)
    bench.delete("G1")
    await bench.take()
    (rejection,) = [value for topic, _, value in bench.all_sent() if topic == REJECTIONS]
    assert (rejection["code"], rejection["subject"], rejection["denies"]) == ("unlinked", "okta/G1", True)


async def test_a_leaver_waits_for_one_part_of_a_large_group() -> None:
    """A group of many is renamed, and somebody of it is disabled while that is forwarded: they come next, after what
    was to be said of them before, and the rest follows.
    """
    bench = Bench()
    people = [bench.post(userName=f"u{number}", number=f"E{number}") for number in range(3 * TOGETHER)]
    group = bench.post("Group", displayName="Care", members=people)
    await bench.take()
    running = asyncio.create_task(bench.pushes.run())
    await settle(bench)
    first = len(bench.replica.log)
    bench.patch(group, replace("displayName", "Claims"), kind="Group")
    leaver = max(people)
    bench.patch(leaver, replace("active", False))
    await bench.take(first)
    ahead = bench.all_sent()
    assert [[*each] for each in said(ahead, leaver)] == [["group:Care", "group:Claims", "groups"], ["active"]]
    assert [each for each in people if said(ahead, each)] == [leaver]
    rest = await settle(bench)
    assert sorted(each for each in people if said(rest, each)) == sorted({*people} - {leaver})
    assert bench.done[-2:] == [first, first + 1]
    kept = [key for topic, key, _ in rest if topic == RESOURCES]
    assert kept == [f'["okta","{group}"]', f'["okta","{leaver}"]']
    running.cancel()


async def test_partitions_that_move_leave_nothing_behind() -> None:
    """What was to be forwarded of a partition that has gone is its next worker's, and nothing waits for it here."""
    bench = Bench()
    people = [bench.post(userName=f"u{number}", number=f"E{number}") for number in range(2 * TOGETHER)]
    await bench.take()
    bench.all_sent()
    bench.post("Group", displayName="Care", members=people)
    running = asyncio.create_task(bench.pushes.run())
    await bench.take(len(people))
    bench.pushes.forget()
    assert await settle(bench) == []
    assert len(people) not in bench.done
    await bench.take(len(people))
    assert len({subject for _, subject, _ in await settle(bench)}) > 1
    assert bench.done[-1] == len(people)
    running.cancel()


async def settle(bench: Bench) -> list[Sent]:
    """All that is sent until nothing more comes."""
    found: list[Sent] = []
    for _ in range(200):
        await asyncio.sleep(0)
        found += bench.all_sent()
    return found


def _fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}
