"""Event sources: one pure file each, registered here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from streamproc.core.parsed_payload import ParsedPayload, Receipt
from streamproc.sources import debezium, entra, hris, okta, pingone, security_events, workday
from streamproc.sources.options import SourceOptions, parse_sources


class Read(Protocol):
    """A payload, whole or one element of it → what it says. Never raises on any JSON."""

    def __call__(self, payload: Any, taken: Receipt, options: SourceOptions) -> ParsedPayload: ...


@dataclass(frozen=True, slots=True)
class Source:
    """One source. `elements`: a hook's body or a page → its single events, in order.

    `fetched`: it also sends what carries no values, after which the subject has to be fetched.
    """

    name: str
    read: Read
    elements: Callable[[Any], list[Any]]
    defaults: SourceOptions
    fetched: bool


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
    )
}
"""Source name → source; its topics are `events.<source>` and, where it is fetched, `notifications.<source>`."""


def configured(text: str, name: str) -> dict[str, SourceOptions]:
    """Options of every source: its defaults, and over them what the TOML text says. Raises SettingsError."""
    return parse_sources(text, name, {source.name: source.defaults for source in SOURCES.values()})
