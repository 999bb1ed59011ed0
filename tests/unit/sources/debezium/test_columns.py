"""Columns of rows: every way in which converters write them, and what can't be told."""

import json
from typing import Any

import pytest

from streamproc.core.parsed_payload import Ignored, ParsedPayload, Receipt
from streamproc.core.records.units import Micros
from streamproc.sources import configured
from streamproc.sources.debezium import UNAVAILABLE, read

NOON = 1_796_040_000_000_000  # 2026-11-30T12:00:00Z
TAKEN = Receipt(received=Micros(NOON))


def said(columns: dict[str, Any], options: str = "", schema: dict[str, Any] | None = None, op: str = "u") -> Any:
    """What an update to a row says. `options`: TOML of [debezium]. `schema`: column → field of the row's schema."""
    side = "before" if op == "d" else "after"
    change: Any = {"op": op, side: columns, "source": {"name": "hr", "lsn": 7, "ts_ms": 1000}}
    if schema is not None:
        fields = [{"field": column, **kind} for column, kind in schema.items()]
        change = {"schema": {"fields": [{"field": side, "type": "struct", "fields": fields}]}, "payload": change}
    return read(change, TAKEN, configured(f"[debezium]\n{options}", "test")["debezium"])


def facts(parsed: ParsedPayload) -> dict[str, Any]:
    """Of the one thing that is said of now."""
    return parsed.events[0].attributes


def told(parsed: ParsedPayload) -> list[tuple[str, str | None, str | None]]:
    """Code, subject and field of what wasn't understood."""
    return [(each.code, each.subject, each.field) for each in parsed.ignored]


DECIMAL = {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "0"}}
BITS = {"type": "bytes", "name": "io.debezium.data.Bits", "parameters": {"length": "8"}}


@pytest.mark.parametrize(
    ("value", "schema", "active"),
    [
        ("AQ==", None, True),
        ("AA==", None, False),
        ("AQ==", BITS, True),
        ("AAAAAAAAAAA=", BITS, False),
        ("AQ==", DECIMAL, True),
        ("AQ==", {"type": "bytes"}, True),
        ({"scale": 0, "value": "AQ=="}, None, True),
        ({"scale": 1, "value": "Cg=="}, None, True),
        ({"scale": 0, "value": "AA=="}, None, False),
        (1.0, None, True),
        ("1.0", None, True),
        ("Y ", None, True),
        ("t", None, True),
        ("f", None, False),
        (" TERMINATED  ", None, False),
        ("Inactive", {"type": "string", "name": "io.debezium.data.Enum"}, False),
        ({"$numberInt": "1"}, None, True),
        ("A", None, None),
        ("Full-time", None, None),
        (2, None, None),
        ("Ag==", None, None),
        ("Ag==", BITS, None),
        ({"scale": 0, "value": "Ag=="}, None, None),
        ({"scale": "0", "value": "AQ=="}, None, None),
        (["active"], None, None),
        ({"v": 1}, None, None),
        ("AQ==", {"type": "string"}, None),
    ],
)
def test_active_is_understood_or_told(value: Any, schema: dict[str, Any] | None, active: bool | None) -> None:
    """Bits, bytes, decimals and structures; what isn't understood is neither yes nor no."""
    parsed = said({"employee_id": "7", "status": value}, schema=None if schema is None else {"status": schema})
    if active is None:
        assert "active" not in facts(parsed)
        assert told(parsed) == [("not_understood", "7", "active")]
    else:
        assert (facts(parsed)["active"], told(parsed)) == (active, [])


def test_statuses_are_configured() -> None:
    """Both sides; what is on neither is told."""
    options = "active = ['A']\ninactive = ['Z', 'Full-time']"
    for word, active in (("a", True), ("Z ", False), ("full-time", False)):
        assert facts(said({"employee_id": 7, "status": word}, options))["active"] is active
    assert told(said({"employee_id": 7, "status": "Q"}, options)) == [("not_understood", "7", "active")]


@pytest.mark.parametrize(
    ("value", "schema", "options", "subject"),
    [
        (12417.0, None, "", "12417"),
        ("12417.0", None, "", "12417"),
        ("0012417", None, "", "0012417"),
        ({"scale": 0, "value": "MIE="}, None, "", "12417"),
        ({"scale": 2, "value": "EvJk"}, None, "", "12417"),
        ("MIE=", DECIMAL, "", "12417"),
        ("MIE=", None, "encodings = { EMPLOYEE_ID = 'decimal' }", "12417"),
        ("AYeK", None, "encodings = { employee_id = 'decimal:0' }", "100234"),
        ("MIE=", {"type": "string"}, "", "MIE="),
        ("AbCd", None, "encodings = { employee_id = 'text' }", "AbCd"),
        ("E100", None, "", "E100"),
        ({"$numberLong": "12417"}, None, "", "12417"),
        ({"$oid": "65f1c0ffee65f1c0ffee65f1"}, None, "", "65f1c0ffee65f1c0ffee65f1"),
        ({"$numberDecimal": "12417"}, None, "", "12417"),
    ],
)
def test_keys_are_decoded(value: Any, schema: dict[str, Any] | None, options: str, subject: str) -> None:
    """By schema, structure or option; and a whole number is one number however it is written."""
    parsed = said({"employee_id": value}, options, schema and {"employee_id": schema})
    assert (parsed.events[0].subject, parsed.events[0].anchor, told(parsed)) == (subject, subject, [])


@pytest.mark.parametrize(
    "value",
    ["MIE=", "AYeK", "AQ==", "N/A", "null", "0", 0, -7, 1.5, True, {"scale": 0, "value": ""}, ["7"], {"a": 1}, "TBD"],
)
def test_keys_that_are_no_identifiers_name_nobody(value: Any) -> None:
    """Base64 without a schema, placeholders and structures: told, with what to set."""
    parsed = said({"employee_id": value, "status": "active"})
    assert (parsed.events, told(parsed)) == ((), [("not_understood", None, "subject")])
    if value in ("MIE=", "AYeK"):
        assert "decimal.handling.mode=string" in parsed.ignored[0].reason


def test_another_number_never_stands_in_for_a_missing_one() -> None:
    """Row 7 isn't employee 7, and who has no employee number isn't whoever has the row's."""
    assert told(said({"id": 7, "employee_id": None, "status": "active"})) == [("incomplete", None, "subject")]
    parsed = said({"employee_id": 7, "employee_number": None, "status": "active"})
    assert (parsed.events[0].subject, parsed.events[0].anchor) == ("7", None)
    parsed = said({"employee_id": 7, "employee_number": "N/A"})
    assert (parsed.events, told(parsed)) == ((), [("not_understood", "7", "employeeNumber")])


def test_columns_mean_the_same_in_any_case() -> None:
    """Oracle and Db2 write them in capitals; where two differ by case alone, the exact one counts."""
    parsed = said(
        {"EMPLOYEE_ID": "12417", "IS_ACTIVE": 0, "WORK_EMAIL": "t@example.com", "FIRST_NAME": "T", "LAST_NAME": "P"}
    )
    assert facts(parsed) == {
        "active": False,
        "email": "t@example.com",
        "userName": "t@example.com",
        "displayName": "T P",
        "employeeNumber": "12417",
    }
    assert facts(said({"employee_id": 7, "Status": "x", "status": "active"}))["active"] is True


@pytest.mark.parametrize(
    ("column", "path", "value"),
    [
        ('{"work": {"title": "Lead"}}', "profile.work.title", "Lead"),
        ({"work": {"title": "Lead"}}, "profile.work.title", "Lead"),
        ('{"work.title": "Lead"}', "PROFILE.work.title", "Lead"),
        ('{"work": {}}', "profile.work.title", None),
        ('{"work": "{\\"title\\": \\"Lead\\"}"}', "profile.work.title", "Lead"),
        (None, "profile.work.title", None),
        ("not JSON", "profile.work.title", ...),
        ("[1]", "profile.work.title", ...),
        ('{"work": ', "profile.work.title", ...),
        (UNAVAILABLE, "profile.work.title", UNAVAILABLE),
    ],
)
def test_paths_go_into_json_columns(column: Any, path: str, value: Any) -> None:
    """Which come as text; what can't be read there clears nothing, and what wasn't logged says nothing."""
    parsed = said({"employee_id": 7, "profile": column}, f"attributes = {{ job = '{path}' }}")
    if value is ...:
        assert told(parsed) == [("not_understood", "7", "job")]
    elif value is UNAVAILABLE:
        assert (told(parsed), "job" in facts(parsed)) == ([], False)
    else:
        assert (facts(parsed)["job"], told(parsed)) == (value, [])
    assert len(parsed.events) == 1


LEAVES = "attributes = { hireDate = 'hired', terminationDate = 'left_on' }\nzone = 'Europe/Madrid'"
DAY = {"type": "int32", "name": "io.debezium.time.Date"}


@pytest.mark.parametrize(
    ("value", "kind", "option", "active", "ahead"),
    [
        (20_787, DAY, "", True, "2026-11-30"),
        (20_786, DAY, "", False, None),
        (0, DAY, "", True, None),
        (2_932_896, DAY, "", True, None),
        (None, DAY, "", True, None),
        (1_795_910_400_000, {"type": "int64", "name": "io.debezium.time.Timestamp"}, "", False, None),
        (1_796_083_200_000_000, {"type": "int64", "name": "io.debezium.time.MicroTimestamp"}, "", True, "2026-12-01"),
        (
            1_796_083_200_000_000_000,
            {"type": "int64", "name": "io.debezium.time.NanoTimestamp"},
            "",
            True,
            "2026-12-01",
        ),
        ("2026-12-01T00:00:00Z", {"type": "string", "name": "io.debezium.time.ZonedTimestamp"}, "", True, "2026-12-01"),
        (20_788, None, "encodings = { left_on = 'days' }", True, "2026-12-01"),
        (1_796_083_200_000, None, "encodings = { left_on = 'ms' }", True, "2026-12-01"),
        ("01.12.2026", None, "dates = ['%d.%m.%Y']", True, "2026-12-01"),
        ("2026-12-01", None, "", True, "2026-12-01"),
        ("0000-00-00", None, "", True, None),
        ("9999-12-31", None, "", True, None),
        (20_788, None, "", ..., None),
        ("soon", None, "", ..., None),
        ({"y": 2026}, None, "", ..., None),
    ],
)
def test_dates_take_effect(value: Any, kind: Any, option: str, active: Any, ahead: str | None) -> None:
    """On the day after the last, in the company's zone; one that can't be read leaves access as it was."""
    columns = {"employee_id": 7, "status": "active", "left_on": value}
    parsed = said(columns, f"{LEAVES}\n{option}", kind and {"left_on": kind})
    now, *later = parsed.events
    if active is ...:
        assert "active" not in now.attributes
        assert told(parsed) == [("not_understood", "7", "terminationDate")]
    else:
        assert (now.attributes["active"], told(parsed)) == (active, [])
        assert now.cancels == "dates"
    assert [(each.effective.said, each.attributes) for each in later if each.effective] == (
        [] if ahead is None else [(ahead, {"active": False})]
    )


def test_a_no_holds_beside_a_date_that_cant_be_read() -> None:
    """Who has left by the status has left; and who has left by the date, too, whatever the status is."""
    assert facts(said({"employee_id": 7, "status": "terminated", "left_on": "soon"}, LEAVES))["active"] is False
    parsed = said({"employee_id": 7, "status": "?", "left_on": "2026-11-01"}, LEAVES)
    assert (facts(parsed)["active"], told(parsed)) == (False, [("not_understood", "7", "active")])
    parsed = said({"employee_id": 7, "status": "?", "hired": "2026-12-24"}, LEAVES)
    assert [each.attributes for each in parsed.events] == [{"active": False, "employeeNumber": 7}]


def test_a_start_that_lies_ahead() -> None:
    """Nobody is let in before their first day; a status that says no is believed on it, too."""
    now, start = said({"employee_id": 7, "status": "active", "hired": "2026-12-24"}, LEAVES).events
    assert (now.attributes["active"], start.attributes) == (False, {"active": True})
    assert start.row == "dates/start/2026-12-24"
    parsed = said({"employee_id": 7, "status": "inactive", "hired": "2026-11-30"}, LEAVES)
    assert facts(parsed)["active"] is False


def test_a_deleted_row_may_be_a_leaver() -> None:
    """By an option; a change of the key and a tombstone are none, and an emptied table is told."""
    options = "deleted = 'leaver'"
    (gone,) = said({"employee_id": 7, "status": "active"}, options, op="d").events
    assert (gone.subject, gone.attributes, gone.anchor) == ("7", {"active": False}, None)
    flat = {"employee_id": 7, "__deleted": "true", "__lsn": 8}
    chosen = configured(f"[debezium]\n{options}", "test")["debezium"]
    assert [each.attributes for each in read(flat, TAKEN, chosen).events] == [{"active": False}]
    assert told(said({"id": 3, "employee_id": None}, options, op="d")) == [("incomplete", None, "subject")]
    assert read({"op": "t"}, TAKEN, chosen).ignored[0].code == "not_understood"
    assert read(None, TAKEN, chosen).ignored[0].code == "noise"
    moved = Receipt(TAKEN.received, headers={"__debezium.newkey": '{"employee_id": 8}'})
    change = {"op": "d", "before": {"employee_id": 7, "employee_number": "E1"}}
    assert read(change, moved, chosen).ignored == (Ignored("deleted_row", "the row goes on under another key", "7"),)


def test_a_row_may_be_all_that_says_who_works() -> None:
    """Where deleted rows are leavers and no column says who is active."""
    options = "deleted = 'leaver'\nattributes = { active = '' }"
    assert facts(said({"employee_id": 7}, options))["active"] is True
    assert "active" not in facts(said({"employee_id": 7}, "deleted = 'leaver'"))


@pytest.mark.parametrize("key", [{"employee_id": 8}, {"schema": {}, "payload": {"EMPLOYEE_ID": 8}}])
def test_a_new_key_that_is_another_users_is_told(key: Any) -> None:
    """The old user isn't disabled by it, so somebody has to look."""
    moved = Receipt(TAKEN.received, headers={"__debezium.newkey": json.dumps(key)})
    (ignored,) = read({"op": "d", "before": {"employee_id": 7}}, moved).ignored
    assert (ignored.code, ignored.subject, ignored.field) == ("rekeyed", "7", "subject")


def test_documents_of_mongodb() -> None:
    """They are text, with types inside; an update without the document says nothing, and that is told."""
    after = {"_id": {"$numberLong": "7"}, "name": "Ana", "active": False, "employee_number": "E1"}
    change = {
        "op": "u",
        "after": json.dumps(after),
        "source": {"connector": "mongodb", "name": "hr", "ord": 1, "ts_ms": 9},
    }
    options = configured("[debezium]\nattributes = { subject = '_id' }", "test")["debezium"]
    (event,) = read(change, TAKEN, options).events
    assert (event.subject, event.anchor, event.attributes["active"]) == ("7", "E1", False)
    assert [each.code for each in read(change | {"after": None}, TAKEN, options).ignored] == ["incomplete"]


def test_bytes_that_were_not_logged_say_nothing() -> None:
    """The placeholder in base64."""
    parsed = said({"employee_id": 7, "status": "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="})
    assert (facts(parsed), told(parsed)) == ({"employeeNumber": 7}, [])


def test_what_lies_beside_rows_is_about_nobody() -> None:
    """A transaction's id is nobody's, nor is there anybody in a change of the schema."""
    transaction = {"status": "BEGIN", "id": "571:53195829", "event_count": None, "data_collections": None, "ts_ms": 1}
    schema = {"source": {"name": "hr"}, "databaseName": "hr", "ddl": "ALTER TABLE employees", "tableChanges": []}
    assert [read(each, TAKEN).ignored[0].code for each in (transaction, schema)] == ["type", "type"]
