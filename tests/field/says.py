"""What a source's parser makes of a payload, for cases."""

from dataclasses import replace
from typing import Any

from streamproc.core.parsed_payload import ParsedPayload
from streamproc.core.records.change_event import Fact
from streamproc.core.records.units import Millis
from streamproc.sources import SOURCES, configured
from streamproc.sources.raw_record import parse_record
from streamproc.sources.settled import settled

NOW = Millis(1_796_000_000_000)
"""When the records are appended: 2026-11-30."""


def says(source: str, value: bytes, settings: str = "", headers: dict[str, bytes] | None = None) -> ParsedPayload:
    """What a record of `events.<source>` says. `settings`: TOML text as in the file of STREAMPROC_SOURCES."""
    options = configured(settings, "sources.toml")[source]
    parsed = parse_record(SOURCES[source].read, options, value, headers or {}, NOW)
    return replace(parsed, events=tuple(settled(parsed.events, options)))


def now(said: ParsedPayload, name: str) -> list[Fact]:
    """Every value of an attribute that counts at once, in order; nothing where it isn't said."""
    return [event.attributes[name] for event in said.events if event.effective is None and name in event.attributes]


def words(said: ParsedPayload) -> Any:
    """Codes of what was left out."""
    return [ignored.code for ignored in said.ignored]
