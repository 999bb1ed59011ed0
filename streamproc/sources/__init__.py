"""Event sources: one pure file each, registered here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from streamproc.core.parsed_payload import ParsedPayload, Receipt
from streamproc.sources import debezium, entra, hris, okta, pingone, security_events, workday
from streamproc.sources.options import SourceOptions, parse_sources
from streamproc.sources.scim import payload as scim


class Read(Protocol):
    """A payload, or one element of it → what it says. Never raises on any JSON."""

    def __call__(self, payload: Any, receipt: Receipt, options: SourceOptions) -> ParsedPayload: ...


@dataclass(frozen=True, slots=True)
class Source:
    """One source."""

    name: str
    read: Read
    elements: Callable[[Any], list[Any]]
    """A hook's body or a page → its single events, in order."""
    defaults: SourceOptions
    fetched: bool
    """It also sends events without values, after which the subject has to be fetched."""


SOURCES: Final[dict[str, Source]] = {
    name: Source(name, module.read, module.elements, module.DEFAULTS, fetched)
    for name, module, fetched in (
        ("hris", hris, True),
        ("okta", okta, True),
        ("entra", entra, True),
        ("pingone", pingone, True),
        ("workday", workday, True),
        ("debezium", debezium, False),
        ("set", security_events, False),
        ("scim", scim, False),
    )
}
"""Source name → source; its topics are `events.<source>` and, where it is fetched, `notifications.<source>`.

The worker reads `scim` otherwise (`scim/read.py`)."""


def configured(text: str, name: str) -> dict[str, SourceOptions]:
    """Options of every source: those in the TOML text, and its defaults for the others. Raises SettingsError."""
    return parse_sources(text, name, {source.name: source.defaults for source in SOURCES.values()})
