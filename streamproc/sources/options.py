"""What can be configured for a source: who its subjects are, and what its attributes are called."""

import re
import tomllib
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from streamproc.core.errors import SettingsError
from streamproc.core.fold.mapping_problems import no_such
from streamproc.sources.values.dates import is_format
from streamproc.sources.values.phones import REGIONS
from streamproc.sources.values.statuses import spelled, words
from streamproc.sources.values.zones import is_zone


def _zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError("IANA has no zone of this name")
    return name


def _format(format_: str) -> str:
    if not is_format(format_):
        raise ValueError("not a format with year, month and day, such as %d/%m/%Y")
    return format_


def _region(written: str) -> str:
    unknown = [each for each in alternatives(written) if is_code(each) and each not in REGIONS]
    if unknown:
        raise ValueError(f"no numbering plan of {unknown[0]}; a fact's name isn't two capitals")
    return written


def alternatives(region: str) -> list[str]:
    """The facts and codes of a region's option, in their order."""
    return [each.strip() for each in region.split("|") if each.strip()]


def is_code(alternative: str) -> bool:
    """Whether it is a region's code, and no fact's name."""
    return re.fullmatch("[A-Z]{2}", alternative) is not None


Region: TypeAlias = Annotated[str, AfterValidator(_region)]
Zone: TypeAlias = Annotated[str, AfterValidator(_zone)]
DateFormat: TypeAlias = Annotated[str, AfterValidator(_format)]
Encoding: TypeAlias = Annotated[str, Field(pattern=r"^(text|bits|days|ms|us|ns|decimal(:\d{1,2})?)$")]
Word: TypeAlias = Annotated[str, Field(min_length=1)]


PHONES: Final = ("phone", "mobile", "phone2", "phone3", "phone4", "homePhone", "otherPhone")
"""Facts that are telephone numbers in all sources."""


ASSIGNING: Final = ("okta", "entra", "pingone")
"""Sources that tell who is assigned to an application."""


BY_CONNECTION: Final = "scim"
"""The source of which each connection says who its subjects are."""


ANY_FACT: Final = "hris"
"""The source whose events may have facts of any name; all others have those of `attributes`."""


class SourceOptions(BaseModel):
    """Options of one source in one tenant.

    `attributes`: fact → path in the source's own user (dots go inwards; of several paths separated by `|` the first
    hit counts). Facts have the names that the mapping file reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    anchor: str = Field("employeeNumber", description="Fact that says which user this is; or `subject`.")
    attributes: dict[str, str] = Field(default={}, description="Fact = path in the source's user resource.")
    application: str = Field(
        "",
        pattern=r"^\S*$",
        description="Okta, Entra, PingOne: the application whose assignment is the fact `assigned`, `yes` or `no`. Its "
        "id; in Entra the object id of the enterprise application.",
    )
    zone: Zone = Field("UTC", description="IANA zone of dates without a time, where the worker's location tells none.")
    zones: dict[str, Zone] = Field(default={}, description="Location, as the source writes it = IANA zone.")
    zone_attribute: str = Field("", description="Path of the worker's location or zone in the source's user resource.")
    active: tuple[Word, ...] = Field(default=(), description="Statuses that mean active.")
    inactive: tuple[Word, ...] = Field(default=(), description="Statuses that mean inactive. All others mean nothing.")
    dates: tuple[DateFormat, ...] = Field(
        default=(), description="Formats of dates (strptime's), before those that can be told without: `%d/%m/%Y`."
    )
    region: Region = Field(
        "",
        description="Whose plan a telephone number without a country's code is of: an ISO 3166-1 alpha-2 code, or the "
        "fact that holds one; of several separated by `|` the first with a value.",
    )
    phones: tuple[Word, ...] = Field(default=PHONES, description="Facts that are telephone numbers, beside those.")
    deleted: Literal["nothing", "leaver"] = Field(
        "nothing", description="Debezium: what a deleted row says. `leaver`: its person has left."
    )
    encodings: dict[str, Encoding] = Field(
        default={},
        description="Debezium: column = how it is written where no schema says so: `text`, `decimal`, `decimal:2` "
        "(scale), `bits`, `days`, `ms`, `us`, `ns` (since 1970).",
    )


def parse_sources(text: str, name: str, defaults: Mapping[str, SourceOptions]) -> dict[str, SourceOptions]:
    """Options of every source: those of its table in the TOML text, and its defaults for the others.

    `attributes`, `zones` and `encodings` are added to the defaults (an empty path removes one), `inactive` and `phones`
    as well; other keys replace them. A default status that is left out of `active` then means inactive, not nothing.
    Raises SettingsError naming the table and key; `name` is the file's.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"sources: {name} isn't valid TOML: {error}") from error
    unknown = sorted(tables.keys() - defaults.keys())
    if unknown:
        raise SettingsError(f"sources: {name}: there is no source {unknown[0]}; there are {', '.join(defaults)}")
    of_all = tables.get(BY_CONNECTION)
    if isinstance(of_all, dict) and "anchor" in of_all:
        do = "streamproc connections add NAME --anchor FACT"
        raise SettingsError(f"sources: {name}: {BY_CONNECTION}.anchor: each connection has its own: {do}")
    made = {source: _over(options, tables.get(source, {}), f"{name}: {source}") for source, options in defaults.items()}
    silent = sorted(source for source, options in made.items() if options.application and source not in ASSIGNING)
    if silent:
        only = ", ".join(ASSIGNING)
        raise SettingsError(f"sources: {name}: {silent[0]}.application: only {only} tell of assignments")
    for source, options in made.items():
        _check_facts(source, options, name)
    return made


def _check_facts(source: str, options: SourceOptions, name: str) -> None:
    """Raises SettingsError where an option reads a fact that nothing can ever give."""
    named = [("region", each) for each in alternatives(options.region) if not is_code(each)]
    named += [("phones", each) for each in options.phones if each not in PHONES]
    for key, fact in named:
        where = f"sources: {name}: {source}.{key}"
        if key == "region" and fact.upper() in REGIONS:
            raise SettingsError(f"{where}: a code is in capitals: {fact.upper()}, not {fact}")
        if source != ANY_FACT and fact not in options.attributes:
            code = ", or give a code of two capitals" if key == "region" else ""
            raise SettingsError(f"{where}: nothing gives the fact {fact}: name its path in {source}.attributes{code}")


def _over(options: SourceOptions, table: object, where: str) -> SourceOptions:
    try:
        changes = SourceOptions.model_validate(table).model_dump(exclude_unset=True)
        for name in ("attributes", "zones", "encodings"):
            merged = getattr(options, name) | changes.get(name, {})
            changes[name] = {key: path for key, path in merged.items() if path}
        changes["phones"] = tuple(dict.fromkeys((*options.phones, *changes.get("phones", ()))))
        changes |= _statuses(options, changes.get("active"), changes.get("inactive", ()), where)
        return options.model_copy(update=changes)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "table"
        unknown = first["type"] == "extra_forbidden"
        what = no_such("key", key, list(SourceOptions.model_fields)) if unknown else first["msg"]
        raise SettingsError(f"sources: {where}.{key}: {what}") from None


def _statuses(
    options: SourceOptions, active: tuple[str, ...] | None, inactive: tuple[str, ...], where: str
) -> dict[str, tuple[str, ...]]:
    """Both lists: what is configured counts before the defaults."""
    if both := words(active or ()) & words(inactive):
        raise SettingsError(f"sources: {where}.inactive: {min(both)} is in active, too")
    on = _but(options.active, inactive) if active is None else active
    return {"active": on, "inactive": _but((*inactive, *options.inactive, *_but(options.active, inactive)), on)}


def _but(statuses: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """Each of the statuses once, but for the others."""
    by_spelling = {spelled(each): each for each in statuses}
    return tuple(each for spelling, each in by_spelling.items() if spelling not in words(others))
