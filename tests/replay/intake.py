"""Intake: every payload is posted to the gateway, proven and not, and what it answers and appends is written down."""

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import orjson

from tests.replay.stages import DAY, SOURCES, write
from tests.support.checkout import Checkout
from tests.support.cluster import Cluster
from tests.support.paths import PAYLOADS

SECRET = "secret-of-the-comparison"
SETTINGS = {
    "gateway_port": "0",
    "gateway_token": SECRET,
    "okta_hook_secret": SECRET,
    "entra_client_state": SECRET,
    "pingone_hook_secret": SECRET,
    "workday_hook_secret": SECRET,
    "hris_hook_secret": SECRET,
    "hris_hook_signature": "x-signature:sha256",
}
BROKEN = (b"", b"{", b"\xff\xfe", b"[]", b'{"id": NaN}')
"""Bodies that no source sends."""
SHOWN = ("Content-Type", "Retry-After", "WWW-Authenticate")
"""Headers of an answer that are written down."""


async def take_in(checkout: Checkout, cluster: Cluster) -> None:
    """All payloads, one after the other. What is appended has its own name as a history: `received`."""
    await cluster.create_topics(1)
    checkout.clock.set(1_772_500_000_000 + DAY)
    lines: list[bytes] = []
    async with (
        checkout.service("gateway", **SETTINGS) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        for name, door, body, headers in _requests():
            async with http.post(f"/v1/{door}", data=body, headers=headers) as answer:
                shown = {header: answer.headers.get(header) for header in SHOWN}
                about = {"payload": name, "door": door, "status": answer.status, "headers": shown}
                lines.append(orjson.dumps(about) + b" " + await answer.read() + b"\n")
    folder = checkout.artefacts / "answers"
    folder.mkdir()
    (folder / "gateway.jsonl").write_bytes(b"".join(lines))
    write(checkout, "received", await cluster.read_all())


def _requests() -> Iterator[tuple[str, str, bytes, dict[str, str]]]:
    """Name of the payload, door, body, headers: proven, to a producers' door as well, and unproven."""
    for file in sorted(PAYLOADS.glob("*/*.json")):
        yield from _to_doors(f"{file.parent.name}/{file.stem}", _door(file), _with_state(file.read_bytes()))
    for number, body in enumerate(BROKEN):
        for door in ("okta", "entra", "pingone", "workday", "hris"):
            yield from _to_doors(f"broken {number}", door, body)


def _to_doors(name: str, door: str, body: bytes) -> Iterator[tuple[str, str, bytes, dict[str, str]]]:
    digest = hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()
    json = {"Content-Type": "application/json"}
    yield name, door, body, json | {"Authorization": SECRET, "x-signature": digest}
    yield name, "events", body, json | {"Authorization": f"Bearer {SECRET}"}
    yield f"{name}, unproven", door, body.replace(SECRET.encode(), b"another"), json | {"Authorization": "another"}


def _door(file: Path) -> str:
    source = file.parent.name
    return source if source in SOURCES else "hris"


def _with_state(body: bytes) -> bytes:
    """Notifications of Graph prove themselves by what they hold."""
    content = orjson.loads(body)
    if isinstance(content, dict) and isinstance(content.get("value"), list):
        items = [item | {"clientState": SECRET} if isinstance(item, dict) else item for item in content["value"]]
        return orjson.dumps(content | {"value": items})
    return body
