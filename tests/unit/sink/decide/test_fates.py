"""Fates as they are written: no line of the log is longer than a record may be."""

from typing import Any

import orjson
import pytest

from streamproc.core.records.delivery import Parked
from streamproc.core.records.outcome import OUTCOME, Outcome, Request
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.sink.decide.fates import ASIDE, HOLDS, LINE, finish, lines
from streamproc.sink.decide.progress import Progress
from streamproc.sink.decide.underway import SetAside
from tests.support.adverse_target import CAUSE, work
from tests.support.hostile_targets.people import ANA


def outcome(*sizes: int) -> Outcome:
    """With requests whose bodies have so many characters."""
    requests = [
        Request(f"r{n}", "PATCH", "/Users/a", {"x": "y" * size}, Millis(n), Millis(n), 200, None)
        for n, size in enumerate(sizes)
    ]
    return Outcome("E1", 7, "delivered", True, Millis(9), "changed", CAUSE, ["patch"], requests, None, None, Millis(8))


def test_what_fits_is_one_line() -> None:
    """As it was."""
    (line,) = lines(outcome(10, 20))
    assert OUTCOME.validate_json(line) == outcome(10, 20)


def test_many_requests_are_told_in_several_lines() -> None:
    """All of them, in order; the last line alone is the fate, and alone says what was done."""
    whole = outcome(*[300_000] * 7)
    told = [OUTCOME.validate_json(line) for line in lines(whole)]
    assert all(len(orjson.dumps(each)) <= LINE for each in told)
    assert [each.id for line in told for each in line.requests] == [each.id for each in whole.requests]
    assert [line.final for line in told] == [False] * (len(told) - 1) + [True]
    assert [line.operations for line in told[:-1]] == [[]] * (len(told) - 1)
    assert (told[-1].verdict, told[-1].acknowledged) == ("delivered", Millis(8))


def test_a_request_that_is_too_long_alone_is_told_without_its_body() -> None:
    """That it was sent, and what came of it, is told all the same."""
    (line,) = lines(outcome(2_000_000))
    (request,) = OUTCOME.validate_json(line).requests
    assert (request.id, request.body, request.status) == ("r0", None, 200)


def test_what_is_set_aside_is_told_within_bounds() -> None:
    """Of thousands of groups so many are named, and how many more there are."""
    progress = Progress(work(10, Resource(**{**ANA, "groups": [f"g{n}" for n in range(5000)]})))
    aside: dict[str, Any] = {}
    for n in range(5000):
        aside[f"group g{n}"] = SetAside(f"group g{n}", "refused", "no " * 100)
    for each in aside.values():
        progress = progress.with_aside(each, Millis(0))
    parked = finish(progress, Millis(0)).parked
    assert isinstance(parked, Parked)
    assert sum(len(name) + len(told) for name, told in parked.attributes.items()) <= ASIDE
    assert parked.reason.endswith(f"(and {5000 - len(parked.attributes)} more attributes)")


@pytest.mark.parametrize("groups", [1, HOLDS, HOLDS + 1, 500])
def test_what_the_target_holds_isnt_told_a_hundred_times(groups: int) -> None:
    """Each request is told, the last with what the target holds then; many groups aren't told after each of them."""
    names = [f"group {number}" for number in range(groups)]
    requests = [
        Request(f"r{n}", "PATCH", "/Groups/g", None, Millis(n), Millis(n), 200, None, None, Resource(groups=names[:n]))
        for n in range(groups)
    ]
    told = [
        orjson.loads(line) for line in lines(Outcome("E1", 1, "delivered", True, Millis(1), "", None, [], requests))
    ]
    every = [request for line in told for request in line["requests"]]
    assert [request["id"] for request in every] == [f"r{number}" for number in range(groups)]
    holds = [request["holds"] for request in every if request["holds"] is not None]
    assert len(holds) == min(groups, HOLDS) if groups <= HOLDS else len(holds) <= HOLDS
    assert every[-1]["holds"] == {"groups": names[: groups - 1]}
