"""What one user's answers do to the others: nothing. And what they can't do to their own user."""

from typing import Any

import pytest

from streamproc.core.scim.response_policy import Response
from streamproc.sink.decide.after import after
from tests.support.reconciler import Org, person


async def test_an_error_about_one_user_is_that_users(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something in an answer makes us stumble: its user is parked, everybody else goes on, and later it works."""
    stumbles = True

    def stumbling(progress: Any, *rest: Any) -> Any:
        if progress.user == "E1" and stumbles:
            raise RecursionError
        return after(progress, *rest)

    monkeypatch.setattr("streamproc.sink.reconciler.after", stumbling)
    first, second = org.say("E1", **person("E1")), org.say("E2", **person("E2"))
    await org.run()
    assert (org.fate(first), org.fate(second)) == ("parked", "delivered")
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert (parked.code, "RecursionError" in parked.reason) == ("stalled", True)
    stumbles = False
    org.again("E1")
    await org.run()
    assert (await org.user("E1"))["active"] is True


async def test_a_leaver_about_whom_we_stumble_is_parked_and_told(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    """They keep their access for now, which is an error in the log and a parked leaver, not the end of the sink."""
    await org.hired("E1")

    def stumbling(*_: Any) -> Any:
        raise TypeError

    with monkeypatch.context() as patched:
        patched.setattr("streamproc.sink.reconciler.after", stumbling)
        seq = org.say("E1", active=False)
        await org.run()
    assert org.fate(seq) == "parked"
    org.again("E1")
    await org.run()
    assert (await org.user("E1"))["active"] is False


async def test_a_search_that_shows_somebody_else_as_ours_adopts_nobody(org: Org) -> None:
    """The account itself says whose it is: the one that the search named stays as it was."""
    other = await org.foreign("boss")
    before = await org.call("GET", f"Users/{other}")

    def lies(method: str, path: str, answer: Response) -> Response:
        if method == "GET" and path.startswith("/Users?filter=externalId"):
            return Response(200, {"totalResults": 1, "Resources": [{"id": other, "externalId": "E1"}]}, {})
        return answer

    org.wire.after = lies
    seq = org.say("E1", **person("E1"))
    await org.run()
    assert org.fate(seq) == "parked"
    parked = org.store.known["E1"].parked
    assert parked is not None
    assert (parked.code, org.store.known["E1"].id) == ("ambiguous", None)
    assert await org.call("GET", f"Users/{other}") == before
    org.wire.after = None
    org.again("E1")
    await org.run()
    assert (await org.user("E1"))["userName"] == "e1@example.com"
