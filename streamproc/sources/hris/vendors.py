"""HRIS vendors' own envelopes on source `hris`, recognised by their shape.

Rule 1: most hooks have no values: they cause a fetch, urgent where they may hide a leaver.
Rule 2: only what has taken effect acts by itself. A termination that was entered may lie weeks ahead.
Rule 3: ids are the vendor's own, also an aggregator's. A deleted record doesn't mean that the person left.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from streamproc.core.parsed_payload import EVERYBODY, FetchRequest, Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.units import Micros
from streamproc.sources.hris import people
from streamproc.sources.hris import vendor_values as values
from streamproc.sources.lenient_json import at, digest, micros, moment, parsed, record, text, unfolded
from streamproc.sources.options import SourceOptions
from streamproc.sources.reading import not_understood
from streamproc.sources.values.identifiers import identifier, known_identifier
from streamproc.sources.values.unread import Unread

SOURCE: Final = "hris"
DEFAULTS: Final = values.DEFAULTS

Parts: TypeAlias = Iterator[SourceEvent | FetchRequest | Ignored]
Reader: TypeAlias = Callable[[dict[str, Any], Receipt, SourceOptions], Parts]

CALM: Final = re.compile(
    r"(.*_)?(created?|added|hired|rehired|rehire_effective|joined|onboarded|activated|started|termination_cancelled)"
)
"""Types, in lower case with `_` between words, that can't hide a leaver; all others may."""
MERGED: Final = frozenset({
    "bankinfo", "benefit", "company", "dependent", "employeepayrollrun", "employerbenefit", "group", "linkedaccount",
    "location", "paygroup", "payrollrun", "team", "timeoff", "timeoffbalance", "timesheetentry",
})  # fmt: skip
"""Merge's models that aren't about who works."""
SESSIONS: Final = re.compile(
    r"(sso|login|mfa|password|ldap|radius|admin|association|application|group|device|system)_.*"
)
"""JumpCloud's types that change no user."""
OTHERS: Final = frozenset({"device", "system", "group", "application", "admin", "organization", "command", "policy"})
"""What JumpCloud's events are about beside users."""
PAY: Final = re.compile(
    r"(company|payments?|pay_statements?|payroll\w*|benefits?|job|account|request_forwarding|bank\w*|contractor_payment|"
    r"location|form|signatory|invoice)([._].*)?"
)
"""Types, in the same spelling, about what isn't a person, or only about somebody's pay."""
QUIET: Final = re.compile(r"(payroll|equity|grants?|salar\w+|variable\w*|training|bank\w*|address|dependants?|assets?)")
"""HiBob's tables that can't hide a leaver. All others may, also a customer's own."""
STRANGE: Final = Ignored("not_understood", "an event of a type that isn't known: it may say that somebody left")
NOBODY: Final = Ignored("type", "events of this type are about no person")
UNNAMED: Final = Ignored("incomplete", "it names no person")


def elements(payload: Any) -> list[Any]:
    """The envelopes of a list; BambooHR's field-based body becomes one for each employee."""
    return unfolded(payload, _inside)


def read(payload: Any, receipt: Receipt, options: SourceOptions = DEFAULTS) -> ParsedPayload:
    """What vendors' hooks say."""
    return parsed(part for element in elements(payload) for part in _read(element, receipt, options))


def _inside(payload: Any) -> list[Any] | None:
    if isinstance(payload, list):
        return payload
    payload = values.with_employees(record(payload))
    employees = payload.get("employees")
    if not isinstance(employees, list) or len(employees) == 1:
        return None
    return [{**payload, "employees": [employee]} for employee in employees]


def _read(element: Any, receipt: Receipt, options: SourceOptions) -> Parts:
    body = {name: _single(value) for name, value in values.with_employees(record(element)).items()}
    for fits, reader in VENDORS:
        if fits(body):
            yield from reader(body, receipt, options)
            return
    yield Ignored("not_understood", "no vendor's envelope that is known")


def recognised(element: Any) -> bool:
    """Whether it is in the envelope of some vendor."""
    body = {name: _single(value) for name, value in values.with_employees(record(element)).items()}
    return any(fits(body) for fits, _ in VENDORS)


def _single(value: Any) -> Any:
    """A form's field without the list that form parsers put it in."""
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) else value


def _fetch(
    subject: Any,
    body: Any,
    kind: Any,
    receipt: Receipt,
    when: Micros | None = None,
    event: str | None = None,
    *,
    calm: bool | None = None,
) -> FetchRequest | Ignored:
    """`calm`: it can't hide a leaver; None: by its type."""
    subject_id, name = identifier(subject), text(kind) or "changed"
    if subject_id is None:
        return UNNAMED
    if isinstance(subject_id, Unread):
        return not_understood(None, "subject", "identifier")
    if calm is None:
        calm = CALM.fullmatch(_spelled(name)) is not None
    return FetchRequest(subject_id, event or digest(body), moment(when, receipt.received), name, urgent=not calm)


def _spelled(kind: str) -> str:
    """A type in one spelling: in lower case, with `_` between words; `employee.updated` is `employee_updated`."""
    return re.sub(r"[\s._-]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind)).casefold().strip("_")


def _seconds(value: Any) -> Micros | None:
    """µs since 1970 of whole seconds, as a number or as text; RFC 3339 timestamps are accepted as well."""
    number = text(value) or ""
    return Micros(int(number) * 1_000_000) if re.fullmatch(r"[0-9]{1,11}", number) else micros(value)


def _kind(body: dict[str, Any]) -> str:
    return text(at(body, "event_type|type|event_name|event")) or ""


def _gusto(body: dict[str, Any], receipt: Receipt, _: SourceOptions) -> Parts:
    """docs.gusto.com, "employee events". `terminated_effective` comes on the day after the last, or if that is past."""
    kind = _kind(body)
    subject = body.get("entity_uuid") if text(body.get("entity_uuid")) else body.get("entity_id")
    event, when = text(body.get("uuid")) or digest(body), _seconds(body.get("timestamp"))
    model, done = (*_spelled(kind).split("_", 1), "")[:2]
    if model != "employee" and (done or _spelled(text(body.get("entity_type")) or "") != "employee"):
        yield NOBODY
        return
    who = known_identifier(subject)
    if (model, done) == ("employee", "terminated_effective") and who is not None:
        yield SourceEvent(
            who, event, "change", (moment(when, receipt.received), 1, event), {"active": False}, reason=kind
        )
    yield _fetch(subject, body, kind, receipt, when, event)


def _bamboohr(body: dict[str, Any], receipt: Receipt, _: SourceOptions) -> Parts:
    """documentation.bamboohr.com, "event-based webhooks", as JSON or as form fields."""
    subject = at(body, "data.employeeId|data[employeeId]|employeeId")
    yield _fetch(subject, body, _kind(body), receipt, micros(body.get("timestamp")))


def _bamboohr_fields(body: dict[str, Any], receipt: Receipt, options: SourceOptions) -> Parts:
    """BambooHR's older webhooks: the employee's fields under labels that the customer may rename."""
    employee = record(next(iter(body["employees"]), None))
    said = values.bamboohr(employee, receipt, options)
    if said.event is not None:
        yield said.event
    yield from said.ignored
    if not said.complete:
        yield _fetch(
            at(employee, "id|employeeId"), employee, employee.get("action"), receipt, micros(employee.get("timestamp"))
        )


def _finch(body: dict[str, Any], receipt: Receipt, _: SourceOptions) -> Parts:
    """github.com/Finch-API/finch-api-python: the id and the time of an event are in its headers."""
    when, event = _seconds(receipt.headers.get("finch-timestamp")), receipt.headers.get("finch-event-id")
    if PAY.fullmatch(_spelled(_kind(body))):
        yield NOBODY
        return
    yield _fetch(at(body, "data.individual_id"), body, _kind(body), receipt, when, event)


def _merge(body: dict[str, Any], receipt: Receipt, options: SourceOptions) -> Parts:
    """docs.merge.dev, "webhooks": `Employee.changed` and the like carry the Employee, `….synced` nobody."""
    kind, data = text(at(body, "hook.event")) or "", record(body.get("data"))
    model, _, done = kind.casefold().partition(".")
    if model == "employment" and done != "synced":
        yield _fetch(data.get("employee"), body, kind, receipt, micros(data.get("modified_at")), calm=False)
        return
    if model != "employee" or done == "synced":
        yield NOBODY if done == "synced" or model in MERGED else STRANGE
        return
    said = () if done == "removed" else tuple(values.merge(data, kind, receipt, options))
    yield from said
    if not any(isinstance(part, SourceEvent) for part in said):
        yield _fetch(data.get("id"), body, kind, receipt, micros(data.get("modified_at")))


def _kombo(body: dict[str, Any], receipt: Receipt, _: SourceOptions) -> Parts:
    """docs.kombo.dev, "data-changed": it names models that changed, and no person."""
    yield FetchRequest(EVERYBODY, digest(body), receipt.received, _kind(body), urgent=True)


def _hibob(body: dict[str, Any], receipt: Receipt, _: SourceOptions) -> Parts:
    """apidocs.hibob.com, webhooks version 2. `employee.left` may be garden leave, so it causes a fetch.

    Terminations and new employments are rows of tables (`lifecycle`, `employment`, `work`): all of these are urgent.
    """
    kind, subject = _kind(body), at(body, "data.employeeId|employeeId|data.employee.id|employee.id")
    if subject is None and not _spelled(kind).startswith(("employee", "table")):
        yield NOBODY
        return
    table = _spelled(text(at(body, "data.tableId|data.table.id|tableId")) or "")
    calm = QUIET.fullmatch(table) is not None if _spelled(kind).startswith("table") else None
    yield _fetch(subject, body, kind, receipt, calm=calm)  # `triggeredAt` doesn't say its zone


def _personio(body: dict[str, Any], receipt: Receipt, _: SourceOptions) -> Parts:
    """developer.personio.de. The envelope isn't documented: the person's id is sought where other vendors have it."""
    kind = _kind(body)
    path = "data.person_id|data.person.id|person_id|person.id" + (
        "|data.id" if kind.casefold().startswith("person.") else ""
    )
    yield _fetch(at(body, path), body, kind, receipt)


def _rippling(body: dict[str, Any], receipt: Receipt, _: SourceOptions) -> Parts:
    """Rippling's partner webhooks: form fields, not always with the person's id."""
    kind = _kind(body)
    yield NOBODY if PAY.fullmatch(_spelled(kind)) else _fetch(body.get("id"), body, kind, receipt)


def _deel(body: dict[str, Any], receipt: Receipt, _: SourceOptions) -> Parts:
    """developer.deel.com, "HRIS webhooks"."""
    kind = text(at(body, "data.meta.event_type")) or ""
    named = _spelled(kind)
    if not PAY.fullmatch(named) and re.search(
        r"employee|worker|person|contract(?!or_pay)|terminat|offboard|hris", named
    ):
        yield _fetch(at(body, "data.resource.id"), body, kind, receipt, micros(body.get("timestamp")))
    else:
        yield NOBODY


def _paylocity(body: dict[str, Any], receipt: Receipt, _: SourceOptions) -> Parts:
    """developer.paylocity.com. Only the address shows which of its hooks it is: each may be a leaver."""
    yield _fetch(body.get("employeeId"), body, None, receipt)


def _jumpcloud(body: dict[str, Any], receipt: Receipt, options: SourceOptions) -> Parts:
    """JumpCloud's directory events: `changes` has each field's old and new value."""
    kind, resource = _kind(body), record(body.get("resource"))
    event, when = text(body.get("id")) or digest(body), micros(body.get("timestamp"))
    named, about = _spelled(kind), _spelled(text(resource.get("type")) or "")
    if not named.startswith("user_") or about != "user":
        yield NOBODY if SESSIONS.fullmatch(named) or about in OTHERS else STRANGE
        return
    said = values.jumpcloud(body, event, receipt, options)
    if said.event is not None:
        yield said.event
    yield from said.ignored
    if not said.complete:
        yield _fetch(resource.get("id"), body, kind, receipt, when, event)


def _has(*names: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: all(at(body, name) is not None for name in names)


def _of(*models: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: _kind(body).casefold().startswith(models)


VENDORS: Final[tuple[tuple[Callable[[dict[str, Any]], bool], Reader], ...]] = (
    (people.fits, people.read),
    (_has("event_type", "entity_type"), _gusto),
    (_has("event_type", "resource.id"), _jumpcloud),
    (_has("event_type", "connection_id|account_id"), _finch),
    (_has("hook.event", "data"), _merge),
    (lambda body: isinstance(body.get("employees"), list), _bamboohr_fields),
    (_has("data.meta.event_type"), _deel),
    (_of("data-changed"), _kombo),
    (_of("person.", "employment."), _personio),
    (_has("type", "companyId", "triggeredAt|version|data.employeeId"), _hibob),
    (_of("employee."), _bamboohr),
    (_has("event_name", "company_id"), _rippling),
    (_has("companyId", "employeeId"), _paylocity),
)
"""The first entry whose shape fits reads the envelope."""
