"""Held claims: what is told of an event by which a subject is ambiguous (`core/fold/claims.py`), or says no.

Who is held, or waits, may be the user after all: if they say that they aren't active while the user is, somebody may
have left who still has access. That is told as a leaving which isn't carried out, until an operator says who they are.
"""

from typing import Final, NamedTuple

from streamproc.core.fold.authority import AMBIGUOUS, key
from streamproc.core.fold.claims import MOST, ambiguous, may_be_ambiguous
from streamproc.core.records.change_event import ChangeEvent, SourceFacts
from streamproc.core.records.rejected import Problem
from streamproc.core.records.user_record import decode_state

CODE: Final = "ambiguous"


class HeldClaims(NamedTuple):
    """What is to be told; `denies`: somebody ambiguous says no, and the user is active."""

    problems: list[Problem]
    denies: bool


def held_claims(known: bytes | None, value: bytes, event: ChangeEvent, active: str) -> HeldClaims:
    """Of a user's record that was `known`, and is `value` after the event. Most records hold nobody. `active` names the
    fact that gives access.
    """
    if not may_be_ambiguous(value):
        return HeldClaims([], denies=False)
    before = {} if known is None else decode_state(known).facts
    state = decode_state(value)
    problems: list[Problem] = []
    denies = False
    for name, facts in state.facts.items():
        was = before.get(name)
        if not ambiguous(facts):
            continue
        if was is None or was.standing not in {"held", "behind"}:
            why = "another subject of its source is this user: it counts for nothing until it is linked or split"
            problems.append(Problem(CODE, why, name))
        if (
            _says_no(facts, active)
            and not (was is not None and _says_no(was, active))
            and state.desired.get("active") is True
        ):
            why = "it counts for nothing, and isn't active any more: if it is this user, they have left and have access"
            problems.append(Problem(CODE, why, name))
            denies = True
    if (name := key(event.source, event.subject)) not in state.facts:
        problems.append(Problem(CODE, f"{MOST} subjects of its source have been this user: it is held", name))
    return HeldClaims(problems, denies)


def _says_no(facts: SourceFacts, active: str) -> bool:
    return facts.standing in AMBIGUOUS and not facts.left and facts.values.get(active) is False
