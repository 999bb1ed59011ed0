"""Whatever the target answers: each check ends with lines, and none with a mistake of ours."""

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.scim.response_policy import Response
from streamproc.doctor import oauth_client, target
from streamproc.doctor.asking import Target
from streamproc.doctor.examination import Check, examine
from streamproc.doctor.permissions import needs
from streamproc.settings import load_settings
from tests.support.examined import MAPPING

NEEDS = needs(parse_mapping(MAPPING))
SETTINGS = load_settings().target
OF_ROLES = (
    "entities pageCount id name type userCount permissionPolicies actionSet domain entityName grants role division"
)
OF_OTHERS = (
    "policies actions OAuthClient organization roleDivisions roleId patch filter etag supported totalResults key"
)
NAMES = [*OF_ROLES.split(" "), *OF_OTHERS.split(" "), "division", "totalResults", "value", "message"]
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.sampled_from(["*", "directory", "user", "edit", "PC_GROUP", "é"])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5)
HEADERS = st.dictionaries(
    st.sampled_from(["inin-ratelimit-count", "inin-ratelimit-allowed", "retry-after"]),
    st.sampled_from(["0", "300", "x"]),
)
ANSWERS = st.builds(Response, st.sampled_from([200, 200, 200, 401, 403, 404, 429, 500, None]), BODIES, HEADERS)


class Odd:
    """In the place of both APIs: gives these answers, one after the other and again from the first."""

    def __init__(self, answers: list[Response]) -> None:
        self._answers, self._given = answers, 0

    async def get(self, _path: str) -> Response:
        self._given += 1
        return self._answers[self._given % len(self._answers)]

    async def request(self, _method: str, path: str, _id: str) -> Response:
        return await self.get(path)


async def at_once(_: float) -> None:
    """No time passes."""


@given(st.lists(ANSWERS, min_size=1, max_size=4))
def test_an_odd_target_is_no_mistake_of_ours(answers: list[Response]) -> None:
    """No check raises, waits for ever, or asks without end; and what it says can be printed."""
    odd: Any = Odd(answers)
    asked = Target(odd, odd, at_once)
    checks = [
        Check("target", "token", lambda: target.known(asked, SETTINGS, answers[0])),
        Check("target", "limits", lambda: target.limits(asked)),
        Check("permissions", "client", lambda: oauth_client.least_privilege(asked, NEEDS)),
        Check("permissions", "editors", lambda: oauth_client.editors(asked, "demo")),
    ]
    lines = asyncio.run(examine(checks, 5))
    assert not [line for line in lines if "couldn't be looked at: " in line.text and "Error" in line.text]
    assert all(isinstance(line.text, str) and "no answer within" not in line.text for line in lines)
