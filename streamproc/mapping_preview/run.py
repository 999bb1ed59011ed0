"""The what-if and the survey over all partitions of a history. Nothing is sent, and nothing is written."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from streamproc.archive.per_partition import map_partitions
from streamproc.core.fold.refold import first_mapping
from streamproc.core.records.stored_record import History, below
from streamproc.core.records.topic_names import CHANGES
from streamproc.core.records.units import Millis
from streamproc.mapping_preview.attribute_usage import Survey, Surveyed
from streamproc.mapping_preview.impact import Impact
from streamproc.mapping_preview.whatif import WhatIf
from streamproc.sources.mapping_authority import usable

_NEVER: Final = 1 << 62
"""ms since 1970, after all that is in any log."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked."""

    text: str
    """Of the mapping file."""
    name: str
    """Of the mapping file, for messages."""
    assumed: tuple[str, str]
    """Text and name of the mapping for partitions whose log names none."""
    since: int | None = None
    """From when on the mapping is in force, in ms since 1970; None: from the beginning."""
    now: Millis | None = None
    """When it would come into force now, in ms since 1970; None: at the end of the history."""
    examples: int = 5
    """Of each kind."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of it."""

    impact: Impact
    in_force: dict[int, str]
    """Partition → digest of its mapping at the end."""
    assumed: list[int]
    """Partitions with events that name no mapping."""


def compared(history: History, question: Question, say: Callable[[str], None]) -> Answered:
    """Answer a question. Raises MappingError, and what the history raises where it can't be read."""
    usable(question.text, question.name)
    total, in_force, assumed = Impact(question.examples), {}, []
    for number, (impact, digest, guessed) in map_partitions(history, partial(_compared, question=question)):
        total.add(impact)
        if impact.events or not guessed:
            in_force[number] = digest
        if impact.events and guessed:
            assumed.append(number)
        say(f"partition {number}: {impact.events:,} events, {impact.users:,} users")
    total.settle()
    return Answered(total, dict(sorted(in_force.items())), sorted(assumed))


def ordered_now(
    history: History, text: str, name: str, assumed: tuple[str, str], now: Millis, say: Callable[[str], None]
) -> Impact:
    """What bringing a mapping into force now would do, and nothing of the time before. Raises as `compared` does."""
    return compared(history, Question(text, name, assumed, since=_NEVER, now=now, examples=0), say).impact


def surveyed(history: History, text: str, name: str, now: Millis | None, say: Callable[[str], None]) -> Surveyed:
    """Survey all partitions by a mapping file. Raises MappingError, and what reading the history raises."""
    total = Surveyed()
    for number, partition_survey in map_partitions(history, partial(_surveyed, text=text, name=name, now=now)):
        total.add(partition_survey)
        say(f"partition {number}: {partition_survey.events:,} events")
    return total


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


def _surveyed(history: History, partition: int, text: str, name: str, now: Millis | None) -> Surveyed:
    survey = Survey(usable(text, name))
    for logged in history.read(CHANGES, partition):
        survey.take(logged)
    return survey.surveyed(now)
