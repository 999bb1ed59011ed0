"""The gateway's endpoints: who is let in, and what each source is answered."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from structlog.testing import capture_logs

from streamproc.core.errors import SettingsError
from streamproc.gateway.endpoints import endpoints
from streamproc.settings import Settings, load_settings
from tests.support.certificates import certificate
from tests.support.gateway import NEW, OKTAS, OLD, TOKENS, gateway
from tests.support.gateway_requests import BODY, CLOUDEVENT, EVENT, ISSUER, NOW, OKTA, signed

BOTH = f"{NEW} {OLD}"


ITEM = {
    "subscriptionId": "s1",
    "changeType": "updated",
    "clientState": NEW,
    "resource": "Users/u1",
    "resourceData": {"@odata.type": "#Microsoft.Graph.User", "id": "u1"},
}
"""Constructed, as a notification of Graph is documented."""


DOORS: list[tuple[str, dict[str, Any], Callable[[str], tuple[Any, dict[str, str]]], int]] = [
    ("/v1/okta", {"okta_hook_secret": BOTH}, lambda s: (OKTA, {"Authorization": s}), 204),
    (
        "/v1/okta",
        {"okta_hook_secret": BOTH, "okta_hook_header": "X-Hook"},
        lambda s: (OKTA, {"X_Hook": s, "Authorization": NEW}),
        204,
    ),
    ("/v1/entra", {"entra_client_state": BOTH}, lambda s: ({"value": [ITEM | {"clientState": s}]}, {}), 202),
    ("/v1/pingone", {"pingone_hook_secret": BOTH}, lambda s: ([{}], {"Authorization": f"Basic {s}"}), 200),
    ("/v1/workday", {"workday_hook_secret": BOTH}, lambda s: ({}, {"Authorization": f"Bearer {s}"}), 200),
    (
        "/v1/hris",
        {"hris_hook_secret": BOTH, "hris_hook_signature": "bamboohr"},
        lambda s: (BODY, signed("bamboohr", s.encode())),
        200,
    ),
    (
        "/v1/hris",
        {"hris_hook_secret": BOTH, "hris_hook_signature": "X-Gusto-Signature:sha256"},
        lambda s: (BODY, signed("gusto", s.encode())),
        200,
    ),
    ("/v1/events", {"gateway_token": BOTH}, lambda s: (EVENT, {"Authorization": f"Bearer {s}"}), 202),
]


@pytest.mark.parametrize(("path", "settings", "request_with", "accepted"), DOORS, ids=[door[0] for door in DOORS])
async def test_a_door_opens_to_its_secrets_only(
    path: str, settings: dict[str, Any], request_with: Callable[[str], tuple[Any, dict[str, str]]], accepted: int
) -> None:
    """Each source gets its own status; both secrets are good, anything else is 401, empty, unkept, and logged."""
    async with gateway(settings) as running:
        for secret in (NEW, OLD):
            body, headers = request_with(secret)
            answer = await running.post(path, body, **headers)
            assert (answer.status, answer.body) == (accepted, b"")
        stored = len(running.brokers.records)
        assert stored >= 2
        with capture_logs() as logs:
            for wrong in ("the-secret-of-nobody", NEW[:-1], NEW + "0", NEW.upper(), "x"):
                body, headers = request_with(wrong)
                answer = await running.post(path, body, **headers)
                assert (answer.status, answer.body) == (401, b"")
            assert await running.status(path, b"{}") == 401
        assert len(running.brokers.records) == stored
        assert {log["event"] for log in logs} == {"refused"}
        assert all(log["remote"] == "127.0.0.1" and log["check"] for log in logs)


async def test_a_door_without_a_secret_isnt_there() -> None:
    """Nothing is served that anybody could use: every route is 404 until its secret is set."""
    async with gateway({}) as running:
        for name in ("okta", "entra", "pingone", "workday", "hris", "events", "set", "debezium"):
            assert await running.status(f"/v1/{name}", EVENT, Authorization="") == 404
        async with running.http.get(running.root + "/v1/okta") as answer:
            assert answer.status == 404
        assert await running.status("/v1/entra?validationToken=x", b"") == 404


async def test_a_replay_outside_the_window_isnt_kept() -> None:
    """What was signed six minutes ago is refused, though the signature is right."""
    async with gateway({"hris_hook_secret": NEW, "hris_hook_signature": "bamboohr"}) as running:
        old = signed("bamboohr", NEW.encode(), at=str(NOW // 1_000_000 - 360))
        assert await running.status("/v1/hris", BODY, **old) == 401
        assert running.brokers.records == []


async def test_oktas_challenge_is_answered_to_who_has_the_secret() -> None:
    """Its GET carries the secret as its events do; the challenge comes back as JSON, and is limited."""
    async with gateway(OKTAS) as running:

        async def get(**headers: str) -> tuple[int, str]:
            sent_headers = {name.replace("_", "-"): value for name, value in headers.items()}
            async with running.http.get(running.root + "/v1/okta", headers=sent_headers) as answer:
                return answer.status, await answer.text()

        challenge = '<"é'
        status, text = await get(Authorization=NEW, x_okta_verification_challenge=challenge)
        assert (status, orjson.loads(text)) == (200, {"verification": challenge})
        assert await get(x_okta_verification_challenge="c") == (401, "")
        assert (await get(Authorization=NEW))[0] == 400
        assert (await get(Authorization=NEW, x_okta_verification_challenge="x" * 2049))[0] == 400


async def test_graphs_validation_token_comes_back_as_plain_text() -> None:
    """URL-decoded once, escaped nowhere, never as something that a browser would run, and limited."""
    async with gateway({"entra_client_state": NEW}) as running:
        url = running.root + "/v1/entra?validationToken=Validation%3A+a%2Bb%20%3Cscript%3E%26"
        async with running.http.post(url, headers={"Content-Type": "text/plain"}) as answer:
            assert (answer.status, await answer.text()) == (200, "Validation: a+b <script>&")
            assert answer.content_type == "text/plain"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert await running.status("/v1/entra?validationToken=" + "x" * 2049, b"") == 400
        assert await running.status("/v1/entra?validationToken=", b"") == 400
        assert running.brokers.records == []


async def test_graphs_secret_stays_out_of_the_log() -> None:
    """Items go on without clientState; those of somebody else's subscription are left out, and counted in the log."""
    async with gateway({"entra_client_state": NEW}) as running:
        with capture_logs() as logs:
            assert await running.status("/v1/entra", {"value": [ITEM, ITEM | {"clientState": "x"}, ITEM]}) == 202
        assert [log["check"] for log in logs] == ["clientState"]
        assert running.brokers.topics() == ["notifications.entra"] * 2
        assert {record.key for record in running.brokers.records} == {b"u1"}
        assert not any(NEW.encode() in record.value for record in running.brokers.records)
        unproven: Any
        for unproven in (b"{", b"[]", {"value": []}, {"value": [ITEM | {"clientState": "x"}]}):
            assert await running.status("/v1/entra", unproven) == 401
        assert len(running.brokers.records) == 2


async def test_what_cant_be_read_is_kept_and_answered_by_who_sent_it() -> None:
    """A source that would block or give up hears success; a producer that can correct it hears what is wrong."""
    both = {"okta_hook_secret": NEW, "pingone_hook_secret": NEW, "gateway_token": NEW}
    async with gateway(both) as running:
        for path, status in (("/v1/okta", 204), ("/v1/pingone", 200), ("/v1/events", 400)):
            assert await running.status(path, b"{", Authorization=NEW) == status
            assert await running.status(path, b"a=b", Authorization=NEW, Content_Type="text/plain") == status
        assert running.brokers.topics() == ["events.rejected"] * 6
        answer = await running.post("/v1/events", b"{", Authorization=NEW)
        assert orjson.loads(answer.body) == {
            "code": "not_json",
            "reason": "not JSON: unexpected end of data at byte 1",
        }


async def test_a_form_is_kept_as_json() -> None:
    """BambooHR can send form fields: signed as they are sent, they go on as an object of lists."""
    form = b"type=employee.updated&timestamp=2026-03-02T09%3A00%3A05%2B0000&data%5BemployeeId%5D=123"
    async with gateway({"hris_hook_secret": NEW, "hris_hook_signature": "bamboohr"}) as running:
        headers = signed("bamboohr", NEW.encode(), form) | {"Content_Type": "application/x-www-form-urlencoded"}
        assert await running.status("/v1/hris", form, **headers) == 200
        (record,) = running.brokers.records
        assert (record.topic, record.key) == ("notifications.hris", b"123")
        assert orjson.loads(record.value)["data[employeeId]"] == ["123"]
        assert dict(record.headers)["content-type"] == b"application/json"
        for wrong in (b"a", b"a=1&&", b"\xff=1", b""):
            headers |= signed("bamboohr", NEW.encode(), wrong)
            assert await running.status("/v1/hris", wrong, **headers) == 200
        assert running.brokers.topics()[1:] == ["events.rejected"] * 4


async def test_events_are_taken_whole_or_not_at_all() -> None:
    """A list in which one event can't be read is refused with the reason, kept as it came, and none of it produced."""
    async with gateway({"gateway_token": NEW}) as running:
        assert await running.status("/v1/events", [EVENT, CLOUDEVENT], Authorization=NEW) == 202
        assert running.brokers.topics() == ["intake.hris"] * 2
        answer = await running.post("/v1/events", [EVENT, EVENT | {"type": "delete"}], Authorization=NEW)
        assert answer.status == 400
        assert set(orjson.loads(answer.body)) == {"code", "reason"}
        assert running.brokers.topics()[2:] == ["events.rejected"]


async def test_mutual_tls_opens_pingones_door_to_one_name(tmp_path: Path) -> None:
    """Its certificate is let in; another one of that CA, or none, is 401; another CA's can't connect."""
    authority = certificate(tmp_path, "ca")
    for name in ("gateway", "pingone", "other"):
        certificate(tmp_path, name, authority)
    certificate(tmp_path, "stranger", certificate(tmp_path, "elsewhere"))
    settings = {
        "gateway_certificate": tmp_path / "gateway.pem",
        "gateway_key": tmp_path / "gateway.key",
        "gateway_client_ca": tmp_path / "ca.pem",
        "pingone_certificate_name": "pingone",
    }

    async def status(name: str | None) -> int:
        client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        if name is not None:
            client.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        async with gateway(settings, client=client) as running:
            return await running.status("/v1/pingone", [{}])

    assert await status("pingone") == 200
    assert await status("other") == 401
    assert await status(None) == 401
    with pytest.raises(aiohttp.ClientError):
        await status("stranger")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"okta_hook_secret": "short"}, "okta_hook_secret is shorter than 16"),
        ({"okta_hook_secret": ""}, "okta_hook_secret is one secret, or two"),
        ({"gateway_token": f"{BOTH} {NEW}"}, "gateway_token is one secret, or two"),
        ({"hris_hook_secret": NEW}, "hris_hook_secret and hris_hook_signature go together"),
        ({"pingone_certificate_name": "p"}, "needs gateway_client_ca"),
        ({"set_issuer": ISSUER}, "set_issuer, set_audience and set_jwks go together"),
        (TOKENS | {"set_jwks": "http://issuer.example.com/keys"}, "set_jwks begins with https://"),
        ({"hris_hook_secret": NEW, "hris_hook_signature": "unknown"}, "hris_hook_signature is neither"),
        ({"hris_hook_secret": NEW + "!", "hris_hook_signature": "finch"}, "hris_hook_secret isn't base64"),
        ({"gateway_certificate": Path("nowhere.pem")}, "gateway_certificate, gateway_key or gateway_client_ca"),
        ({"sources": Path("nowhere.toml")}, "sources: nowhere.toml can't be read"),
    ],
)
def test_a_door_that_is_half_set_up_is_an_error(settings: dict[str, Any], words: str) -> None:
    """What would leave a door open, or shut by mistake, is told at start, without the secret."""

    def opened(loaded: Settings) -> None:
        endpoints(loaded.hooks, loaded.security_events)
        loaded.gateway.ssl_context()
        loaded.sources_text()

    with pytest.raises(SettingsError, match=words) as error:
        opened(load_settings(**settings))
    assert NEW not in str(error.value)
