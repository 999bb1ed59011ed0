"""What is wrong with a mapping file, in the words of those who write it: where, what, and what would do."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from streamproc.core.fold.mapping_file import (
    A_FACT,
    AN_EXPRESSION,
    Always,
    Attributes,
    Claims,
    Computed,
    Copy,
    MappingFile,
    Policies,
    Rule,
    Scope,
    Suspend,
)

_TABLES: Final[dict[str, type[BaseModel]]] = {
    "attributes": Attributes,
    "scope": Scope,
    "suspend": Suspend,
    "copy": Copy,
    "rule": Rule,
    "always": Always,
    "claims": Claims,
    "policy": Policies,
}
_SEVERAL: Final = ("copy", "rule")
_ALTERNATIVES: Final = frozenset({"str", "list[str]", A_FACT, AN_EXPRESSION})
"""Parts of a location that stand for one of several types, and not for a key."""
_FORMS: Final = {
    "separators": 'give the marks that part names, such as ",;|"; no letter, digit, blank or colon can part any',
    "template": 'give a text with {} in it, once, where the name goes, such as "{} Queue"',
    "whole": "a name is blank",
}
"""Key → what a text there must be like."""
_ALWAYS: Final = {
    "active": "whoever leaves loses access, whatever somebody has made of it since",
    "externalId": "it says whose account it is",
    **dict.fromkeys(("userName", "displayName"), "nobody is created without it"),
}
"""Attribute → why it can't have each policy."""
_WRONG: Final = {
    "missing": "is missing",
    "string_type": 'give a text in quotes: "…"',
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "give a whole number"),
    "float_type": "give a number from 0.0 to 5.0, or whole",
    "float_parsing": "give a number from 0.0 to 5.0, or whole",
    "greater_than_equal": "a proficiency is 0.0 to 5.0",
    "less_than_equal": "a proficiency is 0.0 to 5.0",
    "list_type": 'give a list: ["…"]',
    "dict_type": 'give a table: { "…" = … }',
    "model_type": "give a table",
    "too_short": "is empty; name one at least, or leave it out",
}
"""Type of an error, as pydantic calls it → what to say."""


def problem(error: ValidationError) -> str:
    """Place and problem of what explains the others best: a key that there isn't may be the one that is missing."""
    errors = error.errors(include_url=False)
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    location = [part for part in first["loc"] if part not in _ALTERNATIVES]
    what = _what(first, location)
    return f"{place('.'.join(map(str, location)))}: {what}{'' if what.endswith('?') else '.'}"


def place(path: str) -> str:
    """A place in words: `rule.0.if` is the `if` of rule 1."""
    return re.sub(
        rf"^({'|'.join(_SEVERAL)})\.(\d+)(\.)?",
        lambda several: f"{several[1]} {int(several[2]) + 1}{': ' if several[3] else ''}",
        path,
    )


def _what(error: ErrorDetails, location: Sequence[int | str]) -> str:
    kind, key, table = error["type"], str(location[-1]), str(location[0])
    alone = len(location) == 1
    if kind == "extra_forbidden":
        return _unknown(key, table, location)
    if kind == "literal_error" and table == "policy" and key in _ALWAYS:
        return f"give {error['ctx']['expected']}: {_ALWAYS[key]}"
    if kind == "literal_error":
        return f"give {error['ctx']['expected']}"
    if kind == "string_pattern_mismatch":
        return next((_FORMS[part] for part in location if part in _FORMS), error["msg"])
    if alone and table in _SEVERAL:
        return f"write [[{table}]], in double brackets, before each"
    if alone and table in _TABLES:
        return f"give a table: [{table}], and below it its keys"
    if table == "attributes" and key == "active":
        return "give the name of the fact that says so; who is ours or suspended, [scope] and [suspend] compute"
    return _WRONG.get(kind) or error["msg"].removeprefix("Value error, ")


def no_such(what: str, key: str, there: Sequence[str]) -> str:
    """That there is no key or table of this name, and which one was meant, or which there are."""
    by_case = {name.casefold(): name for name in there}
    close = get_close_matches(key.casefold(), by_case, 1, 0.75)
    known = f"there {'is' if len(there) == 1 else 'are'} {', '.join(there)}"
    return f"there is no such {what}; {f'did you mean `{by_case[close[0]]}`?' if close else known}"


def _unknown(key: str, table: str, location: Sequence[int | str]) -> str:
    if len(location) > 1 and key == "functions":
        return "belongs at the top of the file, before all tables"
    model, what = (MappingFile, "table or key") if len(location) == 1 else (_model(location), "key")
    having = [name for name, other in _TABLES.items() if other is not Policies and key in _keys(other)]
    if len(having) == 1 and model is not Computed:
        return f"belongs below [{having[0]}]" if having[0] not in _SEVERAL else f"belongs below a [[{having[0]}]]"
    if table == "externalIds" and len(location) > 1:
        what = "key, and a name with dots stands in quotes"
    return no_such(what, key, _keys(model))


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model(location: Sequence[int | str]) -> type[BaseModel]:
    """Of the table in which a key isn't known."""
    table, *keys = [str(part) for part in location if not isinstance(part, int)]
    return _TABLES[table] if table in _TABLES and len(keys) == 1 else Computed
