"""Constructed pasts: what `identity.changes` would hold, one event after the other, and an archive of it."""

import shutil
from pathlib import Path

import orjson

from streamproc.archive import layout
from streamproc.archive.layout import Manifest
from streamproc.archive.writer import ArchiveWriter
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Effective, Fact, NewMapping, Origin
from streamproc.core.records.mapping_in_force import SOURCE
from streamproc.core.records.stored_record import InMemoryHistory, StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS
from streamproc.core.records.units import Micros, Millis

START = 1_790_000_000_000
"""ms since 1970; each record is appended a second after the one before."""


class Past:
    """One partition, whose log begins with a mapping."""

    def __init__(self, text: str | None, partition: int = 0) -> None:
        self.partition = partition
        self.log: list[StoredRecord] = []
        if text is not None:
            self.rule(text, first=True)

    @property
    def now(self) -> int:
        """When the next record is appended, in ms since 1970."""
        return START + 1000 * len(self.log)

    def say(self, user: str, /, source: str = "hris", starts: int | None = None, **facts: Fact) -> None:
        """A source changes facts of a user; `starts`: only from then on, in ms since 1970."""
        number, moment = len(self.log), self.now
        effective = None if starts is None else Effective(Micros(starts * 1000), "a day", "UTC")
        origin = Origin(f"events.{source}", self.partition, number, Millis(moment))
        order = (Micros(moment * 1000), 0, f"e{number}")
        self._append(ChangeEvent(user, source, user, f"e{number}", "change", order, facts, origin, effective=effective))

    def due(self, user: str, at: int) -> None:
        """The worker says, at that time by its clock, that a date of the user has passed."""
        origin = Origin(CHANGES, self.partition, len(self.log), Millis(at))
        self._append(ChangeEvent(user, "hris", user, "due/r", "due", (Micros(at * 1000), 0, "r"), {}, origin, "due"))

    def rule(self, text: str, *, first: bool = False) -> None:
        """A mapping comes into force."""
        number = len(self.log)
        origin = Origin(CHANGES if first else CONTROLS, self.partition, number, Millis(self.now))
        digest, named = parse_mapping(text).digest, NewMapping(text, "Kim", first)
        self._append(
            ChangeEvent("", SOURCE, "", digest, "mapping", (Micros(self.now * 1000), 0, ""), {}, origin, mapping=named)
        )

    def _append(self, event: ChangeEvent) -> None:
        value = orjson.dumps(event)
        self.log.append(
            StoredRecord(CHANGES, self.partition, len(self.log), Millis(self.now), event.user.encode(), value)
        )


def recalled(*pasts: Past) -> InMemoryHistory:
    """Their history, in memory."""
    return InMemoryHistory([one for past in pasts for one in past.log], len(pasts))


def archived(folder: Path, *pasts: Past) -> Path:
    """Their history, as an archive, in place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    layout.keep_manifest(folder, Manifest(layout.VERSION, None, len(pasts), (CHANGES,)))
    for past in pasts:
        writing = ArchiveWriter(folder, CHANGES, past.partition, 0)
        for one in past.log:
            writing.add((one.offset, one.timestamp, one.key, one.value, one.headers))
        writing.close(len(past.log))
    return folder
