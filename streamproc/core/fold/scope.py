"""Scope: who is ours, and who of them is suspended, as a function of the facts and of what was desired before.

| before | `who` is true | false | unknown |
|---|---|---|---|
| never, or no record yet | in | never | never |
| in | in | left, or released | in |
| left, released | in | stays | stays |

Rule 1: who never was in scope has no desired attributes at all, so that nobody can name them to the target, not even to
revoke: an account that somebody else made for them is none of ours.
Rule 2: who has left keeps what was desired last, less access; `denied` tells that a source says no as well. Of who was
released nothing is written any more, but that a source says no: that is never given up. Who was suspended stays so.
Rule 3: what can't be said changes nothing, neither who is in scope nor who is suspended. A record under a mapping
without a scope counts as in.
Rule 4: a source's no goes before all of it. `suspended` stands only where nothing but the mapping takes access, also
where sources don't say whether somebody is active: a no goes before what can't be said, and access comes back by a yes.
"""

from collections.abc import Mapping as MappingABC
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from streamproc.core.expressions.expression import Expression, Unknown
from streamproc.core.fold.mapping import Mapping
from streamproc.core.records.change_event import Fact
from streamproc.core.records.resource import OutOfScope, Resource, by_mapping

_ACCESS: Final = frozenset({"active", "scope", "suspended", "denied"})
"""What of a resource says whether somebody has access, and by whose word not."""

State: TypeAlias = Literal["in"] | OutOfScope


class Clause(NamedTuple):
    """The part of an expression that decided: one of those that its outermost `&&` joins, or all of it."""

    text: str
    """As it is written in the mapping."""
    facts: tuple[str, ...]
    """What it rests on: the facts that it reads; where it can't be said, those because of which."""


class Standing(NamedTuple):
    """How somebody stands, and what the expressions say of them."""

    state: State
    who: bool | Unknown | None
    """None: the mapping has no scope."""
    suspended: bool
    """Whether access is taken for a time, if no source takes it."""
    suspension: bool | Unknown | None
    """None: the mapping has no suspension."""


def standing(mapping: Mapping, facts: MappingABC[str, Fact], before: Resource | None) -> Standing:
    """How somebody stands by these facts. `before`: what was desired until now; None: they have no record yet."""
    who, suspension = _said(mapping.who, facts), _said(mapping.suspension, facts)
    state = _state(mapping, who, "never" if before is None else before.get("scope", "in"))
    was_suspended = before is not None and "suspended" in before
    suspended = was_suspended if isinstance(suspension, Unknown) else suspension is True
    return Standing(state, who, suspended and state == "in", suspension)


def desire(
    mapping: Mapping, user: str, facts: MappingABC[str, Fact], before: Resource | None
) -> tuple[Resource, list[str]]:
    """The resource these facts ask for, and the problems found in them: `Mapping.desire`, of those who are ours.

    `before`: what was desired until now; None: the user has no record yet.
    """
    if mapping.who is None and mapping.suspension is None:
        return mapping.desire(user, facts, _unsuspended(before))
    here = standing(mapping, facts, before)
    problems = [f"scope rests on {_on(here.who)}"] if isinstance(here.who, Unknown) else []
    if here.state == "never":
        return Resource(externalId=user, scope="never"), problems
    if here.state == "left":
        assert before is not None
        denied = _denied(mapping, user, facts, before)
        left = _frozen(before, "left", denied=denied)
        left.pop("suspended", None)
        left["active"] = False
        if denied:
            left["denied"] = True
        return left, problems
    wanted, found = mapping.desire(user, facts, _unsuspended(before))
    if here.state == "released":
        assert before is not None
        return _frozen(before, "released", denied=wanted.get("active") is False), problems
    if isinstance(here.suspension, Unknown) and (here.suspended or not here.suspension.absent):
        problems.append(f"suspension rests on {_on(here.suspension)}")
    was_suspended = before is not None and "suspended" in before
    if wanted.get("active") is not False and (here.suspended or (was_suspended and "active" not in wanted)):
        wanted["active"], wanted["suspended"] = False, True
    return wanted, [*found, *problems]


def unheard(mapping: Mapping, user: str) -> Resource:
    """What is desired of a user of whom nothing has been heard."""
    return Resource(externalId=user) if mapping.who is None else Resource(externalId=user, scope="never")


def deciding(mapping: Mapping) -> frozenset[str]:
    """Facts by which the mapping may take access that sources give."""
    expressions = (each for each in (mapping.who, mapping.suspension) if each is not None)
    return frozenset().union(*(expression.reads for expression in expressions))


def access_taken(before: Resource, desired: Resource) -> Resource:
    """What was desired before, with nothing of what is desired now but that it takes access."""
    if desired.get("active") is not False:
        return before
    kept = {name: value for name, value in before.items() if name not in _ACCESS}
    taken = {name: value for name, value in desired.items() if name in _ACCESS}
    return cast("Resource", kept | taken)


def decisive(expression: Expression, facts: MappingABC[str, Fact]) -> Clause:
    """The clause because of which an expression isn't true; of one that is true, all of it."""
    clauses = [(clause, clause.evaluate(facts)) for clause in expression.clauses]
    for clause, said in clauses:
        if said is False:
            return Clause(clause.text, tuple(sorted(clause.reads)))
    for clause, said in clauses:
        if isinstance(said, Unknown):
            return Clause(clause.text, tuple(sorted(said.facts)))
    return Clause(expression.text, tuple(sorted(expression.reads)))


def _said(expression: Expression | None, facts: MappingABC[str, Fact]) -> bool | Unknown | None:
    return None if expression is None else cast("bool | Unknown", expression.evaluate(facts))


def _state(mapping: Mapping, who: bool | Unknown | None, before: State) -> State:
    match who:
        case None | True:
            return "in"
        case False if before == "in":
            scope = mapping.file.scope
            return "released" if scope is not None and scope.leaving == "release" else "left"
        case _:
            return before


def _frozen(before: Resource, scope: OutOfScope, *, denied: bool) -> Resource:
    """What was desired last, of who is out of scope. `denied`: a source says no."""
    frozen = before.copy()
    frozen.pop("denied", None)
    frozen["scope"] = scope
    if denied:
        frozen.pop("suspended", None)
        frozen["active"] = False
    return frozen


def _denied(mapping: Mapping, user: str, facts: MappingABC[str, Fact], before: Resource) -> bool:
    """Whether a source says no to who has left the scope. What can't be read leaves it as it was."""
    stood = before.get("active") is False and not by_mapping(before)
    said = mapping.desire(user, facts, Resource(**{**before, "active": not stood}))[0]
    return said.get("active") is False


def _unsuspended(before: Resource | None) -> Resource | None:
    """Without what the mapping said of access. What sources said of it before isn't known, so it isn't given back until
    one says so again.
    """
    if before is None or "suspended" not in before:
        return before
    said = before.copy()
    del said["active"]
    return said


def _on(unknown: Unknown) -> str:
    """What is missing, without a value of it."""
    if not unknown.absent:
        return f"what can't be said: {unknown.reason}"
    names = sorted(unknown.facts)
    return f"{', '.join(names)}, which {'has' if len(names) == 1 else 'have'} no value"
