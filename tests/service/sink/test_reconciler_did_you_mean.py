"""A name that the target spells in another way: the reason says which is probably meant, and no more is done."""

from tests.support.reconciler import Org, person


def _reasons(org: Org, user: str) -> str:
    parked = org.store.known[user].parked
    assert parked is not None
    return " / ".join(parked.attributes.values())


async def test_a_skill_that_another_has_in_another_spelling_is_proposed(org: Org) -> None:
    """What the target has shown of anybody is known; what it never showed isn't guessed."""
    await org.hired(genesysQueue="Billing")
    org.say("E2", **person("E2") | {"genesysQueue": "bil-ling"})
    await org.run()
    assert "did you mean 'Billing' for 'bil-ling'?" in _reasons(org, "E2")
    org.say("E3", **person("E3") | {"genesysQueue": "Quidditch"})
    await org.run()
    assert "did you mean" not in _reasons(org, "E3")


async def test_a_group_that_was_found_before_is_proposed(org: Org) -> None:
    """By its case and marks alone; the membership stays set aside."""
    await org.hired(genesysQueue="Billing")
    seq = org.say("E1", genesysQueue="Billíng")
    await org.run()
    assert org.fate(seq) in ("parked", "delivered")
    assert "there is no group Billíng Queue; did you mean 'Billing Queue' for 'Billíng Queue'?" in _reasons(org, "E1")
