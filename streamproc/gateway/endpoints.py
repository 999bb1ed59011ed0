"""Endpoints: which sources the gateway listens to, how each authenticates itself and is answered. From the settings.

An endpoint whose secret isn't set doesn't exist: its route answers 404, so nothing comes in unauthenticated.
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
    """One route, POST /v1/`name`."""

    name: str
    source: str
    kind: Literal["hook", "graph", "set"]
    accepted: int
    """The status that this source takes for success."""
    proofs: tuple[Proof, ...] = ()
    states: Secrets = ()
    """Values of Graph's `clientState` that are ours."""
    strict: bool = False
    """Senders can correct what can't be read, so it is answered 400. Others would stop, block or give up: they get a
    success."""
    factor: float = 1
    """How many times larger than usual its bodies may be."""

    @property
    def proven_by_head(self) -> bool:
        """Its senders are known before the body is read."""
        return self.kind == "hook" and not any(isinstance(proof, Signature) for proof in self.proofs)


def endpoints(hooks: HookSettings, security_events: SecurityEventSettings) -> dict[str, Endpoint]:
    """Those that are configured. Raises SettingsError where a scheme of signatures isn't one."""
    okta = _header(hooks.okta_hook_header, secrets(hooks.okta_hook_secret))
    workday = _header(hooks.workday_hook_header, secrets(hooks.workday_hook_secret))
    pingone = _header(hooks.pingone_hook_header, secrets(hooks.pingone_hook_secret))
    if hooks.pingone_certificate_name:
        pingone = (*pingone, Certificate(hooks.pingone_certificate_name))
    events = _header("Authorization", secrets(hooks.gateway_token))
    states = secrets(hooks.entra_client_state)
    all_endpoints = (
        Endpoint("okta", "okta", "hook", 204, okta),  # takes 200 and 204, both empty; gives up after 3 s and one retry
        Endpoint("entra", "entra", "graph", 202, states=states),
        Endpoint("pingone", "pingone", "hook", 200, pingone, factor=4),  # sends a batch until it is answered 200
        Endpoint("workday", "workday", "hook", 200, workday),
        Endpoint("hris", "hris", "hook", 200, _signature(hooks)),  # HiBob takes no other status
        Endpoint("events", "hris", "hook", 202, events, strict=True),
        Endpoint("set", "set", "set", 202, strict=True, factor=0.125),  # RFC 8935 §2.2
    )
    configured = {endpoint.name for endpoint in all_endpoints if endpoint.proofs or endpoint.states}
    if security_events.issuer:
        configured.add("set")
    return {endpoint.name: endpoint for endpoint in all_endpoints if endpoint.name in configured}


def _header(name: str, valid: Secrets) -> tuple[Proof, ...]:
    return (Header(name.lower(), valid),) if valid else ()


def _signature(hooks: HookSettings) -> tuple[Proof, ...]:
    valid = secrets(hooks.hris_hook_secret)
    if not valid:
        return ()
    signing = scheme(hooks.hris_hook_signature)
    if signing is None:
        raise SettingsError("hris_hook_signature is neither a vendor's name nor HEADER:sha256 or HEADER:sha512")
    return (Signature(signing, tuple(_key(secret, signing) for secret in valid)),)


def _key(secret: bytes, signing: Scheme) -> bytes:
    if not signing.encoded:
        return secret
    try:
        return b64decode(secret, validate=True)
    except binascii.Error:
        raise SettingsError("hris_hook_secret isn't base64, as this vendor's keys are") from None
