"""Sections of the gateway: where it listens, and how senders prove who they are."""

import ssl
from pathlib import Path

from pydantic import Field, SecretStr

from streamproc.core.errors import SettingsError
from streamproc.settings.sections import Section

_TWO = "Two, separated by a space, while one is replaced."


class GatewaySettings(Section, alias_generator="gateway_".__add__):
    """Where the gateway listens, and what it takes at most."""

    host: str = Field("127.0.0.1", description="Address on which the gateway listens.")
    port: int = Field(8088, ge=0, le=65535, description="Port on which the gateway listens; 0 takes a free one.")
    certificate: Path | None = Field(None, description="The gateway's certificate chain (PEM); none: no TLS.")
    key: Path | None = Field(None, description="Key of the gateway's certificate (PEM).")
    client_ca: Path | None = Field(None, description="CA of client certificates (PEM), for mutual TLS.")
    max_body: int = Field(1024 * 1024, ge=1024, le=8 * 1024 * 1024, description="Largest request body, bytes.")
    in_flight: int = Field(128, ge=1, description="Requests of proven senders at once, per door; one more gets 503.")
    connections: int = Field(1000, ge=2, description="Connections at once; half of them are for proven senders.")
    url: str | None = Field(None, description="URL of the gateway as SCIM clients have it; none: as they ask.")
    scim_state: Path | None = Field(
        None, description="Folder for what SCIM clients read, one for each gateway; none: no SCIM is served."
    )
    scim_keys: SecretStr | None = Field(
        None, description="Key that signs what /oauth/token gives, of 32 characters or more, in all gateways. " + _TWO
    )

    def ssl_context(self) -> ssl.SSLContext | None:
        """For TLS; None: none. Client certificates are checked where they are sent."""
        if self.certificate is None:
            return None
        try:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.certificate, self.key)
            if self.client_ca is not None:
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_OPTIONAL
        except OSError as error:
            raise SettingsError(
                f"gateway_certificate, gateway_key or gateway_client_ca can't be used: {error}"
            ) from error
        return context


class HookSettings(Section):
    """How the senders of hooks prove who they are."""

    gateway_token: SecretStr | None = Field(None, description="Bearer token of POST /v1/events. " + _TWO)
    okta_hook_secret: SecretStr | None = Field(None, description="What Okta sends in the header. " + _TWO)
    okta_hook_header: str = Field("Authorization", description="Header of Okta's secret.")
    entra_client_state: SecretStr | None = Field(None, description="clientState of Graph subscriptions. " + _TWO)
    pingone_hook_secret: SecretStr | None = Field(None, description="What PingOne sends in the header. " + _TWO)
    pingone_hook_header: str = Field("Authorization", description="Header of PingOne's secret.")
    pingone_certificate_name: str | None = Field(
        None, description="Name in PingOne's client certificate; needs gateway_client_ca."
    )
    workday_hook_secret: SecretStr | None = Field(None, description="What Workday sends in the header. " + _TWO)
    workday_hook_header: str = Field("Authorization", description="Header of Workday's secret.")
    hris_hook_secret: SecretStr | None = Field(None, description="Key of the HR vendor's signatures. " + _TWO)
    hris_hook_signature: str = Field(
        "", description="gusto, bamboohr, finch, merge, kombo, hibob, or HEADER:sha256, HEADER:sha512."
    )


class SecurityEventSettings(Section, alias_generator="set_".__add__):
    """Whose Security Event Tokens are taken."""

    issuer: str | None = Field(None, description="`iss` of the Security Event Tokens that are taken.")
    audience: str | None = Field(None, description="`aud` by which they name this receiver.")
    jwks: str | None = Field(None, description="The issuer's keys (JWKS): an https URL, or a file.")


def secrets(value: SecretStr | None) -> tuple[bytes, ...]:
    """The secrets in a setting that holds one or two."""
    return () if value is None else tuple(secret.encode() for secret in value.get_secret_value().split())
