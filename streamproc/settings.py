"""Settings: typed, frozen, and read here only, from `STREAMPROC_*` variables or one TOML file (`STREAMPROC_CONFIG`).

A variable wins over the file, the file over the default. Secrets are SecretStr: they don't print.
"""

import os
import re
import ssl
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from streamproc.core.errors import SettingsError

PREFIX = "STREAMPROC_"
_TWO = "Two, separated by a space, while one is replaced."
LEAST_SECRET = 16
"""Characters; a shorter one could be guessed from outside."""

HOOK_SECRETS = (
    "gateway_token",
    "okta_hook_secret",
    "entra_client_state",
    "pingone_hook_secret",
    "workday_hook_secret",
    "hris_hook_secret",
)
TOGETHER = (
    ("okta_url", "okta_token"),
    ("entra_tenant", "entra_client_id", "entra_client_secret"),
    ("pingone_environment", "pingone_client_id", "pingone_client_secret"),
    ("workday_report", "workday_user", "workday_password"),
)
"""Without these a directory can't be asked."""
DIRECTORIES = ("okta", "entra", "pingone", "workday")
"""Sources that can be asked."""
DIRECTORY_URLS = ("okta_url", "entra_url", "entra_login_url", "pingone_url", "pingone_auth_url", "workday_report")


class Settings(BaseSettings):
    """Everything that can be set. The README's table is generated from it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    kafka: str = Field("127.0.0.1:9092", description="Bootstrap servers, HOST:PORT[,HOST:PORT].")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Security protocol of the brokers."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism, for the two SASL protocols."
    )
    kafka_username: str | None = Field(None, description="SASL user name.")
    kafka_password: SecretStr | None = Field(None, description="SASL password.")
    kafka_ca: Path | None = Field(None, description="CA certificates (PEM); left out: the system's.")
    kafka_certificate: Path | None = Field(None, description="Client certificate (PEM), for mutual TLS.")
    kafka_key: Path | None = Field(None, description="Key of the client certificate (PEM).")
    partitions: int = Field(8, ge=1, le=512, description="Partitions of each topic; set once, before the first start.")
    replication: int = Field(1, ge=1, le=9, description="Replication factor of new topics; 3 in production.")
    group: str = Field("streamproc", description="Prefix of consumer groups and transactional ids.")
    session_timeout: float = Field(6.0, ge=1.0, description="Seconds until a silent member loses its partitions.")

    mapping: Path | None = Field(None, description="First mapping file (TOML); left out: the one that is shipped.")
    table_store: Literal["memory", "rocksdb"] = Field("memory", description="Where table `users` lives on a worker.")
    data: Path = Field(Path("data"), description="Folder of the worker's RocksDB files.")

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
    read_ahead: int = Field(200_000, ge=1, description="Users with unfinished work before the sink stops reading.")
    revoke_reserve: float = Field(
        0.1, ge=0, le=0.5, description="Share of the target's rate limit that is kept for leavers."
    )
    guard_count: int = Field(
        20, ge=1, description="Leavers within ten minutes from which on the mass guard holds more."
    )
    guard_share: float = Field(
        0.02, ge=0, le=1, description="The same as a share of active users; the larger of the two counts."
    )
    guard_day_count: int = Field(100, ge=1, description="Leavers within a day from which on the mass guard holds more.")
    guard_day_share: float = Field(0.1, ge=0, le=1, description="The same as a share of active users.")
    guard_protected: str = Field("", description="User IDs, with * and ?, that are never deactivated; by spaces.")
    end_sessions: bool = Field(False, description="After a revocation, delete the user's tokens as well.")
    platform_url: str = Field(
        "http://127.0.0.1:8080/api/v2",
        description="Root of the API by which sessions are ended: https://api.REGION/api/v2.",
    )
    revoke_wait: float = Field(3.0, ge=0, description="Seconds that requests in flight get when partitions move.")

    sources: Path | None = Field(None, description="Options of the sources (TOML, a table for each).")

    gateway_host: str = Field("127.0.0.1", description="Address on which the gateway listens.")
    gateway_port: int = Field(
        8088, ge=0, le=65535, description="Port on which the gateway listens; 0 takes a free one."
    )
    gateway_certificate: Path | None = Field(None, description="The gateway's certificate chain (PEM); none: no TLS.")
    gateway_key: Path | None = Field(None, description="Key of the gateway's certificate (PEM).")
    gateway_client_ca: Path | None = Field(None, description="CA of client certificates (PEM), for mutual TLS.")
    gateway_max_body: int = Field(1024 * 1024, ge=1024, le=8 * 1024 * 1024, description="Largest request body, bytes.")
    gateway_in_flight: int = Field(128, ge=1, description="Requests at once; one more is answered 503.")
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
    set_issuer: str | None = Field(None, description="`iss` of the Security Event Tokens that are taken.")
    set_audience: str | None = Field(None, description="`aud` by which they name this receiver.")
    set_jwks: str | None = Field(None, description="The issuer's keys (JWKS): an https URL, or a file.")

    sync_whole_every: float = Field(
        86_400.0, ge=0, description="Seconds between two syncs that tell everybody; 0: only the first."
    )
    okta_url: str | None = Field(None, description="The Okta organization: https://ORG.okta.com.")
    okta_token: SecretStr | None = Field(None, description="Token of Okta's API; read only will do.")
    okta_token_scheme: Literal["SSWS", "Bearer"] = Field("SSWS", description="SSWS: an API token; Bearer: OAuth's.")
    okta_sync_every: float = Field(900.0, ge=0, description="Seconds between two syncs with Okta; 0: none.")
    entra_url: str = Field("https://graph.microsoft.com/v1.0", description="Root of Microsoft Graph.")
    entra_login_url: str = Field("https://login.microsoftonline.com", description="Where Graph's tokens come from.")
    entra_tenant: str | None = Field(None, description="Entra's tenant id.")
    entra_client_id: str | None = Field(None, description="Application (client) id in Entra.")
    entra_client_secret: SecretStr | None = Field(None, description="Client secret of the application in Entra.")
    entra_notification_url: str | None = Field(
        None, description="The gateway's https://.../v1/entra as Graph reaches it; left out: nothing is subscribed to."
    )
    entra_sync_every: float = Field(300.0, ge=0, description="Seconds between two syncs with Entra; 0: none.")
    pingone_url: str = Field("https://api.pingone.com/v1", description="Root of PingOne's API, of its region.")
    pingone_auth_url: str = Field("https://auth.pingone.com", description="Where PingOne's tokens come from.")
    pingone_environment: str | None = Field(None, description="PingOne's environment id.")
    pingone_client_id: str | None = Field(None, description="Client id of the worker application in PingOne.")
    pingone_client_secret: SecretStr | None = Field(None, description="Client secret of that application.")
    pingone_sync_every: float = Field(900.0, ge=0, description="Seconds between two syncs with PingOne; 0: none.")
    workday_report: str | None = Field(
        None, description="URL of Workday's report: https://HOST/ccx/service/customreport2/TENANT/OWNER/REPORT."
    )
    workday_user: str | None = Field(None, description="Integration system user, for that report.")
    workday_password: SecretStr | None = Field(None, description="Password of the integration system user.")
    workday_since_prompt: str = Field("Updated_From", description="The report's prompt: entered since this moment.")
    workday_worker_prompt: str = Field("Employee_ID", description="The report's prompt: this worker alone.")
    workday_sync_every: float = Field(300.0, ge=0, description="Seconds between two syncs with Workday; 0: none.")

    metrics: str = Field("", description="HOST:PORT at which Prometheus finds the metrics; left out: nowhere.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_json: bool = Field(False, description="Log lines as JSON.")

    @model_validator(mode="after")
    def _complete(self) -> "Settings":
        if self.kafka_security.startswith("SASL") and not (self.kafka_username and self.kafka_password):
            raise ValueError("kafka_username and kafka_password are needed with SASL")
        for name in HOOK_SECRETS:
            said = secrets(getattr(self, name))
            if getattr(self, name) is not None and not 1 <= len(said) <= 2:
                raise ValueError(f"{name} is one secret, or two separated by a space")
            if any(len(each) < LEAST_SECRET for each in said):
                raise ValueError(f"{name} is shorter than {LEAST_SECRET} characters")
        if (self.hris_hook_secret is None) == bool(self.hris_hook_signature):
            raise ValueError("hris_hook_secret and hris_hook_signature go together")
        if self.pingone_certificate_name and not (self.gateway_client_ca and self.gateway_certificate):
            raise ValueError("pingone_certificate_name needs gateway_client_ca and gateway_certificate")
        for names in TOGETHER:
            if len({getattr(self, name) is None for name in names}) > 1:
                raise ValueError(f"{', '.join(names[:-1])} and {names[-1]} go together")
        for name in DIRECTORY_URLS:
            if not re.match(r"https://|http://127\.0\.0\.1[:/]", getattr(self, name) or "https://"):
                raise ValueError(f"{name} begins with https://: credentials go there")
        if self.entra_notification_url and not (self.entra_client_state and self.entra_tenant):
            raise ValueError("entra_notification_url needs entra_client_state and entra_tenant")
        if len({self.set_issuer is None, self.set_audience is None, self.set_jwks is None}) > 1:
            raise ValueError("set_issuer, set_audience and set_jwks go together")
        if re.match(r"http://(?!127\.0\.0\.1[:/])", self.set_jwks or ""):
            raise ValueError("set_jwks is fetched by https: whoever changes it on the way could make tokens")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env files: they get committed
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(PREFIX + "CONFIG")
        if file is None:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(file))

    def ssl_context(self) -> ssl.SSLContext | None:
        """For the two TLS protocols; None otherwise. Raises SettingsError where a file can't be used."""
        if not self.kafka_security.endswith("SSL"):
            return None
        try:
            context = ssl.create_default_context(cafile=None if self.kafka_ca is None else str(self.kafka_ca))
            if self.kafka_certificate is not None:
                context.load_cert_chain(self.kafka_certificate, self.kafka_key)
        except OSError as error:
            raise SettingsError(f"kafka_ca, kafka_certificate or kafka_key can't be used: {error}") from error
        return context

    def gateway_context(self) -> ssl.SSLContext | None:
        """For the gateway's TLS; None: none. Client certificates are checked where they are sent."""
        if self.gateway_certificate is None:
            return None
        try:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.gateway_certificate, self.gateway_key)
            if self.gateway_client_ca is not None:
                context.load_verify_locations(self.gateway_client_ca)
                context.verify_mode = ssl.CERT_OPTIONAL
        except OSError as error:
            raise SettingsError(
                f"gateway_certificate, gateway_key or gateway_client_ca can't be used: {error}"
            ) from error
        return context

    def sources_text(self) -> tuple[str, str]:
        """(text, name) of the sources' options; nothing is set where there is no file."""
        if self.sources is None:
            return "", "sources"
        try:
            return self.sources.read_text(encoding="utf-8"), str(self.sources)
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"sources: {self.sources} can't be read: {error}") from error

    def mapping_text(self) -> tuple[str, str]:
        """(text, name) of the mapping file. Raises SettingsError where it can't be read."""
        file = self.mapping or Path(__file__).with_name("mapping.toml")
        try:
            return file.read_text(encoding="utf-8"), str(file)
        except OSError as error:
            raise SettingsError(f"mapping: {file} can't be read: {error.strerror}") from error


def secrets(value: SecretStr | None) -> tuple[bytes, ...]:
    """The secrets in a setting that holds one or two."""
    return () if value is None else tuple(each.encode() for each in value.get_secret_value().split())


def load_settings(**overrides: object) -> Settings:
    """Settings from file and environment, `overrides` (not None) on top. Raises SettingsError naming the setting."""
    given = {name: value for name, value in overrides.items() if value is not None}
    file = os.environ.get(PREFIX + "CONFIG")
    if file is not None and not Path(file).is_file():
        raise SettingsError(f"{PREFIX}CONFIG: there is no file {file}")
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {PREFIX + "CONFIG"}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"{unknown[0]}: there is no such setting. `streamproc settings` lists them.")
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        # Without the cause: pydantic's own error repeats the value, which may be a secret.
        raise SettingsError(f"{name}: {first['msg']}. `streamproc settings` explains it.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{PREFIX}CONFIG: {file} isn't valid TOML: {error}") from error


def environment(settings: Settings) -> dict[str, str]:
    """The environment for a child process with the same settings."""
    child = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    for name, value in settings:
        if value is not None and value != Settings.model_fields[name].default:
            child[PREFIX + name.upper()] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return child
