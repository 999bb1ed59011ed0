"""The files under schemas/ against the models they come from, with jsonschema as the independent judge."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from streamproc import schemas, topics
from streamproc.core.errors import RejectedInputError
from streamproc.core.fold import fold, mapping
from streamproc.core.identity.resolve import order as ordered
from streamproc.core.identity.resolve import resolve
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.records import delivery, outcome, topic_names, user_record
from streamproc.core.records import rejected as rejections
from streamproc.core.records import resource as resources
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import Control
from streamproc.core.records.cursor import Cursor
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.operation import Create, Deactivate, Join, Leave, Patch, Reactivate
from streamproc.sources.hris import contract
from tests.support.paths import REPOSITORY

FOLDER = REPOSITORY / "schemas"
APPENDED = 1_790_000_000_000
OURS = [topic for topic in topics.TOPICS if topic.value is not None]
"""Those whose values are described: what a source's hook or API sends is the source's own."""
HEADERS = {"content-type": b"application/cloudevents+json"}


def on_calendar(value: object) -> bool:
    """The part of `format: date-time` that the pattern leaves open: whether the day exists."""
    if isinstance(value, str):
        datetime.fromisoformat(value.upper())
    return True


formats = FormatChecker(())
formats.checks("date-time", raises=ValueError)(on_calendar)


@cache
def validator(name: str, part: str = "") -> Draft202012Validator:
    """A validator of a committed file, or of a part of it."""
    schema = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    registry: Registry[Any] = Registry().with_resource(schema["$id"], Resource.from_contents(schema))
    return Draft202012Validator({"$ref": schema["$id"] + part}, registry=registry, format_checker=formats)


def accepts(value: Any, name: str = "events.hris.schema.json", part: str = "") -> bool:
    """Whether the committed schema accepts the value."""
    return bool(validator(name, part).is_valid(value))


def worker_accepts(event: Any, headers: dict[str, bytes] | None = None) -> bool:
    """Whether the worker's parser accepts the value."""
    return rejected(event, headers) is None


def rejected(event: Any, headers: dict[str, bytes] | None = None) -> str | None:
    """The code with which the worker's parser rejects the value."""
    try:
        contract.parse(orjson.dumps(event), headers or {}, Origin("events.hris", 0, 7, APPENDED))
    except RejectedInputError as error:
        return error.code
    return None


def event(**changed: Any) -> dict[str, Any]:
    """A valid snapshot, changed at the top level."""
    plain = {
        "id": "hr-1",
        "type": "snapshot",
        "subject": "E1001",
        "time": "2026-03-02T09:00:00+01:00",
        "sequence": 3,
        "effective": "2026-03-02T00:00:00Z",
        "reason": None,
        "attributes": {
            "userName": "ana.ruiz@example.com",
            "displayName": "Ana Ruiz",
            "active": True,
            "job": "Agent",
            "department": "Spanish Support",
            "division": "Care",
            "phone": None,
            "manager": "E2001",
            "custom": {"genesysLanguage": ["Spanish:4"], "genesysQueue": "Billing", "level": 2, "by": {"Spanish": 4.5}},
        },
    }
    return plain | changed


def change(**attributes: Any) -> dict[str, Any]:
    """A valid change that says these attributes."""
    return event(type="change", attributes=attributes)


def cloudevent(kind: str = "snapshot", **changed: Any) -> dict[str, Any]:
    """A valid CloudEvent in structured mode, changed at the top level."""
    plain = event() if kind == "snapshot" else change(active=False)
    envelope = {name: plain.pop(name) for name in ("id", "subject", "time")}
    plain.pop("type")
    return {
        "specversion": "1.0",
        "type": f"streamproc.user.{kind}.v1",
        "source": "/hris/emea",
        **envelope,
        "datacontenttype": "application/json",
        "data": plain,
    } | changed


def records() -> list[user_record.UserRecord]:
    """A user's records, through parser and fold: hired, moved, left, back, and one event that is old."""
    rules = mapping.parse_mapping((REPOSITORY / "streamproc" / "mapping.toml").read_text(encoding="utf-8"))
    told = [
        event(),
        change(department="Billing", custom={"genesysQueue": "Claims"}) | {"time": "2026-03-03T09:00:00Z"},
        change(active=False) | {"time": "2026-03-04T09:00:00Z", "reason": "resignation"},
        change(active=True) | {"time": "2026-03-05T09:00:00Z"},
        change(job="Clerk") | {"time": "2026-01-01T09:00:00Z", "effective": "2026-01-01T09:00:00Z"},
    ]
    made: list[user_record.UserRecord] = []
    for seq, each in enumerate(told):
        origin = Origin("events.hris", 3, 100 + seq, APPENDED + seq)
        (said,) = contract.parse(orjson.dumps(each), {}, origin)
        made.append(fold.fold(made[-1] if made else None, seq, said, rules))
    return made


def samples() -> dict[str, list[bytes]]:
    """Values of every topic, encoded as the services encode them."""
    told = records()
    last = told[-1]
    origin = Origin("events.hris", 3, 100, APPENDED)
    changes = contract.parse(orjson.dumps(event()), {}, origin)
    sent = outcome.Request("3-4-0", "PATCH", "/Users/1", {"Operations": []}, APPENDED, APPENDED + 9, 200, "c-1")
    lost = outcome.Request("3-4-1", "GET", "/Users/1", None, APPENDED, APPENDED + 9, None, None, "TimeoutError")
    parked = delivery.Parked(
        "unresolved", "manager isn't there", None, None, {"manager": "unresolved: it isn't"}, last.desired, APPENDED
    )
    verdicts: list[outcome.Verdict] = ["delivered", "no-op", "superseded", "parked", "unknown"]
    standing = delivery.Standing("E1001", 4, "held", last.cause, "20 users in 600 s")
    outcomes = [
        outcome.Outcome("E1001", 4, verdict, True, APPENDED, "changed", cause, ["patch"], [sent, lost], None, since)
        for verdict in verdicts
        for cause, since in ((last.cause, None), (None, 2))
    ]
    rejected = rejections.Rejected("events.hris", 3, 9, APPENDED, "not_json", "not JSON", None, "e30=", [("a", "Yg==")])
    waits = SourceEvent("00u1", "u1", "change", (APPENDED * 1000, 0, "u1"), {"active": False})
    parked_link, _ = resolve(None, "okta", [waits], Origin("events.okta", 0, 1, APPENDED))
    order = Control("c", "link", "E1001", None, "Kim", "asked HR", APPENDED, "okta/00u1")
    link, moved = ordered(parked_link, order, Origin(topic_names.CONTROLS, 0, 1, APPENDED), replace(origin, offset=2))
    return {
        topic_names.CURSORS: [orjson.dumps(Cursor("okta", "1772442005000000", "{}", full=True, read=1))],
        topic_names.LINKS: [orjson.dumps(parked_link), orjson.dumps(link)],
        topic_names.CONTROLS: [
            orjson.dumps(order),
            orjson.dumps(replace(order, action="pause", user=None, subject=None)),
            orjson.dumps(replace(order, action="mapping", user=None, subject=None, mapping="")),
        ],
        topic_names.MAPPINGS: [orjson.dumps(MappingInForce(4, "d", "", "Kim", "why", origin, APPENDED))],
        "events.hris": [orjson.dumps(event()), orjson.dumps(change(active=False))],
        topic_names.REJECTIONS: [orjson.dumps(rejected)],
        topic_names.CHANGES: [orjson.dumps(each) for each in (*changes, *moved)],
        topic_names.OPERATIONS: [user_record.encode(each) for each in told],
        topic_names.OUTCOMES: [orjson.dumps(each) for each in outcomes],
        topic_names.DELIVERIES: [
            orjson.dumps(delivery.DeliveredState("E1001", 4, "1", '"5"', last.desired, parked, APPENDED)),
            orjson.dumps(delivery.DeliveredState("E1001", 4, None, None, None, None, APPENDED)),
            orjson.dumps(delivery.DeliveredState("E1001", 4, "1", None, last.desired, None, APPENDED, standing)),
        ],
    }


def test_committed_files_are_the_generated_ones() -> None:
    """What others read is what the models say; `python -m streamproc.schemas` writes it anew."""
    committed = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")}
    assert committed == {name: schemas.text(document) for name, document in schemas.documents().items()}


def test_write_makes_the_same_files_again(tmp_path: Path) -> None:
    """Generation is deterministic and has no other inputs than the models."""
    files = schemas.write(tmp_path / "there")
    assert {file.name: file.read_bytes() for file in files} == {
        file.name: file.read_bytes() for file in FOLDER.glob("*.json")
    }


@pytest.mark.parametrize("name", [name for name in schemas.documents() if name != schemas.ASYNCAPI])
def test_schemas_are_schemas(name: str) -> None:
    """Each file is valid JSON Schema 2020-12 and names itself."""
    schema = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == schemas.DRAFT
    assert schema["$id"] == f"urn:streamproc:{name.removesuffix('.schema.json')}:v1"
    assert schema["title"]
    assert schema["description"]


def test_every_topic_has_samples() -> None:
    """The samples below leave no topic out that is described, and show every kind of operation."""
    assert set(samples()) == {topic.name for topic in OURS}
    told = {type(operation) for record in records() for operation in record.operations}
    assert told == {Create, Patch, Deactivate, Reactivate, Join, Leave}
    assert {record.effect for record in records()} == {"changed", "stale"}


@pytest.mark.parametrize("topic", OURS, ids=lambda topic: topic.name)
def test_samples_validate(topic: topics.Topic) -> None:
    """What the code writes is what the schema describes, to the last field."""
    for sample in samples()[topic.name]:
        validator(topic.schema).validate(json.loads(sample))


@pytest.mark.parametrize("topic", OURS, ids=lambda topic: topic.name)
def test_samples_without_a_field_or_with_another_type_do_not_validate(topic: topics.Topic) -> None:
    """Every field that is required is missed, and no field takes an object that it doesn't hold."""
    schema = json.loads((FOLDER / topic.schema).read_text(encoding="utf-8"))
    for sample in samples()[topic.name]:
        value = json.loads(sample)
        for name in schema["required"]:
            assert not accepts({each: value[each] for each in value if each != name}, topic.schema), name
        for name in schema["properties"]:
            assert not accepts(value | {name: [{"other": [1]}]}, topic.schema), name


def test_what_streamproc_writes_is_required_whole() -> None:
    """Readers of streamproc's own topics find every field, and no default to guess by."""
    for topic in OURS:
        if "producers" not in topic.writer:
            schema = json.loads((FOLDER / topic.schema).read_text(encoding="utf-8"))
            assert set(schema["required"]) == set(schema["properties"])
            assert '"default"' not in schemas.text(schema)


def test_no_attribute_has_a_default() -> None:
    """A schema that gave `active` a default would tell producers that leaving it out means something."""
    attributes = validator_schema()["$defs"]["HrisAttributes"]
    assert [name for name, each in attributes["properties"].items() if "default" in each] == []
    assert set(attributes["properties"]) == set(contract.HrisAttributes.model_fields)
    assert set(contract.COMPLETE) == set(resources.REQUIRED)


def validator_schema() -> dict[str, Any]:
    """The committed schema of the plain event."""
    schema: dict[str, Any] = json.loads((FOLDER / "events.hris.schema.json").read_text(encoding="utf-8"))
    return schema


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    """The event without one of its attributes."""
    copy = deepcopy(value)
    del copy["attributes"][name]
    return copy


MISTAKES: dict[str, Any] = {
    **{f"snapshot without {name}": without(event(), name) for name in contract.COMPLETE},
    **{f"without {name}": {k: v for k, v in event().items() if k != name} for name in ("id", "type", "subject")},
    "without time": {name: value for name, value in event().items() if name != "time"},
    "no attributes": change(),
    "snapshot of nothing": event(attributes={}),
    "attributes missing": {name: value for name, value in event().items() if name != "attributes"},
    "unknown type": event(type="delete"),
    "type due": event(type="due"),
    "unknown field": event(operation="update"),
    "unknown attribute": change(salary=1),
    "active as text": change(active="false"),
    "active null": change(active=None),
    "userName null": change(userName=None),
    "userName empty": change(userName=""),
    "userName blank": change(userName="  "),
    "displayName too long": change(displayName="x" * 257),
    "department as number": change(department=7),
    "department too long": change(department="x" * 1025),
    "custom as list": change(custom=["Spanish"]),
    "custom null": change(custom=None),
    "custom nested too deeply": change(custom={"genesysLanguage": {"Spanish": {"level": 4}}}),
    "custom name empty": change(custom={"": "x"}),
    "custom name of a standard attribute": change(custom={"active": True}),
    "custom in custom": change(custom={"custom": "x"}),
    "subject empty": event(subject=""),
    "subject blank": event(subject=" "),
    "subject as number": event(subject=1001),
    "id too long": event(id="x" * 257),
    "time without zone": event(time="2026-03-02T09:00:00"),
    "time without time": event(time="2026-03-02"),
    "time as number": event(time=1772442000),
    "time as digits": event(time="1772442000"),
    "time on no calendar": event(time="2026-02-30T09:00:00Z"),
    "time in a leap second": event(time="2026-06-30T23:59:60Z"),
    "time null": event(time=None),
    "effective without zone": event(effective="2026-03-02T09:00:00"),
    "sequence negative": event(sequence=-1),
    "sequence too great": event(sequence=2**53),
    "sequence as text": event(sequence="1"),
    "sequence with a fraction": event(sequence=1.5),
    "sequence null": event(sequence=None),
    "reason as object": event(reason={"code": 1}),
    "a list": [event()],
    "a text": "event",
    "nothing": None,
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_refused_by_schema_and_worker_alike(mistake: Any) -> None:
    """A producer who checks before sending finds what the worker would reject."""
    assert not accepts(mistake)
    assert not worker_accepts(mistake)


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-02T09:00:00Z",
        "2026-03-02t09:00:00z",
        "2026-03-02T09:00:00.1Z",
        "2026-03-02T09:00:00.123456789+05:30",
        "2026-03-02T09:00:00-23:59",
        "0001-01-02T00:00:00Z",
    ],
)
def test_times_of_rfc_3339_are_accepted_by_schema_and_worker_alike(time: str) -> None:
    """The grammar in the schema isn't narrower than the standard, leap seconds apart."""
    assert accepts(event(time=time))
    assert worker_accepts(event(time=time))


JSON_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer()),
    st.sampled_from(["", " ", "E1", " E1", "change", "snapshot", "2026-03-02T09:00:00Z", "x" * 300, "a\nb", "\u2003"]),
    st.text("aé1 \n", max_size=5),
    st.builds(
        "{}{}".format, st.datetimes().map(datetime.isoformat), st.sampled_from(["Z", "", "+05:30", "-23:59", "+24:00"])
    ),
    st.lists(st.sampled_from([None, 1, "Spanish:4", []]), max_size=2),
    st.dictionaries(st.sampled_from(["", "Spanish", "active", " x ", "custom"]), st.sampled_from([None, 4, "4", {}])),
)


@st.composite
def events(draw: st.DrawFn) -> Any:
    """An event that was right, with a few things left out or put in place of others."""
    made = draw(st.sampled_from([event(), change(active=False)]))
    made = deepcopy(made)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from([made, made["attributes"]])) if isinstance(made.get("attributes"), dict) else made
        names = [*contract.HrisEvent.model_fields, *contract.HrisAttributes.model_fields, "other"]
        name = draw(st.sampled_from(names))
        if draw(st.booleans()):
            place.pop(name, None)
        else:
            place[name] = draw(JSON_VALUES)
    return made


@given(events())
def test_what_the_schema_accepts_the_worker_accepts(value: Any) -> None:
    """Apart from the rules that the schema's description names, valid means accepted."""
    if accepts(value):
        assert rejected(value) in {None, "time_ahead", "effective_ahead"}


@pytest.mark.parametrize("kind", ["snapshot", "change"])
def test_cloudevents_in_structured_mode_validate(kind: str) -> None:
    """Both accepted types, by the schema and by the worker, with and without the content type."""
    value = cloudevent(kind)
    assert accepts(value, schemas.CLOUDEVENT)
    assert worker_accepts(value)
    assert worker_accepts(value, HEADERS)


CLOUDEVENT_MISTAKES: dict[str, Any] = {
    **{
        f"without {name}": {k: v for k, v in cloudevent().items() if k != name}
        for name in ("specversion", "type", "source", "id", "subject", "time", "data")
    },
    "another version": cloudevent(specversion="0.3"),
    "another type": cloudevent(type="com.example.user.changed"),
    "incomplete snapshot": cloudevent() | {"data": cloudevent("change")["data"]},
    "data as text": cloudevent(data="e30="),
    "sequence as the extension has it": cloudevent(data={"attributes": {"active": False}, "sequence": "0001"}),
}


@pytest.mark.parametrize("mistake", CLOUDEVENT_MISTAKES.values(), ids=CLOUDEVENT_MISTAKES.keys())
def test_mistakes_in_cloudevents_are_refused_by_schema_and_worker_alike(mistake: Any) -> None:
    """The envelope is checked as strictly as what it carries."""
    assert not accepts(mistake, schemas.CLOUDEVENT)
    assert not worker_accepts(mistake, HEADERS)


def asyncapi() -> dict[str, Any]:
    """The committed document."""
    document: dict[str, Any] = json.loads((FOLDER / schemas.ASYNCAPI).read_text(encoding="utf-8"))
    return document


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_asyncapi_references_lead_somewhere() -> None:
    """Each reference is to a file under schemas/ or to a place in the document, and is there."""
    found = list(references(asyncapi()))
    assert found
    for reference in found:
        file, _, pointer = reference.partition("#")
        target: Any = json.loads((FOLDER / (file or schemas.ASYNCAPI)).read_text(encoding="utf-8"))
        for part in pointer.split("/")[1:]:
            target = target[part]
        assert target


def test_asyncapi_has_every_topic_as_it_is_created() -> None:
    """Channels and their Kafka bindings are the topology, no more and no less."""
    channels = asyncapi()["channels"]
    assert list(channels) == [topic.name for topic in topics.TOPICS]
    for topic in topics.TOPICS:
        channel = channels[topic.name]
        config = channel["bindings"]["kafka"]["topicConfiguration"]
        told = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in config.items()}
        assert told == topic.config
        assert channel["address"] == topic.name
        for message in channel["messages"].values():
            assert message["bindings"]["kafka"]["key"]["description"] == topic.key


def test_asyncapi_operations_are_what_streamproc_does() -> None:
    """Every writer and reader in the topology is either a part of streamproc or known to be somebody else."""
    operations = asyncapi()["operations"]
    expected = set()
    for topic in topics.TOPICS:
        for action, parties in (("send", topic.writer), ("receive", topic.reader)):
            for party in parties.split("; "):
                assert party in schemas.OURS or party in {"producers", "operators", "auditors"}
                if party in schemas.OURS:
                    expected.add((action, party, f"#/channels/{topic.name}"))
    assert {(each["action"], each["title"], each["channel"]["$ref"]) for each in operations.values()} == expected


def test_asyncapi_example_is_a_valid_event() -> None:
    """What a producer copies from the document works."""
    (example,) = asyncapi()["channels"]["events.hris"]["messages"]["plain"]["examples"]
    assert accepts(example["payload"])
    assert worker_accepts(example["payload"])


@pytest.mark.parametrize("kind", ["snapshot", "change"])
def test_binary_mode_is_told_as_the_worker_reads_it(kind: str) -> None:
    """Headers and data that the document describes are accepted, and an incomplete snapshot isn't."""
    message = asyncapi()["channels"]["events.hris"]["messages"][f"cloudeventBinary{kind.capitalize()}"]
    _, _, pointer = message["payload"]["schema"]["$ref"].partition("#")
    value = cloudevent(kind)
    names = ("specversion", "type", "source", "id", "subject", "time")
    headers = {f"ce_{name}": value[name] for name in names}
    Draft202012Validator(message["headers"], format_checker=formats).validate(headers)
    assert not Draft202012Validator(message["headers"]).is_valid(headers | {"ce_type": "other"})
    assert accepts(value["data"], schemas.CLOUDEVENT, f"#{pointer}")
    assert worker_accepts(value["data"], {name: each.encode() for name, each in headers.items()})
    if kind == "snapshot":
        assert not accepts({"attributes": {"active": False}}, schemas.CLOUDEVENT, f"#{pointer}")
