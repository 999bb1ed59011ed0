"""A log that strangers can't flood."""

from typing import Any

import structlog
from structlog.testing import CapturingLogger

from streamproc.gateway.summed_log import ADDRESSES, INTERVAL, KINDS, SummedLog


class Told:
    """A summed log, what it has written, and its clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self._written = CapturingLogger()
        self.log = SummedLog(structlog.wrap_logger(self._written, processors=[lambda *each: each[2]]), lambda: self.now)

    def lines(self) -> list[dict[str, Any]]:
        """What was written since the last call."""
        lines = [call.kwargs for call in self._written.calls]
        self._written.calls.clear()
        return lines


def test_the_first_is_told_at_once_and_the_rest_in_one_line() -> None:
    """With how many there were, from where, and in which time; then the next first is told at once."""
    told = Told()
    for number in range(1, 8):
        told.log.tell("warning", "refused", remote=f"192.0.2.{number}", source="okta", check="header")
    told.log.tell("warning", "refused", remote="192.0.2.1", source="entra", check="clientState", times=3)
    first = {"event": "refused", "remote": "192.0.2.1", "source": "okta", "check": "header"}
    assert told.lines() == [first, first | {"source": "entra", "check": "clientState", "times": 3}]
    told.now += INTERVAL - 1
    told.log.sum_up()
    assert told.lines() == []
    told.now += 1
    told.log.sum_up()
    remotes = ", ".join(f"192.0.2.{number}" for number in range(2, 7))
    assert told.lines() == [first | {"remote": remotes, "times": 6, "seconds": INTERVAL, "addresses": 6}]
    told.now += INTERVAL
    told.log.sum_up()
    told.log.tell("warning", "refused", remote="192.0.2.1", source="okta", check="header")
    assert told.lines() == [first]


def test_a_flood_is_as_many_lines_as_there_are_kinds() -> None:
    """Whatever comes, from wherever: lines and memory stay few, and no count is lost."""
    told = Told()
    for number in range(20_000):
        told.log.tell("error", "odd", remote=str(number % (2 * ADDRESSES)), why=str(number % (3 * KINDS)))
    assert len(told.lines()) == KINDS + 1
    told.log.sum_up(all_of_it=True)
    rest = told.lines()
    assert len(rest) == KINDS + 1
    assert sum(line["times"] for line in rest) + KINDS + 1 == 20_000
    assert max(line.get("addresses", 0) for line in rest) == ADDRESSES
