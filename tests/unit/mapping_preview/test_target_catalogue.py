"""Names that a target has, as it lists them: whatever it lists, that is a list or an error with words."""

import asyncio
from typing import Any

import pytest

from streamproc.adapters.scim_http import PlatformHttp, ScimHttp
from streamproc.core.errors import TargetError
from streamproc.core.scim.response_policy import Response
from streamproc.mapping_preview.lint import Use
from streamproc.mapping_preview.target_catalogue import PAGE, PAGES, Catalogue


class Target(ScimHttp, PlatformHttp):
    """Gives answers in order, the last one again and again; `asked` counts."""

    def __init__(self, *bodies: Any) -> None:
        self.bodies = list(bodies)
        self.asked = 0

    async def get(self, path: str) -> Response:
        await asyncio.sleep(0)
        self.asked += 1
        body = self.bodies[min(self.asked, len(self.bodies)) - 1]
        return Response(200, body(self.asked) if callable(body) else body, {})

    async def request(self, method: str, path: str, *_: Any, **__: Any) -> Response:
        return await self.get(path)


def catalogue(target: Target) -> Catalogue:
    """That reads it."""

    async def pause(_: float) -> None:
        await asyncio.sleep(0)

    return Catalogue(target, target, "genesys", pause, lambda: 0.5, lambda _: None)


@pytest.mark.parametrize("name", [lambda asked: f"skill {asked}", lambda asked: f"s{asked}" * 1000])
async def test_a_list_without_end_is_told(name: Any) -> None:
    """Each page shows a new name, and says that there are more."""
    target = Target(lambda asked: {"entities": [{"name": name(asked)}], "pageCount": 10**9})
    with pytest.raises(TargetError, match=f"after {PAGES} pages the target shows still more"):
        await catalogue(target).listed({"skills": {"x": Use([])}})
    assert target.asked == PAGES


async def test_pages_that_are_longer_than_asked_for_end_too() -> None:
    """So many names are kept, and no more."""

    def many(asked: int) -> Any:
        return {"entities": [{"name": f"{asked}-{n}"} for n in range(PAGES * PAGE + 1)], "nextUri": "/x"}

    target = Target(many)
    with pytest.raises(TargetError, match="shows still more"):
        await catalogue(target).listed({"roles": {"x": Use([])}})
    assert target.asked == 1


@pytest.mark.parametrize("state", [[], {}, 5, "deleted", [["a"]]])
async def test_an_odd_state_is_not_active(state: Any) -> None:
    """A name counts if it is there for good, and else isn't known."""
    page = {"entities": [{"name": "Spanish"}, {"name": "Old", "state": state}], "pageCount": 1}
    listed = await catalogue(Target(page)).listed({"languages": {"x": Use([])}})
    assert listed["languages"].names == {"Spanish"}


async def test_a_group_of_a_very_long_name_is_found() -> None:
    """As it was asked for."""
    name = "g" * 900
    page = {"totalResults": 1, "Resources": [{"id": "g1", "displayName": name}]}
    listed = await catalogue(Target(page)).listed({"groups": {name: Use([])}})
    assert listed["groups"].names == {name}
