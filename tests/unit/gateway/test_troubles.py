"""What a gateway tells to be wrong with it."""

from streamproc.gateway.troubles import gateway_troubles


def test_a_gateway_that_can_store_what_comes_has_no_trouble() -> None:
    """Brokers answer, no topic was refused, keys are there."""
    assert list(gateway_troubles(brokers=True, refused=[], key_failures=0)) == []


def test_each_reason_for_a_503_is_told_apart() -> None:
    """Brokers and doors are work that isn't done; without keys it isn't known whose tokens these are."""
    told = list(gateway_troubles(brokers=False, refused=["events.set", "events.okta"], key_failures=2))
    assert [(each.code, each.about, each.state) for each in told] == [
        ("brokers", "kafka", "degraded"),
        ("door_closed", "events.okta", "degraded"),
        ("door_closed", "events.set", "degraded"),
        ("keys", "set", "blind"),
    ]
