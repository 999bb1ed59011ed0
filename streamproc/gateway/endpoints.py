"""Doors: which sources the gateway takes in, and how each proves itself and is answered. Made of the settings.

A door whose secret isn't set doesn't exist: its route answers 404, and nothing comes in unproven.
"""

import binascii
from base64 import b64decode
from dataclasses import dataclass
from typing import Literal

from streamproc.core.errors import SettingsError
from streamproc.gateway.decide.authentication import Certificate, Header, Proof, Scheme, Secrets, Signature, scheme
from streamproc.settings import HookSettings, SecurityEventSettings, secrets


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route, POST /v1/`name`.

    `accepted`: the status that this source takes for success. `strict`: whoever sends can correct it, so what can't
    be read is answered 400; others would stop, block or give up, and are told that all is well. `factor`: how many
    times the usual body it may send.
    """

    name: str
    source: str
    kind: Literal["hook", "graph", "set"]
    accepted: int
    proofs: tuple[Proof, ...] = ()
    states: Secrets = ()
    strict: bool = False
    factor: int = 1


def endpoints(hooks: HookSettings, security_events: SecurityEventSettings) -> dict[str, Endpoint]:
    """Those that are configured. Raises SettingsError where a scheme of signatures isn't one."""
    okta = _header(hooks.okta_hook_header, secrets(hooks.okta_hook_secret))
    workday = _header(hooks.workday_hook_header, secrets(hooks.workday_hook_secret))
    pingone = _header(hooks.pingone_hook_header, secrets(hooks.pingone_hook_secret))
    if hooks.pingone_certificate_name:
        pingone = (*pingone, Certificate(hooks.pingone_certificate_name))
    events = _header("Authorization", secrets(hooks.gateway_token))
    states = secrets(hooks.entra_client_state)
    made = (
        Endpoint("okta", "okta", "hook", 204, okta),  # takes 200 and 204, both empty; gives up after 3 s and one retry
        Endpoint("entra", "entra", "graph", 202, states=states),
        Endpoint("pingone", "pingone", "hook", 200, pingone, factor=4),  # sends a batch until it is answered 200
        Endpoint("workday", "workday", "hook", 200, workday),
        Endpoint("hris", "hris", "hook", 200, _signature(hooks)),  # HiBob takes no other status
        Endpoint("events", "hris", "hook", 202, events, strict=True),
        Endpoint("set", "set", "set", 202, strict=True),  # RFC 8935 §2.2
    )
    opened = {door.name for door in made if door.proofs or door.states}
    if security_events.issuer:
        opened.add("set")
    return {door.name: door for door in made if door.name in opened}


def _header(name: str, known: Secrets) -> tuple[Proof, ...]:
    return (Header(name.lower(), known),) if known else ()


def _signature(hooks: HookSettings) -> tuple[Proof, ...]:
    known = secrets(hooks.hris_hook_secret)
    if not known:
        return ()
    found = scheme(hooks.hris_hook_signature)
    if found is None:
        raise SettingsError("hris_hook_signature is neither a vendor's name nor HEADER:sha256 or HEADER:sha512")
    return (Signature(found, tuple(_key(each, found) for each in known)),)


def _key(secret: bytes, how: Scheme) -> bytes:
    if not how.encoded:
        return secret
    try:
        return b64decode(secret, validate=True)
    except binascii.Error:
        raise SettingsError("hris_hook_secret isn't base64, as this vendor's keys are") from None
