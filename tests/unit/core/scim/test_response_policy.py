"""Every row of the verdict table, with both of Genesys's error bodies."""

from typing import Any, get_args

import pytest

from streamproc.core.scim.response_action import (
    Adopt,
    Deliver,
    Denied,
    Gone,
    Park,
    ReadBack,
    Refetch,
    ResponseAction,
    Retry,
)
from streamproc.core.scim.response_policy import (
    BACKOFF_FIRST,
    BACKOFF_MOST,
    TABLE,
    RequestKind,
    Response,
    backoff,
    describe,
    response_action,
)

EVERY: tuple[RequestKind, ...] = get_args(RequestKind)
WRITES: tuple[RequestKind, ...] = ("create", "write", "group")
PAUSE = backoff(0, 0.0)


def scim(status: int, scim_type: str = "", detail: str = "") -> Response:
    """An answer with the SCIM error body (RFC 7644 §3.12)."""
    schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"]
    return Response(status, {"schemas": schemas, "status": str(status), "scimType": scim_type, "detail": detail}, {})


def platform(status: int, code: str = "", message: str = "") -> Response:
    """An answer with the platform gateway's ErrorBody."""
    return Response(status, {"message": message, "code": code, "status": status, "contextId": "c"}, {})


def bare(status: int) -> Response:
    """An answer without a body that could be read."""
    return Response(status, {}, {})


NOT_SENT = Response(None, {}, {}, sent=False, error="ClientConnectorError")
UNANSWERED = Response(None, {}, {}, error="TimeoutError")
KINDS = ("", "invalidVers", "noTarget", "uniqueness")
STALE = "Version does not match the current version."


@pytest.mark.parametrize("body", [scim, platform])
@pytest.mark.parametrize(
    ("asked", "statuses", "expected"),
    [
        (EVERY, [200, 201, 204, 299], Deliver()),
        (EVERY, [401, 408, 425, 429], Retry(PAUSE)),
        (("read",), [500, 502, 503, 504, 599], Retry(PAUSE)),
        (WRITES, [500, 502, 503, 504, 599], ReadBack(PAUSE)),
        (("create",), [409], Adopt()),
        (("write", "group", "read"), [409, 412], Refetch()),
        (("write", "group", "read"), [404, 410], Gone()),
        (("read",), [301, 302, 303, 307, 308], Retry(PAUSE)),
        (WRITES, [301, 302, 303, 307, 308], ReadBack(PAUSE)),
    ],
)
def test_each_status_has_its_verdict(
    asked: tuple[RequestKind, ...], statuses: list[int], expected: ResponseAction, body: Any
) -> None:
    """The status decides, whichever error body comes with it, and so it does where none comes."""
    for status in statuses:
        for each in asked:
            assert (
                response_action(each, body(status), 0, 0.0) == response_action(each, bare(status), 0, 0.0) == expected
            )


@pytest.mark.parametrize("asked", EVERY)
@pytest.mark.parametrize("status", [400, 405, 406, 413, 415, 422, 100, 501])
def test_what_will_never_be_accepted_is_parked(asked: RequestKind, status: int) -> None:
    """Any other answer sets the work aside, with the server's own words."""
    assert response_action(asked, scim(status, "invalidValue", "no such role"), 0, 0.0) == Park(
        f"{status} invalidValue no such role"
    )
    assert response_action(asked, platform(status, "bad.request", "no such role"), 0, 0.0) == Park(
        f"{status} bad.request no such role"
    )
    assert response_action(asked, bare(status), 0, 0.0) == Park(str(status))


@pytest.mark.parametrize("asked", EVERY)
def test_a_page_is_no_answer(asked: RequestKind) -> None:
    """HTML with 200, of a proxy or a login, accepts nothing and shows nothing; what it was is told."""
    page = Response(200, {}, {"content-type": "Text/HTML; charset=utf-8"})
    assert response_action(asked, page, 0, 0.0) == (Retry(PAUSE) if asked == "read" else ReadBack(PAUSE))
    assert describe(page) == "200 a page (Text/HTML) instead of an answer of SCIM"


def test_where_a_redirect_leads_is_told() -> None:
    """Whoever set the wrong address reads the right one."""
    moved = Response(308, {}, {"location": "https://new.example.com/scim/v2/Users"})
    assert describe(moved) == "308 redirected to https://new.example.com/scim/v2/Users, which isn't followed"


def test_a_create_that_has_no_place_is_parked() -> None:
    """404 to a POST says that the address is wrong, not that a user is gone."""
    assert response_action("create", bare(404), 0, 0.0) == Park("404")


@pytest.mark.parametrize("asked", EVERY)
def test_a_403_is_asked_again_before_it_is_put_down_to_anybody(asked: RequestKind) -> None:
    """Whether a right is missing for one attribute or for all, one answer can't tell."""
    assert response_action(asked, platform(403, "not.authorized", "no"), 0, 0.0) == Denied(
        PAUSE, "403 not.authorized no"
    )


def test_what_isnt_there_can_be_taken_away_no_more() -> None:
    """400 `noTarget` to a PATCH: somebody else was quicker, so read and plan again; a POST has no target."""
    for asked in ("write", "group"):
        assert response_action(asked, scim(400, "noTarget"), 0, 0.0) == Refetch()
    assert response_action("create", scim(400, "noTarget"), 0, 0.0) == Park("400 noTarget")


def test_every_row_decides_something() -> None:
    """No row is hidden behind those before it, and each says where it comes from."""
    answers = [
        NOT_SENT,
        UNANSWERED,
        *(made(n, kind) for made in (scim, platform) for n in range(100, 600) for kind in KINDS),
    ]
    rows = {
        next(at for at, row in enumerate(TABLE) if row.matches(asked, answer)) for asked in EVERY for answer in answers
    }
    assert rows == set(range(len(TABLE)))
    assert all(row.source and row.then for row in TABLE)


@pytest.mark.parametrize("asked", ["write", "group"])
@pytest.mark.parametrize(
    "answer",
    [
        scim(400, "invalidVers", "Version does not match current version."),
        platform(400, "general.conflict", STALE),
        scim(409, "", "Version does not match current version."),
        platform(409, "general.conflict", STALE),
        bare(409),
        scim(412),
        platform(412, "precondition.failed", "Precondition Failed"),
        bare(412),
    ],
)
def test_a_version_conflict_in_any_form_is_read_again(asked: RequestKind, answer: Response) -> None:
    """400 `invalidVers`, 409 and 412 are one: read, plan again, send."""
    assert response_action(asked, answer, 3, 0.5) == Refetch()


def test_a_create_has_no_version() -> None:
    """A POST carries no If-Match, so what would be a version conflict elsewhere is a refusal, but for a taken name."""
    assert (
        response_action("create", scim(409, "uniqueness", "User name already in use by non-deleted user."), 0, 0.0)
        == Adopt()
    )
    assert response_action("create", scim(400, "invalidVers"), 0, 0.0) == Park("400 invalidVers")
    assert response_action("create", scim(412), 0, 0.0) == Park("412")


def test_a_taken_name_isnt_a_version_conflict() -> None:
    """A PATCH that would take somebody's userName never succeeds by being planned again."""
    assert response_action("write", scim(409, "uniqueness", "taken"), 0, 0.0) == Park("409 uniqueness taken")


def test_silence_after_sending_is_never_sent_again_blind() -> None:
    """No answer to a write that left this machine is read back; to one that didn't, or to a read, is sent again."""
    for asked in EVERY:
        assert response_action(asked, NOT_SENT, 0, 0.0) == Retry(PAUSE)
    for asked in WRITES:
        assert response_action(asked, UNANSWERED, 0, 0.0) == ReadBack(PAUSE)
    assert response_action("read", UNANSWERED, 0, 0.0) == Retry(PAUSE)


@pytest.mark.parametrize("asked", WRITES)
def test_no_write_is_repeated_that_may_have_been_applied(asked: RequestKind) -> None:
    """Of all statuses only refusals from before the request was looked at are sent again as they are."""
    for status in (None, *range(100, 600)):
        decided = response_action(asked, Response(status, {}, {}), 0, 0.0)
        assert isinstance(decided, Retry) == (status in {401, 408, 425, 429})
        assert isinstance(decided, ReadBack) == (
            status is None or 300 <= status < 400 or (status >= 500 and status != 501)
        )
        assert isinstance(decided, Deliver) == (status is not None and 200 <= status < 300)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("0", PAUSE),
        ("-3", PAUSE),
        ("301", 300.0),
        ("inf", 300.0),
        ("nan", PAUSE),
        ("", PAUSE),
        ("soon", PAUSE),
        ("Wed, 21 Oct 2026 07:28:00 GMT", PAUSE),
    ],
)
def test_the_servers_pause_is_kept(header: str, expected: float) -> None:
    """Retry-After in seconds is what is waited, at most five minutes; rubbish and dates count as none."""
    for asked, status, kind in (("write", 429, Retry), ("write", 503, ReadBack), ("read", 503, Retry)):
        assert response_action(asked, Response(status, {}, {"retry-after": header}), 0, 0.0) == kind(expected)  # type: ignore[arg-type]


def test_backoff_doubles_within_bounds() -> None:
    """From 0.2 s to 30 s, doubling; jitter takes up to half; even an absurd number of attempts is a pause."""
    assert [backoff(attempts, 0.0) for attempts in range(5)] == [0.2, 0.4, 0.8, 1.6, 3.2]
    for attempts in (*range(20), 10_000):
        whole, half = backoff(attempts, 0.0), backoff(attempts, 1.0)
        assert BACKOFF_FIRST <= whole <= BACKOFF_MOST
        assert half == whole / 2 < backoff(attempts, 0.5) < whole
    assert backoff(10_000, 0.0) == BACKOFF_MOST


def test_every_attempt_waits_longer() -> None:
    """The number of attempts so far sets the pause of a retry."""
    assert response_action("write", bare(429), 3, 0.0) == Retry(1.6)
    assert response_action("write", bare(500), 3, 1.0) == ReadBack(0.8)


def test_the_servers_words_are_told() -> None:
    """Status, kind and words come from either body, or from what went wrong on the way."""
    assert describe(scim(409, "uniqueness", "taken")) == "409 uniqueness taken"
    assert describe(platform(429, "too.many.requests", "slow down")) == "429 too.many.requests slow down"
    assert describe(UNANSWERED) == "no answer TimeoutError"
    assert describe(bare(500)) == "500"
