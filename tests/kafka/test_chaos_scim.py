"""A short crash run of the front door, judged by one order of all requests."""

import pytest

from tests.chaos import scim
from tests.chaos.plan import Plan


@pytest.mark.long
async def test_two_gateways_that_die_tell_every_client_what_one_log_explains(kafka: str) -> None:
    """Users and groups are written through both at once, over connections that are lost; each answer holds."""
    found = await scim.run(Plan(seed=6, events=240, users=8, kills=1, seconds=8, kafka=kafka))
    assert found.good, found
    assert found.kills + found.pauses == len(scim.GATEWAYS) + 2
    assert found.writes > 0
