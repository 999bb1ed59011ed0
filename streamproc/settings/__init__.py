"""Settings: typed, frozen, and read here only, from `STREAMPROC_*` variables or one TOML file (`STREAMPROC_CONFIG`).

A variable wins over the file, the file over the default. Secrets are SecretStr: they don't print.
Each part of the program is given only its own section of them.
"""

from streamproc.settings.directories import (
    DIRECTORIES,
    EntraSettings,
    HrisSettings,
    HydratorSettings,
    OktaSettings,
    PingOneSettings,
    WorkdaySettings,
)
from streamproc.settings.gateway import GatewaySettings, HookSettings, SecurityEventSettings, secrets
from streamproc.settings.load import FIELDS, FILES, PREFIX, Settings, environment, load_settings
from streamproc.settings.network import NetworkSettings
from streamproc.settings.sections import (
    GuardSettings,
    KafkaSettings,
    ObservabilitySettings,
    ReconcileSettings,
    SinkSettings,
    TargetSettings,
    WorkerSettings,
)

__all__ = [
    "DIRECTORIES",
    "FIELDS",
    "FILES",
    "PREFIX",
    "EntraSettings",
    "GatewaySettings",
    "GuardSettings",
    "HookSettings",
    "HrisSettings",
    "HydratorSettings",
    "KafkaSettings",
    "NetworkSettings",
    "ObservabilitySettings",
    "OktaSettings",
    "PingOneSettings",
    "ReconcileSettings",
    "SecurityEventSettings",
    "Settings",
    "SinkSettings",
    "TargetSettings",
    "WorkdaySettings",
    "WorkerSettings",
    "environment",
    "load_settings",
    "secrets",
]
