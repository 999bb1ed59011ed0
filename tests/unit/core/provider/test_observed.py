"""What a seeded resource holds by the target's word alone."""

from typing import Any

from streamproc.core.provider.observed import joined, names, parted, still_observed
from streamproc.core.provider.state import ScimResource
from streamproc.core.records.units import Millis

URN = "urn:x:2.0:User"
HELD: dict[str, Any] = {"userName": "kim", "name": {"givenName": "Kim"}, URN: {"skills": ["a"], "department": "D"}}


def seen(*observed: str) -> ScimResource:
    """A user of whom only the rest is a client's word."""
    return ScimResource("u", "User", 1, 1, Millis(0), Millis(0), HELD, {}, observed=observed)


def test_a_client_speaks_of_what_it_writes_and_all_below() -> None:
    """Whoever writes a given name has spoken of the name, and whoever clears an extension of all in it."""
    everything = seen(*names(HELD))
    assert everything.observed == ("name", f"{URN}:department", f"{URN}:skills", "userName")
    assert still_observed(everything, ["name.givenName", f"{URN}:skills"]) == (f"{URN}:department", "userName")
    assert still_observed(everything, [URN]) == ("name", "userName")
    assert still_observed(seen(), ["title"]) == ()


def test_whose_word_it_is_can_be_parted_and_joined() -> None:
    """A PUT is made of what a client has said alone, and what nobody has spoken of is there afterwards."""
    observed, said = parted(seen("name", f"{URN}:skills"))
    assert observed == {"name": {"givenName": "Kim"}, URN: {"skills": ["a"]}}
    assert said == {"userName": "kim", URN: {"department": "D"}}
    assert joined(observed, said) == HELD
    assert joined(observed, {URN: {"skills": ["b"]}}) == {"name": {"givenName": "Kim"}, URN: {"skills": ["b"]}}
    assert parted(seen(f"{URN}:skills", f"{URN}:department"))[1].keys() == {"userName", "name"}
