"""Positions: each connector's, in the order of its log."""

from typing import Any

import pytest

from streamproc.sources.debezium.envelope import respelled
from streamproc.sources.debezium.position import place, sequence

UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"


@pytest.mark.parametrize(
    ("connector", "ascending"),
    [
        (
            "mysql",
            [
                {"file": "mysql-bin.000009", "pos": 900, "row": 0},
                {"file": "mysql-bin.000010", "pos": 4, "row": 0},
                {"file": "mysql-bin.000010", "pos": "4", "row": 1},
                {"file": "mysql-bin.000010", "pos": 1_000_000},
                {"file": "mysql-bin.1000000", "pos": 4},
            ],
        ),
        ("mariadb", [{"gtid": "0-1-9"}, {"gtid": "0-2-10"}, {"gtid": "0-1-100"}]),
        ("mysql", [{"gtid": f"{UUID}:9"}, {"gtid": f"{UUID.upper()}:10"}]),
        (
            "vitess",
            [
                {"vgtid": f'[{{"keyspace":"hr","shard":"-80","gtid":"MySQL56/{UUID}:1-85"}}]'},
                {"vgtid": f'[{{"keyspace":"hr","shard":"-80","gtid":"MySQL56/{UUID}:1-85:87-88"}}]'},
                {"vgtid": f'[{{"keyspace":"hr","shard":"-80","gtid":"MySQL56/{UUID}:1-100,{UUID}:1"}}]'},
            ],
        ),
        (
            "postgresql",
            [
                {"lsn": 9, "sequence": '[null,"9"]'},
                {"lsn": "33000000"},
                {"lsn": 32_000_000, "sequence": '["33000005","32000000"]'},
                {"lsn": 32_000_009, "sequence": '["33000005","32000009"]'},
                {"lsn": 33_000_100.0},
                {"lsn": "1/0"},
            ],
        ),
        (
            "sqlserver",
            [
                {"commit_lsn": "0000002a:00000d58:0003"},
                {"commit_lsn": "0000002a:00000d58:0003", "change_lsn": "0000002a:00000d57:0001", "event_serial_no": 1},
                {"commit_lsn": "0000002a:00000d58:0003", "change_lsn": "0000002a:00000d57:0001", "event_serial_no": 2},
                {"commit_lsn": "0000002A:00000D58:0003", "change_lsn": "0000002a:00000d58:0001"},
                {"commit_lsn": "0000002b:00000001:0001", "change_lsn": "0000002a:00000001:0001"},
            ],
        ),
        ("db2", [{"commit_lsn": "0000:00ff"}, {"commit_lsn": "0000:0100", "change_lsn": "0000:00fe"}]),
        ("informix", [{"commit_lsn": "99", "change_lsn": "98"}, {"commit_lsn": "100", "change_lsn": "97"}]),
        (
            "oracle",
            [
                {"scn": "2868546"},
                {"scn": "2868540", "commit_scn": "2868547"},
                {"scn": "2868541", "commit_scn": "2868547", "ssn": 0},
                {"scn": "2868541", "commit_scn": "2868547", "ssn": 1},
                {"scn": "2868541", "commit_scn": "2868547", "rs_id": " 0x00012a.00000d58.0010 ", "ssn": 0},
                {"scn": "2868541", "commit_scn": "2868547", "rs_id": "0x00012a.00000d59.0001", "ssn": 0},
                {"scn": "28685480000000000000"},
            ],
        ),
        (
            "mongodb",
            [
                {"ts_ms": 1_795_950_000_000, "ord": 9, "rs": "rs0"},
                {"ts_ms": 1_795_950_000_000, "ord": 10, "rs": "rs0"},
                {"ts_ms": 1_795_950_001_000, "ord": 1, "rs": "rs0"},
            ],
        ),
    ],
)
def test_positions_sort_as_the_log_does(connector: str, ascending: list[dict[str, Any]]) -> None:
    """As numbers or as text; a commit's position comes before that of the change; sequences never contradict."""
    sources = [respelled({"connector": connector, "name": "hr"} | each) for each in ascending]
    places = [place("u", each) for each in sources]
    assert len({each.log for each in places}) == 1
    ats = [each.at for each in places]
    assert "" not in ats
    assert ats == sorted(set(ats))
    numbers = [sequence(each) for each in sources]
    assert numbers == sorted(numbers)
    assert numbers[-1] < 2**63


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"connector": "mysql", "name": "hr"}, {"connector": "mysql", "name": "hr2"}),
        ({"file": "mysql-bin.000001", "pos": 4}, {"file": "binlog.000001", "pos": 4}),
        ({"connector": "sqlserver", "db": "a"}, {"connector": "sqlserver", "db": "b"}),
        ({"connector": "mongodb", "rs": "a"}, {"connector": "mongodb", "rs": "b"}),
        ({"gtid": "0-1-9"}, {"gtid": "1-1-10"}),
        ({"gtid": f"{UUID}:9"}, {"gtid": f"{UUID[:-1]}3:9"}),
    ],
)
def test_other_logs_are_told_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    """By connector and topic prefix, and where a server has several."""
    assert place("u", respelled(one)).log != place("u", respelled(other)).log


def test_mysqls_log_is_the_servers() -> None:
    """Whatever the database in it."""
    one, other = ({"connector": "mysql", "db": db, "file": "b.1", "pos": 4} for db in ("a", "b"))
    assert place("u", one).log == place("u", other).log


@pytest.mark.parametrize(
    "source", [{}, {"lsn": 1.5}, {"lsn": True}, {"scn": ""}, {"commit_lsn": "x:y:z"}, {"file": "b.1"}]
)
def test_what_is_no_position_is_none(source: dict[str, Any]) -> None:
    """Then the clock decides."""
    assert place("u", respelled(source)).at == ""
    assert sequence(respelled(source)) == 0


@pytest.mark.parametrize(
    ("operation", "snapshot", "read"),
    [
        ("r", "false", True),
        ("r", None, True),
        ("u", "false", False),
        ("u", False, False),
        ("c", None, False),
        ("c", "true", True),
        ("c", True, True),
        ("r", "incremental", True),
        ("c", "first_in_data_collection", True),
        ("c", "last", True),
    ],
)
def test_rows_that_were_read_are_no_changes(operation: str, snapshot: Any, read: bool) -> None:
    """By the operation or by the source; older connectors read snapshots as creations."""
    assert place(operation, {"snapshot": snapshot}).snapshot is read


@pytest.mark.parametrize(
    "source",
    [
        {"file": "binlog." + "1" * 5000, "pos": 1},
        {"gtid": "1" * 5000 + "-1-1"},
        {"gtid": "1-1-" + "1" * 5000},
        {"gtid": "3e11fa47-71ca-11e1-9e33-c80aa9429562:" + "1" * 5000},
        {"scn": "1" * 5000, "lsn": "1" * 5000, "commitlsn": "1" * 5000},
    ],
)
def test_numbers_without_end_are_none(source: dict[str, Any]) -> None:
    """A position that no database has says nothing, and stops nobody."""
    assert sequence(source) == 0
    assert place("u", source).at == ""
    assert len(place("u", source).log) < 300
