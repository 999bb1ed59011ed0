"""Settings: typed, frozen, and read here only, from `STREAMPROC_*` variables or one TOML file (`STREAMPROC_CONFIG`).

A variable wins over the file, the file over the default. Secrets are SecretStr: they don't print.
"""

import os
import ssl
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from streamproc.core.errors import SettingsError

PREFIX = "STREAMPROC_"


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

    mapping: Path | None = Field(None, description="Mapping file (TOML); left out: the one that is shipped.")
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
    dialect: Literal["genesys"] = Field("genesys", description="What PATCH the target takes.")
    connections: int = Field(16, ge=1, le=256, description="HTTP connections of one sink: users side by side.")
    request_timeout: float = Field(30.0, gt=0, description="Seconds until an answer counts as unknown.")
    read_ahead: int = Field(10_000, ge=1, description="Users with unfinished work before the sink stops reading.")
    revoke_wait: float = Field(3.0, ge=0, description="Seconds that requests in flight get when partitions move.")

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_json: bool = Field(False, description="Log lines as JSON.")

    @model_validator(mode="after")
    def _complete(self) -> "Settings":
        if self.kafka_security.startswith("SASL") and not (self.kafka_username and self.kafka_password):
            raise ValueError("kafka_username and kafka_password are needed with SASL")
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

    def mapping_text(self) -> tuple[str, str]:
        """(text, name) of the mapping file. Raises SettingsError where it can't be read."""
        file = self.mapping or Path(__file__).with_name("mapping.toml")
        try:
            return file.read_text(encoding="utf-8"), str(file)
        except OSError as error:
            raise SettingsError(f"mapping: {file} can't be read: {error.strerror}") from error


def load(**overrides: object) -> Settings:
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
