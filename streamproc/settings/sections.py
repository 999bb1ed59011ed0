"""The sections: one for each part of the program, which is given no other.

A field's alias is the setting's name: in a variable with `STREAMPROC_` before it, in the file as it is.
"""

import ssl
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from streamproc.core.errors import SettingsError
from streamproc.core.flow.loop_limits import LoopLimits


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
    silence: str = Field(
        "",
        pattern=r"^\s*([a-z]+=[0-9]{1,9}\s*(\s|$))*$",
        description="Seconds for which a source may be silent before it is told: SOURCE=SECONDS, by spaces; 0: for "
        "ever. Left out: what is usual at that hour of the week, learned from the last four weeks.",
    )

    def silences(self) -> dict[str, float]:
        """Source → seconds of silence that are set."""
        return {name: float(seconds) for name, seconds in (each.split("=") for each in self.silence.split())}

    def mapping_text(self) -> tuple[str, str]:
        """(text, name) of the mapping file. Raises SettingsError where it can't be read."""
        file = self.mapping or Path(__file__).parents[1] / "mapping.toml"
        try:
            return file.read_text(encoding="utf-8-sig"), str(file)
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
    elements: Literal["path", "added", "whole"] | None = Field(
        None,
        description="How one number, address or id among others is written: by its path, also a new one; the same, but "
        "a new one added to the list; or the whole list, as read. Left out: path, or for rfc7644 added.",
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


class LoopSettings(Section, alias_generator="loop_".__add__):
    """When what goes to and fro is frozen."""

    rounds: int = Field(
        3,
        ge=0,
        le=10,
        description="Writes of ours that are undone, or undo one, before the next isn't made; 0: none is frozen.",
    )
    window: float = Field(3600.0, ge=60, le=86_400, description="Seconds within which they count.")

    def limits(self) -> LoopLimits:
        """As the sink takes them."""
        return LoopLimits(self.rounds, self.window)


class SinkSettings(Section):
    """How the sink reads ahead, holds back and stops."""

    read_ahead: int = Field(200_000, ge=1, description="Users with unfinished work before the sink stops reading.")
    revoke_reserve: float = Field(
        0.1, ge=0, le=0.5, description="Share of the target's rate limit that is kept for leavers."
    )
    guard: GuardSettings = GuardSettings()
    loops: LoopSettings = LoopSettings()
    end_sessions: bool = Field(False, description="After a revocation, delete the user's tokens as well.")
    platform_url: str = Field(
        "http://127.0.0.1:8080/api/v2",
        description="Root of the API by which sessions are ended: https://api.REGION/api/v2.",
    )
    revoke_wait: float = Field(3.0, ge=0, description="Seconds that requests in flight get when partitions move.")


class ReconcileSettings(Section, alias_generator="reconcile_".__add__):
    """How often the target is compared with what is desired."""

    every: float = Field(
        900.0, gt=0, description="Seconds from the beginning of one round over all accounts to the next."
    )
    leavers_every: float = Field(
        300.0, gt=0, description="Seconds between two looks at somebody who left lately, also within a round."
    )
    leavers_days: float = Field(30.0, ge=0, description="For how many days they are looked at so.")
    reserve: float = Field(
        0.5, ge=0, le=0.9, description="Share of the target's rate limit that is left to those who change something."
    )


class ObservabilitySettings(Section):
    """Metrics, states and log."""

    metrics: str = Field("", description="HOST:PORT at which Prometheus finds the metrics; left out: nowhere.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    lag_limit: int = Field(
        10_000, ge=0, description="Records of a topic not yet done from which on a service is blind; 0: no limit."
    )
    log_json: bool = Field(False, description="Log lines as JSON.")
