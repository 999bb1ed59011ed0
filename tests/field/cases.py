"""Every case: those of each module here that lists some as `CASES`."""

import importlib
import pkgutil
from typing import Final

from tests import field
from tests.field.case import Case

_SHELL: Final = {"__main__", "cases", "test_field"}
CASES: Final[tuple[Case, ...]] = tuple(
    case
    for module in pkgutil.iter_modules(field.__path__)
    if module.name not in _SHELL
    for case in getattr(importlib.import_module(f"tests.field.{module.name}"), "CASES", ())
)
