"""SCIM over HTTP, as a client meets it."""

import asyncio
import base64
import json
import sqlite3
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import structlog

from streamproc.adapters.kafka.log import TopicPartition, started
from streamproc.gateway.scim.service import LARGEST_BODY, ScimService
from streamproc.gateway.scim.tail import TOPIC
from tests.support.front_door import ROOT, TOKEN, RunningDoor, front_door, served, until_served

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
USER = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada@example.com", "active": True}
AUTHORIZED = f"Authorization: Bearer {TOKEN}"


async def raw(running: RunningDoor, *lines: str, body: bytes = b"") -> tuple[bytes, Any]:
    """What is answered to a head that no client would write: its first line, and the JSON."""
    host, _, port = running.url.removeprefix("http://").partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join([*lines, "Host: here", "", ""]).encode() + body)
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    content = await reader.readexactly(int(fields.get(b"content-length", 0)))
    writer.close()
    return head.split(b"\r\n")[0], json.loads(content) if content else fields


def is_error(body: Any, status: int) -> bool:
    """Whether it is a SCIM Error of that status."""
    return bool(body["schemas"] == [ERROR] and body["status"] == str(status) and body["detail"])


async def test_a_user_is_made_read_and_deactivated(tmp_path: Path) -> None:
    """What a client does in a user's life is answered as RFC 7644 has it, with the URL that the client used."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        made = await running.send("POST", "/Users", USER)
        assert made.status == 201
        assert made.headers["content-type"].startswith("application/scim+json")
        where = f"{running.url}/Users/{made.body['id']}"
        assert made.headers["location"] == made.body["meta"]["location"] == where
        change = {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
        changed = await running.send("PATCH", f"/Users/{made.body['id']}", change)
        assert (changed.status, changed.body["active"]) == (200, False)
        assert (await running.send("DELETE", f"/Users/{made.body['id']}")).status == 204
        assert (await running.send("GET", f"/Users/{made.body['id']}")).status == 404


async def test_any_root_and_spelling_of_a_url_is_understood(tmp_path: Path) -> None:
    """Whatever base a person has typed, and whatever a client puts behind it, the request arrives."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        for url in ("/scim/v2/Users", "/api/v2/scim/users?", "/API/V2/SCIM/V2/Users/", "//scim/v2/Users?&count=1&"):
            assert (await running.send("GET", "/" + url)).status == 200, url
        line, body = await raw(running, f"GET http://here{ROOT}/Users HTTP/1.1", AUTHORIZED)
        assert (line, body["totalResults"]) == (b"HTTP/1.1 200 OK", 0)


async def test_who_mistyped_the_url_is_told_where_scim_is(tmp_path: Path) -> None:
    """A base URL without its path is answered by a SCIM Error that says where to go, token or not."""
    async with front_door(tmp_path) as running:
        for url in ("//Users?count=1", "//scim/Users", "//api/v2/Users"):
            answer = await running.send("GET", url)
            assert is_error(answer.body, 404), url
            assert ROOT in answer.body["detail"]
        assert (await running.send("GET", "//elsewhere", token=None)).status == 404


async def test_a_public_url_is_what_clients_are_told(tmp_path: Path) -> None:
    """Behind a proxy that ends TLS a resource's location is the proxy's, if that is set."""
    async with front_door(tmp_path, gateway_url="https://scim.example.com") as running:
        await until_served(running)
        made = await running.send("POST", "/Users", USER)
    assert made.headers["location"] == f"https://scim.example.com{ROOT}/Users/{made.body['id']}"


async def test_who_has_no_token_is_refused_before_the_body_is_read(tmp_path: Path) -> None:
    """A stranger's body isn't waited for, whatever it announces, and the refusal is a SCIM Error."""
    async with front_door(tmp_path) as running:
        head = f"POST {ROOT}/Users HTTP/1.1"
        for authorization in ("X: y", "Authorization: Bearer wrong", "Authorization: Basic eDp5"):
            line, body = await raw(running, head, authorization, "Content-Length: 9999999999")
            assert line == b"HTTP/1.1 401 Unauthorized"
            assert is_error(body, 401)
        assert not (await running.send("GET", "/Users", token=None)).headers["content-type"].startswith("text")


async def test_the_token_may_come_in_any_form(tmp_path: Path) -> None:
    """As a bearer, alone as some paste it, or as the password of Basic."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
        for value in (f"Bearer {TOKEN}", f"bearer  {TOKEN}", TOKEN, f"Basic {basic}"):
            assert (await running.send("GET", "/Users", token=None, Authorization=value)).status == 200, value


async def test_before_connections_are_known_nobody_is_refused(tmp_path: Path) -> None:
    """A client that comes while the gateway starts is told to come again, and isn't told that its token is bad."""
    async with front_door(tmp_path, connections=[]) as running:
        early = await running.send("GET", "/Users")
        assert (early.status, early.headers["retry-after"]) == (503, "1")
        assert is_error(early.body, 503)
        assert (await running.send("POST", "//oauth/token", b"", token=None)).status == 503
        running.door.serve([served()])
        await until_served(running)


async def test_connections_come_and_go_while_it_runs(tmp_path: Path) -> None:
    """A new token is good at once, and one that is gone is refused at once; what was written stays."""
    async with front_door(tmp_path, connections=[served("okta"), served("entra", "token-of-entra", 0)]) as running:
        await until_served(running)
        await until_served(running, token="token-of-entra")
        there = {each.name for each in tmp_path.glob("*.sqlite")}  # noqa: ASYNC240
        assert there == {"events.scim-0.sqlite", "events.scim-1.sqlite"}
        made = await running.send("POST", "/Users", USER)
        other = await running.send("GET", f"/Users/{made.body['id']}", token="token-of-entra")
        assert other.status == 404
        running.door.serve([served("okta", "another")])
        assert (await running.send("GET", "/Users")).status == 401
        assert (await running.send("GET", "/Users", token="token-of-entra")).status == 401
        assert (await running.send("GET", f"/Users/{made.body['id']}", token="another")).status == 200
        running.door.serve([])
        assert (await running.send("GET", "/Users", token="another")).status == 401
        running.door.serve([served()])
        await until_served(running)
        assert (await running.send("GET", f"/Users/{made.body['id']}")).status == 200


async def test_a_client_fetches_a_token(tmp_path: Path) -> None:
    """With the connection's name and one of its tokens as secret a client has one for an hour, as OAuth has it."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        form = b"grant_type=client_credentials&client_id=okta&client_secret=" + TOKEN.encode()
        got = await running.send("POST", "//oauth/token/", form, token=None)
        assert (got.status, got.body["token_type"], got.headers["cache-control"]) == (200, "Bearer", "no-store")
        assert got.headers["content-type"].startswith("application/json")
        fetched = got.body["access_token"]
        assert (await running.send("GET", "/Users", token=fetched)).status == 200
        bad = await running.send("POST", "//oauth/token", form[:-1], token=None)
        assert (bad.status, bad.body) == (401, {"error": "invalid_client"})
        assert (await running.send("GET", "//oauth/token", token=None)).status == 405
        large = await running.send("POST", "//oauth/token", b"x" * 5000, token=None)
        assert large.status == 413
        running.door.serve([served("okta", "another")])
        assert (await running.send("GET", "/Users", token=fetched)).status == 401


async def test_a_body_that_cant_be_taken_is_told_as_scim(tmp_path: Path) -> None:
    """Too large, compressed, or no JSON: always a SCIM Error."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        large = b" " * 100_000
        for answer, status in (
            (await running.send("POST", "/Users", USER, Content_Encoding="gzip"), 415),
            (await running.send("POST", "/Users", b"{"), 400),
            (await running.send("POST", "/Users", b'{"userName": "\xff"}'), 400),
            (await running.send("POST", "/Bulk", large), 501),
            (await running.send("POST", "/Nothing", large), 404),
            (await running.send("TRACE", "/Users"), 405),
            (await running.send("GET", ""), 404),
        ):
            assert answer.status == status
            assert is_error(answer.body, status)
        for name, most in LARGEST_BODY.items():
            head = [f"POST {ROOT}/{name} HTTP/1.1", AUTHORIZED, f"Content-Length: {most + 1}"]
            line, body = await raw(running, *head)
            assert line.startswith(b"HTTP/1.1 413")
            assert is_error(body, 413)


async def test_a_client_that_asks_first_may_send(tmp_path: Path) -> None:
    """`Expect: 100-continue`, as curl and Java send it with a long body, is answered before the body comes."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        content = json.dumps(USER).encode()
        host, _, port = running.url.removeprefix("http://").partition("/")[0].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = [f"POST {ROOT}/Users HTTP/1.1", "Host: here", AUTHORIZED, "Expect: 100-continue"]
        writer.write("\r\n".join([*head, f"Content-Length: {len(content)}", "", ""]).encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(content)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201 Created")
        writer.close()


async def test_json_is_called_what_the_client_asks_for(tmp_path: Path) -> None:
    """Clients that understand only `application/json` get that."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        for accept, kind in (
            ("application/json", "application/json"),
            ("application/scim+json, application/json", "application/scim+json"),
            ("*/*", "application/scim+json"),
        ):
            found = await running.send("GET", "/ServiceProviderConfig", Accept=accept)
            assert found.headers["content-type"].split(";")[0] == kind


async def test_what_isnt_http_is_answered_by_json(tmp_path: Path) -> None:
    """Even a head that can't be read is answered by a SCIM Error, never by a page."""
    async with front_door(tmp_path) as running:
        line, body = await raw(
            running, f"GET {ROOT}/Users HTTP/1.1", AUTHORIZED, "Content-Length: 1", "Content-Length: 2"
        )
        assert line.split()[1] == b"400"
        assert is_error(body, 400)


@pytest.mark.parametrize(
    ("failed", "status"), [(ValueError("ada@example.com"), 500), (sqlite3.OperationalError("x"), 503)]
)
async def test_a_mistake_of_ours_ends_one_request_alone(tmp_path: Path, failed: Exception, status: int) -> None:
    """It is answered by a SCIM Error, the next request is served, and no value of anybody's is in the log."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        with patch.object(ScimService, "answer", side_effect=failed), structlog.testing.capture_logs() as lines:
            answer = await running.send("POST", "/Users", USER)
        assert is_error(answer.body, status)
        assert answer.status == status
        assert lines
        assert "ada@" not in str(lines)
        assert (await running.send("POST", "/Users", USER)).status == 201


async def test_a_write_goes_on_when_its_client_is_gone(tmp_path: Path) -> None:
    """Who hangs up after sending a deactivation has deactivated all the same."""
    async with front_door(tmp_path) as running:
        await until_served(running)
        made = await running.send("POST", "/Users", USER)
        content = json.dumps({"Operations": [{"op": "replace", "path": "active", "value": False}]}).encode()
        begun, go_on = asyncio.Event(), asyncio.Event()
        answering = ScimService.answer

        async def slow(service: ScimService, request: Any) -> Any:
            begun.set()
            await go_on.wait()
            return await answering(service, request)

        host, _, port = running.url.removeprefix("http://").partition("/")[0].partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = [f"PATCH {ROOT}/Users/{made.body['id']} HTTP/1.1", "Host: here", AUTHORIZED]
        with patch.object(ScimService, "answer", slow):
            writer.write("\r\n".join([*head, f"Content-Length: {len(content)}", "", ""]).encode() + content)
            await begun.wait()
            writer.transport.abort()
            await asyncio.sleep(0.05)
        go_on.set()
        async with asyncio.timeout(10):
            while (await running.send("GET", f"/Users/{made.body['id']}")).body["active"]:
                pass


async def test_one_connection_takes_no_place_of_another(tmp_path: Path) -> None:
    """One that has all the requests on their way that it may have is told to come again; others are served."""
    connections = [served("okta"), served("entra", "token-of-entra")]
    async with front_door(tmp_path, connections=connections, gateway_in_flight=1) as running:
        await until_served(running)
        begun, go_on = asyncio.Event(), asyncio.Event()
        answering = ScimService.answer

        async def slow(service: ScimService, request: Any) -> Any:
            begun.set()
            await go_on.wait()
            return await answering(service, request)

        with patch.object(ScimService, "answer", slow):
            first = asyncio.create_task(running.send("GET", "/Users"))
            await begun.wait()
        second = await running.send("GET", "/Users")
        assert (second.status, second.headers["retry-after"]) == (503, "1")
        assert is_error(second.body, 503)
        assert (await running.send("GET", "/Users", token="token-of-entra")).status == 200
        go_on.set()
        assert (await first).status == 200


async def test_another_connections_records_are_passed_over(tmp_path: Path) -> None:
    """What lies in a partition under the name of a connection that has another one isn't read by anybody."""
    async with front_door(tmp_path, connections=[served("okta", partition=1)]) as running:
        await until_served(running)
        assert (await running.send("POST", "/Users", USER)).status == 201
        async with started(running.kafka.consumer()) as consumer, started(running.kafka.producer()) as producer:
            consumer.assign([TopicPartition(TOPIC, 1)])
            (record,) = next(iter((await consumer.getmany(timeout_ms=1000)).values()))
            await producer.send_and_wait(TOPIC, record.value, record.key, 0)
        running.door.serve([served("okta", partition=1), served("entra", "token-of-entra", 0)])
        with structlog.testing.capture_logs() as lines:
            await until_served(running, token="token-of-entra")
        assert [line["what"] for line in lines if "what" in line] == ["a connection's that has another partition"]
