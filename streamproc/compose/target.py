"""Connections to the target."""

import aiohttp

from streamproc.settings import TargetSettings


def target_session(target: TargetSettings) -> aiohttp.ClientSession:
    """Connections to the target: as many as the setting says, and as many again for leavers."""
    connector = aiohttp.TCPConnector(limit=2 * target.connections, keepalive_timeout=30)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=target.request_timeout))
