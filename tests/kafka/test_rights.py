"""A Kafka with TLS, passwords and ACLs: each process has a user of its own, with the rights that are printed for it."""

import asyncio
import gc
import re
import time
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
import orjson
import pytest
import pytest_asyncio
from click.testing import CliRunner

from streamproc import compose
from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.cli.main import cli
from streamproc.core.errors import KafkaIdentityError, KafkaRightsError, KafkaUnavailableError, StreamprocError
from streamproc.core.provider.delivery_schema import DELIVERY
from streamproc.core.records.topic_names import (
    CHANGES,
    CONTROLS,
    CURSORS,
    DELIVERIES,
    FINDINGS,
    LINKS,
    OPERATIONS,
    OUTCOMES,
    STATUS,
)
from streamproc.demo.directories import pointed as stand_ins
from streamproc.demo.expected import ENTERPRISE
from streamproc.demo.play import held
from streamproc.demo.processes import Child, Stack, stack
from streamproc.health import report
from streamproc.health.report import reporting
from streamproc.rights import PROCESSES, Right, essential, operator
from streamproc.settings import Settings, environment, load_settings
from tests.kafka.gateway.test_gateway import leaver
from tests.kafka.test_pipeline import _until
from tests.support.health import Patient, Pauses, no_problem
from tests.support.logged import logged
from tests.support.secured import DAY, Authority, SecuredKafka, secured_kafka

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # Commands end with their event loop, which is sooner than asyncio's goodbye on TLS connections.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

RIGHTS = {process.name: process.rights("streamproc") for process in PROCESSES}
DOORS = {"gateway_token": "token-for-producers-1", "okta_hook_secret": "secret-of-okta-12345"}
PARTITIONS = 2
SOON = 10.0
"""Seconds within which something that can't work has said so."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecuredKafka]:
    """The broker, its topics, and a user for each process."""
    async with secured_kafka(tmp_path_factory.mktemp("secured")) as kafka:
        for process in PROCESSES:
            await kafka.user(_user(process.name), RIGHTS[process.name])
        done = await command(kafka, "topics --create", "topics", "--create")
        assert done[0] == 0, done
        yield kafka
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def _user(process: str) -> str:
    return process.replace(" ", "_").replace("-", "")


def settings_of(kafka: SecuredKafka, process: str, **more: Any) -> Settings:
    """Settings of a process's own user."""
    return load_settings(**kafka.settings(_user(process)) | {"partitions": PARTITIONS} | more)


async def command(kafka: SecuredKafka, process: str, *arguments: str, **more: Any) -> tuple[int, str]:
    """Exit code and what is printed; an error of ours is its line."""
    env = environment(settings_of(kafka, process, **more))
    with patch("streamproc.telemetry.configure"):  # this process's logging is the other tests', too
        result = await asyncio.to_thread(CliRunner().invoke, cli, arguments, env=env)
    if isinstance(result.exception, StreamprocError):
        return 1, str(result.exception)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def hired(subject: str) -> dict[str, Any]:
    """An event of the generic contract, constructed."""
    who = {"userName": f"{subject}@example.com", "displayName": subject, "active": True}
    event = {"id": subject, "type": "snapshot", "subject": subject, "time": "2026-03-02T09:00:00Z"}
    return event | {"attributes": who}


@pytest.mark.long
async def test_each_process_works_with_exactly_its_rights(secured: SecuredKafka, tmp_path: Path) -> None:
    """Events by HTTP, by Kafka and by a directory's hook reach the target; operators and auditors see them.

    Worker and sink, from whom a right is taken away, end with 1 and one line that names it, without a traceback. The
    gateway closes one door for that time.
    """
    began = len(secured.broker.log.read_text())
    base = settings_of(secured, "sink")
    async with stack(base, tmp_path) as running, aiohttp.ClientSession() as http:
        at = running.settings.by_name()
        for name, more in {
            "worker": {},
            "sink": {},
            "gateway": DOORS | {"gateway_port": 0, "gateway_scim_state": str(tmp_path / "scim")},
            "hydrator": stand_ins(running.simulator),
        }.items():
            own = secured.certified(name) if name == "hydrator" else secured.settings(name)
            running.settings = load_settings(**at | own | more)
            running.child(name, name)
        ports = await asyncio.gather(
            *(child.start() for name, child in running.children.items() if name != "simulator")
        )
        door = f"http://127.0.0.1:{ports[2]}"
        config = {"gateway": door, "hook_headers": {"okta": {"Authorization": DOORS["okta_hook_secret"]}}}
        for path, body in (("config", config), ("okta/people", [person("E3")])):
            async with http.post(f"{running.simulator}/_sim/directories/{path}", json=body) as answer:
                answer.raise_for_status()
        headers = {"Authorization": f"Bearer {DOORS['gateway_token']}", "Content-Type": "application/json"}
        async with http.post(f"{door}/v1/events", data=orjson.dumps(hired("E1")), headers=headers) as answer:
            assert answer.status == 202
        for event in (hired("E2"), {"subject": "E4", "what": "nobody understands"}):
            await send(settings_of(secured, "producer of events.hris"), event)
        await _until(lambda: held(http, running.simulator), lambda there: {"E1", "E2", "E3"} <= {*there})
        await _pushed(secured, http, door)
        await _until(lambda: command(secured, "operators", "status"), lambda done: done[0] == 0)
        kept = str(tmp_path / "kept")
        for process, line in (
            ("topics --create", ("topics", "--check")),
            ("sync", ("sync", "okta")),
            ("operators", ("parked", "list")),
            ("operators", ("identities", "list", "--all")),
            ("operators", ("rejected", "list")),
            ("operators", ("rejected", "replay", "--all", "--by", "Kim Berg", "--reason", "test")),
            ("operators", ("sink", "pause", "--by", "Kim Berg", "--reason", "test")),
            ("operators", ("sink", "resume", "--by", "Kim Berg", "--reason", "test")),
            ("auditors", ("archive", kept)),
            ("auditors --raw", ("archive", kept, "--raw")),
            ("auditors", ("replay", "--verify")),
            ("auditors", ("report", "revocations", "--from", "2020-01-01", "--to", "2100-01-01")),
        ):
            more = stand_ins(running.simulator) if process == "sync" else {}
            code, printed = await command(secured, process, *line, **more)
            assert code == 0, (line, printed)
        for child in running.children.values():
            assert child.running, child.log.read_text()
        assert [line for line in secured.broker.log.read_text()[began:].splitlines() if "Denied" in line] == []
        await _taken_away(secured, running, http, door)
        assert running.children["gateway"].running


async def _pushed(secured: SecuredKafka, http: aiohttp.ClientSession, door: str) -> None:
    """A SCIM client is let in, pushes somebody, and is told of its leaver's end at the target."""
    ordered = ("connections", "add", "okta", "--delivered", "--by", "Kim Berg", "--reason", "test")
    code, printed = await command(secured, "operators", *ordered)
    assert code == 0, printed
    headers = {"Authorization": "Bearer " + re.findall(r"scim_[\w-]+", printed)[0]}
    who = {"userName": "E6@example.com", "displayName": "E6", "active": True, ENTERPRISE: {"employeeNumber": "E6"}}
    leaves = {"Operations": [{"op": "replace", "path": "active", "value": False}]}

    async def asked(method: str, path: str, body: Any) -> tuple[int, Any]:
        async with http.request(method, f"{door}/scim/v2/Users{path}", json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    _, made = await _until(lambda: asked("POST", "", who), lambda answer: answer[0] == 201)
    shown = f"/{made['id']}?attributes=active,{DELIVERY}"
    await _until(lambda: asked("GET", shown, None), lambda answer: answer[1][DELIVERY]["state"] == "delivered")
    status, left = await asked("PATCH", f"/{made['id']}", leaves)
    assert (status, left["active"]) == (200, False)
    await _until(lambda: asked("GET", shown, None), lambda answer: answer[1][DELIVERY]["state"] == "revoked")


def person(number: str) -> dict[str, Any]:
    """Of a directory."""
    return {"employeeNumber": number, "userName": f"{number}@example.com", "displayName": number, "active": True}


async def send(settings: Settings, event: dict[str, Any]) -> None:
    """As a producer of events.hris."""
    producer = KafkaLog(settings.kafka).producer()
    await producer.start()
    try:
        await producer.send_and_wait("events.hris", orjson.dumps(event), key=event["subject"].encode())
    finally:
        await producer.stop()


async def test_a_service_works_without_the_right_to_say_how_it_is(secured: SecuredKafka) -> None:
    """On a cluster whose ACLs are of before that topic: its start is as ever, and that nobody hears of it is told once.

    Whoever wants to read the states is refused, by name.
    """
    await secured.user("before", essential(RIGHTS["gateway"]))
    settings = load_settings(**secured.settings("before") | {"partitions": PARTITIONS})
    assert await ensure_topics(settings.kafka, RIGHTS["gateway"]) == []
    patient, pauses = Patient(), Pauses()
    with logged(report) as lines:
        async with reporting(KafkaLog(settings.kafka), patient.health, no_problem, pauses):
            for _ in range(2):
                assert await pauses.next() == report.AGAIN
                pauses.over()
    assert [(line["log_level"], line["topic"]) for line in lines] == [("warning", STATUS)]
    with pytest.raises(KafkaRightsError, match=f"Read on topic {STATUS}"):
        await ensure_topics(settings.kafka, operator(reads=[STATUS]))


async def test_the_doctor_says_that_each_user_is_right(secured: SecuredKafka) -> None:
    """Asked without writing, for the process that it is meant for; as another it lacks what it isn't to have."""
    began = len(secured.broker.log.read_text())
    for process in ("worker", "sink", "reconcile", "gateway", "hydrator"):
        _, printed = await command(secured, process, "doctor", "--as", process, "--json", **DOORS)
        lines = [line for line in orjson.loads(printed)["lines"] if line["part"] == "kafka"]
        assert {line["severity"] for line in lines} == {"ok"}, lines
        assert f"rights of {process}" in {line["about"] for line in lines}
    assert [line for line in secured.broker.log.read_text()[began:].splitlines() if "Denied" in line] == []
    _, printed = await command(secured, "gateway", "doctor", "--as", "sink", "--json", **DOORS)
    lacks = " ".join(line["text"] for line in orjson.loads(printed)["lines"] if line["about"] == "rights of sink")
    assert "Write on topic scim.outcomes" in lacks


async def test_who_cannot_connect_is_told_why_in_one_line(secured: SecuredKafka) -> None:
    """A wrong password, certificate, address or protocol, and an absent broker, are different lines within seconds."""
    right = secured.settings("auditors")
    other = Authority("somebody else's")
    plain = {"kafka": secured.broker.bootstrap, "kafka_security": "PLAINTEXT"}
    no_password = {"kafka_username": None, "kafka_password": None}
    certified = secured.certified("topics_create")
    assert await ensure_topics(load_settings(**certified, partitions=PARTITIONS).kafka, create=False) == []
    for words, wrong in {
        r"doesn't accept the user name and password of User:auditors": {"kafka_password": "wrong"},
        r"takes passwords by SCRAM-SHA-512, and STREAMPROC_KAFKA_SASL_MECHANISM is PLAIN": {
            "kafka_sasl_mechanism": "PLAIN"
        },
        r"certificate of Kafka's broker .* isn't to be trusted.*STREAMPROC_KAFKA_CA": {"kafka_ca": secured.ca(other)},
        r"Hostname mismatch": {"kafka": secured.broker.sasl_ssl.replace("127.0.0.1", "localhost")},
        r"refuses our certificate CN=old: it ended on \d{4}-": certified | secured.certified("old", ends=-DAY),
        r"refuses our certificate CN=stranger .* the authority that signed it": certified
        | secured.certified("stranger", other),
        r"wants a client certificate, it seems .* STREAMPROC_KAFKA_CERTIFICATE": {"kafka": secured.broker.tls},
        r"speaks without TLS, and STREAMPROC_KAFKA_SECURITY is SASL_SSL": {"kafka": secured.broker.bootstrap},
        r"speaks TLS, and STREAMPROC_KAFKA_SECURITY is PLAINTEXT": no_password
        | plain
        | {"kafka": secured.broker.sasl_ssl},
        r"wants a password \(SASL: SCRAM-SHA-512\), and STREAMPROC_KAFKA_SECURITY is SSL": no_password
        | {"kafka_security": "SSL"},
        r"takes no password": plain | {"kafka_security": "SASL_PLAINTEXT"},
        r"no Kafka broker answers at 127\.0\.0\.1:1: Connection refused": {"kafka": "127.0.0.1:1"},
    }.items():
        began = time.monotonic()
        settings = load_settings(**right | wrong)
        with pytest.raises((KafkaIdentityError, KafkaUnavailableError), match=words) as told:
            await ensure_topics(settings.kafka, create=False)
        assert (told.type is KafkaUnavailableError) == ("Connection refused" in words)
        assert "\n" not in str(told.value)
        assert time.monotonic() - began < SOON
    assert await ensure_topics(load_settings(**right | {"kafka": f"127.0.0.1:1,{right['kafka']}"}).kafka, ()) == []


async def test_each_right_that_is_missing_at_the_start_is_named(secured: SecuredKafka, tmp_path: Path) -> None:
    """Services, operators and auditors end within seconds, with the operation, the resource and the principal.

    A sink that may not read findings goes on without them.
    """
    doors: dict[str, Callable[..., Coroutine[Any, Any, None]]]
    doors = {"worker": compose.run_worker, "sink": compose.run_sink, "gateway": compose.run_gateway}
    for process, right in (
        ("worker", Right("Read", "group", "streamproc-worker")),
        ("worker", Right("Read", "topic", "events.set")),
        ("sink", Right("Read", "group", "streamproc-sink")),
        ("sink", Right("Write", "transactional-id", "streamproc-sink-", prefixed=True)),
        ("sink", Right("Read", "topic", OPERATIONS)),
        ("sink", Right("Write", "topic", OUTCOMES)),
        ("gateway", Right("Write", "topic", "events.okta")),
    ):
        async with _without(secured, process, right):
            with pytest.raises(KafkaRightsError, match=f"User:{process}: {_named(right)}"):
                await asyncio.wait_for(doors[process](settings_of(secured, process, **DOORS, gateway_port=0)), SOON)
    async with _without(secured, "sink", Right("Read", "topic", FINDINGS)):
        ready = asyncio.Event()
        running = asyncio.create_task(compose.run_sink(settings_of(secured, "sink"), ready.set))
        await asyncio.wait([running, asyncio.create_task(ready.wait())], timeout=SOON, return_when="FIRST_COMPLETED")
        assert ready.is_set(), running
        running.cancel()
        await asyncio.wait([running])
    who, kept = ("--by", "Kim Berg", "--reason", "test"), str(tmp_path / "kept")
    for process, right, line in (
        ("operators", Right("Write", "topic", CONTROLS), ("sink", "resume", *who)),
        ("operators", Right("Read", "topic", LINKS), ("identities", "list")),
        ("operators", Right("Read", "topic", DELIVERIES), ("parked", "list")),
        ("auditors", Right("Read", "topic", OUTCOMES), ("replay", "--verify")),
        ("auditors", Right("Read", "topic", OUTCOMES), ("archive", kept)),
        ("auditors", Right("Read", "topic", CONTROLS), ("replay", "--verify")),
        ("topics --create", Right("Describe", "topic", CONTROLS), ("topics", "--check")),
        ("topics --create", Right("DescribeConfigs", "topic", CONTROLS), ("topics", "--check")),
    ):
        async with _without(secured, process, right):
            code, printed = await command(secured, process, *line)
        assert (code, bool(re.search(f"User:{_user(process)}: {_named(right)}", printed))) == (1, True), printed
        assert "NOT EQUAL" not in printed
        assert "missing: " not in printed
    await secured.admin.delete_topics([CURSORS])
    async with _without(secured, "topics --create", Right("Create", "topic", CURSORS)):
        code, printed = await _until(
            lambda: command(secured, "topics --create", "topics", "--create"), lambda done: done[0]
        )
    assert "Create on topic streamproc.cursors. They don't exist yet" in printed
    assert (await command(secured, "topics --create", "topics", "--create"))[1] == "created: streamproc.cursors\n"


async def _taken_away(secured: SecuredKafka, running: Stack, http: aiohttp.ClientSession, door: str) -> None:
    """Rights are taken away from services that run."""

    async def post(name: str, body: Any, secret: str) -> int:
        headers = {"Authorization": secret, "Content-Type": "application/json"}
        async with http.post(f"{door}/v1/{name}", json=body, headers=headers) as answer:
            return answer.status

    async def event() -> int:
        return await post("events", hired(f"T{time.time()}"), f"Bearer {DOORS['gateway_token']}")

    async with _without(secured, "gateway", Right("Write", "topic", "intake.hris")):
        assert [await event(), await event()] == [503, 503]
        assert await post("okta", {"data": {"events": [leaver(1)]}}, DOORS["okta_hook_secret"]) == 204
    async with _without(secured, "sink", Right("Write", "topic", OUTCOMES)):
        await _until(event, lambda status: status == 202)  # after a while
        assert await _line(running.children["sink"]) == f"User:sink: Write on topic {OUTCOMES}"
    async with _without(secured, "worker", Right("Write", "topic", CHANGES)):
        assert await event() == 202
        assert await _line(running.children["worker"]) == f"User:worker: Write on topic {CHANGES}"


async def _line(child: Child) -> str:
    """What a service ends with: who isn't allowed what at first. Asserts that it is a line, and the exit code 1."""
    assert child.process is not None
    async with asyncio.timeout(3 * SOON):
        assert await child.process.wait() == 1
    text = child.log.read_text()
    assert "Traceback" not in text
    told = re.fullmatch(r"streamproc: Kafka doesn't allow (.*?)[.;] .*", text.splitlines()[-1])
    assert told, text
    return told[1]


def _named(right: Right) -> str:
    return re.escape(str(right))


@asynccontextmanager
async def _without(secured: SecuredKafka, process: str, right: Right) -> AsyncIterator[None]:
    await secured.revoke(_user(process), right)
    try:
        yield
    finally:
        await secured.grant(_user(process), right)
