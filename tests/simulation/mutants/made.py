"""Makes a mistake in code that is loaded: in this process alone, and without loading anything anew."""

import importlib
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any, Final

from tests.simulation.mutants.mutant import Mutant
from tests.support.paths import REPOSITORY

FUNCTION: Final = inspect.CO_OPTIMIZED
"""What code has that belongs to a function, and not to a class or a module."""
NAMES: Final = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_exceptiontable")


def make(mutant: Mutant) -> None:
    """From now on its functions do what it says. Raises ValueError where more than functions is changed."""
    for function, code in changes(mutant):
        function.__code__ = code


def changes(mutant: Mutant) -> list[tuple[FunctionType, CodeType]]:
    """Functions, and what they are with the mistake. Raises ValueError where there are none, or it isn't only these."""
    file = REPOSITORY / mutant.file
    text = file.read_text(encoding="utf-8")
    right, wrong = (
        compile(each, str(file), "exec", dont_inherit=True) for each in (text, text.replace(mutant.right, mutant.wrong))
    )
    module = importlib.import_module(mutant.file.removesuffix(".py").replace("/", "."))
    changed = [(_function(module, names), code) for names, code in _changed(right, wrong)]
    if not changed:
        raise ValueError(f"nothing is changed: {mutant.name}")
    return changed


def _changed(right: CodeType, wrong: CodeType) -> Iterator[tuple[tuple[str, ...], CodeType]]:
    """Functions that aren't the same any more: where they are, and what they are now."""
    if not _same(right, wrong, inner=False):
        raise ValueError(f"{right.co_qualname} isn't a function, and is loaded already")
    for before, after in zip(_inner(right), _inner(wrong), strict=True):
        if _same(before, after):
            continue
        if before.co_flags & FUNCTION:
            yield (after.co_name,), after
        else:
            yield from (((after.co_name, *names), code) for names, code in _changed(before, after))


def _same(one: CodeType, other: CodeType, *, inner: bool = True) -> bool:
    """But for the lines that they are on. `inner`: with the functions in them."""
    constants = [
        [(type(each), each) for each in code.co_consts if not isinstance(each, CodeType)] for code in (one, other)
    ]
    alike = constants[0] == constants[1] and all(getattr(one, name) == getattr(other, name) for name in NAMES)
    pairs = list(zip(_inner(one), _inner(other), strict=False))
    return alike and len(_inner(one)) == len(_inner(other)) and (not inner or all(_same(*pair) for pair in pairs))


def _inner(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def _function(place: Any, names: tuple[str, ...]) -> FunctionType:
    for name in names:
        place = inspect.getattr_static(place, name)
    if isinstance(place, property):
        place = place.fget
    if isinstance(place, classmethod | staticmethod):
        place = place.__func__
    found = inspect.unwrap(place)
    if not isinstance(found, FunctionType):
        raise TypeError(f"{'.'.join(names)} is {found!r}")
    return found
