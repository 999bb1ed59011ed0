"""A payload without what makes it large: long texts, long lists, deep nesting. A leaver can still be told from it."""

from typing import Any, Final

TEXT: Final = 1024
"""Characters."""
NAME: Final = 256
"""Characters of a field's name."""
ITEMS: Final = 200
"""Of a list, and fields of an object."""
DEPTH: Final = 12


def pruned(payload: Any, depth: int = DEPTH) -> Any:
    """With null in the place of what is too long or too deep, and of lists and objects only the first items."""
    match payload:
        case str():
            return payload if len(payload) <= TEXT else None
        case list():
            return [pruned(each, depth - 1) for each in payload[:ITEMS]] if depth else None
        case dict():
            fields = list(payload.items())[:ITEMS]
            return {name: pruned(each, depth - 1) for name, each in fields if len(name) <= NAME} if depth else None
        case _:
            return payload
