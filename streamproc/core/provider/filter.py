"""What a filter is made of, and a path of a PATCH operation (RFC 7644 §3.4.2.2, §3.5.2).

Names stay as they are written: which attribute is meant is the schema's to say.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, assert_never

Operator: TypeAlias = Literal["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]


@dataclass(frozen=True, slots=True)
class AttributePath:
    """`urn:…:User:name.familyName`, as it is written. `urn`, `sub`: "" where there is none.

    `name` is "" for a schema itself: `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User`.
    """

    urn: str
    name: str
    sub: str = ""

    def __str__(self) -> str:
        return ":".join(filter(None, (self.urn, self.name))) + (f".{self.sub}" if self.sub else "")


@dataclass(frozen=True, slots=True)
class Operand:
    """What is compared with. `quoted`: it was, so it is a text; else what it is depends on the attribute's type."""

    text: str
    quoted: bool

    @property
    def is_null(self) -> bool:
        return not self.quoted and self.text.lower() == "null"


@dataclass(frozen=True, slots=True)
class Compare:
    """`userName eq "x"`."""

    path: AttributePath
    operator: Operator
    operand: Operand


@dataclass(frozen=True, slots=True)
class Present:
    """`title pr`."""

    path: AttributePath


@dataclass(frozen=True, slots=True)
class Not:
    """`not (…)`."""

    of: "Filter"


@dataclass(frozen=True, slots=True)
class And:
    """At least two parts, none of them an And."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least two parts, none of them an Or."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Element:
    """`emails[type eq "work"]`: one of the elements is like that. Paths within it name sub-attributes."""

    path: AttributePath
    filter: "Filter"


Filter: TypeAlias = Compare | Present | Not | And | Or | Element


@dataclass(frozen=True, slots=True)
class ElementPath:
    """The path of a PATCH operation: `emails[type eq "work"].value`. `sub`: what stands after the brackets, or ""."""

    path: AttributePath
    filter: Filter | None = None
    sub: str = ""


NAME: Final = r"[$A-Za-z_][$\w-]*"
_PATH_PARTS: Final = re.compile(
    rf"""
    (?: (?P<urn> urn:scim:schemas:(?: core | extension:[^:\s]+ ):\d+\.\d+   # SCIM 1.1: nothing after the version
               | urn:[^\s]+?:\d+(?:\.\d+)*:{NAME}                         # SCIM 2: a resource type after the version
               | urn:[^\s]+?(?=:{NAME}(?:\.{NAME})?\Z) )                 # somebody's own: all but the last part
        (?: :(?= {NAME} ) | \Z ) )?
    (?: (?P<name> {NAME} ) (?: \.(?P<sub> {NAME} ) )? )?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def attribute_path(text: str) -> AttributePath | None:
    """The parts of a name such as `urn:…:2.0:User:manager.value`. None: it isn't one."""
    match = _PATH_PARTS.fullmatch(text) if text else None
    return None if match is None else AttributePath(match["urn"] or "", match["name"] or "", match["sub"] or "")


def conjunction(parts: "tuple[Filter, ...]") -> Filter:
    """All of them, as one filter."""
    flat = tuple(each for part in parts for each in (part.parts if isinstance(part, And) else (part,)))
    return flat[0] if len(flat) == 1 else And(flat)


def disjunction(parts: "tuple[Filter, ...]") -> Filter:
    """Any of them, as one filter."""
    flat = tuple(each for part in parts for each in (part.parts if isinstance(part, Or) else (part,)))
    return flat[0] if len(flat) == 1 else Or(flat)


def comparisons(of: Filter) -> int:
    """How many comparisons it has, at least one: what it costs to ask whether it is true of something."""
    match of:
        case And(parts) | Or(parts):
            return sum(map(comparisons, parts))
        case Not(inner) | Element(_, inner):
            return comparisons(inner)
        case Compare() | Present():
            return 1
        case _:
            assert_never(of)
