"""A second round of public reports: how targets answer. Each case names the report; the stand-in is made to do it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final, TypeAlias

import aiohttp
from aiohttp.test_utils import TestServer

from streamproc.adapters.scim_http import AtLast
from streamproc.core.scim.response_policy import Response
from streamproc.simulator import SimulatorOptions, create_app
from tests.field.case import Case
from tests.support.reconciler import Org, person

MOST: Final = 30
"""Requests for one change."""
Play: TypeAlias = Callable[[Org], Awaitable[None]]
Answer: TypeAlias = Callable[[str, str, dict[str, Any] | None], Response | dict[str, Any] | None]
"""Method, path and body → an answer without the server, another body for it, or None: as it is."""


def _played(play: Play) -> Callable[[], None]:
    async def against_a_stand_in() -> None:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(TestServer(create_app(SimulatorOptions(rate_limit=0))))
            http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)))
            org = Org(http, str(server.make_url("")).rstrip("/"))
            await play(org)
            assert all(times == 1 for times in org.fates.values()), org.fates

    return lambda: asyncio.run(against_a_stand_in())


def _answering(org: Org, answer: Answer) -> list[tuple[str, str, str | None]]:
    """The target answers otherwise; returns what it is asked from here on: method, path, If-Match."""
    asked: list[tuple[str, str, str | None]] = []
    send = org.wire.request

    async def request(
        method: str,
        path: str,
        request_id: str,
        body: dict[str, Any] | None = None,
        etag: str | None = None,
        at_last: AtLast | None = None,
    ) -> Response:
        asked.append((method, path, etag))
        assert len(asked) <= MOST, f"hammered: {asked[-4:]}"
        other = answer(method, path, body)
        if isinstance(other, Response):
            return other
        return await send(method, path, request_id, other or body, etag, at_last)

    org.wire.request = request  # type: ignore[method-assign]
    return asked


def _error(status: int, detail: str, **more: str) -> Response:
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status), "detail": detail, **more}
    return Response(status, body, {})


async def _put_alone(org: Org) -> None:
    """oktadeveloper/okta-blog-archive 1956: PATCH is answered 501; this server knows PUT alone."""
    await org.hired()
    asked = _answering(org, lambda method, path, _: _error(501, "no PATCH") if method == "PATCH" else None)
    seq = org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(seq)) == (False, "revoked"), asked


async def _patch_without_effect(org: Org) -> None:
    """NorthlandPositronics/Cogtrix 122: a PATCH of `active` is answered 200 and passed over."""
    await org.hired()

    def passed_over(method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
        if method != "PATCH" or body is None:
            return None
        kept = [each for each in body["Operations"] if "active" not in (each.get("path"), *_names(each.get("value")))]
        return {**body, "Operations": kept or [{"op": "replace", "path": "displayName", "value": "Person E1"}]}

    asked = _answering(org, passed_over)
    seq = org.say("E1", active=False)
    await org.run()
    if (await org.user())["active"]:
        assert org.fate(seq) not in {"revoked", "delivered", "no-op"}, asked
        assert org.store.parked, "nobody is told"


def _names(value: Any) -> list[str]:
    return list(value) if isinstance(value, dict) else []


async def _found_twice(org: Org) -> None:
    """wso2/product-is 3563: a search by name lists one user twice."""
    there = await org.foreign("e1")

    def twice(method: str, path: str, answer: Response) -> Response:
        if method == "GET" and "filter" in path and answer.body.get("Resources"):
            found = [*answer.body["Resources"], *answer.body["Resources"]]
            return replace(answer, body={**answer.body, "Resources": found, "totalResults": len(found)})
        return answer

    org.wire.after = twice
    seq = org.say("E1", **person("E1"))
    await org.run()
    assert (await org.user())["id"] == there
    assert org.fate(seq) == "delivered"


async def _search_minds_case(org: Org) -> None:
    """wso2/product-is 9552: a search by name minds upper and lower case, a creation doesn't."""
    await org.foreign("E1-Big")

    def minds(method: str, path: str, answer: Response) -> Response:
        if method == "GET" and "userName" in path and "E1-Big" not in path:
            return replace(answer, body={**answer.body, "Resources": [], "totalResults": 0})
        return answer

    asked = _answering(org, lambda *_: None)
    org.wire.after = minds
    seq = org.say("E1", **{**person("E1"), "userName": "e1-big@example.com"})
    await org.run()
    assert org.fate(seq) != "delivered", asked
    assert org.store.parked, "nobody is told"


async def _suffixed(org: Org) -> None:
    """wiremock/wiremock 2822: on the way to us the version gains `--gzip`, on the way back it stays."""
    await org.hired()
    org.wire.after = _with_etag(lambda etag: etag[:-1] + '--gzip"')
    seq = org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(seq)) == (False, "revoked")


def _with_etag(change: Callable[[str], str]) -> Callable[[str, str, Response], Response]:
    def after(method: str, path: str, answer: Response) -> Response:
        headers = {name: change(value) if name.lower() == "etag" else value for name, value in answer.headers.items()}
        body = answer.body
        if isinstance(meta := body.get("meta"), dict) and isinstance(version := meta.get("version"), str):
            body = {**body, "meta": {**meta, "version": change(version)}}
        return replace(answer, headers=headers, body=body)

    return after


async def _precondition_never_holds(org: Org) -> None:
    """bitfireAT/davx5-ose 1365: every If-Match is answered 412, also with the version that was just told."""
    await org.hired()
    asked = _answering(org, lambda *_: _error(412, "none matched") if asked[-1][2] else None)
    seq = org.say("E1", active=False)
    await org.run()
    assert ((await org.user())["active"], org.fate(seq)) == (False, "revoked")


def _member_there(status: int) -> Play:
    async def play(org: Org) -> None:
        there = await org.hired()
        group = await org.group_id("Spanish Queue")
        await org.patch(f"Groups/{group}", "add", "members", [{"value": there}])

        def already(method: str, path: str, _: Any) -> Response | None:
            return _error(status, "duplicate reference") if method == "PATCH" and path.startswith("/Groups/") else None

        asked = _answering(org, already)
        seq = org.say("E1", department="Spanish Support")
        await org.run()
        assert org.fate(seq) == "delivered", (asked, org.store.parked)
        assert (await org.user())["id"] in await org.members("Spanish Queue")

    return play


async def _group_without_effect(org: Org) -> None:
    """Metatavu/keycloak-scim-server 107: a member who isn't taken is answered 200 with the group as it was."""
    await org.hired()

    def nothing(method: str, path: str, _: Any) -> Response | None:
        return (
            Response(200, {"id": path.rsplit("/", 1)[1], "displayName": "Spanish Queue", "members": []}, {})
            if (method == "PATCH" and path.startswith("/Groups/"))
            else None
        )

    asked = _answering(org, nothing)
    seq = org.say("E1", department="Spanish Support")
    await org.run()
    parked = org.store.known["E1"].parked
    assert parked is not None, asked
    assert "Spanish Queue" in str(parked), "the rest is delivered; the group is set aside by name"
    assert org.fate(seq) == "delivered"


async def _no_way_back(org: Org) -> None:
    """FusionAuth/fusionauth-issues 3311: a disabled user can't be changed, so a return is answered 400."""
    await org.hired()
    org.say("E1", active=False)
    await org.run()
    asked = _answering(
        org, lambda method, *_: _error(400, "Invalid SCIM patch request.") if method in {"PATCH", "PUT"} else None
    )
    seq = org.say("E1", active=True)
    await org.run()
    assert org.fate(seq) != "delivered", asked
    assert "Invalid SCIM patch request." in str(org.store.known["E1"].parked), "the server's own words"


CASES: Final = (
    Case("C", "put-alone", _played(_put_alone)),
    Case("A", "patch-of-active-without-effect", _played(_patch_without_effect)),
    Case("A", "one-user-found-twice", _played(_found_twice)),
    Case("C", "search-minds-case", _played(_search_minds_case)),
    Case("C", "version-gains-a-suffix", _played(_suffixed)),
    Case("C", "precondition-never-holds", _played(_precondition_never_holds)),
    Case("C", "member-there-409", _played(_member_there(409))),
    Case("C", "member-there-500", _played(_member_there(500))),
    Case("A", "membership-without-effect", _played(_group_without_effect)),
    Case("C", "no-way-back", _played(_no_way_back)),
)
