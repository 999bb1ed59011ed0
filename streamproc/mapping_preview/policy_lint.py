"""Finds policies that can't do what they say."""

from collections.abc import Iterator
from typing import Final

from streamproc.core.fold.mapping_file import MappingFile
from streamproc.core.records.resource import LEVELS, LISTS, Policy

_BY_ITSELF: Final = {
    "division": "newcomers of whom no division is known get one from the target, and that one counts as theirs",
    "roles": "roles that the target gives newcomers by itself count as theirs where none are known of them yet, unless "
    "[always] names them",
}
"""Attribute → what becomes of a seed of it that comes later than the account."""


def policies(file: MappingFile) -> dict[Policy, list[str]]:
    """Policy → attributes that this file gives and that have it, in the file's order; not of `own`."""
    given = _given(file)
    named = [(policy, name) for name, policy in file.policy if policy != "own" and name in given]
    return {policy: [name for each, name in named if each == policy] for policy in ("seed", "observe")}


def odd_policies(file: MappingFile) -> Iterator[tuple[str, str]]:
    """Place and text of each."""
    given = _given(file)
    for name, policy in file.policy:
        if policy != "own" and name not in given:
            yield f"policy.{name}", f"has no effect: nothing in this file gives {name!r}"
        elif policy == "seed" and name in _BY_ITSELF and not (name == "roles" and file.always.roles):
            yield f"policy.{name}", _BY_ITSELF[name]


def _given(file: MappingFile) -> set[str]:
    """Attributes to which the file can give a value."""
    lines = {name for name, value in file.attributes if value is not None}
    rules = {name for name in ("title", "division", *LISTS, *LEVELS) for rule in file.rules if getattr(rule, name)}
    return lines | rules | {copy.to for copy in file.copies} | ({"externalIds"} if file.externalIds else set())
