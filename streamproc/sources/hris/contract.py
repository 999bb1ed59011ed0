"""Source `hris`: the contract for any producer, plain JSON or CloudEvents 1.0 (structured or binary Kafka binding).

A record is one event about one user. A `snapshot` has everything that the producer knows, a `change` only what it
names; null clears. Events of one subject are ordered by `time`, then `sequence`, then `id`, in whatever order they
arrive. A subject is an identifier: `12417.0` is 12417, and a placeholder names nobody. An event with an `effective`
after its `time` is a row of a timeline, with its id as name: it counts from then on, and a later event can cancel it.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from streamproc.core.errors import RejectedInputError
from streamproc.core.parsed_payload import Ignored
from streamproc.core.records.change_event import ChangeEvent, Effective, Fact, JsonScalar, Origin
from streamproc.core.records.units import Micros
from streamproc.sources.reading import any_value
from streamproc.sources.values.identifiers import identifier
from streamproc.sources.values.text import plain
from streamproc.sources.values.unread import Unread
from streamproc.sources.wire_format import json_of

SOURCE: Final = "hris"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_BYTES: Final = 256 * 1024
"""A user's event is about 1 kB; more than this is a mistake."""
MAX_AHEAD: Final = timedelta(hours=24)
"""A source time further ahead of the broker's clock would make every later event look stale, a leaver's among them."""
CLOUDEVENT_TYPES: Final = {"streamproc.user.snapshot.v1": "snapshot", "streamproc.user.change.v1": "change"}
COMPLETE: Final = ("userName", "displayName", "active")
"""What a snapshot must say."""
DATE_TIME: Final = (
    r"^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]"
    r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""The grammar of RFC 3339 §5.6, for the JSON Schema, in which `format` alone isn't binding."""
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:")


def _timestamp(value: Any) -> Any:
    if isinstance(value, str) and _RFC3339.match(value):  # lax mode alone would accept "1700000000" as a time
        return value
    raise ValueError("expected an RFC 3339 timestamp with a zone")


Text: TypeAlias = Annotated[str, Field(max_length=1024)]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=256)]
Identifier: TypeAlias = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^\S(.*\S)?$")]
Timestamp: TypeAlias = Annotated[
    AwareDatetime, Field(strict=False, json_schema_extra={"pattern": DATE_TIME}), BeforeValidator(_timestamp)
]
Custom: TypeAlias = JsonScalar | list[JsonScalar] | dict[str, JsonScalar]


def _left_out_is_unsaid(schema: dict[str, Any]) -> None:
    """For the JSON Schema: attributes that are left out have no default, and `custom` can't repeat a standard one."""
    attributes = schema["properties"]
    for attribute in attributes.values():
        attribute.pop("default", None)
    for name in ("userName", "displayName"):
        attributes[name]["pattern"] = r"\S"  # blanks around a value don't count, so blanks alone are nothing
    attributes["custom"]["propertyNames"] |= {"pattern": r"^\S(.*\S)?$", "not": {"enum": list(attributes)}}
    schema["minProperties"] = 1


class HrisAttributes(BaseModel):
    """Attributes of one user. In a `change` one left out keeps its value; null means that there is none (any more)."""

    model_config = ConfigDict(
        extra="forbid", strict=True, str_strip_whitespace=True, json_schema_extra=_left_out_is_unsaid
    )

    userName: Name = Field(
        default="", description="Login e-mail in Genesys Cloud; unique.", examples=["ana@example.com"]
    )
    displayName: Name = Field(default="", examples=["Ana Ruiz"])
    active: bool = Field(default=False, description="Employed and to have access. A leaver is false.")
    email: Text | None = None
    phone: Text | None = Field(
        default=None,
        description="With its country's code, unless the options of source `hris` name a region.",
        examples=["+13175550100"],
    )
    job: Text | None = Field(default=None, examples=["Senior Agent"])
    department: Text | None = Field(default=None, examples=["Spanish Support"])
    division: Text | None = Field(default=None, description="Name of a Genesys Cloud division.")
    manager: Text | None = Field(default=None, description="The manager's subject.")
    employeeNumber: Text | None = None
    custom: dict[Name, Custom] = Field(
        default={},
        description="Custom attributes, read by the mapping under their own name.",
        examples=[{"genesysQueue": "Billing", "genesysLanguage": "Spanish:4, English", "genesysRole": "Agent"}],
    )


STANDARD: Final = frozenset(HrisAttributes.model_fields)


class HrisEvent(BaseModel):
    """One event about one user: the value of a record on `events.hris`, whose key is the subject."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        str_strip_whitespace=True,
        json_schema_extra={  # what `_complete` checks
            "if": {"properties": {"type": {"const": "snapshot"}}, "required": ["type"]},
            "then": {"properties": {"attributes": {"required": list(COMPLETE)}}},
        },
    )

    id: Identifier = Field(description="Unique per event; a repeat carries the same id.")
    type: Literal["snapshot", "change"] = Field(description="All that is known of the user, or what changed.")
    subject: Identifier = Field(description="Who: the employee number or another id that never changes.")
    time: Timestamp = Field(description="When it happened in the source, RFC 3339 with a zone.")
    sequence: Annotated[int, Field(ge=0, lt=2**53)] = Field(default=0, description="Orders events of the same time.")
    effective: Timestamp | None = Field(default=None, description="From when it holds; left out or past: at once.")
    cancels: Identifier | None = Field(
        default=None, description="The id of an event that doesn't hold any more; its `effective` was after its `time`."
    )
    reason: Text | None = Field(default=None, description="Why, for the audit log. No secrets.")
    attributes: HrisAttributes

    @model_validator(mode="after")
    def _complete(self) -> "HrisEvent":
        given = self.attributes.model_fields_set
        if self.type == "snapshot" and not given.issuperset(COMPLETE):
            raise ValueError(f"a snapshot must say {', '.join(name for name in COMPLETE if name not in given)}")
        if not given:
            raise ValueError("attributes are empty")
        for name in self.attributes.custom:
            if name in STANDARD:
                raise ValueError(f"custom.{name} is the name of a standard attribute")
        return self


def parse(value: bytes | None, headers: Mapping[str, bytes], origin: Origin) -> list[ChangeEvent]:
    """One raw record → its ChangeEvent. Raises RejectedInputError: what is wrong and where, without personal data."""
    if value is None:
        raise RejectedInputError("tombstone", "the record has no value; a leaver is an event with active false")
    if len(value) > MAX_BYTES:
        raise RejectedInputError("too_large", f"{len(value)} bytes; at most {MAX_BYTES}")
    return _said(_validated(_plain(_json(value, headers), headers)), origin)


def leaver(value: bytes | None, headers: Mapping[str, bytes], origin: Origin) -> list[ChangeEvent]:
    """What an event that `parse` refuses says all the same: that somebody has left, at once. Nothing where it doesn't.

    A limit or another attribute, which can't be read, mustn't keep somebody's access. Who, when and `active` must be.
    """
    try:
        body = _plain(_json(value or b"", headers), headers)
        said = body.get("attributes") if isinstance(body, dict) else None
        at_once = isinstance(body, dict) and body.get("effective") is None and body.get("cancels") is None
        if not at_once or not isinstance(said, dict) or said.get("active") is not False:
            return []
        which = {name: body[name] for name in ("id", "subject", "time", "sequence") if name in body}
        return _said(_validated({**which, "type": "change", "attributes": {"active": False}}), origin)
    except RejectedInputError:
        return []


def _said(event: HrisEvent, origin: Origin) -> list[ChangeEvent]:
    user = identifier(event.subject)
    if not isinstance(user, str):
        raise RejectedInputError(
            "invalid", "subject: a placeholder, or with characters that aren't seen: it names nobody", None, "subject"
        )
    had = origin.appended if origin.received is None else max(0, min(origin.received, origin.appended))
    appended = datetime.fromtimestamp(had / 1000, UTC)  # what is replayed has the time at which it was had first
    if event.time - appended > MAX_AHEAD:
        late = "time is more than 24 hours after the broker received the event"
        raise RejectedInputError("time_ahead", late, user, "time")
    return [
        ChangeEvent(
            user=user,
            source=SOURCE,
            subject=user,
            event=event.id,
            kind=event.type,
            # A clock that is ahead mustn't make later events look stale, least of all a leaver's.
            order=(Micros((min(event.time, appended) - EPOCH) // timedelta(microseconds=1)), event.sequence, event.id),
            attributes=_facts(event.attributes),
            origin=origin,
            reason=event.reason,
            effective=_effective(event),
            cancels=event.cancels,
        )
    ]


def _effective(event: HrisEvent) -> Effective | None:
    """A date that was past at the time of the event is none: the event simply holds."""
    date = event.effective
    if date is None or date <= event.time:
        return None
    return Effective(Micros((date - EPOCH) // timedelta(microseconds=1)), date.isoformat(), date.tzname() or "UTC")


def _json(value: bytes, headers: Mapping[str, bytes]) -> Any:
    found = json_of(value, map(str.lower, headers))
    if isinstance(found, Ignored):
        raise RejectedInputError(found.code, found.reason)
    return found


def _plain(body: Any, headers: Mapping[str, bytes]) -> Any:
    """Unwrap a CloudEvent (CloudEvents Kafka Protocol Binding 1.0 §3); anything else is the plain contract."""
    lowered = {name.lower(): content for name, content in headers.items()}
    content_type = _text(lowered.get("content-type", b"")).strip().lower()
    if content_type.startswith("application/cloudevents-batch"):
        raise RejectedInputError("cloudevents_batch", "a Kafka record holds one CloudEvent; send them one by one")
    if content_type.startswith("application/cloudevents"):
        return _unwrap(body, body.get("data")) if isinstance(body, dict) else body
    if "ce_specversion" in lowered:
        attributes = {name[3:]: _text(content) for name, content in lowered.items() if name.startswith("ce_")}
        return _unwrap(attributes, body)
    if isinstance(body, dict) and "specversion" in body:  # structured, by a producer that sets no content type
        return _unwrap(body, body.get("data"))
    return body


def _unwrap(context: Mapping[str, Any], data: Any) -> dict[str, Any]:
    if context.get("specversion") != "1.0":
        raise RejectedInputError("cloudevents_version", "specversion isn't 1.0")
    kind = CLOUDEVENT_TYPES.get(str(context.get("type")))
    if kind is None:
        raise RejectedInputError("cloudevents_type", f"type is none of {', '.join(CLOUDEVENT_TYPES)}")
    if not isinstance(data, dict):
        raise RejectedInputError("cloudevents_data", "data isn't a JSON object")
    if not _has_text(context, "source"):
        raise RejectedInputError("cloudevents_source", "source is missing, or isn't text")
    if not _has_text(context, "id"):
        raise RejectedInputError("cloudevents_id", "id is missing, or isn't text")
    envelope = {name: context[name] for name in ("subject", "time") if context.get(name) is not None}
    # An id is unique only together with its source (CloudEvents 1.0 §3.1.1).
    cancels = {"cancels": f"{context['source']}#{data['cancels']}"} if _has_text(data, "cancels") else {}
    return {**data, **envelope, **cancels, "id": f"{context['source']}#{context['id']}", "type": kind}


def _has_text(context: Mapping[str, Any], name: str) -> bool:
    return isinstance(context.get(name), str) and bool(context[name])


def _validated(body: Any) -> HrisEvent:
    try:
        return HrisEvent.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "event"
        said = body.get("subject") if isinstance(body, dict) else None
        subject, field = said if isinstance(said, str) else None, where.removeprefix("attributes.")
        own = first["type"] == "extra_forbidden" and where == f"attributes.{field}"
        what = "the contract has no such attribute; put it into `custom`" if own else first["msg"]
        raise RejectedInputError("invalid", f"{where[:200]}: {what}", subject, field) from error
    except RecursionError as error:
        raise RejectedInputError("invalid", "nested too deeply") from error


def _facts(attributes: HrisAttributes) -> dict[str, Fact]:
    """As they are seen: without marks that nobody sees."""
    given: dict[str, Fact] = {name: getattr(attributes, name) for name in sorted(attributes.model_fields_set)}
    facts_ = {name: (plain(value) or None) if isinstance(value, str) else value for name, value in given.items()}
    if None in (facts_.get(name, "") for name in ("userName", "displayName")):
        raise RejectedInputError("invalid", "attributes: a name in which nothing can be seen", field="userName")
    facts_.pop("custom", None)
    for name, value in attributes.custom.items():
        read = any_value(value)
        if not isinstance(read, Unread):  # the model takes nothing deeper
            facts_[plain(name)] = read
    return facts_


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")
