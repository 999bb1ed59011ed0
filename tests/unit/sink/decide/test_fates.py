"""How a turn is told in the outcomes log."""

import orjson
import pytest

from streamproc.core.records.outcome import Outcome, Request
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.sink.decide.fates import HOLDS, lines


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
