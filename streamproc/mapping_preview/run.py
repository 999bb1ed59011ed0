"""What if, and the survey, over all partitions of a history. Nothing is sent, and nothing is written."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from streamproc.archive.per_partition import map_partitions
from streamproc.core.fold.refold import first_mapping
from streamproc.core.records.stored_record import History, below
from streamproc.core.records.topic_names import CHANGES
from streamproc.mapping_preview.attribute_usage import Survey, Surveyed
from streamproc.mapping_preview.impact import Impact
from streamproc.mapping_preview.whatif import WhatIf
from streamproc.sources.mapping_authority import usable


@dataclass(frozen=True, slots=True)
class Question:
    """`text`, `name`: the mapping file. `assumed`: that of partitions whose log names none. See `WhatIf`, `impact`."""

    text: str
    name: str
    assumed: tuple[str, str]
    since: int | None = None
    now: int | None = None
    examples: int = 5


@dataclass(frozen=True, slots=True)
class Answered:
    """`in_force`: partition → digest of its mapping at the end. `assumed`: partitions with events that name none."""

    impact: Impact
    in_force: dict[int, str]
    assumed: list[int]


def compared(history: History, question: Question, say: Callable[[str], None]) -> Answered:
    """Raises MappingError, and what the history raises where it can't be read."""
    usable(question.text, question.name)
    whole, in_force, assumed = Impact(question.examples), {}, []
    for number, (impact, digest, guessed) in map_partitions(history, partial(_compared, question=question)):
        whole.add(impact)
        if impact.events or not guessed:
            in_force[number] = digest
        if impact.events and guessed:
            assumed.append(number)
        say(f"partition {number}: {impact.events:,} events, {impact.users:,} users")
    whole.settle()
    return Answered(whole, dict(sorted(in_force.items())), sorted(assumed))


def surveyed(history: History, text: str, name: str, now: int | None, say: Callable[[str], None]) -> Surveyed:
    """See `Survey`. Raises MappingError, and what the history raises where it can't be read."""
    whole = Surveyed()
    for number, found in map_partitions(history, partial(_surveyed, text=text, name=name, now=now)):
        whole.add(found)
        say(f"partition {number}: {found.events:,} events")
    return whole


def _compared(history: History, partition: int, question: Question) -> tuple[Impact, str, bool]:
    rules = first_mapping(history.read(CHANGES, partition))
    whatif = WhatIf(
        partial(below, history, CHANGES, partition),
        rules,
        usable(*question.assumed) if rules is None else None,
        usable(question.text, question.name),
        since=question.since,
        examples=question.examples,
    )
    for logged in history.read(CHANGES, partition):
        whatif.take(logged)
    return whatif.impact(question.now), whatif.old.digest, rules is None


def _surveyed(history: History, partition: int, text: str, name: str, now: int | None) -> Surveyed:
    survey = Survey(usable(text, name))
    for logged in history.read(CHANGES, partition):
        survey.take(logged)
    return survey.surveyed(now)
