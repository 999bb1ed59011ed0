"""All settings, and how they are read: each by one name, whichever section it is in."""

import os
import tomllib
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo

from streamproc.core.errors import SettingsError
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.settings.checks import check
from streamproc.settings.connections import parse_connections
from streamproc.settings.directories import HydratorSettings
from streamproc.settings.gateway import GatewaySettings, HookSettings, SecurityEventSettings
from streamproc.settings.network import NetworkSettings
from streamproc.settings.sections import (
    KafkaSettings,
    ObservabilitySettings,
    ReconcileSettings,
    Section,
    SinkSettings,
    TargetSettings,
    WorkerSettings,
)
from streamproc.settings.texts import secret_in, trimmed

PREFIX = "STREAMPROC_"
FILE = "_file"
"""Behind a secret's name: the file that holds it."""


class Settings(Section):
    """Everything that can be set. The README's table is generated from it."""

    kafka: KafkaSettings = KafkaSettings()
    worker: WorkerSettings = WorkerSettings()
    target: TargetSettings = TargetSettings()
    network: NetworkSettings = NetworkSettings()
    sink: SinkSettings = SinkSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    sources: Path | None = Field(None, description="Options of the sources (TOML, a table for each).")
    scim_connections: Path | None = Field(
        None, description="SCIM connections beside those of `streamproc connections` (TOML, a table for each)."
    )
    gateway: GatewaySettings = GatewaySettings()
    hooks: HookSettings = HookSettings()
    security_events: SecurityEventSettings = SecurityEventSettings()
    hydrator: HydratorSettings = HydratorSettings()
    observability: ObservabilitySettings = ObservabilitySettings()

    @model_validator(mode="after")
    def _check(self) -> Self:
        check(self.by_name())
        return self

    def by_name(self) -> dict[str, Any]:
        """Every setting's value, by the setting's name."""
        return {name: attrgetter(path)(self) for name, (path, _) in _PLACES.items()}

    def changed(self, **overrides: object) -> "Settings":
        """The same settings but for `overrides`, by name."""
        return Settings.model_validate(_sections(Settings, self.by_name() | overrides))

    def sources_text(self) -> tuple[str, str]:
        """(text, name) of the sources' options; nothing is set where there is no file."""
        return _text("sources", self.sources)

    def connections(self) -> tuple[ConnectionDefinition, ...]:
        """SCIM connections that are set; none where there is no file. Raises SettingsError."""
        return parse_connections(*_text("scim_connections", self.scim_connections), self.kafka.partitions)


def _text(name: str, file: Path | None) -> tuple[str, str]:
    if file is None:
        return "", name
    try:
        return file.read_text(encoding="utf-8-sig"), str(file)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: {file} can't be read: {error}") from error


def _section(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _fields(section: type[Section], path: str = "") -> Iterator[tuple[str, tuple[str, FieldInfo]]]:
    for name, field in section.model_fields.items():
        if (inner := _section(field)) is not None:
            yield from _fields(inner, f"{path}{name}.")
        else:
            yield field.alias or name, (path + name, field)


_PLACES = dict(_fields(Settings))
"""Name of a setting to (path of its attribute, its field)."""
FIELDS = {name: field for name, (_, field) in _PLACES.items()}
"""Every setting by its name, in the order in which they are listed."""
FILES = {
    name + FILE: name for name, field in FIELDS.items() if SecretStr in (field.annotation, *get_args(field.annotation))
}
"""Name of the setting that says in which file a secret is, to the secret's."""
_STANDARD = ("https_proxy", "no_proxy")
"""Settings that other programs know too, by variables in lower or upper case."""


def _sections(section: type[Section], values: dict[str, Any]) -> dict[str, Any]:
    """`values` by name, each moved into its section."""
    nested: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        if (inner := _section(field)) is not None:
            nested[name] = _sections(inner, values)
        elif (key := field.alias or name) in values:
            nested[key] = values[key]
    return nested


def load_settings(**overrides: object) -> Settings:
    """Settings from file and environment, `overrides` (not None) on top. Raises SettingsError naming the setting."""
    file = os.environ.get(PREFIX + "CONFIG")
    if file is not None and not Path(file).is_file():
        raise SettingsError(f"{PREFIX}CONFIG: there is no file {file}")
    variable_names = {PREFIX + name.upper() for name in (*FIELDS, *FILES)} | {PREFIX + "CONFIG"}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in variable_names)
    if unknown:
        raise SettingsError(f"{unknown[0]}: there is no such setting. `streamproc settings` lists them.")
    try:
        values = {} if file is None else tomllib.loads(Path(file).read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{PREFIX}CONFIG: {file} isn't valid TOML: {error}") from error
    variables = {name.upper(): value for name, value in os.environ.items()}
    told = [name for name in (*FIELDS, *FILES) if PREFIX + name.upper() in variables]
    values = (
        _standard() | _with_secrets(values) | _with_secrets({name: variables[PREFIX + name.upper()] for name in told})
    )
    values |= _with_secrets({name: value for name, value in overrides.items() if value is not None})
    for name in values:
        if name not in FIELDS:
            raise SettingsError(f"{name}: Extra inputs are not permitted. `streamproc settings` explains it.")
    try:
        return Settings.model_validate(_sections(Settings, values))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = str(first["loc"][-1]) if first["loc"] else "settings"
        # Without the cause: pydantic's own error repeats the value, which may be a secret.
        raise SettingsError(f"{name}: {first['msg']}. `streamproc settings` explains it.") from None


def _with_secrets(values: dict[str, Any]) -> dict[str, Any]:
    """Values of one place, without what isn't theirs at their ends, and the secrets that they only say the file of.

    Raises SettingsError.
    """
    trim = {name: trimmed(value) for name, value in values.items()}
    for name, secret in FILES.items():
        if name in trim:
            if secret in trim:
                raise SettingsError(f"{secret} and {name} are set, and only one can count")
            trim[secret] = secret_in(trim.pop(name), name)
    return trim


def _standard() -> dict[str, Any]:
    """What the variables say that other programs read as well; in lower case they win, as with curl."""
    found = ((name, os.environ.get(name) or os.environ.get(name.upper())) for name in _STANDARD)
    return {name: trimmed(value) for name, value in found if value}


def environment(settings: Settings) -> dict[str, str]:
    """The environment for a child process with the same settings."""
    child = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    for name, value in settings.by_name().items():
        if value is not None and (name in _STANDARD or value != FIELDS[name].default):
            child[PREFIX + name.upper()] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return child
