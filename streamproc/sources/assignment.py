"""Whether somebody is assigned to the application at their identity provider: the fact `assigned`, `yes` or `no`.

Rule 1: it is said only where an application is configured, and only of that one.
Rule 2: an answer that doesn't tell changes nothing: not assigned is what the provider says, never what it leaves out.
Rule 3: of whose access ends nobody asks; what was known of them stays.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from streamproc.core.parsed_payload import FetchRequest, Ignored, SourceEvent
from streamproc.core.records.change_event import Fact
from streamproc.sources.lenient_json import record
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import Reading
from streamproc.sources.values.unread import UNREAD

Part: TypeAlias = SourceEvent | FetchRequest | Ignored
ASSIGNED: Final = "assigned"
"""Name of the fact."""
ANSWER: Final = "_assignment"
"""Where the fetch puts the answer in the user's resource: `{"application": ID, "assigned": true}`."""


def fact(*, assigned: bool) -> Fact:
    """The value of the fact."""
    return "yes" if assigned else "no"


def asked(said: Part, memberships: Mapping[str, bool], options: SourceOptions) -> Iterator[FetchRequest]:
    """Whom to fetch besides: whoever joins or leaves a group may be assigned by it. `memberships`: reason → joins."""
    if not options.application or not isinstance(said, SourceEvent):
        return
    joins = memberships.get(said.reason or "")
    if joins is not None:
        yield FetchRequest(said.subject, said.event, said.order[0], f"{said.reason}", urgent=not joins)


def take(reading: Reading, user: dict[str, Any], options: SourceOptions) -> tuple[str, ...]:
    """Read what a whole user says of it. Returns what the snapshot doesn't speak of, without a word to anybody."""
    if not options.application:
        return ()
    answer = record(user.get(ANSWER))
    said = answer.get("assigned") if answer.get("application") == options.application else None
    if isinstance(said, bool):
        reading.take(ASSIGNED, fact(assigned=said), "assignment")
    elif reading.facts.get("active") is False:
        reading.facts.pop(ASSIGNED, None)
        return (ASSIGNED,)
    else:
        reading.take(ASSIGNED, UNREAD, "assignment")
    return ()
