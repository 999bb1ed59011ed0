"""Log order: situations by name; properties are in `tests/property/core/identity/test_log_order.py`."""

from streamproc.core.identity.log_order import MOST, doubtful, in_log_order
from streamproc.core.parsed_payload import Place, SourceEvent
from streamproc.core.records.link import HeardLog
from streamproc.core.records.units import Micros

HOUR = 3_600_000_000


def said(at: str, hours: int, log: str = "hr", *, snapshot: bool = False) -> SourceEvent:
    """A change, or a row that was read."""
    order = (Micros(hours * HOUR), 7, f"e{at}{hours}")
    return SourceEvent("5", order[2], "change", order, {"active": True}, place=Place(log, at, snapshot))


def heard(*events: SourceEvent) -> dict[str, HeardLog]:
    """What is known after them, one record each."""
    logs: dict[str, HeardLog] = {}
    for event in events:
        _, logs = in_log_order(logs, [event])
    return logs


def test_times_follow_positions() -> None:
    """A change behind a row that was read later counts as of then, and behind it."""
    (row,), logs = in_log_order({}, [said("b10", 9, snapshot=True)])
    (change,), logs = in_log_order(logs, [said("b20", 1)])
    assert (row.order, change.order) == ((9 * HOUR, 7, "b10/0/eb109"), (9 * HOUR, 7, "b20/1/eb201"))
    (between,), _ = in_log_order(logs, [said("b15", 99, snapshot=True)])
    assert row.order < between.order < change.order


def test_what_has_no_place_is_left_alone() -> None:
    """Other sources' events, and their logs."""
    event = SourceEvent("5", "e", "change", (Micros(1), 0, "e"), {})
    assert in_log_order({}, [event]) == ([event], {})


def test_logs_know_nothing_of_each_other() -> None:
    """The clock decides between them, and only the last ones are remembered."""
    logs = heard(*(said("b10", hours, f"hr{hours}") for hours in range(MOST + 2)))
    assert list(logs) == [f"hr{hours}" for hours in range(2, MOST + 2)]
    (event,), _ = in_log_order(logs, [said("b99", 1, "hr5")])
    assert event.order[0] == 5 * HOUR


def test_a_row_that_may_be_another_servers_is_told() -> None:
    """Read more than a day later, at a position in between; the same row again isn't, nor is a new first one."""
    logs = heard(said("b10", 0, snapshot=True), said("b90", 1))
    for at, hours, told in (("b20", 26, True), ("b20", 24, False), ("b10", 26, False), ("b05", 26, False)):
        assert doubtful(logs, [said(at, hours, snapshot=True)]) is told, (at, hours)
    assert not doubtful(logs, [said("b20", 26)])
    assert not doubtful(logs, [said("b95", 26, snapshot=True), said("", 26, snapshot=True)])
    assert not doubtful({}, [said("b20", 26, snapshot=True)])
