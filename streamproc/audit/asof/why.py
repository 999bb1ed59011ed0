"""Reasons: what in a mapping gave a value, and on whose words that rests."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from streamproc.audit.asof.words import Word


@dataclass(frozen=True, slots=True)
class ByLine:
    """A line of `[attributes]` or `[externalIds]`."""

    fact: str
    by: Literal["attribute"] = "attribute"


@dataclass(frozen=True, slots=True)
class ByExpression:
    """A line of `[attributes]` or `[externalIds]` with an expression."""

    expression: str
    by: Literal["expression"] = "expression"


@dataclass(frozen=True, slots=True)
class ByCopy:
    """A `[[copy]]`, by its number in the file, from 1."""

    number: int
    fact: str | None
    """None: an expression."""
    expression: str | None = None
    by: Literal["copy"] = "copy"


@dataclass(frozen=True, slots=True)
class ByRule:
    """A `[[rule]]`, by its number in the file, from 1."""

    number: int
    when: dict[str, str | list[str]]
    condition: str | None = None
    """The expression in `if`."""
    by: Literal["rule"] = "rule"


@dataclass(frozen=True, slots=True)
class ByAlways:
    """`[always]`."""

    by: Literal["always"] = "always"


@dataclass(frozen=True, slots=True)
class ByScope:
    """`[scope]`: the clause that says who is in or out, or of which it can't be said, so that nothing changes."""

    said: bool | None
    """What it says; None: it can't be said."""
    clause: str
    facts: tuple[str, ...]
    """What it rests on."""
    by: Literal["scope"] = "scope"


@dataclass(frozen=True, slots=True)
class BySuspension:
    """`[suspend]`: the expression that takes access for a time; `said`, `facts` as of `ByScope`."""

    said: bool | None
    clause: str
    facts: tuple[str, ...]
    by: Literal["suspension"] = "suspension"


@dataclass(frozen=True, slots=True)
class ByNothing:
    """Nothing gives a value to an attribute that the mapping owns: it is empty on purpose."""

    by: Literal["nothing"] = "nothing"


@dataclass(frozen=True, slots=True)
class ByEarlier:
    """An earlier event: what was said last can't be read, and changes nothing."""

    by: Literal["earlier"] = "earlier"


@dataclass(frozen=True, slots=True)
class ByLeaving:
    """It is as it was when the user left the scope, and nothing changes it."""

    by: Literal["leaving"] = "leaving"


Part: TypeAlias = (
    ByLine | ByExpression | ByCopy | ByRule | ByAlways | ByScope | BySuspension | ByNothing | ByEarlier | ByLeaving
)
"""What in the mapping gave something."""


@dataclass(frozen=True, slots=True)
class Why:
    """One reason. An element may have several; of skills and languages the highest level holds."""

    attribute: str
    element: str | None
    """A name in roles, groups, skills, languages or external ids; None: the reason is for the attribute itself."""
    value: str | float | bool | None
    """The value, or an element's level; None for a role, a group, and what is empty."""
    part: Part
    words: tuple[Word, ...]
