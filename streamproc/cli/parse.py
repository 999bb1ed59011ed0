"""`streamproc parse`: what a payload becomes, for people who integrate a source."""

import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import click
import orjson

from streamproc.cli.options import JSON
from streamproc.cli.screen import put_json, put_lines
from streamproc.core.parsed_payload import Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import Fact
from streamproc.core.records.units import Micros
from streamproc.core.records.unread_fact import why_unread
from streamproc.settings import load_settings
from streamproc.sources import SOURCES, configured
from streamproc.sources.settled import settled
from streamproc.sources.wire_format import json_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.command(epilog="Example: streamproc parse okta hook.json --json")
@click.argument("source", type=click.Choice(sorted(SOURCES)))
@click.argument("file", type=click.File("rb"), default="-")
@JSON
def parse(source: str, file: BinaryIO, as_json: bool) -> None:
    """What a payload of a source becomes: events, subjects to fetch, and what is ignored, with the reason.

    FILE holds one JSON document, as the source sends or answers it (for `set` also the token); `-` is standard input.
    Nothing is sent anywhere. 1 where it isn't JSON.
    """
    settings = load_settings()
    options = configured(*settings.sources_text())
    content = file.read()
    readable, parsed = True, ParsedPayload()
    try:
        payload = _payload(source, content)
        parsed = SOURCES[source].read(payload, Receipt(Micros(time.time_ns() // 1000)), options[source])
        parsed = replace(parsed, events=tuple(settled(parsed.events, options[source])))
    except ValueError as error:
        readable, parsed = False, ParsedPayload(ignored=(Ignored("not_json", str(error)),))
    if as_json:
        put_json(as_object(parsed), orjson.OPT_INDENT_2)
    else:
        put_lines(lines(parsed))
    sys.exit(0 if readable else 1)


def _payload(source: str, content: bytes) -> Any:
    """The JSON; for `set` the token as text. Raises ValueError with where it is wrong, never with what is there."""
    if source == "set" and content.strip()[:2] == b"ey":
        return content.strip().decode("ascii", "replace")
    found = json_of(content)
    if isinstance(found, Ignored):
        raise ValueError(found.reason)  # noqa: TRY004 - not a wrong type, a wrong file
    return found


def as_object(parsed: ParsedPayload) -> dict[str, Any]:
    """As JSON: `events`, `notifications`, `ignored`. Times are RFC 3339."""
    return {
        "events": [_event(event) for event in parsed.events],
        "notifications": [asdict(notice) | {"at": _moment(notice.at)} for notice in parsed.notifications],
        "ignored": [asdict(ignored) for ignored in parsed.ignored],
    }


def lines(parsed: ParsedPayload) -> list[str]:
    """As text, for people."""
    output: list[str] = []
    for event in parsed.events:
        who = f"{event.subject} (user {event.anchor})" if event.anchor else f"{event.subject} (user not said)"
        output.append(f"event         {event.kind} of {who} at {_moment(event.order[0])}, id {event.event}")
        if event.effective is not None:
            output.append(
                f"              from {_moment(event.effective.at)} ({event.effective.said}, {event.effective.zone})"
            )
        output += [f"              {name} stays as it is" for name in event.kept]
        output += [f"              {name} {_value(value)}" for name, value in event.attributes.items()]
    for notice in parsed.notifications:
        urgent = ", urgent" if notice.urgent else ""
        output.append(f"notification  fetch {notice.subject}, as of {_moment(notice.at)}{urgent}: {notice.reason}")
    for ignored in parsed.ignored:
        about = ", ".join(each for each in (ignored.subject, ignored.field) if each)
        output.append(f"ignored       {ignored.code}{about and f' ({about})'}: {ignored.reason}")
    return output or ["nothing: the payload holds no events"]


def _value(value: Fact) -> str:
    why = why_unread(value)
    return f"= {orjson.dumps(value).decode()}" if why is None else f"can't be read: {why}"


def _event(event: SourceEvent) -> dict[str, Any]:
    effective = event.effective
    return asdict(event) | {
        "time": _moment(event.order[0]),
        "effective": None if effective is None else asdict(effective) | {"at": _moment(effective.at)},
    }


def _moment(micros: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return str(micros)
