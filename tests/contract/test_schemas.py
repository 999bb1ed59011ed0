"""The committed schemas: generated, and true of samples of every topic."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from msgspec import structs

from streamproc import schemas, topics
from streamproc.core.fold import fold, mapping
from streamproc.core.identity.resolve import order as ordered
from streamproc.core.identity.resolve import resolve
from streamproc.core.parsed_payload import SourceEvent
from streamproc.core.provider import event as scim_event
from streamproc.core.provider.fold import fold as fold_scim
from streamproc.core.provider.group_members import NOBODY
from streamproc.core.provider.state import Folded, ResourcesInMemory, ScimResource
from streamproc.core.records import delivery, outcome, topic_names, user_record
from streamproc.core.records import rejected as rejections
from streamproc.core.records import resource as resources
from streamproc.core.records.change_event import Origin
from streamproc.core.records.control import Control
from streamproc.core.records.cursor import Cursor
from streamproc.core.records.finding import Changed, Difference, Finding, Kind
from streamproc.core.records.mapping_in_force import MappingInForce
from streamproc.core.records.operation import Create, Deactivate, Join, Leave, Patch, Reactivate
from streamproc.core.records.service_state import Condition, ServiceState
from streamproc.core.records.topic_identity import TopicIdentity
from streamproc.core.records.units import Micros, Millis
from streamproc.sources.hris import contract
from streamproc.sources.scim.known import Subject
from streamproc.sources.scim.known_record import Known, KnownMember, KnownResource, encode_known
from tests.support.paths import REPOSITORY
from tests.support.schemas import (
    APPENDED,
    FOLDER,
    OURS,
    accepts,
    change,
    event,
    validator,
)


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
        origin = Origin("events.hris", 3, 100 + seq, Millis(APPENDED + seq))
        (said,) = contract.parse(orjson.dumps(each), {}, origin)
        made.append(fold.fold(made[-1] if made else None, seq, said, rules))
    return made


def findings() -> list[Finding]:
    """One of a user with every class of difference, one of an account that is nobody's, and one that is answered."""
    changed = Changed(Millis(APPENDED), "client", "person", "Kim", "entry")
    kinds: list[Kind] = ["pending", "changed", "unknown", "missing"]
    differences = [
        Difference(f"group {kind}", kind, "own", True, None, "why", changed if kind == "changed" else None)
        for kind in kinds
    ]
    orphan = Difference("account", "orphan", "own", None, {"active": True}, "nobody knows them")
    user = Finding("E1001", "1", "a@b.example", differences, Millis(APPENDED), Millis(APPENDED), 4, 17, True)
    account = Finding(None, "2", "c@b.example", [orphan], Millis(APPENDED), Millis(APPENDED))
    return [user, account, replace(account, answered="ignore-account/2-1")]


def pushed() -> dict[str, list[bytes]]:
    """A group that a SCIM client has made with a member, its only one, who is a user of before."""
    request = scim_event.Asked("r-1", Millis(APPENDED), "POST", "/Groups", "Okta SCIM Client 1.0.0", "0" * 64, "{}")
    claims, result = {"displayName": "care"}, {"displayName": "Care"}
    members = scim_event.Members(("u1",), (), *structs.astuple(NOBODY.after(["u1"], ())))
    made = scim_event.ScimEvent(
        1, "okta", "self", "create", "Group", None, None, claims, result, members, ("displayName",), False, request
    )
    folded = fold_scim(ResourcesInMemory(), made, partition=1, offset=7)
    assert isinstance(folded, Folded)
    user = ScimResource(
        "u1", "User", 3, 3, Millis(1), Millis(2), {"userName": "a@b.example"}, {"userName": "a@b.example"}
    )
    known = [
        Known(7, KnownResource(Micros(APPENDED * 1000), folded.after, told=7)),
        Known(3, KnownResource(Micros(APPENDED * 1000), user, Subject("E1001", frozenset({"job"}), "u2"))),
        Known(9, KnownResource(Micros(APPENDED * 1000), None)),
        Known(7, member=KnownMember("client", "no")),
    ]
    return {topic_names.PUSHED: [scim_event.encode(made)], topic_names.RESOURCES: [*map(encode_known, known)]}


def samples() -> dict[str, list[bytes]]:
    """Values of every topic, encoded as the services encode them."""
    told = records()
    last = told[-1]
    origin = Origin("events.hris", 3, 100, Millis(APPENDED))
    changes = contract.parse(orjson.dumps(event()), {}, origin)
    sent = outcome.Request(
        "3-4-0", "PATCH", "/Users/1", {"Operations": []}, Millis(APPENDED), Millis(APPENDED + 9), 200, "c-1"
    )
    lost = outcome.Request(
        "3-4-1", "GET", "/Users/1", None, Millis(APPENDED), Millis(APPENDED + 9), None, None, "TimeoutError"
    )
    parked = delivery.Parked(
        "unresolved",
        "manager isn't there",
        None,
        None,
        {"manager": "unresolved: it isn't"},
        last.desired,
        Millis(APPENDED),
    )
    verdicts: list[outcome.Verdict] = ["delivered", "no-op", "superseded", "parked", "unknown"]
    standing = delivery.Standing("E1001", 4, "held", last.cause, "20 users in 600 s")
    outcomes = [
        outcome.Outcome(
            "E1001", 4, verdict, True, Millis(APPENDED), "changed", cause, ["patch"], [sent, lost], None, since
        )
        for verdict in verdicts
        for cause, since in ((last.cause, None), (None, 2))
    ]
    rejected = rejections.Rejected(
        "events.hris", 3, 9, Millis(APPENDED), "not_json", "not JSON", None, "e30=", [("a", "Yg==")]
    )
    waits = SourceEvent("00u1", "u1", "change", (Micros(APPENDED * 1000), 0, "u1"), {"active": False})
    parked_link, _ = resolve(None, "okta", [waits], Origin("events.okta", 0, 1, Millis(APPENDED)))
    order = Control("c", "link", "E1001", None, "Kim", "asked HR", Millis(APPENDED), "okta/00u1")
    link, moved = ordered(
        parked_link, order, Origin(topic_names.CONTROLS, 0, 1, Millis(APPENDED)), replace(origin, offset=2)
    )
    return {
        topic_names.IDENTITIES: [orjson.dumps(TopicIdentity("identity.changes", "4dkTueaUS5CiC-teJvKTqQ"))],
        topic_names.CURSORS: [orjson.dumps(Cursor("okta", "1772442005000000", "{}", full=True, read=Micros(1)))],
        topic_names.LINKS: [orjson.dumps(parked_link), orjson.dumps(link)],
        topic_names.CONTROLS: [
            orjson.dumps(order),
            orjson.dumps(replace(order, action="pause", user=None, subject=None)),
            orjson.dumps(replace(order, action="mapping", user=None, subject=None, mapping="")),
        ],
        topic_names.MAPPINGS: [orjson.dumps(MappingInForce(4, "d", "", "Kim", "why", origin, Millis(APPENDED)))],
        "events.hris": [orjson.dumps(event()), orjson.dumps(change(active=False))],
        topic_names.REJECTIONS: [orjson.dumps(rejected)],
        **pushed(),
        topic_names.CHANGES: [orjson.dumps(each) for each in (*changes, *moved)],
        topic_names.OPERATIONS: [user_record.encode(each) for each in told],
        topic_names.OUTCOMES: [orjson.dumps(each) for each in outcomes],
        topic_names.FINDINGS: [orjson.dumps(each) for each in findings()],
        topic_names.STATUS: [
            orjson.dumps(ServiceState("sink", "host-1", "1.0", "ok", [], Millis(APPENDED), Millis(APPENDED + 9))),
            orjson.dumps(
                ServiceState(
                    "worker",
                    "host-2",
                    "1.0",
                    "blind",
                    [Condition("silent", "okta", "blind", "nothing for 9 h", Millis(APPENDED))],
                    Millis(APPENDED),
                    Millis(APPENDED + 9),
                )
            ),
        ],
        topic_names.DELIVERIES: [
            orjson.dumps(delivery.DeliveredState("E1001", 4, "1", '"5"', last.desired, parked, Millis(APPENDED))),
            orjson.dumps(delivery.DeliveredState("E1001", 4, None, None, None, None, Millis(APPENDED))),
            orjson.dumps(
                delivery.DeliveredState("E1001", 4, "1", None, last.desired, None, Millis(APPENDED), standing)
            ),
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
