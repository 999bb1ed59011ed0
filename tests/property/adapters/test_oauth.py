"""Whatever a token endpoint answers: a token that a header can have and that is good for a while, or a reason."""

import re
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamproc.adapters import oauth
from streamproc.adapters.http import Reply
from streamproc.adapters.oauth import LONGEST, SHORTEST, UNTOLD, granted

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
fields = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("access_token", "token_type", "expires_in", "error", "scope"), values)
)
tokens = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


def reply(status: int, body: Any) -> Reply:
    return Reply(status, body if isinstance(body, bytes) else orjson.dumps(body, default=str), {})


@given(
    status=st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503]),
    body=fields.filter(lambda each: not _big(each))
    | values.filter(lambda each: not _big(each))
    | st.binary(max_size=60),
)
def test_any_answer_is_a_token_or_a_reason(status: int, body: Any) -> None:
    """Nothing else is raised, and no reason repeats what was in the answer but for an error's code."""
    try:
        given_ = granted(reply(status, body))
    except oauth._UnusableError as error:
        assert re.match(r"answered \d{3}|gave no access token", str(error))  # noqa: PT017
        assert len(str(error)) < 200  # noqa: PT017
    else:
        assert 200 <= status < 300
        assert re.fullmatch(r"[!-~]+", given_.token)
        assert 0.0 < given_.life <= LONGEST


def _big(value: Any) -> bool:
    """Whether JSON as we write it can't have a number in it."""
    if isinstance(value, dict):
        return any(map(_big, value.values()))
    if isinstance(value, list):
        return any(map(_big, value))
    return isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64


@given(
    token=tokens,
    life=st.integers(1, 10**9) | st.floats(0.1, 1e9),
    quoted=st.booleans(),
    kind=st.sampled_from(["Bearer", "bEARER", None, ""]),
)
def test_a_life_is_read_however_it_is_written(token: str, life: float, quoted: bool, kind: str | None) -> None:
    """As a number or in quotes; with a type in any case, or none."""
    body = {"access_token": token, "token_type": kind, "expires_in": str(life) if quoted else life}
    told = granted(reply(200, body))
    assert (told.token, told.life) == (token, max(SHORTEST, min(float(life), LONGEST)))


@given(
    token=tokens,
    told=st.none()
    | st.booleans()
    | st.integers(max_value=0).filter(lambda each: each > -(2**63))
    | st.just("soon")
    | st.lists(st.integers(0, 9), max_size=2),
)
def test_a_life_that_says_nothing_costs_no_token(token: str, told: Any) -> None:
    """Null, text, 0, negative, a list: the token is good, and a 401 tells when it isn't any more."""
    assert granted(reply(200, {"access_token": token, "expires_in": told})).life == UNTOLD
