"""Facts that a mapping's expressions read, hidden so that no expression sees a difference; or found not to be hidable.

Rule 1: what copies look into stays, as ever, and so does who is in which group.
Rule 2: of all others only what the expressions name stays (`looked_for.py`).
Rule 3: where a condition on that fact alone (a scope's, a suspension's or a rule's) still tells the hidden value from
the value, the value stays.
Rule 4: where an attribute would then have no value any more, or one that it hadn't, nothing is hidden or shown on a
guess: there is no redacted bundle until somebody says that the fact may stay.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from streamproc.audit.evidence.looked_for import LookedFor
from streamproc.audit.evidence.pseudonyms import Words
from streamproc.core.errors import EvidenceError
from streamproc.core.expressions.expression import Expression, Unknown
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.names import matches, text_in
from streamproc.core.records.change_event import Fact, JsonScalar
from streamproc.core.records.fact_names import GROUP


@dataclass(slots=True)
class Expressed:
    """What expressions ask of one fact."""

    looked_for: LookedFor = field(default_factory=LookedFor)
    copied: bool = False
    """Rule 1."""
    decides: bool = False
    """Whether a condition reads it, also with others."""
    conditions: list[Expression] = field(default_factory=list)
    """Those on this fact alone."""
    texts: list[Expression] = field(default_factory=list)
    """Attributes that are made of this fact alone."""

    def hidden(self, name: str, value: Fact, words: Words, patterns: Collection[re.Pattern[str]]) -> Fact:
        """What stands in for a value, or the value. `patterns`: what rules ask. Raises UnreadError, EvidenceError."""
        if isinstance(value, list):
            hidden: Fact = [self._one(name, each, words, patterns) for each in value]
        else:
            hidden = self._scalar(name, value, words)
            if any(matches(pattern, value) != matches(pattern, hidden) for pattern in patterns):
                return value
        if any(_seen(each, name, value) != _seen(each, name, hidden) for each in self.conditions):
            return value
        for each in self.texts:
            if _kind(each, name, value) != _kind(each, name, hidden):
                raise EvidenceError(
                    f"it can't be redacted: {each.text} looks into {name} so that nothing can stand in for it. "
                    f"Make it without --redact, or show that fact: --keep {name}"
                )
        return hidden

    def _one(self, name: str, value: JsonScalar, words: Words, patterns: Collection[re.Pattern[str]]) -> JsonScalar:
        hidden = self._scalar(name, value, words)
        seen = any(matches(pattern, [value]) != matches(pattern, [hidden]) for pattern in patterns)
        return value if seen else hidden

    def _scalar(self, name: str, value: Fact, words: Words) -> JsonScalar:
        if value is None or isinstance(value, bool):
            return value
        text = value if isinstance(value, str) else text_in(value)
        return self.looked_for.hidden(name, text, words) if text else ""


def expressed(mappings: Iterable[Mapping]) -> dict[str, Expressed]:
    """By fact, what the expressions of all mappings ask of it."""
    found: defaultdict[str, Expressed] = defaultdict(Expressed)
    for mapping in mappings:
        for expression in mapping.expressions.values():
            asks = expression.gives == "truth"
            for name in expression.reads:
                found[name].decides |= asks
                found[name].looked_for.take(expression.text, mapping.file.tables)
                found[name].copied |= expression.gives == "texts" or name.startswith(GROUP)
            for clause in expression.clauses if asks else (expression,):
                if len(clause.reads) == 1:
                    (name,) = clause.reads
                    (found[name].conditions if asks else found[name].texts).append(clause)
    return dict(found)


def _seen(condition: Expression, name: str, value: Fact) -> bool | None:
    said = condition.evaluate({name: value})
    return None if isinstance(said, Unknown) else said is True


def _kind(text: Expression, name: str, value: Fact) -> type | None:
    said = text.evaluate({name: value})
    return Unknown if isinstance(said, Unknown) else type(said)
