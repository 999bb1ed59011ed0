"""What a mapping's expressions look for in facts, and text that hides everything else of a fact.

A rule of `[[rule]]` only sees whether a fact fits; an expression takes it to pieces as well: `before(upn, "@")`. So
what an expression names stays as it is, and each run of text between is a hash. Whoever is `kim.berg@acme.example`
becomes `redacted-1f…@redacted-9a…`, and what an expression makes of that differs where it differed before.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from string import ascii_lowercase, digits
from typing import Final

from streamproc.audit.evidence.pseudonyms import LENGTH, Words
from streamproc.core.errors import EvidenceError
from streamproc.core.expressions.parser import parse
from streamproc.core.expressions.syntax import Call, Constant, Node, parts_of

_PARTING: Final = frozenset({"like", "contains", "startsWith", "endsWith", "before", "after", "split", "replace"})
"""Functions that find a text within another."""


class LookedFor:
    """What expressions look for in one fact: whole texts, and those that part it. Case doesn't matter."""

    def __init__(self) -> None:
        self._whole: set[str] = set()
        self._parting: set[str] = set()

    def take(self, expression: str, tables: Mapping[str, Mapping[str, str]]) -> None:
        """Take in one that reads the fact."""
        for text, parts in _texts(parse(expression), tables):
            if parts:
                self._parting.update(each for each in text.split("*") if each)
            else:
                self._whole.add(text.casefold())

    def hidden(self, name: str, text: str, words: Words) -> str:
        """A fact's text, with hashes in the place of what no expression names. Raises EvidenceError."""
        if text.casefold() in self._whole:
            return text
        if not self._parting:
            return words.fact(name, text)
        longest_first = sorted(self._parting, key=lambda each: (-len(each), each))
        found = re.split(f"({'|'.join(map(re.escape, longest_first))})", text, flags=re.IGNORECASE)
        return "".join(
            each if at % 2 or not each or each.casefold() in self._whole else self._run(name, each, words)
            for at, each in enumerate(found)
        )

    def _run(self, name: str, text: str, words: Words) -> str:
        """A hash in which nothing that parts can be found."""
        hashed = words.fact(name, text)
        if not any(each.casefold() in hashed for each in self._parting):
            return hashed
        letters = sorted({*ascii_lowercase, *digits}.difference(each[0].casefold() for each in self._parting))
        if len(letters) < 2:
            raise EvidenceError(f"it can't be redacted: expressions part {name} by too many characters")
        number, spelled = int(hashed[-LENGTH:], 16), ""
        while number:
            number, at = divmod(number, len(letters))
            spelled += letters[at]
        return spelled


def _texts(node: Node, tables: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, bool]]:
    """Each text that an expression names, and whether it is looked for within others."""
    if isinstance(node, Constant):
        if isinstance(node.value, str):
            yield node.value, False
        return
    parting = isinstance(node, Call) and node.name in _PARTING
    for at, part in enumerate(parts_of(node)):
        if parting and at > 0 and isinstance(part, Constant) and isinstance(part.value, str):
            yield part.value, True
        else:
            yield from _texts(part, tables)
    if isinstance(node, Call) and node.name == "lookup":
        yield from ((key, False) for key in _keys(node.of, tables))


def _keys(arguments: tuple[Node, ...], tables: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    table = arguments[0] if arguments else None
    return tables.get(table.value, {}) if isinstance(table, Constant) and isinstance(table.value, str) else ()
