"""What a client hears of what became of a user: in the answer to a deactivation, and on request."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from streamproc.adapters.kafka.log import KafkaConnectionError
from streamproc.core.provider.delivery_schema import DELIVERY
from streamproc.core.records.change_event import Origin
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.link import Link
from streamproc.core.records.outcome import Outcome, Verdict
from streamproc.core.records.resource import Resource
from streamproc.core.records.topic_names import DELIVERIES, LINKS, OUTCOMES
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.gateway.scim import delivery_follower
from streamproc.gateway.scim.delivery import HEADER
from streamproc.gateway.scim.delivery_follower import DeliveryFollower
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from tests.support.hydrator import until
from tests.support.scim_gateway import Gateway, gateway, new_broker

FORWARDS: Final = "streamproc.forwarded"
OFF: Final = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
TITLE: Final = {"Operations": [{"op": "replace", "path": "title", "value": "Lead"}]}


class Pipeline:
    """Worker and sink, as far as they are heard of."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._kafka = MemoryLog(broker)
        self._seq = 0

    async def link(self, id: str, offset: int, user: str | None = "e1") -> None:  # noqa: A002 - RFC 7643's name
        """The subject's record at this offset was taken in."""
        heard = Origin("events.scim", 1, offset, Millis(1_000))
        place = Origin(FORWARDS, 0, offset, Millis(1_000))
        link = Link(offset, "scim", f"okta/{id}", place, user=user, heard=(heard,))
        await self._send(LINKS, f"scim/okta/{id}", link)

    async def tell(self, offset: int, verdict: Verdict, *, active: bool = True, parked: str = "") -> None:
        """It had this fate, and the user stands so from then on."""
        self._seq += 1
        cause = Cause("scim", f"{offset}/0", Origin(FORWARDS, 0, offset, Millis(1_000)))
        back = Millis(3_000) if verdict == "revoked" else None
        outcome = Outcome("e1", self._seq, verdict, True, Millis(3_000), "changed", cause, [], [], read_back=back)
        aside = Parked("refused", parked, 409, None, {}, Resource(), Millis(5)) if parked else None
        held = Resource(userName="kim", active=active)
        await self._send(OUTCOMES, "e1", outcome)
        await self._send(DELIVERIES, "e1", DeliveredState("e1", self._seq, "G1", None, held, aside, Millis(3_000)))

    async def _send(self, topic: str, key: str, value: Any) -> None:
        producer = self._kafka.producer()
        await producer.start()
        await producer.send_and_wait(topic, orjson.dumps(value), key.encode())
        await producer.stop()


class World:
    """A gateway whose deactivations wait, and what is behind it."""

    def __init__(self, serving: Gateway, following: DeliveryFollower, behind: Pipeline) -> None:
        self.serving, self.following, self.behind = serving, following, behind
        self.kim = ""

    async def user(self) -> None:
        """Kim is there, and delivered."""
        self.kim = (await self.serving.send("POST", "/Users", {"userName": "kim"})).body["id"]
        await self.behind.link(self.kim, self.written)
        await self.behind.tell(self.written, "delivered")

    @property
    def written(self) -> int:
        """Offset of the newest record of a client."""
        return self.serving.tail.next_offset - 1

    async def sent(self, method: str, body: Any = None, query: str = "") -> asyncio.Task[Any]:
        """A request about Kim whose record is in the log, and which may wait for its answer."""
        before = self.serving.tail.next_offset
        sent = asyncio.create_task(self.serving.send(method, f"/Users/{self.kim}{query}", body))
        await until(lambda: self.serving.tail.next_offset > before)
        return sent


@asynccontextmanager
async def world(folder: Path, *, follow: bool = True) -> AsyncIterator[World]:
    """For the time of the block."""
    broker = new_broker()
    following = DeliveryFollower(MemoryLog(broker))
    running = asyncio.create_task(following.run())
    try:
        async with gateway(folder / "state", broker, deliveries=following) as serving:
            made = World(serving, following, Pipeline(broker))
            if follow:
                await following.ready()
            await made.user()
            yield made
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


REQUESTS: Final[Mapping[str, tuple[str, Any, int]]] = {
    "patch": ("PATCH", OFF, 200),
    "put": ("PUT", {"userName": "kim", "active": False}, 200),
    "delete": ("DELETE", None, 204),
}


@pytest.mark.parametrize("way", REQUESTS)
async def test_the_answer_to_a_deactivation_says_that_it_was_read_back(way: str, tmp_path: Path) -> None:
    """An administrator who deactivates a user sees in the identity provider's log that the target has confirmed it."""
    method, body, status = REQUESTS[way]
    async with world(tmp_path) as here:
        sent = await here.sent(method, body, f"?attributes=userName,{DELIVERY}")
        await here.behind.link(here.kim, here.written)
        await asyncio.sleep(0.01)
        assert not sent.done()
        await here.behind.tell(here.written, "revoked", active=False)
        answer = await sent
        assert (answer.status, answer.headers[HEADER]) == (status, "revoked")
        if answer.body is not None:
            told = {"state": "revoked", "since": "1970-01-01T00:00:03.000Z", "genesysId": "G1"}
            assert answer.body[DELIVERY] == told
            assert DELIVERY in answer.body["schemas"]


async def test_a_deactivation_that_was_set_aside_is_refused_with_the_reason(tmp_path: Path) -> None:
    """The identity provider shows the leaver as failed, and why; the wish is in the log all the same."""
    async with world(tmp_path) as here:
        sent = await here.sent("PATCH", OFF)
        await here.behind.link(here.kim, here.written)
        await here.behind.tell(here.written, "parked", parked="the license doesn't allow it")
        answer = await sent
        assert (answer.status, answer.headers[HEADER]) == (400, "parked")
        assert "refused: the license doesn't allow it" in answer.body["detail"]
        assert (await here.serving.send("GET", f"/Users/{here.kim}")).body["active"] is False
        again = await here.serving.send("PATCH", f"/Users/{here.kim}", OFF)
        assert again.status == 400, "sent again, it changes nothing in the log, and is still set aside"


async def test_nobody_else_waits(tmp_path: Path) -> None:
    """While a deactivation is held, the same user and others are written and read as ever."""
    async with world(tmp_path) as here:
        sent = await here.sent("PATCH", OFF)
        leaving = here.written
        assert (await here.serving.send("PATCH", f"/Users/{here.kim}", TITLE)).status == 200
        assert (await here.serving.send("POST", "/Users", {"userName": "lou"})).status == 201
        assert not sent.done()
        await here.behind.link(here.kim, leaving)
        await here.behind.tell(leaving, "revoked", active=False)
        assert (await sent).headers[HEADER] == "revoked"


async def test_what_takes_too_long_is_answered_as_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that is down fails no deactivation: the client hears that it is accepted, and not done yet."""
    monkeypatch.setattr(delivery_follower, "HOLD", 0.01)
    async with world(tmp_path) as here:
        answer = await here.serving.send("PATCH", f"/Users/{here.kim}", OFF)
        assert (answer.status, answer.headers[HEADER], answer.body["active"]) == (200, "pending", False)
        activated = await here.serving.send("PATCH", f"/Users/{here.kim}", {"active": True} | OFF | {"Operations": []})
        assert HEADER not in activated.headers


async def test_what_became_of_a_user_is_told_to_who_asks(tmp_path: Path) -> None:
    """A GET or a list with the extension's name has it, the first one too; one without it doesn't."""
    async with world(tmp_path, follow=False) as here:
        url = f"/Users?attributes={DELIVERY}:state,{DELIVERY}:genesysId"
        (kim,) = (await here.serving.send("GET", url)).body["Resources"]
        assert kim == {
            "schemas": [*kim["schemas"][:-1], DELIVERY],
            "id": here.kim,
            DELIVERY: {"state": "delivered", "genesysId": "G1"},
        }
        assert DELIVERY not in (await here.serving.send("GET", f"/Users/{here.kim}")).body
        schemas = (await here.serving.send("GET", "/Schemas")).body["Resources"]
        assert DELIVERY in [each["id"] for each in schemas]


async def test_what_a_client_sends_of_it_is_passed_over(tmp_path: Path) -> None:
    """A client that writes back what it has read neither sets what became of a user nor is refused."""
    async with world(tmp_path) as here:
        body = {"userName": "kim", "schemas": [DELIVERY], DELIVERY: {"state": "delivered", "genesysId": "other"}}
        assert (await here.serving.send("PUT", f"/Users/{here.kim}", body)).status == 200
        got = await here.serving.send("GET", f"/Users/{here.kim}?attributes={DELIVERY}:genesysId")
        assert got.body[DELIVERY] == {"genesysId": "G1"}


async def test_a_log_that_cannot_be_read_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where deliveries can't be read for a while, users are served without them, and with them again afterwards."""
    monkeypatch.setattr(delivery_follower, "AGAIN", (0.001, 0.001))
    monkeypatch.setattr(delivery_follower, "READY", 0.05)
    failing = [True]
    follow = DeliveryFollower._follow

    async def at_times(self: DeliveryFollower) -> None:
        if failing[0]:
            raise KafkaConnectionError
        await follow(self)

    monkeypatch.setattr(DeliveryFollower, "_follow", at_times)
    async with world(tmp_path) as here:
        url = f"/Users/{here.kim}?attributes=userName,{DELIVERY}"
        answer = await here.serving.send("GET", url)
        assert (answer.status, DELIVERY in answer.body) == (200, False)
        failing[0] = False
        await until(here.following._read.is_set)
        assert (await here.serving.send("GET", url)).body[DELIVERY]["state"] == "delivered"
