"""Source `debezium`: what each documented payload becomes."""

import json
from typing import Any

import pytest

from streamproc.core.parsed_payload import Ignored, ParsedPayload, Receipt, SourceEvent
from streamproc.core.records.change_event import Fact
from streamproc.core.records.units import Micros
from streamproc.sources.debezium import DEFAULTS, UNAVAILABLE, elements, read
from tests.support.paths import PAYLOADS

FIXTURES = PAYLOADS / "debezium"
READ = 1_772_442_005_120_000  # 2026-03-02T09:00:05.120Z
MINUTE = 60_000_000
TAKEN = Receipt(received=Micros(READ + 60 * MINUTE))
ANA: dict[str, Fact] = {
    "active": True,
    "department": "Support",
    "displayName": "Ana Ruiz",
    "email": "ana.ruiz@example.com",
    "employeeNumber": "1001",
    "genesysQueue": "Billing",
    "job": "Agent",
    "manager": 1009,
    "phone": None,
    "userName": "ana.ruiz@example.com",
}


def fixture(name: str) -> Any:
    """A constructed payload."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def row(*, source: dict[str, Any] | None = None, **columns: Any) -> dict[str, Any]:
    """An update to a small row, of which no more is known than its columns and its place."""
    return {"op": "u", "before": None, "after": {"employee_id": 1001} | columns, "source": source or {}, "ts_ms": 1000}


def one_said(payload: Any, taken: Receipt = TAKEN, **options: Any) -> SourceEvent:
    """The one thing that a payload says, and nothing beside it."""
    parsed = read(payload, taken, DEFAULTS.model_copy(update=options))
    assert (parsed.notifications, parsed.ignored) == ((), ())
    (event,) = parsed.events
    return event


def codes(payload: Any, taken: Receipt = TAKEN) -> list[str]:
    """Why nothing of a payload means anything here."""
    parsed = read(payload, taken)
    assert (parsed.events, parsed.notifications) == ((), ())
    return [each.code for each in parsed.ignored]


def test_a_row_says_its_columns() -> None:
    """Only what is configured, under its fact's name; the key is the subject, and national ids don't travel on."""
    (said, *_) = read(fixture("life"), TAKEN).events
    event = "hr/people/public/employees/1001/33000000/r"
    assert said == SourceEvent("1001", event, "change", (Micros(READ), 33_000_000, event), ANA, anchor="1001")


def test_the_database_orders_a_rows_changes() -> None:
    """Its clock and then the place in its log, also within one millisecond; on leave is active, terminated isn't."""
    parsed = read(fixture("life"), TAKEN)
    assert (parsed.notifications, parsed.ignored) == ((), ())
    assert [(event.order[0] - READ) // MINUTE for event in parsed.events] == [0, 1, 1, 2, 3, 4]
    assert sorted(parsed.events, key=lambda said: said.order) == list(parsed.events)
    assert [event.attributes["active"] for event in parsed.events] == [True, True, True, True, False, True]
    assert parsed.events[4].attributes["genesysQueue"] is None


def test_a_schema_around_it_changes_nothing() -> None:
    """Converters with `schemas.enable` wrap the event; a tombstone may be wrapped too."""
    event = one_said(fixture("wrapped"))
    assert event == one_said(fixture("wrapped")["payload"])
    assert (event.subject, event.anchor) == ("1002", None)
    assert event.attributes == {
        "active": True,
        "displayName": "Ben Cole",
        "job": "Agent",
        "userName": "ben.cole@example.com",
    }
    assert codes({"schema": None, "payload": None}) == ["noise"]


def test_mysqls_positions_are_ordered_across_files() -> None:
    """A new file begins at position 4, and MySQL's clock has whole seconds."""
    old = {"ts_ms": 1_772_442_005_000, "file": "mysql-bin.000009", "pos": 900, "row": 0}
    new = old | {"file": "mysql-bin.000010", "pos": 4}
    assert one_said(row(job="A", source=old)).order < one_said(row(job="B", source=new)).order


def test_sql_servers_positions_are_ordered() -> None:
    """Its places in the log are text of one width, so they are compared as part of the event's id."""
    first = fixture("sqlserver") | {"op": "u"}
    second = first | {"op": "c", "source": first["source"] | {"change_lsn": "00000027:00000758:0004"}}
    assert one_said(first).order[:2] == one_said(second).order[:2] == (READ, 0)
    assert one_said(first).order < one_said(second).order


@pytest.mark.parametrize(
    ("source", "sequence"),
    [
        ({"lsn": "33000000"}, 33_000_000),
        ({"scn": "1513734"}, 1_513_734),
        ({"file": "binlog", "pos": 7}, 7),
        ({"lsn": 2**63}, 2**63 - 1),
        ({"lsn": -1}, 0),
        ({"lsn": True}, 0),
        ({"lsn": 1.5}, 0),
        ({}, 0),
    ],
)
def test_places_in_the_log_are_numbers_where_they_can_be(source: dict[str, Any], sequence: int) -> None:
    """As numbers or digits; what the log of events couldn't hold counts as the highest that it can."""
    assert one_said(row(job="A", source=source)).order[1] == sequence


def test_a_repeat_has_the_same_id_and_others_have_their_own() -> None:
    """After a restart a connector repeats itself; rows of one statement or snapshot share a place in the log."""
    first, *rest = read(fixture("life"), TAKEN).events
    assert read(fixture("life")[0], Receipt(Micros(TAKEN.received + 1))).events == (first,)
    assert len({each.event for each in (first, *rest)}) == 6
    place = {"lsn": 7, "ts_ms": 1000, "table": "employees"}
    mine, other = row(job="A", source=place), row(job="A", source=place, employee_id=1002)
    assert one_said(mine).event != one_said(other).event
    assert one_said(row(job="A")).event.startswith("sha256:")


def test_without_the_databases_clock_the_connectors_counts() -> None:
    """0 isn't a time; without any clock it is the moment of arrival, and none is later than that."""
    assert one_said(row(job="A", source={"ts_ms": 0})).order[0] == 1_000_000
    for none in (None, 0):
        assert one_said(row(job="A") | {"ts_ms": none}).order[0] == TAKEN.received
    assert one_said(row(job="A", source={"ts_ms": 2_000_000_000_000})).order[0] == TAKEN.received


def test_values_that_were_not_logged_say_nothing() -> None:
    """The placeholder is never written, alone, in a list or in a map, nor does another path stand in for it."""
    event = one_said(fixture("unavailable"))
    assert event.attributes == {
        name: value for name, value in ANA.items() if name not in {"email", "userName", "genesysQueue"}
    }
    assert UNAVAILABLE not in str(event.attributes)
    assert codes(row(employee_id=UNAVAILABLE)) == ["incomplete"]


def test_a_deleted_row_is_no_leaver() -> None:
    """A deletion and its tombstone are told, and say nothing of the person."""
    assert codes(fixture("deleted")) == ["deleted_row", "noise"]
    assert read(fixture("deleted"), TAKEN).ignored[0].subject == "1001"
    assert codes(None) == ["noise"]


def test_a_new_key_disables_nobody() -> None:
    """It comes as a deletion and a creation: the person goes on under the new key, with the same anchor."""
    parsed = read(fixture("rekeyed"), TAKEN)
    assert [(event.subject, event.anchor, event.attributes["active"]) for event in parsed.events] == [
        ("2001", "1001", True)
    ]
    assert [(each.code, each.subject) for each in parsed.ignored] == [("deleted_row", "1001")]
    headers = {"__debezium.newkey": '{"employee_id":2001}'}
    (ignored,) = read(fixture("rekeyed")[0], Receipt(TAKEN.received, headers=headers)).ignored
    assert ignored == Ignored("deleted_row", "the row goes on under another key", "1001")


def test_flattened_rows_are_rows() -> None:
    """With what the transformation added of the source they are the same event; without, their content is their id."""
    first, second = read(fixture("flattened"), TAKEN).events
    place = (Micros(READ), 33_000_000, "///employees/1001/33000000/r")
    assert first == SourceEvent("1001", place[2], "change", place, ANA, anchor="1001")
    assert (second.order[0], second.attributes["job"]) == (TAKEN.received, "Senior Agent")
    assert second.event.startswith("sha256:")
    (deleted,) = read(fixture("flattened"), TAKEN).ignored
    assert (deleted.code, deleted.subject) == ("deleted_row", "1001")
    assert codes({"employee_id": 1001, "__op": "d"}) == ["deleted_row"]


def test_cloudevents_are_the_same_events() -> None:
    """The source's fields are attributes, as text; where they aren't told, time and data do."""
    whole, bare = read(fixture("cloud_event"), TAKEN).events
    event = "hr/people/public/employees/1001/29274832/u"
    assert whole == SourceEvent("1001", event, "change", (Micros(READ), 29_274_832, event), ANA, anchor="1001")
    assert (bare.order[0], bare.attributes["active"]) == (READ, False)
    assert codes(fixture("cloud_event")[0] | {"iodebeziumop": "d", "data": {"before": {"id": 1}}}) == ["deleted_row"]


def test_what_is_no_row_is_ignored() -> None:
    """Truncation, messages, heartbeats, other people's CloudEvents."""
    assert codes(fixture("other")) == ["type", "type", "incomplete", "other_format"]
    assert codes(row() | {"op": "x"}) == ["not_understood"]
    assert codes(row() | {"after": None}) == ["incomplete"]


@pytest.mark.parametrize(
    ("value", "statuses", "active"),
    [
        (True, (), True),
        (0, (), False),
        ("Y", (), True),
        (" ACTIVE ", ("active",), True),
        ("terminated", ("active",), False),
        ("1", ("0",), True),
        ("0", ("0",), True),
    ],
)
def test_active_is_true_or_false(value: Any, statuses: tuple[str, ...], active: bool) -> None:
    """A truth value in its spellings, or a status: those that are configured are active, all others aren't."""
    assert one_said(row(status=value), active=statuses).attributes["active"] is active


@pytest.mark.parametrize("nothing", [None, "", "\u00a0"])
def test_a_status_that_isnt_there_says_nothing(nothing: Any) -> None:
    """Neither does it take back what was said, nor hide a word in the next of the columns."""
    assert "active" not in one_said(row(status=nothing)).attributes
    assert one_said(row(is_active=nothing, status="Terminated")).attributes["active"] is False


def test_a_status_is_never_guessed() -> None:
    """A word that isn't configured says neither, and that is told; the rest of the row counts."""
    parsed = read(row(status="probation", job="A"), TAKEN, DEFAULTS.model_copy(update={"active": ()}))
    assert [(each.code, each.subject, each.field) for each in parsed.ignored] == [("not_understood", "1001", "active")]
    assert "probation" not in parsed.ignored[0].reason
    assert parsed.events[0].attributes == {"employeeNumber": 1001, "job": "A"}


def test_columns_that_a_table_lacks_are_not_said() -> None:
    """Two tables may tell of one person; null clears, and a name may be in two columns."""
    assert one_said(row(phone=None)).attributes == {"employeeNumber": 1001, "phone": None}
    assert one_said(row(first_name="Ana", last_name=None)).attributes["displayName"] == "Ana"
    assert one_said(row(first_name="A", last_name="B", name="C")).attributes["displayName"] == "C"
    assert "displayName" not in one_said(row(first_name=UNAVAILABLE, last_name="B")).attributes


def test_the_key_and_the_facts_are_configured() -> None:
    """`subject` is the key's column and no fact; the anchor may be the key itself."""
    event = one_said(
        row(PERSON="p-1", LANG="Spanish:4"),
        attributes={"subject": "PERSON", "genesysLanguage": "LANG"},
        anchor="subject",
    )
    assert (event.subject, event.anchor, event.attributes) == ("p-1", "p-1", {"genesysLanguage": "Spanish:4"})
    assert one_said(row(LANG="x"), attributes={"genesysLanguage": "LANG"}).subject == "1001"
    nothing = read(row(), TAKEN, DEFAULTS.model_copy(update={"attributes": {"job": "job"}}))
    assert [each.code for each in nothing.ignored] == ["incomplete"]


@pytest.mark.parametrize("payload", [True, 7, "text", {"payload": [1]}])
def test_what_cant_be_understood_is_ignored(payload: Any) -> None:
    """Anything else in JSON."""
    assert codes(payload) == ["not_understood"]


def test_a_list_is_its_events() -> None:
    """Consumers may hand over batches, an empty one too."""
    assert elements([[fixture("wrapped")], None]) == [fixture("wrapped"), None]
    assert read([], TAKEN) == ParsedPayload()
