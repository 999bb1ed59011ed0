"""Whose ids a client means where it speaks of a group's members.

A member is an id and nothing else here: `display`, `type` and `$ref` follow from whose id it is.
"""

from typing import Any

import orjson

from streamproc.core.provider.filter import Compare, Filter, Or
from streamproc.core.provider.scim_error import ScimError


def ids(value: Any) -> tuple[str, ...]:
    """Of a list, or of one: objects with a `value`, texts, or such an object as JSON in a text; each once, in order.

    Raises ScimError `invalidValue`.
    """
    found: dict[str, None] = {}
    for each in value if isinstance(value, list) else (value,):
        one = _object(each) if isinstance(each, str) else each
        if isinstance(one, dict):
            one = one.get("value") or next((within for name, within in one.items() if name.lower() == "value"), None)
        if isinstance(one, int) and not isinstance(one, bool):
            one = str(one)
        if not isinstance(one, str) or not one:
            if each is None:
                continue
            raise ScimError(400, "invalidValue", "a member is an object with the id as its value")
        found[one] = None
    return tuple(found)


def ids_meant(where: Filter) -> tuple[str, ...]:
    """Of `members[value eq "…"]`, or several with `or`. Raises ScimError `invalidFilter` for what isn't told by ids."""
    found = []
    for each in where.parts if isinstance(where, Or) else (where,):
        if not isinstance(each, Compare) or each.operator != "eq" or each.path.name.lower() != "value" or each.path.sub:
            raise ScimError(400, "invalidFilter", 'members are told by their ids: members[value eq "…"]')
        found.append(each.operand.text)
    return tuple(dict.fromkeys(found))


def _object(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
