"""What can be configured for a source: who its subjects are, and what its attributes are called."""

import tomllib
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamproc.core.errors import SettingsError


class SourceOptions(BaseModel):
    """Options of one source in one tenant.

    `attributes`: fact → path in the source's own user (dots go inwards; of several paths separated by `|` the first
    hit counts). Facts have the names that the mapping file reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    anchor: str = Field("employeeNumber", description="Fact that says which user this is; or `subject`.")
    attributes: dict[str, str] = Field(default={}, description="Fact = path in the source's user resource.")
    zone: str = Field("UTC", description="IANA zone of dates without a time, where the worker's location tells none.")
    zones: dict[str, str] = Field(default={}, description="Location, as the source writes it = IANA zone.")
    zone_attribute: str = Field("", description="Path of the worker's location or zone in the source's user resource.")
    active: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), description="Statuses that mean active, where the source has statuses."
    )


def parse_sources(text: str, name: str, defaults: Mapping[str, SourceOptions]) -> dict[str, SourceOptions]:
    """Options of every source: those of its table in the TOML text, and its defaults for the others.

    `attributes` and `zones` are added to the defaults (an empty path removes one), other keys replace them.
    Raises SettingsError naming the table and key; `name` is the file's.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"sources: {name} isn't valid TOML: {error}") from error
    unknown = sorted(tables.keys() - defaults.keys())
    if unknown:
        raise SettingsError(f"sources: {name}: there is no source {unknown[0]}; there are {', '.join(defaults)}")
    return {source: _over(options, tables.get(source, {}), f"{name}: {source}") for source, options in defaults.items()}


def _over(options: SourceOptions, table: object, where: str) -> SourceOptions:
    try:
        changes = SourceOptions.model_validate(table).model_dump(exclude_unset=True)
        for name in ("attributes", "zones"):
            merged = getattr(options, name) | changes.get(name, {})
            changes[name] = {key: path for key, path in merged.items() if path}
        return options.model_copy(update=changes)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "table"
        raise SettingsError(f"sources: {where}.{key}: {first['msg']}") from None
