"""Requests to the gateway's doors, as they are written: what senders send, and what strangers' are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

import orjson

from tests.support.gateway_requests import BODY, OKTA, signed, token

SECRET: Final = "secret-of-the-attacked-1"
"""Of all doors; no stranger has it, but all are given something that is like it."""
DOORS: Final = ("okta", "entra", "pingone", "workday", "hris", "events", "set")
MARK: Final = "smuggled"
"""Stands in what a stranger tries to have said by somebody else."""


@dataclass(frozen=True, slots=True)
class Hostile:
    """What is sent on one connection, piece by piece."""

    kind: str
    pieces: tuple[bytes, ...]
    torn: bool = False
    """Its framing is ambiguous: nothing that comes after it on its connection may count."""
    ends: bool = False
    """The sender ends its side afterwards."""


def request(
    path: str, body: bytes = b"", *headers: tuple[str, str], method: str = "POST", length: bool = True
) -> bytes:
    """As it is written."""
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway", *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def door(rng: Random) -> str:
    """Any."""
    return f"/v1/{rng.choice(DOORS)}"


def event(rng: Random) -> bytes:
    """What a stranger would like to have said."""
    return orjson.dumps(
        [OKTA, {"id": MARK, "type": "change", "subject": MARK, "attributes": {"active": True}}][rng.randrange(2)]
    )


GENUINE: Final[dict[str, Callable[[int], bytes]]] = {
    "okta": lambda number: request("/v1/okta", _leaver(number), ("Authorization", SECRET)),
    "events": lambda number: request(
        "/v1/events",
        orjson.dumps(
            {
                "id": f"g-{number}",
                "type": "change",
                "subject": f"E{number}",
                "time": "2026-03-02T09:00:00Z",
                "attributes": {"active": False},
            }
        ),
        ("Authorization", f"Bearer {SECRET}"),
    ),
    "hris": lambda number: request(
        "/v1/hris", _vendors(number), *signed("gusto", SECRET.encode(), _vendors(number)).items()
    ),
    "entra": lambda number: request(
        "/v1/entra",
        orjson.dumps({"value": [{"clientState": SECRET, "changeType": "updated", "resource": f"Users/u{number}"}]}),
    ),
    "set": lambda number: request(
        "/v1/set", token(jti=f"genuine-{number}"), ("Content-Type", "application/secevent+jwt")
    ),
}
"""What senders send meanwhile, by door."""


def _leaver(number: int) -> bytes:
    event = OKTA["data"]["events"][0] | {"uuid": f"genuine-{number}"}  # type: ignore[index]
    return orjson.dumps({"data": {"events": [event]}})


def _vendors(number: int) -> bytes:
    return orjson.dumps({"employee": f"genuine-{number}"} | orjson.loads(BODY))
