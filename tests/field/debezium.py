"""Rows of HR tables, as Debezium's connectors and their converters write them."""

import json
from collections.abc import Callable
from typing import Any, Final

import orjson

from streamproc.core.parsed_payload import ParsedPayload
from streamproc.core.records.units import Millis
from tests.field.case import Case
from tests.field.pipeline import play
from tests.field.says import now, says, words

AT: Final = 1_795_940_000_000
"""ms since 1970, of the first change."""
HOUR: Final = 3_600_000
POSITIONS: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "mysql": lambda at: {"file": "mysql-bin.000007", "pos": 100 * at, "row": 0},
    "mariadb": lambda at: {"file": f"mariadb-bin.{at:06}", "pos": 4, "gtid": f"0-1-{at}"},
    "postgresql": lambda at: {"lsn": 33_000_000 + at},
    "sqlserver": lambda at: {"commit_lsn": f"0000002a:{at:08x}:0003"},
    "oracle": lambda at: {"scn": str(2_868_000 + at)},
    "db2": lambda at: {"commit_lsn": f"00000000:{at:08x}"},
    "vitess": lambda at: {"vgtid": json.dumps([{"shard": "-", "gtid": f"MySQL56/u-u-i-d:1-{at}"}])},
}
"""Connector → its fields of a position."""


def row(position: dict[str, Any], hours: int, *, active: Any, op: str = "u", **source: Any) -> dict[str, Any]:
    """A record about employee 31: a change, or a row that was read, `hours` after the first."""
    read = {"ts_ms": AT + hours * HOUR, "snapshot": "true" if op == "r" else "false", "name": "people"}
    after = {"employee_id": 31, "is_active": active, "work_email": "p31@example.com", "full_name": "Person 31"}
    value = {
        "before": None,
        "after": after,
        "op": op,
        "source": read | position | source,
        "ts_ms": AT + hours * HOUR + 9,
    }
    return {"topic": "events.debezium", "key": "31", "value": value}


def _leaver_behind_a_snapshot() -> None:
    for connector, at in POSITIONS.items():
        records = [
            row(at(1), 3, active=1, op="r", connector=connector),
            row(at(9), 1, active=0, connector=connector),
            row(at(1), 5, active=1, op="r", connector=connector),  # read again
            row(at(1), 6, active=1, op="r", connector=connector, snapshot="incremental"),
        ]
        assert play(records).active("31") is False, connector


def _new_server() -> None:
    at = POSITIONS["mysql"]
    old = [row(at(5), 2, active=1, op="r", connector="mysql"), row(at(900), 1, active=1, connector="mysql")]
    ways: list[list[dict[str, Any]]] = [
        [row(at(7), 8, active=0, connector="mysql")],
        [row(at(1), 9, active=0, op="r", connector="mysql")],
        [row(at(1), 9, active=1, op="r", connector="mysql"), row(at(7), 8, active=0, connector="mysql")],
        [row(at(1), 9, active=0, op="r", connector="mysql", name="people2")],
    ]
    for new in ways:
        assert play([*old, *new]).active("31") is False


def _snapshot_of_another_server() -> None:
    at = POSITIONS["postgresql"]
    old = [row(at(5), 0, active=1, op="r"), row(at(900), 1, active=1)]
    again = row(at(5), 20, active=0, op="r")
    other = row(at(7), 27, active=0, op="r")
    assert play([*old, again]).told() == set(), "the same row, read again"
    ran = play([*old, other], now=Millis(AT + 30 * HOUR))
    assert (ran.active("31"), ran.told()) == (True, {("doubtful_position", "31", None)})


def _rehired_after_a_snapshot() -> None:
    at = POSITIONS["postgresql"]
    records = [row(at(1), 3, active=0, op="r"), row(at(2), 1, active=1), row(at(1), 9, active=0, op="r")]
    assert play(records).active("31") is True


def _flattened_without_positions() -> None:
    read = {"employee_id": 31, "is_active": 1, "work_email": "p31@example.com", "full_name": "Person 31"}
    row_ = read | {"__op": "r", "__source_ts_ms": AT + HOUR}
    change = read | {"is_active": 0, "__op": "u", "__source_ts_ms": AT}
    for said in ([row_, change], [row_, change, row_ | {"__source_ts_ms": AT + 2 * HOUR}], [change, row_]):
        records = [{"topic": "events.debezium", "key": "31", "value": value} for value in said]
        assert play(records).active("31") in (False, None), "a row that was read lets no leaver in"


def _said(settings: str = "", **columns: Any) -> ParsedPayload:
    return says("debezium", orjson.dumps({"op": "u", "after": columns, "source": {"lsn": 1, "ts_ms": AT}}), settings)


def _bits() -> None:
    for value, active in (("AQ==", True), ("AA==", False), ({"scale": 0, "value": "AQ=="}, True)):
        assert now(_said(employee_id="31", is_active=value), "active") == [active]
    strange: tuple[Any, ...] = ("Ag==", {"bits": "AQ=="}, [1])
    for each in strange:
        said = _said(employee_id="31", is_active=each)
        assert (now(said, "active"), words(said)) == ([], ["not_understood"])


def _decimal_keys() -> None:
    for value in ("MIE=", "AYeK", {"scale": 0, "value": 7}):
        said = _said(employee_id=value, is_active=True)
        assert (said.events, [each.field for each in said.ignored]) == ((), ["subject"]), value
    assert _said(employee_id={"scale": 0, "value": "MIE="}).events[0].anchor == "12417"
    assert _said("debezium.encodings.employee_id = 'decimal'", employee_id="MIE=").events[0].anchor == "12417"


def _columns_in_capitals() -> None:
    assert now(_said(EMPLOYEE_ID="31", IS_ACTIVE=0), "active") == [False]
    said = _said(EMPL_NO="31", IS_ACTIVE=0)
    assert (said.events, words(said)) == ((), ["incomplete"])


def _own_statuses() -> None:
    settings = "[debezium]\nactive = ['A']\ninactive = ['X']"
    assert [now(_said(settings, employee_id=3, status=word), "active") for word in "AX"] == [[True], [False]]
    said = _said(settings, employee_id=3, status="P")
    assert [(each.code, each.subject, each.field) for each in said.ignored] == [("not_understood", "3", "active")]


def _day_since_1970() -> None:
    settings = "[debezium]\nattributes.terminationDate = 'last_day'\nencodings.last_day = 'days'"
    assert now(_said(settings, employee_id=3, status="active", last_day=20_786), "active") == [False]
    said = _said(settings, employee_id=3, status="active", last_day=20_800)
    assert [each.effective.said for each in said.events if each.effective] == ["2026-12-13"]
    unread = _said("debezium.attributes.terminationDate = 'last_day'", employee_id=3, status="active", last_day=20_786)
    assert (now(unread, "active"), [each.field for each in unread.ignored]) == ([], ["terminationDate"])


def _json_column() -> None:
    settings = "debezium.attributes.job = 'profile.title'"
    assert now(_said(settings, employee_id=3, profile='{"title": "Lead"}'), "job") == ["Lead"]
    said = _said(settings, employee_id=3, profile="{title: Lead}")
    assert (now(said, "job"), [each.field for each in said.ignored]) == ([], ["job"])


def _deleted_row() -> None:
    joined = row({"lsn": 1}, 0, active=1, op="c")
    gone = {"op": "d", "before": joined["value"]["after"], "after": None, "source": {"lsn": 2, "ts_ms": AT + HOUR}}
    records = [joined, {"topic": "events.debezium", "key": "31", "value": gone}]
    records.append({"topic": "events.debezium", "key": "31", "value": None})
    assert play(records).active("31") is True
    assert play(records, settings="debezium.deleted = 'leaver'").active("31") is False


CASES: Final = (
    Case("K1", "leaver-behind-a-snapshot-of-every-connector", _leaver_behind_a_snapshot),
    Case("K1", "new-server-binlog-reset-new-prefix", _new_server),
    Case("K1", "snapshot-of-another-server-is-told", _snapshot_of_another_server),
    Case("K1", "rehired-after-a-snapshot", _rehired_after_a_snapshot),
    Case("K1", "flattened-without-positions", _flattened_without_positions),
    Case("K2", "debezium-bits-and-structures", _bits),
    Case("K2", "debezium-own-statuses", _own_statuses),
    Case("K3", "debezium-decimal-keys", _decimal_keys),
    Case("G", "columns-in-capitals", _columns_in_capitals),
    Case("G", "days-since-1970", _day_since_1970),
    Case("G", "path-into-json-text", _json_column),
    Case("G", "deleted-row-is-a-leaver", _deleted_row),
)
