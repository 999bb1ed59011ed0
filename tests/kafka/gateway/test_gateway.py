"""The gateway as a process, on a real broker: what lies in the topics afterwards, and what in no topic and no log."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import psutil

from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.topic_names import STATUS
from streamproc.demo.processes import Child
from streamproc.embedded import embedded_kafka
from streamproc.gateway.server import SECONDS
from streamproc.settings import Settings, environment, load_settings
from streamproc.topics import TOPICS
from tests.kafka.test_pipeline import read
from tests.support.gateway_requests import AUDIENCE, EVENT, ISSUER, JWKS, private, signed

SECRETS = {
    "gateway_token": "token-for-producers-1",
    "okta_hook_secret": "secret-of-okta-12345 secret-of-okta-before",
    "entra_client_state": "client-state-of-graph",
    "pingone_hook_secret": "secret-of-pingone-123",
    "hris_hook_secret": "key-of-the-hr-vendor-1",
    "hris_hook_signature": "bamboohr",
    "set_issuer": ISSUER,
    "set_audience": AUDIENCE,
}
OKTA, GRAPH, PINGONE = "secret-of-okta-12345", "client-state-of-graph", "secret-of-pingone-123"
TOKEN, VENDOR = "token-for-producers-1", "key-of-the-hr-vendor-1"
JSON = {"Content-Type": "application/json"}


@asynccontextmanager
async def gateway(settings: Settings, folder: Path, **changed: Any) -> AsyncIterator[tuple[Child, str]]:
    """The process, with all doors open, and its address."""
    (folder / "keys.json").write_bytes(orjson.dumps(JWKS))
    given = (
        SECRETS
        | {"set_jwks": str(folder / "keys.json"), "gateway_port": 0, "kafka": settings.kafka.bootstrap_servers}
        | changed
    )
    child = Child("gateway", ("gateway",), environment(load_settings(**given)), folder / "gateway.log")
    try:
        yield child, f"http://127.0.0.1:{await child.start()}"
    finally:
        await child.stop()


def leaver(number: int, at: str = "2026-03-02T09:00:05.000Z") -> dict[str, Any]:
    """One of Okta's log events, constructed."""
    return {
        "uuid": f"u-{number}",
        "published": at,
        "eventType": "user.lifecycle.deactivate",
        "outcome": {"result": "SUCCESS"},
        "target": [{"id": f"00u{number}", "type": "User"}],
    }


def token(claims: dict[str, Any]) -> bytes:
    """A Security Event Token of now."""
    import jwt

    whole = {"iss": ISSUER, "aud": AUDIENCE, "iat": int(time.time()), "jti": "t-1"} | claims
    return jwt.encode(whole, private("ES256"), "ES256", headers={"typ": "secevent+jwt", "kid": "k2"}).encode()


def _once(records: list[Any]) -> list[Any]:
    """The first of each key and value."""
    first: dict[tuple[Any, Any], Any] = {}
    for each in records:
        first.setdefault((each.key, each.value), each)
    return [*first.values()]


async def test_every_event_lies_under_its_subject_with_its_bytes(settings: Settings, tmp_path: Path) -> None:
    """Order within a body, keys, values, headers and time are what arrived; no secret is in a topic or in the log."""
    batch = [
        {"id": f"a{n}", "recordedAt": "2026-03-02T09:00:00Z", "action": {"type": kind}, "result": {"status": "SUCCESS"}}
        | {"resources": [{"type": "USER", "id": "p1"}]}
        for n, kind in enumerate(["USER.CREATED", "USER.UPDATED", "USER.DELETED", "PASSWORD.RESET"])
    ]
    item = {"changeType": "updated", "resource": "Users/g1", "resourceData": {"id": "g1"}, "clientState": GRAPH}
    item["resourceData"] = {"@odata.type": "#Microsoft.Graph.User", "id": "g1"}
    vendor = orjson.dumps({"type": "employee.updated", "data": {"companyId": "c", "employeeId": "7"}})
    claims = {
        "sub_id": {"format": "scim", "uri": "/Users/s1"},
        "events": {"urn:ietf:params:scim:event:prov:delete": {}},
    }
    begun = time.time_ns() // 1000
    sent, again = token(claims), set[str]()
    async with gateway(settings, tmp_path) as (child, root), aiohttp.ClientSession() as http:

        async def post(name: str, body: Any, **headers: str) -> int:
            content = body if isinstance(body, bytes) else orjson.dumps(body)
            told = {each.replace("_", "-"): value for each, value in headers.items()}
            for _ in range(20):  # on a busy machine a topic's first record takes seconds: whoever hears 503 asks again
                async with http.post(f"{root}/v1/{name}", data=content, headers=JSON | told) as answer:
                    if answer.status != 503:
                        break
                again.add(name)
                await asyncio.sleep(0.5)
            return answer.status

        hook = {"data": {"events": [leaver(1), leaver(2), leaver(1, "2026-03-02T09:00:06.000Z")]}}
        assert await post("okta", hook, Authorization=OKTA, X_Okta_Request_Id="r1", Cookie="c=s") == 204
        assert await post("pingone", batch, Authorization=f"Basic {PINGONE}") == 200
        assert await post("entra", {"value": [item]}) == 202
        assert await post("hris", vendor, **signed("bamboohr", VENDOR.encode(), vendor, str(int(time.time())))) == 200
        assert await post("events", EVENT, Authorization=f"Bearer {TOKEN}") == 202
        assert await post("events", b"{", Authorization=f"Bearer {TOKEN}") == 400
        assert await post("set", sent, Content_Type="application/secevent+jwt") == 202
        assert await post("okta", hook, Authorization="wrong") == 401
        found = await read(settings, *(topic.name for topic in TOPICS))
        await child.stop()
    if again:  # what was answered 503 may have been kept all the same
        found = {name: _once(records) for name, records in found.items()}
    okta = sorted(found["events.okta"], key=lambda each: (each.partition, each.offset))
    told = {key: [orjson.loads(each.value) for each in okta if each.key == key] for key in (b"00u1", b"00u2")}
    assert told == {
        b"00u1": [hook["data"]["events"][0], hook["data"]["events"][2]],
        b"00u2": [hook["data"]["events"][1]],
    }
    headers = dict(okta[0].headers)
    assert begun <= int(headers["streamproc-received"]) <= time.time_ns() // 1000
    assert headers["streamproc-source"] == b"okta"
    assert headers["x-okta-request-id"] == b"r1"
    assert set(headers) == {
        "streamproc-received", "streamproc-source", "streamproc-body", "content-type", "x-okta-request-id"
    }  # fmt: skip
    pingone = [each for name in ("events.pingone", "notifications.pingone") for each in found[name]]
    assert {each.key for each in pingone if b"PASSWORD" not in each.value} == {b"p1"}
    assert [orjson.loads(each.value)["id"] for each in found["notifications.pingone"]] == ["a0", "a1"]
    (notified,) = found["notifications.entra"]
    del item["clientState"]
    assert (notified.key, orjson.loads(notified.value)) == (b"g1", item)
    assert orjson.dumps(EVENT) in [record.value for record in found["intake.hris"]]
    (kept,) = found["events.set"]
    assert orjson.loads(kept.value)["sub_id"] == claims["sub_id"]
    assert [orjson.loads(each.value)["topic"] for each in found["events.rejected"]] == ["gateway/hris"]
    log = (tmp_path / "gateway.log").read_bytes()
    assert b"refused" in log
    everything = [
        log,
        *(part for name in found for each in found[name] for part in (each.key, each.value, *each.headers)),
    ]
    secrets = [*" ".join(each for each in SECRETS.values() if "-" in each).split(), sent.decode()]
    for secret in secrets:
        if secret not in (ISSUER, AUDIENCE):
            assert not [each for each in everything if secret.encode() in orjson.dumps(str(each))], secret


async def test_brokers_that_stop_are_told_in_time(tmp_path: Path) -> None:
    """While the broker hangs a source hears 503 in time and health says no; when it wakes, all is kept once."""
    assert SECONDS < 2.5
    async with embedded_kafka(progress=lambda _: None) as broker:
        settings = load_settings(kafka=broker.bootstrap)
        await ensure_topics(settings.kafka)
        async with gateway(settings, tmp_path) as (_, root), aiohttp.ClientSession() as http:

            async def post(number: int) -> int:
                body = orjson.dumps({"data": {"events": [leaver(number)]}})
                async with http.post(f"{root}/v1/okta", data=body, headers=JSON | {"Authorization": OKTA}) as answer:
                    return answer.status

            async def health() -> int:
                async with http.get(f"{root}/healthz") as answer:
                    return answer.status

            assert (await post(0), await health()) == (204, 200)
            os.kill(broker.pid, signal.SIGSTOP)
            while psutil.Process(broker.pid).status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.01)  # what is on its way may still be answered
            await asyncio.sleep(0.2)  # by its other threads as well
            try:
                async with asyncio.timeout(15):  # SECONDS and a busy machine's delay; the producer itself waits longer
                    assert await asyncio.gather(*(post(n) for n in range(1, 20))) == [503] * 19
                async with asyncio.timeout(20):  # one question that fails under load means nothing yet
                    while await health() != 503:  # noqa: ASYNC110 - it is another process
                        await asyncio.sleep(0.5)
            finally:
                os.kill(broker.pid, signal.SIGCONT)
            async with asyncio.timeout(90):
                while await post(20) != 204:
                    pass
                while await health() != 200:  # noqa: ASYNC110 - it is another process
                    await asyncio.sleep(1.1)
            found = await read(settings, "events.okta")
    told = [orjson.loads(each.value)["data"]["events"][0]["uuid"] for each in found["events.okta"]]
    assert {"u-0", "u-20"} <= set(told)
    assert len([each for each in told if each != "u-20"]) == len({each for each in told if each != "u-20"})


HOSTILE, GENUINE = 10_000, 300


def hostile(rng: random.Random) -> Iterator[tuple[str, bytes, dict[str, str], int]]:
    """Requests that must not be taken: name of the door, body, headers, and the status that is the right answer."""
    body = orjson.dumps({"data": {"events": [leaver(666)]}})
    deep = b'{"a":' * 10_000
    now = str(int(time.time()))
    past = str(int(time.time()) - 3600)
    stale = signed("bamboohr", VENDOR.encode(), body, past)
    fresh = signed("bamboohr", VENDOR.encode(), body, now)
    form = "application/x-www-form-urlencoded"
    for _ in range(HOSTILE):
        guess = rng.randbytes(12).hex()
        yield rng.choices(
            [
                ("okta", body, {"Authorization": guess}, 401),
                ("pingone", body, {"Authorization": f"Basic {guess}"}, 401),
                ("events", orjson.dumps(EVENT), {"Authorization": f"Bearer {guess}"}, 401),
                ("entra", orjson.dumps({"value": [{"clientState": guess}] * 50}), {}, 401),
                ("set", forged_token(rng), {"Content-Type": "application/secevent+jwt"}, 400),
                ("hris", body, stale, 401),
                ("hris", body[: rng.randrange(len(body))], fresh, 401),
                ("entra", deep, {}, 401),
                ("entra", b"\xff" * 50, {}, 401),
                ("okta", deep, {"Authorization": guess}, 401),
                ("okta", b" " * 100_000, {"Authorization": OKTA}, 413),
                ("events", b"a=b", {"Authorization": guess, "Content-Type": form}, 401),
                ("set", body, {"Content-Type": form}, 400),
                ("debezium", body, {"Authorization": OKTA}, 404),
            ],
            weights=[20, 5, 10, 10, 10, 15, 15, 2, 5, 1, 0.3, 5, 2, 5],
        )[0]


def forged_token(rng: random.Random) -> bytes:
    """A token whose signature is somebody else's."""
    head, claims, signature = FORGED.split(b".")
    return b".".join([head, claims, signature[:-8] + rng.choice([b"AAAAAAAA", b"BBBBBBBB", b""])])


FORGED = token({"events": {"urn:ietf:params:scim:event:prov:deactivate": {}}})


async def test_ten_thousand_hostile_requests_change_nothing(settings: Settings, tmp_path: Path) -> None:
    """Forged, replayed, cut, too large, too deep, mistyped, slow: none is taken, none genuine lost, memory flat."""
    rng = random.Random(5)
    answers: dict[int, int] = {}
    again = set[str]()
    async with gateway(settings, tmp_path, gateway_max_body=65536) as (child, root), aiohttp.ClientSession() as http:
        assert child.process is not None
        process = psutil.Process(child.process.pid)

        async def post(name: str, body: Any, headers: dict[str, str]) -> int:
            async with http.post(f"{root}/v1/{name}", data=body, headers=JSON | headers) as answer:
                assert answer.status in {400, 404} or await answer.read() == b""
                return answer.status

        async def genuine(number: int) -> None:
            body = orjson.dumps({"data": {"events": [leaver(number)]}})
            while (status := await post("okta", body, {"Authorization": OKTA})) == 503:  # brokers that are slow
                again.add(f"u-{number}")
            assert status == 204

        async def attack(requests: Iterator[tuple[str, bytes, dict[str, str], int]]) -> None:
            for name, body, headers, expected in requests:
                assert await post(name, body, headers) == expected, (name, headers)
                answers[expected] = answers.get(expected, 0) + 1

        async def slow(number: int) -> None:
            async def drops() -> AsyncIterator[bytes]:
                while True:
                    yield b" "
                    await asyncio.sleep(0.2)

            headers = JSON | {"Authorization": OKTA if number % 2 else "x" * 20}
            try:
                async with http.post(f"{root}/v1/okta", data=drops(), headers=headers) as answer:
                    assert answer.status == (408 if number % 2 else 401)
            except aiohttp.ClientError:  # cut off in the middle
                assert number % 2

        async def cut() -> None:
            _, writer = await asyncio.open_connection(*root.removeprefix("http://").split(":"))
            head = f"POST /v1/okta HTTP/1.1\r\nHost: a\r\nAuthorization: {OKTA}\r\nContent-Length: 99\r\n\r\n"
            writer.write(head.encode() + b"{")
            await writer.drain()
            writer.close()

        requests = hostile(rng)
        await attack(next(requests) for _ in range(1_000))
        before = process.memory_info().rss
        await asyncio.gather(
            *(attack(requests) for _ in range(16)),
            *(slow(number) for number in range(20)),
            *(cut() for _ in range(100)),
            *(_spread(genuine, start) for start in range(10)),
        )
        after = process.memory_info().rss
        assert sum(answers.values()) == HOSTILE
        async with http.get(f"{root}/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok")
        found = await read(settings, *(topic.name for topic in TOPICS))
    taken = [orjson.loads(each.value)["data"]["events"][0]["uuid"] for each in found.pop("events.okta")]
    assert set(taken) == {f"u-{number}" for number in range(GENUINE)}
    assert {each for each, count in Counter(taken).items() if count > 1} <= again
    del found[STATUS]  # how the gateway is
    assert {name: len(records) for name, records in found.items() if records} == {}
    assert after - before < 24 * 1024 * 1024, (before, after)
    log = (tmp_path / "gateway.log").read_bytes()
    for secret in (OKTA, GRAPH, PINGONE, TOKEN, VENDOR, FORGED.decode()):
        assert secret.encode() not in log


async def _spread(genuine: Any, start: int) -> None:
    for number in range(start, GENUINE, 10):
        await genuine(number)
        await asyncio.sleep(0.05)
