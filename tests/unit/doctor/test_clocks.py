"""A clock is said to be wrong only where it surely is."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.records.service_state import ServiceState
from streamproc.core.records.topic_names import CHANGES, DELIVERIES, STATUS
from streamproc.core.records.units import Millis
from streamproc.doctor.clocks import ahead, of_brokers, of_services, surely_ahead
from streamproc.testing.memory_log.partition import MemoryRecord


@given(st.floats(0, 2e9), st.floats(-1e6, 1e6), st.floats(0, 30), st.floats(0, 1))
def test_nothing_is_said_that_isnt_so(before: float, skew: float, took: float, share: float) -> None:
    """Whatever the skew, how long the answer took and when it was made: the bound is never beyond the skew."""
    made = before + share * took
    told = float(math.floor(made + skew))
    bound = surely_ahead(told, 1.0, before, before + took)
    assert min(0.0, skew) - 1e-3 <= bound <= max(0.0, skew) + 1e-3
    assert abs(bound) >= abs(skew) - took - 1.0 - 1e-3


@pytest.mark.parametrize(
    ("seconds", "severity"),
    [(0, "ok"), (1.9, "ok"), (-1.9, "ok"), (2, "warning"), (-59, "warning"), (60, "error"), (-61, "error")],
)
def test_two_seconds_are_warned_of_and_a_minute_is_an_error(seconds: float, severity: str) -> None:
    """In both directions."""
    line = ahead("target", seconds)
    assert (line.severity, bool(line.do)) == (severity, severity != "ok")


def record(topic: str, at: float, value: bytes | None = b"{}") -> MemoryRecord:
    """One of a topic, with this time in seconds."""
    return MemoryRecord(topic, 0, 0, Millis(int(at * 1000)), b"key", value, ())


def test_brokers_are_told_by_records_that_they_gave_a_time() -> None:
    """One from the future is a clock ahead of ours; what producers gave a time says nothing."""
    assert (
        of_brokers({CHANGES: [record(CHANGES, 1090)], DELIVERIES: [record(DELIVERIES, 9999)]}, 1000).severity == "error"
    )
    assert of_brokers({DELIVERIES: [record(DELIVERIES, 9999)]}, 1000).severity == "ok"
    assert of_brokers({CHANGES: [record(CHANGES, 10)]}, 1000).severity == "ok"


def state(at: float, **more: str) -> bytes:
    """How a service is, said then."""
    said = ServiceState("sink", more.get("instance", "a"), "1", "ok", [], Millis(0), Millis(int(at * 1000)))
    return orjson.dumps(said)


def test_a_service_whose_clock_is_ahead_of_the_brokers_is_named() -> None:
    """By its newest state; one that waited to be appended isn't behind, and a stranger's record is nothing."""
    states = [
        record(STATUS, 1000, state(1100)),
        record(STATUS, 1010, state(1015)),
        record(STATUS, 1010, state(900, instance="b")),
        record(STATUS, 1010, b"strange"),
        record(STATUS, 1010, None),
    ]
    (line,) = of_services(states)
    assert (line.severity, line.about, line.text) == ("warning", "sink/a", "is ahead of the brokers' by 5 s or more")
