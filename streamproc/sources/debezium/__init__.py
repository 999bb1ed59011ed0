"""Source `debezium`: rows of an HR table, in the change events of Debezium's connectors.

Rule 1: a row sets the columns that it has, and no others: several tables may describe a person. A row that was read
by a snapshot (`op: r`) is a row like any other, and no hire.
Rule 2: a deleted row isn't a leaver, unless the options say so: rows are deleted when a table is archived, and a row
whose key changes is deleted and inserted again.
Rule 3: a placeholder for a value that the database didn't log says nothing.
Rule 4: order is the position in the database's log, and its clock where there is none (`core/identity/log_order.py`).
Rule 5: what isn't understood is told, and changes nothing: of two words about access only a no holds beside a date that
can't be read.

debezium.io: connectors' change events, "Event flattening", "CloudEvents converter".
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from streamproc.core.parsed_payload import Ignored, ParsedPayload, Place, Receipt, SourceEvent
from streamproc.core.records.change_event import Effective, Fact, Order
from streamproc.core.records.fact_names import FROM_DATES
from streamproc.core.records.units import Micros, Millis, micros_of
from streamproc.sources.debezium.columns import DATES, SUBJECT, Columns
from streamproc.sources.debezium.encoded import UNAVAILABLE
from streamproc.sources.debezium.envelope import Change, change_of
from streamproc.sources.debezium.position import POSITION, natural, place, sequence
from streamproc.sources.employment import Employment
from streamproc.sources.lenient_json import anchor, digest, json_text, moment, parsed, record, text, unfolded, zone_of
from streamproc.sources.options import SourceOptions
from streamproc.sources.values.statuses import LEFT
from streamproc.sources.values.unread import Unread

__all__ = ["DEFAULTS", "SOURCE", "UNAVAILABLE", "elements", "read"]

SOURCE: Final = "debezium"
DEFAULTS: Final = SourceOptions(
    anchor="employeeNumber",
    attributes={
        "subject": SUBJECT,  # the key, not a fact
        "userName": "user_name|username|work_email|email",
        "displayName": "display_name|full_name|name",
        "active": "active|is_active|employment_status|status",
        "email": "work_email|email",
        "phone": "work_phone|phone",
        "mobile": "mobile|mobile_phone",
        "job": "job_title|title|job",
        "department": "department|department_name",
        "division": "division",
        "manager": "manager_id|manager",
        "employeeNumber": "employee_number|employee_id",
        "genesysQueue": "genesys_queue",
        "genesysLanguage": "genesys_language",
        "genesysRole": "genesys_role",
    },
    active=("active", "leave", "on leave", "on_leave"),  # people on leave haven't left
    inactive=LEFT,
)

_WITHOUT_KEY: Final = "no row, or one without its key"
_NEW_KEY: Final = "__debezium.newkey"
"""Header of a deletion that is one half of a change of the row's key."""


def elements(payload: Any) -> list[Any]:
    """The change events of a list, in order; anything else is one."""
    return unfolded(payload, lambda value: value if isinstance(value, list) else None)


def read(payload: Any, receipt: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What a record says: a change event in its envelope, with or without schema, flattened, or a CloudEvent."""
    return parsed(part for element in elements(payload) for part in _read(element, receipt, options))


def _read(element: Any, receipt: Receipt, options: SourceOptions) -> Iterator[SourceEvent | Ignored]:
    change = change_of(element)
    if isinstance(change, Ignored):
        yield change
        return
    if change.operation == "t" and options.deleted == "leaver":
        yield Ignored("not_understood", "the table was emptied: nobody is taken for a leaver; read it again")
    elif change.operation in {"t", "m"}:
        yield Ignored("type", "neither a row nor a change of one")
    elif change.operation not in {"c", "u", "r", "d"}:
        yield Ignored("not_understood", "an operation that Debezium doesn't have")
    else:
        yield from _of_row(change, element, receipt, options)


def _of_row(change: Change, element: Any, receipt: Receipt, options: SourceOptions) -> Iterator[SourceEvent | Ignored]:
    columns = Columns(change.row, change.encodings, options)
    subject = columns.identify()
    if change.operation == "d" and (_NEW_KEY in receipt.headers or options.deleted == "nothing"):
        yield _deleted(subject, columns, receipt.headers.get(_NEW_KEY), options)
        return
    if subject is None:
        without = "whose row was deleted isn't said: log whole rows" if change.operation == "d" else _WITHOUT_KEY
        yield from columns.ignored or [Ignored("incomplete", without, field="subject")]
        return
    event = _event(subject, change) or digest(element)
    when = moment(_micros(change.source.get("tsms")) or _micros(change.milliseconds), receipt.received)
    order, where = (when, sequence(change.source), event), place(change.operation, change.source)
    if change.operation == "d":
        yield SourceEvent(
            subject,
            event,
            "change",
            order,
            {"active": False},
            subject if options.anchor == "subject" else None,
            reason="its row was deleted",
            place=where,
        )
        return
    said = _said(columns, subject, order, where, receipt, options)
    yield from said
    yield from columns.ignored
    if not said and not columns.ignored:
        yield Ignored("incomplete", "no column that is read here", subject)


def _deleted(subject: str | None, columns: Columns, new_key: str | None, options: SourceOptions) -> Ignored:
    """A deletion that says nothing of the person; told where the row's new key is another user's."""
    if new_key is None:
        return Ignored("deleted_row", "a deleted row isn't a leaver", subject)
    key = record(json_text(new_key))
    other = Columns(record(key.get("payload", key)), {}, options).identify()
    by_key = options.anchor == "subject" or not columns.apart(options.anchor)
    if by_key and other is not None and other != subject:
        return Ignored(
            "rekeyed",
            "the row goes on under another key, which says which user it is: split the old subject off",
            subject,
            "subject",
        )
    return Ignored("deleted_row", "the row goes on under another key", subject)


def _said(
    columns: Columns, subject: str, order: Order, where: Place, receipt: Receipt, options: SourceOptions
) -> list[SourceEvent]:
    """What the row says of now, and by its dates of later."""
    attributes = columns.facts()
    if options.deleted == "leaver" and "active" not in options.attributes:
        attributes["active"] = True  # whoever has a row works
    dated = columns.has(*DATES)
    ahead = _by_dates(columns, attributes, receipt.received, options) if dated else []
    if attributes.get("active", "") is None:  # no status is neither yes nor no
        del attributes["active"]
    if not attributes and not ahead:
        return []
    who = anchor(subject, attributes, options)
    cancels = FROM_DATES if dated else None
    events = [SourceEvent(subject, order[2], "change", order, attributes, who, cancels=cancels, place=where)]
    for turn, effective in ahead:
        name = f"{order[2]}#{turn}"
        events.append(
            SourceEvent(
                subject,
                name,
                "change",
                (order[0], order[1], name),
                {"active": turn == "start"},
                who,
                effective,
                row=f"{FROM_DATES}/{turn}/{effective.said}",
                reason=turn,
                place=where,
            )
        )
    return events


def _by_dates(
    columns: Columns, attributes: dict[str, Fact], now: Micros, options: SourceOptions
) -> list[tuple[str, Effective]]:
    """Ends and starts that lie ahead. `attributes` gets who is active now, as far as both status and dates are read."""
    first, last = columns.day("hireDate"), columns.day("terminationDate")
    status = attributes.get("active")
    unread = columns.has("active") and "active" not in attributes
    if isinstance(first, Unread) or isinstance(last, Unread):
        if status is not False:
            attributes.pop("active", None)
        return []
    zone = zone_of(columns.row, options)
    employment = Employment(zone, first, last, status if isinstance(status, bool) else None)
    works = employment.works(now) if status is not False else False
    if works is False or (works is True and not unread):
        attributes["active"] = works
    ahead: list[tuple[str, Effective]] = []
    end, start = employment.leaving(now), employment.coming(now)
    if end is not None and last is not None:
        ahead.append(("end", Effective(end, last.isoformat(), zone)))
    if start is not None and first is not None and not unread:
        ahead.append(("start", Effective(start, first.isoformat(), zone)))
    return ahead


def _event(subject: str, change: Change) -> str | None:
    """The position in the log, and the row: rows of one snapshot or statement share a position."""
    source: Mapping[str, Any] = change.source
    positions = [position for position in (text(source.get(name)) for name in POSITION) if position is not None]
    table = [text(source.get(name)) or "" for name in ("name", "db", "schema", "table")]
    return "/".join([*table, subject, *positions, change.operation]) if positions else None


def _micros(milliseconds: Any) -> Micros | None:
    """µs of ms; 0, as some snapshots have it, isn't a time."""
    number = natural(milliseconds)
    return micros_of(Millis(number)) if number else None
