"""Held claims: what is told of an event by which a subject is held as ambiguous (`core/fold/claims.py`)."""

from typing import Final

from streamproc.core.fold.authority import key
from streamproc.core.fold.claims import HELD, MOST
from streamproc.core.records.change_event import ChangeEvent
from streamproc.core.records.rejected import Problem
from streamproc.core.records.user_record import decode_state

CODE: Final = "ambiguous"


def held_claims(known: bytes | None, value: bytes, event: ChangeEvent) -> list[Problem]:
    """Who is held since a user's record was `known`, by that after the event. Most records hold nobody."""
    if HELD not in value:
        return []
    before = {} if known is None else decode_state(known).facts
    after = decode_state(value).facts
    told = [
        Problem(CODE, "another subject of its source is this user: held until an operator links it or splits it", name)
        for name, facts in after.items()
        if facts.standing == "held" and not facts.left and (name not in before or before[name].standing != "held")
    ]
    if (name := key(event.source, event.subject)) not in after:
        told.append(Problem(CODE, f"{MOST} subjects of its source have been this user: it is held", name))
    return told
