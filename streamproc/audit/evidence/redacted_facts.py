"""Facts, redacted: which stay, and what stands in for the others. Why: `redaction.py`."""

import re
from collections.abc import Callable, Collection, Iterable
from typing import Final

from streamproc.audit.evidence.expressed import expressed
from streamproc.audit.evidence.pseudonyms import Words
from streamproc.core.fold.mapping import Mapping, patterns_of
from streamproc.core.fold.names import UnreadError, matches, text_in
from streamproc.core.records.change_event import BEGAN, GONE, Fact, JsonScalar
from streamproc.core.records.fact_names import ACTIVE, GROUP
from streamproc.core.records.units import Micros
from streamproc.core.records.unread_fact import why_unread
from streamproc.core.text import plain

NUMBER: Final = 1e300
"""In the place of any value that no mapping takes for text."""
SOMETHING: Final = "redacted"
"""The name of a fact without a value, where an event said only what no mapping reads."""


class Facts:
    """Which facts stay, by all mappings of a bundle."""

    def __init__(self, mappings: Collection[Mapping], keep: Collection[str] = ()) -> None:
        """`keep`: facts that stay because somebody said so."""
        self.hidden: set[str] = set()
        """Facts with a value that became a hash."""
        self.copied: set[str] = {ACTIVE, BEGAN, GONE, GROUP, *_spelled(keep)}
        self.patterns: dict[str, list[re.Pattern[str]]] = {}
        self._read = {ACTIVE, BEGAN, GONE, GROUP}.union(*(mapping.facts for mapping in mappings))
        for mapping in mappings:
            self.copied |= _spelled(
                [mapping.file.attributes.active, *(copy.fact for copy in mapping.file.copies if copy.fact is not None)]
            )
            for fact, pattern in patterns_of(mapping):
                for name in _spelled([fact]):
                    self.patterns.setdefault(name, []).append(pattern)
        self._expressed = {name: asked for name, asked in expressed(mappings).items() if name not in self.copied}
        self.copied |= {name for name, asked in self._expressed.items() if asked.copied}

    @property
    def kept(self) -> list[str]:
        """Facts that a rule, a copy or a condition looks into."""
        deciding = {name for name, asked in self._expressed.items() if asked.decides}
        return sorted(self.copied | self.patterns.keys() | deciding)

    def named(self, names: Iterable[str]) -> list[str]:
        """Those that some mapping reads."""
        return [name for name in names if name in self._read]

    def of(self, values: dict[str, Fact], words: Words, time: Callable[[int], Micros]) -> dict[str, Fact]:
        """What some mapping reads, redacted. Where that is nothing, it still was said that there is something."""
        found: dict[str, Fact] = {name: self._fact(name, values[name], words, time) for name in self.named(values)}
        return found if found or not values else {SOMETHING: None}

    def _fact(self, name: str, value: Fact, words: Words, time: Callable[[int], Micros]) -> Fact:
        if name == BEGAN and isinstance(value, int) and not isinstance(value, bool):
            return time(value)
        if name in self.copied or value is None or why_unread(value) is not None:
            return value
        patterns = self.patterns.get(name, ())
        hidden: Fact
        try:
            if (asked := self._expressed.get(name)) is not None:
                hidden = asked.hidden(name, value, words, patterns)
                if hidden == value:
                    return value
            elif isinstance(value, list):
                hidden = _seen(value, patterns)
            else:
                text = value if isinstance(value, str) else text_in(value)
                hidden = words.fact(name, text) if text else ""
                if any(matches(pattern, value) != matches(pattern, hidden) for pattern in patterns):
                    return value
        except UnreadError:
            hidden = NUMBER
        self.hidden.add(name)
        return hidden


def _seen(values: list[JsonScalar], patterns: Collection[re.Pattern[str]]) -> Fact:
    """The elements that a rule sees; as an attribute no list can be read, whatever is in it."""
    seen = [value for value in values if any(matches(pattern, [value]) for pattern in patterns)]
    return list[JsonScalar](seen) if seen or patterns else NUMBER


def _spelled(names: Iterable[str]) -> set[str]:
    return {spelled for name in names for spelled in (name, plain(name))}
