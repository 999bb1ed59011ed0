"""The sections: one for each part of the program, which is given no other.

A field's alias is the setting's name: in a variable with `STREAMPROC_` before it, in the file as it is.
"""

import ssl
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from streamproc.core.errors import SettingsError

_TWO = "Two, separated by a space, while one is replaced."


class Section(BaseModel):
    """Some of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Section, alias_generator="kafka_".__add__):
    """The cluster, and how it is connected to."""

    bootstrap_servers: str = Field(
        "127.0.0.1:9092", alias="kafka", description="Bootstrap servers, HOST:PORT[,HOST:PORT]."
    )
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Security protocol of the brokers."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism, for the two SASL protocols."
    )
    username: str | None = Field(None, description="SASL user name.")
    password: SecretStr | None = Field(None, description="SASL password.")
    ca: Path | None = Field(None, description="CA certificates (PEM); left out: the system's.")
    certificate: Path | None = Field(None, description="Client certificate (PEM), for mutual TLS.")
    key: Path | None = Field(None, description="Key of the client certificate (PEM).")
    partitions: int = Field(
        8, ge=1, le=512, alias="partitions", description="Partitions of each topic; set once, before the first start."
    )
    replication: int = Field(
        1, ge=1, le=9, alias="replication", description="Replication factor of new topics; 3 in production."
    )
    group: str = Field("streamproc", alias="group", description="Prefix of consumer groups and transactional ids.")
    session_timeout: float = Field(
        6.0, ge=1.0, alias="session_timeout", description="Seconds until a silent member loses its partitions."
    )

    def ssl_context(self) -> ssl.SSLContext | None:
        """For the two TLS protocols; None otherwise. Raises SettingsError where a file can't be used."""
        if not self.security.endswith("SSL"):
            return None
        try:
            context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            raise SettingsError(f"kafka_ca, kafka_certificate or kafka_key can't be used: {error}") from error
        return context


class WorkerSettings(Section):
    """The worker's first mapping and its tables."""

    mapping: Path | None = Field(None, description="First mapping file (TOML); left out: the one that is shipped.")
    table_store: Literal["memory", "rocksdb"] = Field("memory", description="Where table `users` lives on a worker.")
    data: Path = Field(Path("data"), description="Folder of the worker's RocksDB files.")

    def mapping_text(self) -> tuple[str, str]:
        """(text, name) of the mapping file. Raises SettingsError where it can't be read."""
        file = self.mapping or Path(__file__).parents[1] / "mapping.toml"
        try:
            return file.read_text(encoding="utf-8"), str(file)
        except OSError as error:
            raise SettingsError(f"mapping: {file} can't be read: {error.strerror}") from error


class TargetSettings(Section):
    """The SCIM server, and how requests to it are made."""

    scim_url: str = Field(
        "http://127.0.0.1:8080/api/v2/scim/v2", description="SCIM root, e.g. https://api.REGION/api/v2/scim/v2."
    )
    token_url: str = Field(
        "http://127.0.0.1:8080/oauth/token", description="OAuth token endpoint, e.g. https://login.REGION/oauth/token."
    )
    client_id: str = Field("demo", description="OAuth client id (client credentials).")
    client_secret: SecretStr = Field(SecretStr("demo"), description="OAuth client secret.")
    token: SecretStr | None = Field(
        None, description="A bearer token that is used as it is, instead of client credentials."
    )
    dialect: Literal["genesys", "rfc7644"] = Field(
        "genesys", description="What PATCH the target takes: Genesys Cloud's, or that of any SCIM 2.0 server."
    )
    connections: int = Field(16, ge=1, le=256, description="HTTP connections of one sink: users side by side.")
    request_timeout: float = Field(30.0, gt=0, description="Seconds until an answer counts as unknown.")


class GuardSettings(Section, alias_generator="guard_".__add__):
    """When the mass guard holds leavers, and who is never deactivated."""

    count: int = Field(20, ge=1, description="Leavers within ten minutes from which on the mass guard holds more.")
    share: float = Field(
        0.02, ge=0, le=1, description="The same as a share of active users; the larger of the two counts."
    )
    day_count: int = Field(100, ge=1, description="Leavers within a day from which on the mass guard holds more.")
    day_share: float = Field(0.1, ge=0, le=1, description="The same as a share of active users.")
    protected: str = Field("", description="User IDs, with * and ?, that are never deactivated; by spaces.")


class SinkSettings(Section):
    """How the sink reads ahead, holds back and stops."""

    read_ahead: int = Field(200_000, ge=1, description="Users with unfinished work before the sink stops reading.")
    revoke_reserve: float = Field(
        0.1, ge=0, le=0.5, description="Share of the target's rate limit that is kept for leavers."
    )
    guard: GuardSettings = GuardSettings()
    end_sessions: bool = Field(False, description="After a revocation, delete the user's tokens as well.")
    platform_url: str = Field(
        "http://127.0.0.1:8080/api/v2",
        description="Root of the API by which sessions are ended: https://api.REGION/api/v2.",
    )
    revoke_wait: float = Field(3.0, ge=0, description="Seconds that requests in flight get when partitions move.")


class GatewaySettings(Section, alias_generator="gateway_".__add__):
    """Where the gateway listens, and what it takes at most."""

    host: str = Field("127.0.0.1", description="Address on which the gateway listens.")
    port: int = Field(8088, ge=0, le=65535, description="Port on which the gateway listens; 0 takes a free one.")
    certificate: Path | None = Field(None, description="The gateway's certificate chain (PEM); none: no TLS.")
    key: Path | None = Field(None, description="Key of the gateway's certificate (PEM).")
    client_ca: Path | None = Field(None, description="CA of client certificates (PEM), for mutual TLS.")
    max_body: int = Field(1024 * 1024, ge=1024, le=8 * 1024 * 1024, description="Largest request body, bytes.")
    in_flight: int = Field(128, ge=1, description="Requests at once; one more is answered 503.")

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


class OktaSettings(Section, alias_generator="okta_".__add__):
    """Okta's API."""

    url: str | None = Field(None, description="The Okta organization: https://ORG.okta.com.")
    token: SecretStr | None = Field(None, description="Token of Okta's API; read only will do.")
    token_scheme: Literal["SSWS", "Bearer"] = Field("SSWS", description="SSWS: an API token; Bearer: OAuth's.")
    sync_every: float = Field(900.0, ge=0, description="Seconds between two syncs with Okta; 0: none.")


class EntraSettings(Section, alias_generator="entra_".__add__):
    """Microsoft Graph."""

    url: str = Field("https://graph.microsoft.com/v1.0", description="Root of Microsoft Graph.")
    login_url: str = Field("https://login.microsoftonline.com", description="Where Graph's tokens come from.")
    tenant: str | None = Field(None, description="Entra's tenant id.")
    client_id: str | None = Field(None, description="Application (client) id in Entra.")
    client_secret: SecretStr | None = Field(None, description="Client secret of the application in Entra.")
    notification_url: str | None = Field(
        None, description="The gateway's https://.../v1/entra as Graph reaches it; left out: nothing is subscribed to."
    )
    sync_every: float = Field(300.0, ge=0, description="Seconds between two syncs with Entra; 0: none.")


class PingOneSettings(Section, alias_generator="pingone_".__add__):
    """PingOne's API."""

    url: str = Field("https://api.pingone.com/v1", description="Root of PingOne's API, of its region.")
    auth_url: str = Field("https://auth.pingone.com", description="Where PingOne's tokens come from.")
    environment: str | None = Field(None, description="PingOne's environment id.")
    client_id: str | None = Field(None, description="Client id of the worker application in PingOne.")
    client_secret: SecretStr | None = Field(None, description="Client secret of that application.")
    sync_every: float = Field(900.0, ge=0, description="Seconds between two syncs with PingOne; 0: none.")


class WorkdaySettings(Section, alias_generator="workday_".__add__):
    """Workday's report."""

    report: str | None = Field(
        None, description="URL of Workday's report: https://HOST/ccx/service/customreport2/TENANT/OWNER/REPORT."
    )
    user: str | None = Field(None, description="Integration system user, for that report.")
    password: SecretStr | None = Field(None, description="Password of the integration system user.")
    since_prompt: str = Field("Updated_From", description="The report's prompt: entered since this moment.")
    worker_prompt: str = Field("Employee_ID", description="The report's prompt: this worker alone.")
    sync_every: float = Field(300.0, ge=0, description="Seconds between two syncs with Workday; 0: none.")


class HydratorSettings(Section):
    """The directories that are asked, and how often for everybody."""

    sync_whole_every: float = Field(
        86_400.0, ge=0, description="Seconds between two syncs that tell everybody; 0: only the first."
    )
    okta: OktaSettings = OktaSettings()
    entra: EntraSettings = EntraSettings()
    pingone: PingOneSettings = PingOneSettings()
    workday: WorkdaySettings = WorkdaySettings()


DIRECTORIES = ("okta", "entra", "pingone", "workday")
"""Sources that can be asked."""


class ObservabilitySettings(Section):
    """Metrics and log."""

    metrics: str = Field("", description="HOST:PORT at which Prometheus finds the metrics; left out: nowhere.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_json: bool = Field(False, description="Log lines as JSON.")


def secrets(value: SecretStr | None) -> tuple[bytes, ...]:
    """The secrets in a setting that holds one or two."""
    return () if value is None else tuple(secret.encode() for secret in value.get_secret_value().split())
