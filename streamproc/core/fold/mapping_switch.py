"""Rules: which mapping is in force in a partition of `identity.changes`, from which offset on.

Rule 1: a mapping comes into force by an event of kind `mapping`, which carries the whole file and has its digest as id.
What lies before a partition's first one was folded by that one, too: a worker that finds none appends its own `first`.
Rule 2: an event that repeats the order in force, or names the mapping in force, changes nothing.
Rule 3: where the new mapping reads other facts than the old, what the partition's events have said of them until then
is heard anew; what nobody had asked for wasn't kept.
"""

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from pydantic import ValidationError

from streamproc.core.errors import MappingError
from streamproc.core.fold.authority import key
from streamproc.core.fold.facts import absorb
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.records.change_event import ChangeEvent, SourceFacts, decode_event
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.units import Millis


def switched(known: MappingInForce | None, seq: int, appended: Millis, event: ChangeEvent) -> MappingInForce | None:
    """The rules from the mapping event at offset `seq` on; None: it changes nothing.

    Raises MappingError where it brings none, or its text isn't the mapping that it names.
    """
    if event.mapping is None:
        raise MappingError("there is no mapping in it; only the worker may write here")
    origin = event.origin
    if known is not None and (
        event.mapping.first or event.event == known.digest or origin.is_at_or_before(known.origin)
    ):
        return None
    compiled(event.event, event.mapping.text)
    return MappingInForce(seq, event.event, event.mapping.text, event.mapping.by, event.reason or "", origin, appended)


@lru_cache(maxsize=16)
def compiled(digest: str, text: str) -> Mapping:
    """The mapping of that text. Raises MappingError where that isn't the mapping of this digest."""
    mapping = parse_mapping(text, f"mapping {digest}")
    if mapping.digest != digest:
        raise MappingError(f"mapping {digest}: its text is that of mapping {mapping.digest}")
    return mapping


def readable_events(values: Iterable[bytes | None]) -> Iterator[ChangeEvent]:
    """The events in values of `identity.changes`; what isn't one was rejected when it was read."""
    for value in values:
        try:
            yield decode_event(value or b"")
        except ValidationError:
            continue


def facts_heard(
    events: Iterable[ChangeEvent], wanted: Collection[str], users: dict[str, dict[str, SourceFacts]] | None = None
) -> dict[str, dict[str, SourceFacts]]:
    """User → subject → what all these events have said of the wanted facts (rule 3). `users`: to go on from there."""
    users = {} if users is None else users
    for event in events:
        if event.kind not in {"due", "mapping"}:
            subjects = users.setdefault(event.user, {})
            name = key(event.source, event.subject)
            subjects[name], _ = absorb(subjects.get(name), event, wanted)
    return users


def unheard_partitions(mapping: Mapping, known: dict[int, MappingInForce], beginnings: dict[int, int]) -> list[int]:
    """Partitions where a mapping reads other facts than the one in force, and the log's first records are gone.

    What was said of those facts can't be heard any more. `beginnings`: offset of each partition's first record.
    """
    unheard: list[int] = []
    for partition, first in beginnings.items():
        rules = known.get(partition)
        if first > 0 and (rules is None or compiled(rules.digest, rules.text).facts != mapping.facts):
            unheard.append(partition)
    return unheard
