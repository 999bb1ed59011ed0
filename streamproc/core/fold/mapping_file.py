"""The mapping file's format: TOML; `streamproc/mapping.toml` is the default and explains it."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Level: TypeAlias = Annotated[float, Field(ge=0.0, le=5.0)]
"""Proficiency: Genesys takes 0.0 to 5.0 for skills and languages."""

Target: TypeAlias = Literal["roles", "groups", "skills", "languages"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Attributes(_Strict):
    """SCIM attribute = the fact that gives its value. One left out isn't owned."""

    userName: str = "userName"
    displayName: str = "displayName"
    active: str = "active"
    title: str | None = None
    phone: str | None = None
    email: str | None = None
    department: str | None = None
    division: str | None = None
    employeeNumber: str | None = None
    manager: str | None = None


class Copy(_Strict):
    """Every name in a fact goes to one list; `values` translates names, `template` wraps them."""

    fact: str
    to: Target
    values: dict[str, str] = {}
    template: str = Field(default="{}", pattern=r"^[^{}]*\{\}[^{}]*$")
    level: Level = 3.0


class Rule(_Strict):
    """When every named fact matches one of its patterns (`*` matches anything, case doesn't matter), give these."""

    when: dict[str, str | list[str]] = Field(min_length=1)
    title: str | None = None
    division: str | None = None
    roles: list[str] = []
    groups: list[str] = []
    skills: dict[str, Level] = {}
    languages: dict[str, Level] = {}


class Always(_Strict):
    """Held by everyone, wherever roles are owned at all."""

    roles: list[str] = []


class Claims(_Strict):
    """Which subjects of one source are one person, where more than one is active as a user."""

    several: list[str] = ["workday"]
    """Sources in which a person may have several at once, such as jobs. In all others the second is held."""


class MappingFile(_Strict):
    """The whole file."""

    attributes: Attributes = Attributes()
    authority: dict[str, Annotated[list[str], Field(min_length=1)]] = {}
    """Fact = the sources that have a say in it, the first with a value before the others (see `authority.py`)."""
    claims: Claims = Claims()
    always: Always = Always()
    copies: list[Copy] = Field(default=[], alias="copy")
    rules: list[Rule] = Field(default=[], alias="rule")
