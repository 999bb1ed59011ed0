"""URLs as settings, and as links that answers hold: where they would really take a request.

Each is given to a setting that has a URL, by its variable, and then to the clients' own session, whose connector tells
whom it was about to connect to, and how, in place of doing it.
"""

import asyncio
import socket
import time
from random import Random
from typing import Any, Final
from unittest import mock

import aiohttp
from aiohttp import ClientRequest

from streamproc.adapters.http import NotSentError, UnansweredError, http_session, send
from streamproc.core.errors import SettingsError
from streamproc.settings import NetworkSettings, load_settings
from tests.attack.part import Found, Part
from tests.support.hostile_texts import KINDS, obeyed

SECRET: Final = "sesame-of-the-url"
VARIABLES: Final = (
    "SCIM_URL",
    "TOKEN_URL",
    "PLATFORM_URL",
    "ENTRA_URL",
    "ENTRA_LOGIN_URL",
    "PINGONE_URL",
    "PINGONE_AUTH_URL",
)
SCHEMES: Final = (
    "http://",
    "https://",
    "HTTP://",
    "hTTps://",
    "http:/",
    "http:",
    "//",
    "",
    "ftp://",
    "file://",
    "http:\\\\",
)
USERS: Final = ("", "", "", f"anna:{SECRET}@", "127.0.0.1@", "localhost:80@", "127.0.0.1#@", "127.0.0.1\\@", "[::1]@")
HOSTS: Final = (
    *(
        "127.0.0.1",
        "127.9.9.9",
        "[::1]",
        "localhost",
        "LocalHost",
        "scim.example",
        "127.0.0.1.example",
        "localhost.example",
    ),
    *(
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "10.0.0.1",
    ),
    *(
        "127.0.0.1.",
        "localhost.",
        "[fe80::1%25lo]",
        "[::1%25eth0]",
        "①②⑦.0.0.1",
        "localhost。example",
        "b\u00fccher.example",
        "%31",
    ),
    *(
        "127.0.0.1%00.example",
        "127.0.0.1%2eexample",
        "evil.example%23.localhost",
        "a b",
        "127.0.0.1\t",
        "\u202elocalhost",
        "",
    ),
)
PORTS: Final = ("", "", ":8080", ":0", ":65535", ":99999", ":-1", ":80:90", ":x")
PATHS: Final = (
    "",
    "/",
    "/v2",
    "/../..",
    "/v2?x=http://127.0.0.1",
    "#/v2",
    "/%2e%2e/",
    "\\v2",
    "/\x1b[2J",
    "/a@b",
    ";/x",
)


def _url(random: Random) -> str:
    pieces = [random.choice(each) for each in (SCHEMES, USERS, HOSTS, PORTS, PATHS)]
    if random.random() < 0.2:
        pieces.insert(random.randrange(6), random.choice(random.choice(KINDS))[:20])
    return "".join(pieces).replace("\0", "")


def _attack(random: Random, count: int) -> Found:
    found = Found()
    urls = [_url(random) for _ in range(count)]
    for number, url in enumerate(urls):
        name = VARIABLES[number % len(VARIABLES)]
        try:
            with mock.patch.dict("os.environ", {f"STREAMPROC_{name}": url}):
                load_settings()
        except SettingsError as error:
            if SECRET in str(error) or obeyed(str(error)):
                found.harmed("wrong_account", f"{name}={url!r}: {error}")
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            found.harmed("unhandled", f"{name}={url!r}: {error!r}")
        else:
            for harm in asyncio.run(_taken([url + "/x"])):
                found.harmed("let_in", f"{name}: {harm}")
    for harm in asyncio.run(_taken(urls)):
        found.harmed("let_in", f"a link: {harm}")
    found.tried = count
    return found


async def _taken(urls: list[str]) -> list[str]:
    """Where requests to these URLs would go that others can listen to."""
    found: list[str] = []

    async def connect(_: Any, request: ClientRequest, *__: Any, **___: Any) -> Any:
        host = request.url.host or ""
        if request.url.scheme != "https" and not _loopback(host):
            found.append(f"{request.url!r}, which connects to {host!r}")
        raise aiohttp.ClientConnectionError

    with mock.patch.object(aiohttp.TCPConnector, "connect", connect):
        async with http_session(NetworkSettings()) as session:
            for url in urls:
                try:
                    await send(session, "GET", url, {}, clock=time.time)
                except (NotSentError, UnansweredError):
                    continue
    return found


def _loopback(host: str) -> bool:
    """As the system reads an address; one name is this machine by its standard."""
    if host.lower() == "localhost":
        return True
    try:
        (address, *_), *_ = [place for *_, place in socket.getaddrinfo(host, 80, flags=socket.AI_NUMERICHOST)]
    except OSError:
        return False
    return str(address) == "::1" or str(address).startswith("127.")


PARTS = (Part("settings", whole=1_000, short=60, attack=_attack),)
