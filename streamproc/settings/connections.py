"""SCIM connections in a settings file, for whoever keeps such things under version control: a table for each.

Of a token the file has the SHA-256 alone, so that who reads it can't speak for anybody. Name, partition and anchor are
for ever here as well (`core/provider/connections.py`), and nothing but this comment keeps them so.
"""

import tomllib
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from streamproc.core.errors import SettingsError
from streamproc.core.fold.mapping_problems import no_such
from streamproc.core.provider.connections import problem
from streamproc.core.records.connection_definition import ANCHOR, ConnectionDefinition, ConnectionToken
from streamproc.core.records.units import Millis

SETTING = "scim_connections"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Token(_Part):
    sha256: str
    until: AwareDatetime | None = None


class _Table(_Part):
    """One connection. `repeated_within`: seconds."""

    partition: int
    tokens: tuple[str | _Token, ...] = ()
    anchor: str = ANCHOR
    probes: tuple[str, ...] = ()
    patch_body: bool = False
    repeated_within: Annotated[int, Field(ge=0)] = 0
    delivered: bool = False


def parse_connections(text: str, name: str, partitions: int) -> tuple[ConnectionDefinition, ...]:
    """The connections in a TOML text. `name` is the file's; `partitions`: how many `events.scim` has.

    Raises SettingsError naming the table and key.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{SETTING}: {name} isn't valid TOML: {error}") from error
    found = tuple(_definition(table, tables[table], f"{SETTING}: {name}: {table}") for table in tables)
    whose: dict[str, str] = {}
    for each in found:
        if (wrong := problem(each, partitions)) is not None:
            raise SettingsError(f"{SETTING}: {name}: {each.name}: {wrong}")
        for token in each.tokens:
            if (other := whose.setdefault(token.sha256, each.name)) != each.name:
                raise SettingsError(f"{SETTING}: {name}: {each.name} has a token of {other}; make one for each")
    return found


def _definition(name: str, table: object, where: str) -> ConnectionDefinition:
    try:
        read = _Table.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"][:2]) or "table"
        unknown = first["type"] == "extra_forbidden" and len(first["loc"]) == 1
        what = no_such("key", key, list(_Table.model_fields)) if unknown else first["msg"]
        raise SettingsError(f"{where}.{key}: {what}") from None
    return ConnectionDefinition(
        name=name,
        partition=read.partition,
        tokens=tuple(map(_token, read.tokens)),
        anchor=read.anchor,
        probes=read.probes,
        patch_body=read.patch_body,
        repeated_within=Millis(read.repeated_within * 1000),
        delivered=read.delivered,
    )


def _token(written: str | _Token) -> ConnectionToken:
    if isinstance(written, str):
        return ConnectionToken(written)
    return ConnectionToken(written.sha256, None if written.until is None else _millis(written.until))


def _millis(moment: datetime) -> Millis:
    return Millis(round(moment.timestamp() * 1000))
