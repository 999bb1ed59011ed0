"""Orders about accounts of nobody's: what was answered stays so, whatever an older page shows."""

from typing import Any

import pytest

from streamproc.adapters.scim_http import ScimHttp
from streamproc.core.errors import TargetError
from streamproc.core.records.finding import Finding
from streamproc.core.scim.response_policy import Response
from streamproc.reconcile import orders
from streamproc.reconcile.target_reader import TargetReader, Unread
from tests.service.reconcile.test_process import last
from tests.support.reconciler import person
from tests.support.reconciling import Compared, impatient

REAL = ScimHttp.request


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)


class Search:
    """The target's search: while `late`, it shows what it has shown before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.late = False
        self.by_id = 0
        shown: dict[str, Response] = {}
        search = self

        async def request(self: ScimHttp, method: str, path: str, *rest: Any) -> Response:
            search.by_id += path.startswith("/Users/")
            if search.late and path in shown:
                return shown[path]
            answer = await REAL(self, method, path, *rest)
            if path.startswith("/Users?"):
                shown[path] = answer
            return answer

        monkeypatch.setattr(ScimHttp, "request", request)


async def _ordered(compared: Compared, name: str = "robot") -> Finding:
    """An account of nobody's that is to be deactivated, by order."""
    orphan = await compared.org.foreign(name)
    await compared.found()
    told = last(await compared.findings(), f"account/{orphan}")
    assert told is not None
    await compared.say_of("deactivate", told)
    return told


async def test_an_order_stays_answered_while_the_search_still_shows_what_was_before(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked to decide once more about what is done already."""
    search = Search(monkeypatch)
    told = await _ordered(compared)
    search.late = True
    for late in (True, True, False):
        search.late = late
        assert await compared.found() == {}
    answered = last(await compared.findings(), told.key)
    assert answered is not None
    assert answered.answered
    assert answered.differences[0].held["active"] is False
    before = search.by_id
    assert await compared.found() == {}
    assert search.by_id == before, "it is named again only where it seems to differ"


async def test_an_account_that_is_active_again_after_an_order_is_told_again(compared: Compared) -> None:
    """Somebody has let it in again: an operator sees it as open."""
    told = await _ordered(compared)
    assert await compared.found() == {}
    await compared.org.patch(f"Users/{told.account}", "replace", "active", True)
    assert await compared.found() == {told.key: {"account": "orphan"}}


async def test_an_account_that_cant_be_read_stays_as_it_was_told(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an older page shows is no proof that somebody has let it in again; the next round looks again."""
    told = await _ordered(compared)
    assert await compared.found() == {}
    await compared.org.patch(f"Users/{told.account}", "replace", "active", True)

    async def user(self: TargetReader, account: str) -> Unread:
        return Unread("/Users: 500", trouble=True)

    with monkeypatch.context() as patched:
        patched.setattr(TargetReader, "user", user)
        assert await compared.found() == {}
    assert await compared.found() == {told.key: {"account": "orphan"}}


async def test_an_order_whose_answer_was_lost_is_answered_all_the_same(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was carried out; until that is known, a round that shows the account as inactive ends nothing."""
    monkeypatch.setattr(orders, "RETRY", 400)
    told = await _ordered(compared)
    real = TargetReader.write
    lost: list[Response] = []

    async def write(self: TargetReader, *rest: Any) -> Response:
        answer = await real(self, *rest)
        if not lost:
            lost.append(answer)
            raise TargetError("/Users: no answer")
        return answer

    monkeypatch.setattr(TargetReader, "write", write)
    async with compared.reconcile():
        found = await compared.until(lambda found: any(each.answered for each in found))
    assert [each.key for each in found] == [told.key, told.key]
    assert lost
    assert found[-1].differences[0].held["active"] is False


async def test_an_answer_stays_while_somebody_is_on_their_way_who_is_to_have_its_name(compared: Compared) -> None:
    """Whether the account will be theirs isn't known yet: nothing is over, and nobody is asked once more."""
    told = await _ordered(compared, "e9")
    assert await compared.found() == {}
    await compared.say("E9", **person("E9"))
    assert set(await compared.found()) == {"E9"}
    newest = last(await compared.findings(), told.key)
    assert newest is not None
    assert newest.answered
    assert newest.differences
