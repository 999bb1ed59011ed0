"""A short crash run through gateway and hydrator, judged by oracles."""

import pytest

from tests.chaos import sources
from tests.chaos.plan import Plan


@pytest.mark.long
async def test_what_the_gateway_accepted_has_a_fate_and_genesys_agrees_with_the_directories(kafka: str) -> None:
    """Gateway, hydrator, worker and sink are killed while hooks are lost, repeated and late; sync finds the lost."""
    found = await sources.run(Plan(seed=6, events=240, users=14, kills=1, seconds=6, kafka=kafka))
    assert found.good, found
    assert found.kills == len(sources.SERVICES)
    assert found.writes > 0
