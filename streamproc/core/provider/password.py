"""Passwords are dropped before anything else sees a body: nothing of ours stores, compares, logs or returns one.

Okta sends one with each new user. In what way it is named doesn't matter: `password`, in any case, also under a
schema's URN, as a sub-attribute, as a key or as the path of a PATCH operation.
"""

import re
from typing import Any, Final

from streamproc.core.provider.scim_error import ScimError

DEPTH: Final = 16
"""Levels of objects and lists in a body. The deepest that means something is five."""


def without_password(body: Any) -> Any:
    """The body without any, for what is read of it, and for what is kept of it. It isn't changed itself.

    Raises ScimError where it is nested deeper than `DEPTH`.
    """
    return _without(body, DEPTH)


def _without(value: Any, levels: int) -> Any:
    if isinstance(value, dict):
        _check(levels)
        return {key: _without(each, levels - 1) for key, each in value.items() if not _names_one(key)}
    if isinstance(value, list):
        _check(levels)
        return [dict(_NOTHING) if _sets_one(each) else _without(each, levels - 1) for each in value]
    return value


_NOTHING: Final = {"op": "replace", "path": "password", "value": None}
"""Stands for an operation that sets one, so that a PATCH of a password alone is one that changes nothing."""


def _check(levels: int) -> None:
    if levels <= 0:
        raise ScimError(400, "invalidSyntax", f"the body has more than {DEPTH} levels")


def _sets_one(element: Any) -> bool:
    """Whether it is an operation of a PATCH whose path is a password's."""
    return isinstance(element, dict) and any(
        isinstance(value, str) and key.lower() == "path" and _names_one(value) for key, value in element.items()
    )


def _names_one(path: str) -> bool:
    return _PASSWORD.search(path) is not None


_PASSWORD: Final = re.compile(r"(?:\A|[:.])\s*password\s*(?:\Z|[.\[])", re.IGNORECASE)
