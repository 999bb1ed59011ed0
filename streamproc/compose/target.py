"""The target: connections, tokens and the clients that use them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.http import http_session
from streamproc.adapters.oauth import Bearer, StaticToken, Tokens
from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.compose.clocks import SYSTEM
from streamproc.mapping_preview.target_catalogue import Catalogue
from streamproc.settings import NetworkSettings, TargetSettings


def target_session(target: TargetSettings, network: NetworkSettings) -> aiohttp.ClientSession:
    """Connections to the target: as many as the setting says, and as many again for leavers."""
    return http_session(network, connections=2 * target.connections, seconds=target.request_timeout)


def target_clients(
    target: TargetSettings, platform_url: str, http: aiohttp.ClientSession, clocks: Clocks = SYSTEM
) -> tuple[ScimHttp, PlatformHttp]:
    """The SCIM API, and the target's own beside it."""
    tokens = _bearer(target, http, clocks)
    scim = ScimHttp(http, target.scim_url, tokens, clocks.clock)
    return scim, PlatformHttp(http, platform_url, tokens, clocks.clock)


@asynccontextmanager
async def target_catalogue(
    target: TargetSettings, network: NetworkSettings, platform_url: str, say: Callable[[str], None]
) -> AsyncIterator[Catalogue]:
    """What the target has that a mapping may name."""
    async with target_session(target, network) as http:
        scim, platform = target_clients(target, platform_url, http)
        yield Catalogue(scim, platform, target.dialect, SYSTEM.pause, SYSTEM.jitter, say)


def _bearer(target: TargetSettings, http: aiohttp.ClientSession, clocks: Clocks) -> Bearer:
    if target.token is not None:
        return StaticToken(target.token.get_secret_value())
    return Tokens(http, target.token_url, target.client_id, target.client_secret.get_secret_value(), clocks)
