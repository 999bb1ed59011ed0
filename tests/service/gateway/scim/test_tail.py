"""One partition as a gateway follows it: answers that are lost, reads that are as new as the log, what ends it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from streamproc.adapters.kafka.log import KafkaConnectionError, KafkaError, NotAllowedError
from streamproc.core.provider.event import LaterFormatError, decode
from streamproc.gateway.scim import tail as tail_module
from streamproc.gateway.scim.store import Store
from streamproc.gateway.scim.tail import TOPIC, AnotherLogError, Tail
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from streamproc.testing.memory_log.consumer import MemoryConsumer
from tests.support.hydrator import until
from tests.support.scim_gateway import PARTITION, Gateway, gateway, new_broker


class Way:
    """Between a gateway and the broker: what is held is on its way until it is let go."""

    def __init__(self) -> None:
        self.passed: dict[str, int] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.skip = 0
        """So many more go by before something is held."""

    async def hop(self, request: str) -> None:
        """See Link."""
        await asyncio.sleep(0)
        self.passed[request] = self.passed.get(request, 0) + 1
        gate = self.held.get(request)
        if gate is not None:
            self.skip -= 1
            if self.skip < 0:
                await gate.wait()

    def hold(self, request: str, *, skip: int = 0) -> asyncio.Event:
        """From now on; each request passes on its way there and back."""
        self.skip = skip
        return self.held.setdefault(request, asyncio.Event())


def by(broker: MemoryBroker, way: Way) -> MemoryLog:
    """A gateway's way to the broker."""
    return MemoryLog(broker, way.hop)


async def post(serving: Gateway, name: str) -> Any:
    """A user."""
    return await serving.send("POST", "/Users", {"userName": name})


async def total(serving: Gateway) -> int:
    """How many users there are."""
    answer = await serving.send("GET", "/Users?count=0")
    assert answer.status == 200, answer
    return int(answer.body["totalResults"])


async def test_a_write_whose_answer_is_lost_is_answered_by_the_log(tmp_path: Path) -> None:
    """The broker has the record and never says so: the client has its 201 all the same."""
    broker, way = new_broker(), Way()
    async with gateway(tmp_path / "one", kafka=by(broker, way)) as serving:
        lost = way.hold("produce", skip=1)
        assert (await post(serving, "kim")).status == 201
        lost.set()


async def test_a_write_of_which_nothing_is_heard_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What never comes by is answered 503, and what arrives after that counts once."""
    monkeypatch.setattr(tail_module, "APPEND", 0.05)
    broker, way = new_broker(), Way()
    async with gateway(tmp_path / "one", kafka=by(broker, way)) as serving, gateway(tmp_path / "two", broker) as other:
        late = way.hold("produce")
        answer = await post(serving, "kim")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert await total(other) == 0
        late.set()
        await until(lambda: other.tail.next_offset == 1)
        assert (await post(serving, "kim")).status == 409


async def test_a_read_that_cannot_be_new_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody says where the log ends, a read is answered 503, and never with what may be old."""
    monkeypatch.setattr(tail_module, "BARRIER", 0.05)
    way = Way()
    async with gateway(tmp_path / "one", kafka=by(new_broker(), way)) as serving:
        lost = way.hold("offsets")
        assert (await serving.send("GET", "/Users")).status == 503
        assert (await serving.send("GET", "/Users/nobody")).status == 503
        lost.set()
        assert (await serving.send("GET", "/Users")).status == 200


async def test_a_read_does_not_wait_for_something_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker holds an idle reader's request, and with it all that come later on the same connection: not a read."""
    questions: list[MemoryConsumer] = []
    readers: set[MemoryConsumer] = set()
    asked, read = MemoryConsumer.end_offsets, MemoryConsumer.getmany

    async def asks(self: MemoryConsumer, partitions: Any) -> Any:
        questions.append(self)
        return await asked(self, partitions)

    async def reads(self: MemoryConsumer, *partitions: Any, **how: Any) -> Any:
        readers.add(self)
        return await read(self, *partitions, **how)

    monkeypatch.setattr(MemoryConsumer, "end_offsets", asks)
    monkeypatch.setattr(MemoryConsumer, "getmany", reads)
    async with gateway(tmp_path / "one") as serving:
        questions.clear()
        assert await total(serving) == 0
        assert questions
        assert readers.isdisjoint(questions)


async def test_one_question_serves_all_that_wait(tmp_path: Path) -> None:
    """A hundred reads at once ask the broker once, or twice."""
    way = Way()
    async with gateway(tmp_path / "one", kafka=by(new_broker(), way)) as serving:
        before = way.passed["offsets"]
        await asyncio.gather(*(total(serving) for _ in range(100)))
        assert way.passed["offsets"] - before <= 4


async def test_a_question_is_of_no_use_to_who_comes_after_it(tmp_path: Path) -> None:
    """A read sees a write that another gateway has answered, also while an older question is on its way."""
    broker, way = new_broker(), Way()
    async with gateway(tmp_path / "one", kafka=by(broker, way)) as one, gateway(tmp_path / "two", broker) as two:
        back = way.hold("offsets", skip=1)  # it was answered, and the answer is on its way
        first = asyncio.create_task(total(one))
        await until(lambda: way.skip < 0)
        behind = way.held.setdefault("fetch", asyncio.Event())
        assert (await post(two, "kim")).status == 201
        second = asyncio.create_task(total(one))
        await asyncio.sleep(0)
        back.set()
        await asyncio.sleep(0.01)
        behind.set()
        assert await second == 1
        assert await first in {0, 1}


async def test_a_gateway_that_is_behind_refuses_nothing_by_what_it_knows(tmp_path: Path) -> None:
    """A name that was freed at another gateway a moment ago can be had, and a user of a moment ago is found."""
    broker, way = new_broker(), Way()
    async with gateway(tmp_path / "one", kafka=by(broker, way)) as one, gateway(tmp_path / "two", broker) as two:
        kim = (await post(two, "kim")).body["id"]
        assert await total(one) == 1
        behind = way.hold("fetch")
        assert (await two.send("DELETE", f"/Users/{kim}")).status == 204
        lou = (await post(two, "lou")).body["id"]
        again = asyncio.create_task(post(one, "kim"))
        found = asyncio.create_task(one.send("PUT", f"/Users/{lou}", {"userName": "lou", "active": False}))
        for _ in range(100):
            await asyncio.sleep(0)
        behind.set()
        assert (await again).status == 201
        assert (await found).status == 200


async def test_one_of_many_has_a_name(tmp_path: Path) -> None:
    """However many clients ask two gateways at once for one userName, one has it and the others hear of that."""
    broker = new_broker()
    async with gateway(tmp_path / "one", broker) as one, gateway(tmp_path / "two", broker) as two:
        answers = await asyncio.gather(*(post(each, "kim") for each in (one, two) * 10))
        assert sorted(each.status for each in answers) == [201] + [409] * 19
        assert await total(one) == await total(two) == 1


async def test_writes_to_one_user_through_two_gateways_all_count(tmp_path: Path) -> None:
    """Of several attributes that are set at the same time none is lost; who has to give way too often hears 503."""
    broker = new_broker()
    paths = ["title", "nickName", "displayName", "name.givenName", "name.familyName", "locale"]
    async with gateway(tmp_path / "one", broker) as one, gateway(tmp_path / "two", broker) as two:
        kim = (await post(one, "kim")).body["id"]
        answers = await asyncio.gather(
            *(
                each.send("PATCH", f"/Users/{kim}", {"Operations": [{"op": "add", "path": path, "value": path}]})
                for path, each in zip(paths, (one, two) * 3, strict=True)
            )
        )
        known = [path for path, answer in zip(paths, answers, strict=True) if answer.status == 200]
        user = (await two.send("GET", f"/Users/{kim}")).body
        assert {answer.status for answer in answers} <= {200, 503}
        assert known
        for path in known:
            value = user
            for part in path.split("."):
                value = value[part]
            assert value == path


async def test_records_of_somebody_else_have_no_effect(tmp_path: Path) -> None:
    """A stray tombstone or text in the topic stops nobody."""
    broker = new_broker()
    producer = MemoryLog(broker).producer()
    await producer.start()
    for value in (None, b"?", b"{}"):
        await producer.send_and_wait(TOPIC, value, b"okta", PARTITION)
    async with gateway(tmp_path / "one", broker) as serving:
        assert (await post(serving, "kim")).status == 201


async def test_what_was_never_committed_is_not_waited_for(tmp_path: Path) -> None:
    """A transaction of somebody else at the log's end, which counts for nothing, doesn't hold up reads."""
    broker = new_broker()
    async with gateway(tmp_path / "one", broker) as serving:
        producer = MemoryLog(broker).producer("stranger")
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait(TOPIC, b"?", b"okta", PARTITION)
        await producer.abort_transaction()
        assert await total(serving) == 0
        assert serving.tail.next_offset > 0
    async with gateway(tmp_path / "one", broker) as again:
        assert (await post(again, "kim")).status == 201


async def ended(serving: Gateway) -> BaseException | None:
    """By what it doesn't follow the log any more."""
    await asyncio.wait([serving.following])
    return serving.following.exception()


async def test_a_later_release_is_not_passed_over(tmp_path: Path) -> None:
    """Where a record is of a release to come, a gateway of today serves nobody rather than something else."""
    broker = new_broker()
    async with gateway(tmp_path / "one", broker) as serving:
        await post(serving, "kim")
        record = json.loads(broker.records(TOPIC)[0].value or b"")
        producer = MemoryLog(broker).producer()
        await producer.start()
        await producer.send_and_wait(TOPIC, json.dumps({**record, "v": 2}).encode(), b"okta", PARTITION)
        assert isinstance(await ended(serving), LaterFormatError)
        assert (await serving.send("GET", "/Users")).status == 503
        assert (await post(serving, "lou")).status == 503


class Refusing:
    """A producer that fails from some time on."""

    def __init__(self, error: KafkaError, *, at_once: bool) -> None:
        self.error = error
        self.at_once = at_once

    async def send(self, *_: Any, **__: Any) -> asyncio.Future[Any]:
        """See Producer."""
        if self.at_once:
            raise self.error
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_exception, self.error)
        return future


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_right_that_is_missing_is_told_at_once(tmp_path: Path, at_once: bool) -> None:
    """Without the right to write, each write is answered 503, and reads go on."""
    async with gateway(tmp_path / "one") as serving:
        serving.tail._producer = Refusing(NotAllowedError(TOPIC), at_once=at_once)  # type: ignore[assignment]
        assert (await post(serving, "kim")).status == 503
        assert await total(serving) == 0


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_producer_that_cannot_go_on_ends_it(tmp_path: Path, at_once: bool) -> None:
    """What the producer couldn't overcome ends the tail, so that it is started anew, and clients come again."""
    async with gateway(tmp_path / "one") as serving:
        serving.tail._producer = Refusing(KafkaConnectionError(TOPIC), at_once=at_once)  # type: ignore[assignment]
        assert (await post(serving, "kim")).status == 503
        assert isinstance(await ended(serving), KafkaConnectionError)


async def test_a_file_of_another_log_is_not_taken(tmp_path: Path) -> None:
    """Where the log is shorter than what the file holds, somebody has to say what happened, and nothing is served."""
    store = Store(tmp_path / "one", "events.scim")
    with store.batch(7):
        pass
    with pytest.raises(AnotherLogError):
        await Tail(MemoryLog(new_broker()), PARTITION, store).run()
    store.close()


async def test_each_write_is_one_record_of_its_connection(tmp_path: Path) -> None:
    """The log holds each request once, under the connection's key, without passwords; also one that changes nothing."""
    broker = new_broker()
    body = {"userName": "kim", "password": "1mz050nq"}
    async with gateway(tmp_path / "one", broker) as serving:
        kim = (await serving.send("POST", "/Users", body, agent="Okta SCIM Client 1.0.0")).body["id"]
        await serving.send("PATCH", f"/Users/{kim}", {"Operations": [{"op": "add", "path": "active", "value": True}]})
        await serving.send("PATCH", f"/Users/{kim}", {"Operations": [{"op": "add", "path": "active", "value": True}]})
        await serving.send("DELETE", f"/Users/{kim}")
    records = broker.records(TOPIC)
    events = [decode(each.value or b"") for each in records]
    assert {(each.key, each.partition) for each in records} == {(b"okta", PARTITION)}
    assert [each.change for each in events] == ["create", "patch", "none", "delete"]
    assert [each.urgent for each in events] == [False, False, False, True]
    assert events[0].request.agent == "Okta SCIM Client 1.0.0"
    assert (events[0].request.method, events[0].request.path) == ("POST", "/Users")
    assert b"1mz050nq" not in (records[0].value or b"")
    assert len({each.request.id for each in events}) == 4
