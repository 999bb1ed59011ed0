"""The gateway itself. Only its own process imports this: every command would start a tenth of a second later."""

from collections.abc import Awaitable, Callable

import aiohttp

from streamproc.adapters.clocks import Clocks
from streamproc.compose.clocks import SYSTEM
from streamproc.gateway.appender import Producer
from streamproc.gateway.endpoints import endpoints
from streamproc.gateway.jwks import Jwks
from streamproc.gateway.scim.front_door import FrontDoor
from streamproc.gateway.server import Gateway
from streamproc.gateway.set_verifier import SetVerifier
from streamproc.settings import Settings
from streamproc.sources import configured


def make_gateway(
    settings: Settings,
    producer: Producer,
    brokers_answer: Callable[[], Awaitable[bool]],
    http: aiohttp.ClientSession,
    clocks: Clocks = SYSTEM,
    front_door: FrontDoor | None = None,
) -> Gateway:
    """One that serves nobody yet, made in a running loop. `producer` is started. Raises SettingsError."""
    issuer, events = None, settings.security_events
    if events.issuer and events.audience and events.jwks:
        keys = Jwks(events.jwks, http, clocks.clock)
        issuer = SetVerifier(events.issuer, events.audience, keys.get, ticks=clocks.ticks)
    return Gateway(
        endpoints(settings.hooks, events),
        configured(*settings.sources_text()),
        producer,
        brokers_answer,
        max_body=settings.gateway.max_body,
        in_flight=settings.gateway.in_flight,
        connections=settings.gateway.connections,
        clocks=clocks,
        issuer=issuer,
        front_door=front_door,
        url=settings.gateway.url,
    )
