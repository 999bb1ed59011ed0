"""The mapping file's format: TOML; `streamproc/mapping.toml` is the default and explains it."""

from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from streamproc.core.expressions.functions import FUNCTIONS
from streamproc.core.records.resource import LEVELS, Policy
from streamproc.core.text import plain

Level: TypeAlias = Annotated[float, Field(ge=0.0, le=5.0)]
"""Proficiency: Genesys takes 0.0 to 5.0 for skills and languages."""

Target: TypeAlias = Literal["roles", "groups", "skills", "languages"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Computed(_Strict):
    """A value by an expression (`core/expressions`)."""

    expr: str


A_FACT: Final = "a fact"
AN_EXPRESSION: Final = "an expression"


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return A_FACT
    return AN_EXPRESSION if isinstance(value, dict | Computed) else None


Value: TypeAlias = Annotated[
    Annotated[str, Tag(A_FACT)] | Annotated[Computed, Tag(AN_EXPRESSION)],
    Discriminator(
        _kind, custom_error_type="value", custom_error_message='give the name of a fact, or { expr = "..." }'
    ),
]
"""Where a value comes from: the fact of that name, or an expression."""


class Attributes(_Strict):
    """SCIM attribute = what gives its value. One left out isn't owned."""

    userName: Value = "userName"
    displayName: Value = "displayName"
    active: str = "active"
    title: Value | None = None
    phone: Value | None = None
    email: Value | None = None
    department: Value | None = None
    division: Value | None = None
    employeeNumber: Value | None = None
    manager: Value | None = None
    hired: Value | None = None
    mobile: Value | None = None
    phone2: Value | None = None
    phone3: Value | None = None
    phone4: Value | None = None
    homePhone: Value | None = None
    otherPhone: Value | None = None


class Scope(_Strict):
    """Who is ours (`scope.py`). Nobody else is ever named to the target."""

    who: str
    """An expression that is true or false."""
    leaving: Literal["deactivate", "release"] = "deactivate"
    """What happens to somebody who isn't ours any more: access is taken, or nothing is written from then on."""
    blank: Literal["keep", "leave"] = "keep"
    """A fact without a value: not known, so everything stays as it is; or a value like any other."""


class Suspend(_Strict):
    """Who has no access for a time, while the source says that they are active."""

    when: str
    """An expression that is true or false."""


class Copy(_Strict):
    """Every name in a fact goes to one list; `values` translates names, `template` wraps them."""

    fact: str | None = None
    to: Target
    values: dict[str, str] = {}
    template: str = Field(default="{}", pattern=r"^[^{}]*\{\}[^{}]*$")
    level: Level = 3.0
    expr: str | None = None
    """In the place of a fact."""
    separators: str | None = Field(default=None, pattern=r"^[^\w :]+$")
    """Characters that part names, such as ",;|"; line ends do as well. None: as before there was this key."""
    whole: list[Annotated[str, Field(pattern=r"\S")]] = []
    """Names that hold a separator, as the target spells them; in a fact their case doesn't matter."""
    levels: dict[str, Level] = {}
    """Words that stand for a level, such as "fluent"; their case doesn't matter."""

    @model_validator(mode="after")
    def _has_one_meaning(self) -> Self:
        if self.levels and self.to not in LEVELS:
            raise ValueError(f"{self.to} have no `levels`")
        words = [plain(word).casefold() for word in self.levels]
        if "" in words or len({*words}) < len(words):
            raise ValueError("a word of `levels` is blank, or there twice")
        return self

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        if (self.fact is None) is (self.expr is None):
            raise ValueError("give either `fact` or `expr`")
        return self


class Rule(_Strict):
    """When every named fact matches one of its patterns (`*` matches anything, case doesn't matter), and `if` is true,
    give these.
    """

    when: dict[str, str | list[str]] = {}
    title: str | None = None
    division: str | None = None
    roles: list[str] = []
    groups: list[str] = []
    skills: dict[str, Level] = {}
    languages: dict[str, Level] = {}
    condition: str | None = Field(default=None, alias="if")
    """An expression that is true or false."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.when and self.condition is None:
            raise ValueError("give `when`, `if` or both")
        return self


class Always(_Strict):
    """Held by everyone, wherever roles are owned at all."""

    roles: list[str] = []


class Claims(_Strict):
    """Which subjects of one source are one person, where more than one is active as a user."""

    several: list[str] = ["workday"]
    """Sources in which a person may have several at once, such as jobs. In all others the second is held."""


OwnOrSeed: TypeAlias = Literal["own", "seed"]
"""Of what nobody can be created without."""


class Policies(_Strict):
    """SCIM attribute = what becomes of it where it differs in the target (`policy.py`)."""

    externalId: Literal["own"] = "own"
    userName: OwnOrSeed = "own"
    displayName: OwnOrSeed = "own"
    active: Literal["own"] = "own"
    title: Policy = "own"
    phone: Policy = "own"
    email: Policy = "own"
    department: Policy = "own"
    division: Policy = "own"
    employeeNumber: Policy = "own"
    manager: Policy = "own"
    hired: Policy = "own"
    mobile: Policy = "own"
    phone2: Policy = "own"
    phone3: Policy = "own"
    phone4: Policy = "own"
    homePhone: Policy = "own"
    otherPhone: Policy = "own"
    roles: Policy = "own"
    groups: Policy = "own"
    skills: Policy = "own"
    languages: Policy = "own"
    externalIds: Policy = "own"


class MappingFile(_Strict):
    """The whole file."""

    attributes: Attributes = Attributes()
    authority: dict[str, Annotated[list[str], Field(min_length=1)]] = {}
    """Fact = the sources that have a say in it, the first with a value before the others (see `authority.py`)."""
    claims: Claims = Claims()
    always: Always = Always()
    copies: list[Copy] = Field(default=[], alias="copy")
    rules: list[Rule] = Field(default=[], alias="rule")
    functions: int = 1
    """Version of the expressions, their functions and tables."""
    scope: Scope | None = None
    """None: everybody."""
    suspend: Suspend | None = None
    externalIds: dict[str, Value] = {}
    """Authority of an external id = what gives its value."""
    tables: dict[str, dict[str, str]] = {}
    """Tables of texts, for `lookup`."""
    policy: Policies = Policies()

    @field_validator("externalIds")
    @classmethod
    def _are_writable(cls, ids: dict[str, Value]) -> dict[str, Value]:
        if own := [authority for authority in ids if not authority.strip() or authority.startswith("x-pc:")]:
            raise ValueError(f"the authority {own[0]!r} can't be written: Genesys makes those of x-pc: itself")
        return ids

    @field_validator("functions")
    @classmethod
    def _are_known(cls, functions: int) -> int:
        if functions not in FUNCTIONS:
            raise ValueError(f"this release has {', '.join(map(str, FUNCTIONS))} and not {functions}")
        return functions
