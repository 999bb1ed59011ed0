"""Targets that refuse everybody, and such that limit one user: the whole sink against the simulator behind a gate."""

import asyncio
import itertools
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from aiohttp import web

from streamproc.simulator import SimulatorOptions, create_app
from streamproc.sink import gate_watch, request_executor
from tests.field.case import Case
from tests.field.pipeline import Pause, Ran, play
from tests.field.pipelines import hris, joins
from tests.support.logged import logged

Refuse: TypeAlias = Callable[[web.Request, bytes], tuple[int, dict[str, Any], dict[str, str]] | None]
"""(status, body, headers) instead of an answer; None: it is let through."""
SEATS: Final = {"status": "403", "detail": "License limit reached: no seats left"}
"""Constructed; a body as in RFC 7644 §3.12."""


def _behind(refuse: Refuse) -> Callable[[], web.Application]:
    @web.middleware
    async def gate(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
        if "/scim/" in request.path and (refused := refuse(request, await request.read())) is not None:
            status, body, headers = refused
            return web.json_response(body, status=status, headers=headers)
        return await handler(request)

    def made() -> web.Application:
        app = create_app(SimulatorOptions(rate_limit=0))
        app.middlewares.insert(0, gate)
        return app

    return made


def _played(
    refuse: Refuse, records: list[dict[str, Any] | Pause], seconds: float, **options: Any
) -> tuple[Ran, list[Any]]:
    """What came of it, and what the sink logged from warning up."""
    with logged(gate_watch, request_executor) as logs:
        ran = play(records, target=_behind(refuse), seconds=seconds, pause=0.0, **options)
    return ran, [line for line in logs if logging.getLevelName(line["log_level"].upper()) >= logging.WARNING]


def _seats(seconds: float = math.inf) -> tuple[Refuse, list[float]]:
    """Creates are refused for so many seconds, but for the first person; and the moments at which one was."""
    refused: list[float] = []

    def refuse(request: web.Request, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        now = asyncio.get_running_loop().time()
        if request.method != "POST" or b"f500@" in body or (refused and now > refused[0] + seconds):
            return None
        refused.append(now)
        return 403, SEATS, {}

    return refuse, refused


def _days_work(seconds: int) -> list[dict[str, Any] | Pause]:
    """Twenty who join, and somebody who is changed once a second meanwhile."""
    changes: list[list[dict[str, Any] | Pause]]
    changes = [[Pause(1.0), hris("F500", n + 1, job=f"Agent {n}")] for n in range(seconds)]
    people = [f"F{number}" for number in range(501, 521)]
    return [joins("F500"), Pause(1.0), *map(joins, people), *itertools.chain.from_iterable(changes)]


def _seat_limit() -> None:
    refuse, refused = _seats()
    ran, logs = _played(refuse, _days_work(28), 60.0)
    assert len(ran.parked()) <= 2, f"{len(ran.parked())} people parked one by one"
    said = [line for line in logs if line["event"].startswith(("everybody is refused", "no request goes out"))]
    assert 1 <= len(said) <= 2, said
    assert "403" in str(said)
    assert len(refused) <= 60, "one at a time, with pauses"
    assert (ran.deliveries["F500"].held or {}).get("title") == "Agent 27", "others go on"


def _seats_again() -> None:
    refuse, _ = _seats(20.0)
    ran, _ = _played(refuse, _days_work(28), 100.0)
    there = [user for user, state in ran.deliveries.items() if state.held and state.held.get("active")]
    assert len(there) >= 19, f"{len(there)}: who was held goes on by themselves"


def _held_and_gone() -> None:
    refuse, _ = _seats()
    gone = [hris(f"F{number}", 1, active=False) for number in (505, 519)]
    ran, _ = _played(refuse, [*_days_work(8), *gone], 60.0)  # no create of a sink before may land by then
    fates = {each["user"]: each["verdict"] for each in ran.outcomes if each["final"]}
    assert [fates.get(user) for user in ("F505", "F519")] == ["no-op", "no-op"], "who is held and leaves isn't held"


def _not_acceptable() -> None:
    def refuse(request: web.Request, _: bytes) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        return (406, {}, {}) if request.method in {"POST", "PATCH", "PUT"} else None

    people = [f"F{number}" for number in range(560, 580)]
    ran, logs = _played(refuse, [*map(joins, people)], 60.0)
    assert len(ran.parked()) <= 2
    assert sum(line["event"].startswith("everybody is refused") for line in logs) == 1


def _not_acceptable_at_all() -> None:
    allowed = {"GET": 40}

    def refuse(request: web.Request, _: bytes) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        allowed["GET"] -= 1
        return None if allowed["GET"] > 20 else (406, {}, {})

    people = [f"F{number}" for number in range(680, 710)]
    ran, logs = _played(refuse, [joins("F711"), Pause(1.0), *map(joins, people), hris("F711", 1, active=False)], 60.0)
    assert len(ran.parked()) <= 2, ran.parked()
    assert sum(line["event"].startswith("everybody is refused") for line in logs) <= 3, "once for each kind of request"
    assert len(ran.requests) <= 150


def _seats_as_400() -> None:
    def refuse(request: web.Request, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        if request.method != "POST" or b"f500@" in body:
            return None
        return 400, {"detail": f"Limit of {len(body)} users reached (request 7f3e{len(body):08x})"}, {}

    ran, logs = _played(refuse, _days_work(28), 60.0)
    assert len(ran.parked()) <= 2, f"{len(ran.parked())} people parked one by one"
    said = [line for line in logs if line["event"].startswith("everybody is refused")]
    told = [(line["request"], line["answer"]) for line in said]
    assert told == [("create", "400 Limit of # users reached (request #)")]
    posts = sum(method == "POST" for method, _, _ in ran.requests)
    assert posts <= 1 + 2 * 16 + 10, f"{posts}: then one at a time, less and less often"


def _leavers_go_on() -> None:
    phase = {"refuses": False, "patches": 0}

    def refuse(request: web.Request, _: bytes) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        if request.method in {"PATCH", "PUT"} and phase["patches"] < 60:
            phase["patches"] += 1
            return 415, {"detail": "Unsupported Media Type"}, {}
        return None

    people = [f"F{number}" for number in range(600, 606)]
    leave = [hris(user, 1, active=False) for user in people]
    ran, _ = _played(refuse, [*map(joins, people), Pause(5.0), *leave], 1500.0)
    gone = [user for user in people if (ran.deliveries[user].held or {}).get("active") is False]
    assert len(gone) >= 4, f"{ran.parked()}: as soon as the target takes it, leavers have gone"


def _one_attribute() -> None:
    def refuse(request: web.Request, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        if request.method in {"POST", "PATCH"} and b'"Nowhere"' in body:
            return 400, {"scimType": "invalidValue", "detail": "no such title"}, {}
        return None

    people = [f"F{number}" for number in range(610, 630)]
    changes = [hris(user, 1, job="Nowhere", department=f"Sales {user}") for user in people]
    ran, _ = _played(refuse, [*map(joins, people), Pause(5.0), *changes], 100.0)
    held = [(ran.deliveries[user].held or {}).get("department") for user in people]
    assert held == [f"Sales {user}" for user in people], "one bad attribute doesn't hold up the rest"


def _always_limited(headers: dict[str, str]) -> None:
    def refuse(request: web.Request, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        return (429, {}, {"Retry-After": "3", **headers}) if b"f630" in body or "F630" in request.path_qs else None

    people = [f"F{number}" for number in range(631, 671)]
    ran, _ = _played(refuse, [joins("F630"), Pause(1.0), *map(joins, people)], 20.0)
    there = [user for user in people if user in ran.deliveries and (ran.deliveries[user].held or {}).get("active")]
    assert len(there) == 40, f"{len(there)} of 40 in 20 s, beside one who is always answered 429"


def _no_seats_for_returners() -> None:
    people = [f"F{number}" for number in range(740, 760)]

    def refuse(request: web.Request, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        return (403, SEATS, {}) if request.method == "PATCH" and b'"active","value":true' in body else None

    leave = [hris(user, 1, active=False) for user in people]
    come = [hris(user, 2, active=True) for user in people]
    others: list[dict[str, Any] | Pause] = [Pause(1.0), hris("F739", 3, job="Agent")]
    leaver: list[dict[str, Any] | Pause] = [hris("F738", 3, active=False)]
    past: list[dict[str, Any] | Pause] = [
        joins("F738"),
        joins("F739"),
        *map(joins, people),
        Pause(3.0),
        *leave,
        Pause(10.0),
        *come,
    ]
    ran, _ = _played(refuse, [*past, *others, *leaver], 60.0, guard_count=100)
    assert (ran.deliveries["F739"].held or {}).get("title") == "Agent", "others go on"
    assert (ran.deliveries["F738"].held or {}).get("active") is False, "so do leavers"
    assert len(ran.parked()) <= 2, ran.parked()


def _in_front_of_everybody(status: int, headers: dict[str, str], body: bytes) -> None:
    begun: list[float] = []

    @web.middleware
    async def wall(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
        now = asyncio.get_running_loop().time()
        begun.append(now)
        if "/scim/" in request.path and begun[0] + 3.0 < now < begun[0] + 63.0:
            return web.Response(status=status, headers=headers, body=body)
        return await handler(request)

    def made() -> web.Application:
        app = create_app(SimulatorOptions(rate_limit=0))
        app.middlewares.insert(0, wall)
        return app

    people = [f"F{number}" for number in range(760, 780)]
    change = [hris(user, 1, job="Agent") for user in people[1:]]
    leave = hris(people[0], 1, active=False)
    with logged(gate_watch, request_executor) as logs:
        records: list[dict[str, Any] | Pause] = [*map(joins, people), Pause(4.0), *change, leave]
        ran = play(records, target=made, seconds=110.0, pause=0.0)
    assert ran.parked() == {}, ran.parked()
    assert (ran.deliveries[people[0]].held or {}).get("active") is False
    assert {(ran.deliveries[user].held or {}).get("title") for user in people[1:]} == {"Agent"}
    told = [line for line in logs if line["event"] == "no request goes out"]
    assert [line["cause"] for line in told] == ["target"]
    assert len(ran.requests) < 3 * 20 + 60 + 4 * 20


def _page() -> None:
    _in_front_of_everybody(200, {"Content-Type": "text/html"}, b"<html>Sign in</html>")


def _login() -> None:
    _in_front_of_everybody(302, {"Location": "/login"}, b"")


def _two_always_limited() -> None:
    def refuse(request: web.Request, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        hit = any(name in body.decode() + request.path_qs for name in ("f630", "F630", "f631", "F631"))
        return (429, {"detail": "Too many. Retry the request in [3] seconds"}, {}) if hit else None

    people = [f"F{number}" for number in range(632, 662)]
    leave = hris(people[0], 1, active=False)
    records: list[dict[str, Any] | Pause] = [
        joins("F630"),
        joins("F631"),
        Pause(1.0),
        *map(joins, people),
        Pause(12.0),
        leave,
    ]
    ran, _ = _played(refuse, records, 25.0)
    there = [user for user in people if user in ran.deliveries and (ran.deliveries[user].held or {}).get("active")]
    assert len(there) == 29
    assert (ran.deliveries[people[0]].held or {}).get("active") is False


LOW: Final = {"inin-ratelimit-count": "7", "inin-ratelimit-allowed": "300", "inin-ratelimit-reset": "30"}

CASES: Final = (
    Case("A", "seat-limit-is-one-cause", _seat_limit),
    Case("A", "seats-again", _seats_again),
    Case("A", "held-and-gone", _held_and_gone),
    Case("A", "limit-as-400", _seats_as_400),
    Case("A", "not-acceptable-for-everybody", _not_acceptable),
    Case("A", "not-acceptable-at-all", _not_acceptable_at_all),
    Case("A", "leavers-go-on-being-tried", _leavers_go_on),
    Case("A", "one-attribute-that-all-have", _one_attribute),
    Case("A", "no-seats-for-returners", _no_seats_for_returners),
    Case("B", "login-page-for-everybody", _page),
    Case("B", "redirect-for-everybody", _login),
    Case("B", "two-users-always-429-in-words", _two_always_limited),
    Case("B", "one-user-always-429", lambda: _always_limited(LOW)),
    Case("B", "one-user-always-429-without-a-count", lambda: _always_limited({})),
)
