"""Names of fields that may be labels of a metric: those that the contract or the operator has given, not a stranger."""

from collections.abc import Iterable
from typing import Final

from streamproc.sources.hris.contract import STANDARD, HrisEvent
from streamproc.sources.options import SourceOptions

OTHER: Final = "other"
"""Instead of any other name."""
_CONTRACT: Final = STANDARD | HrisEvent.model_fields.keys() | {"key", "headers", "data", "manager", "groups"}


def known_fields(options: SourceOptions) -> frozenset[str]:
    """The contract's names, and every fact, path and column that the options of a source name."""
    named: set[str] = set(_CONTRACT)
    for value in options.model_dump().values():
        for text in _texts(value):
            for path in text.split("|"):
                named |= {path, *path.split(".")}
    return frozenset(named - {""})


def label(field: str | None, known: frozenset[str]) -> str:
    """The field as a label; "": it is about more than one."""
    return "" if field is None else field if field in known else OTHER


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, content in value.items():
            yield from (*_texts(name), *_texts(content))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            yield from _texts(each)
