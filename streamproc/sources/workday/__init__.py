"""Source `workday`: rows of a custom report, workers of Get_Workers, and business events that an integration publishes.

Rule 1: a row or a worker is a snapshot. Days that lie ahead become rows of a timeline, beside the snapshot.
Rule 2: dates have no zone in Workday; each is a day at the worker's location. A past date means a present state.
Rule 3: a contract and an employment are two subjects, even under one number: a contingent worker's includes its type.
A snapshot cancels the rows that earlier snapshots made from dates (`cancels` is the prefix of their ids).
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from streamproc.core.parsed_payload import FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import Effective, Fact
from streamproc.sources.lenient_json import anchor, digest, ends, micros, moment, parsed, starts, text
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import not_understood
from streamproc.sources.values.statuses import status
from streamproc.sources.values.unread import UNREAD
from streamproc.sources.workday import columns, report, timeline

SOURCE: Final = "workday"
DEFAULTS: Final = columns.DEFAULTS


def elements(payload: Any) -> list[Any]:
    """The rows, workers or business events of a payload, in order.

    Rows of one worker stay together in one element, so that an ended contract can't hide a new employment.
    """
    rows = list(report.records(payload))
    found = ([rows[place] for place in places] for places in together(rows))
    return [raws[0] if len(raws) == 1 else {"Report_Entry": raws} for raws in found]


def together(rows: Iterable[Any]) -> list[list[int]]:
    """The places of rows that are of one worker, in the order of the first of each."""
    places: dict[str | int, list[int]] = {}
    for place, raw in enumerate(rows):
        row = report.row(raw) if isinstance(raw, dict | list) else {}
        published = not row or columns.own(row, "eventName", DEFAULTS) is not None
        subject = None if published else columns.subject_of(row, DEFAULTS)
        places.setdefault(subject if isinstance(subject, str) else place, []).append(place)
    return list(places.values())


def read(payload: Any, receipt: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What a report, an answer of Get_Workers, a single row or worker, or a business event says."""
    return parsed(part for element in elements(payload) for part in _read(element, receipt, options))


def _read(element: Any, receipt: Receipt, options: SourceOptions) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    workers: dict[str, list[dict[str, Any]]] = {}
    for raw in report.records(element):
        row = report.row(raw)
        subject = columns.subject_of(row, options)
        if not row:
            yield Ignored("not_understood", "neither a row, nor a worker, nor a business event")
        elif subject is UNREAD:
            yield not_understood(None, "employeeNumber", "identifier")
        elif subject is None:
            yield Ignored("incomplete", "no worker id under any of the configured names")
        elif columns.own(row, "eventName", options) is not None:
            yield from _business_event(subject, row, raw, receipt, options)
        else:
            workers.setdefault(subject, []).append(row)
    raws = list(report.records(element))
    event = digest(element) if len(raws) < 2 else digest(sorted(map(digest, raws)))  # in whatever order they arrived
    for subject, rows in workers.items():
        yield from timeline.dated_events(subject, rows, event, receipt, options)


def _business_event(
    subject: str, row: dict[str, Any], raw: Any, receipt: Receipt, options: SourceOptions
) -> Iterator[SourceEvent | FetchRequest | Ignored]:
    """An event says little about what it changed, so the worker is fetched too.

    An end with its date acts by itself. A start in the past doesn't: there may have been an end since then.
    """
    name = text(columns.own(row, "eventName", options)) or ""
    kind = columns.turn_of([name])
    when = moment(micros(columns.own(row, "eventTime", options)), receipt.received)
    flag = status(columns.own(row, "rescinded", options), (), ())
    rescinded = flag is True
    number = text(columns.own(row, "eventId", options))
    event = number or digest(raw)
    reading = columns.facts_of(row, options)
    who = anchor(subject, reading.facts, options)
    attributes: dict[str, Fact] = {
        fact: value for fact, value in reading.facts.items() if value is not None and fact not in columns.NUMBERS
    }
    effective = _effective(kind, row, options)
    ahead = effective is not None and effective.at > receipt.received
    timeline_row: str | None = event if number or kind is None or effective is None else f"{kind}/{effective.said}"
    cancels = text(columns.own(row, "cancels", options))
    if rescinded:
        event += "/rescinded"  # an integration may send the same event again, with the flag
        attributes = {"active": False} if kind == "start" else {}
        effective, timeline_row, cancels = None, None, cancels or timeline_row
    elif kind == "end" and effective is not None and flag is not UNREAD:
        attributes["active"] = False
    # A start gives no access by itself: the fetch of the worker does, whose dates may be moved or withdrawn later.
    if attributes or cancels is not None:
        # Of one moment, what removes access counts, and a cancellation comes after it.
        order = (when, 2 if rescinded else int(attributes.get("active") is False), event)
        scheduled = effective if ahead else None
        yield SourceEvent(
            subject, event, "change", order, attributes, who, scheduled, timeline_row, cancels, reason=name
        )
    hidden = name == "" or flag is UNREAD or columns.LEAVING.search(columns.process(name)) is not None
    yield FetchRequest(subject, event, when, name or "changed", urgent=kind == "end" or rescinded or hidden)
    unread = {"eventName": "text"} if name == "" else {}
    job = columns.employment(row, options, receipt.received)
    columns_unread = columns.unread_of(row, job, options, receipt.received)
    dates = {name: why for name, why in columns_unread.items() if why == "date"}
    reading.unread |= unread | dates | ({"rescinded": "status"} if flag is UNREAD else {})
    yield from reading.told(subject)


def _effective(kind: str | None, row: dict[str, Any], options: SourceOptions) -> Effective | None:
    """From when a business event holds. A moment within a day is taken as it is; a written midnight is a date."""
    zone = columns.zone(row, options)
    day, written = columns.last_day(row, options) if kind == "end" else (None, "")
    for name in ("hireDate", "effectiveDate") if kind == "start" else ("effectiveDate",):
        if day is None:
            value = columns.own(row, name, options)
            day, written = columns.day_of(value, options), text(value) or ""
    if day is None or day is UNREAD:
        return None
    exact = micros(written) if "T00:00" not in written else None
    if exact is None:
        exact = ends(day, zone) if kind == "end" else starts(day, zone)
    whole_day = kind == "end" and exact == ends(day, zone)
    return None if exact is None else Effective(exact, written, zone, lags=whole_day)
