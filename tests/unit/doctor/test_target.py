"""What the target's addresses and answers say, where no stand-in can be as odd."""

from typing import Any

import pytest

from streamproc.core.scim.response_policy import Response
from streamproc.doctor.line import Line
from streamproc.doctor.target import _config, _token, _users, addresses
from streamproc.settings import load_settings


def found(**urls: str) -> list[Line]:
    """About these addresses."""
    settings = load_settings(**urls)
    return list(addresses(settings.target, settings.sink.platform_url))


RIGHT = {
    "scim_url": "https://api.mypurecloud.de/api/v2/scim/v2",
    "platform_url": "https://api.mypurecloud.de/api/v2",
    "token_url": "https://login.mypurecloud.de/oauth/token",
}


def test_addresses_of_one_region_are_ok() -> None:
    """A slash at the end, and SCIM without its version, are as good."""
    assert found(**RIGHT) == [Line("ok", "target", "addresses", "all of region mypurecloud.de")]
    other = {"scim_url": "https://api.mypurecloud.de/api/v2/scim/", "platform_url": RIGHT["platform_url"] + "/"}
    assert [line.severity for line in found(**RIGHT | other)] == ["ok"]


@pytest.mark.parametrize(
    ("wrong", "about", "words"),
    [
        ({"token_url": "https://login.mypurecloud.com/oauth/token"}, "addresses", "of different regions"),
        ({"platform_url": "https://api.mypurecloud.ie/api/v2"}, "addresses", "STREAMPROC_PLATFORM_URL mypurecloud.ie"),
        ({"token_url": "https://api.mypurecloud.de/oauth/token"}, "STREAMPROC_TOKEN_URL", "begin with login."),
        ({"scim_url": "https://api.mypurecloud.de/api/v2"}, "STREAMPROC_SCIM_URL", "its path is /api/v2"),
        ({"platform_url": "https://api.mypurecloud.de"}, "STREAMPROC_PLATFORM_URL", "its path is /"),
    ],
)
def test_addresses_that_dont_fit_together_are_named(wrong: dict[str, str], about: str, words: str) -> None:
    """Each with what it has to be."""
    lines = [line for line in found(**RIGHT | wrong) if line.severity == "error"]
    assert any(line.about == about and words in line.text and line.do for line in lines)


def test_an_unknown_region_is_no_error() -> None:
    """There may be new ones."""
    unknown = {name: url.replace("mypurecloud.de", "new1.pure.cloud") for name, url in RIGHT.items()}
    (line,) = found(**unknown)
    assert (line.severity, line.about) == ("warning", "addresses")
    assert found(**unknown, dialect="rfc7644") == []


def config(**parts: Any) -> Response:
    """An answer with a ServiceProviderConfig."""
    supported = {"patch": {"supported": True}, "filter": {"supported": True}, "etag": {"supported": True}}
    return Response(200, supported | parts, {})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (config(), ("ok", "ServiceProviderConfig")),
        (config(patch={"supported": False}), ("error", "ServiceProviderConfig")),
        (config(filter={"supported": False}), ("error", "ServiceProviderConfig")),
        (config(etag={"supported": False}), ("warning", "ServiceProviderConfig")),
        (config(etag=None), ("ok", "ServiceProviderConfig")),
        (Response(404, {}, {}), ("error", "STREAMPROC_SCIM_URL")),
        (Response(200, {}, {"content-type": "text/html"}), ("warning", "STREAMPROC_SCIM_URL")),
        (Response(401, {}, {}), ("error", "STREAMPROC_SCIM_URL")),
        (Response(None, {}, {}, error="no way there"), ("error", "STREAMPROC_SCIM_URL")),
    ],
)
def test_the_service_provider_config_is_judged(answer: Response, expected: tuple[str, str]) -> None:
    """What it says that it can't do, and what isn't one."""
    assert [(line.severity, line.about) for line in _config(answer)] == [expected]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"organization": {"id": "o", "name": "Acme"}, "OAuthClient": {"id": "demo"}}, ["ok"]),
        ({"organization": {"id": "o", "name": "Acme"}}, ["ok"]),
        ({"organization": {"id": "o"}, "OAuthClient": {"id": "other"}}, ["ok", "warning"]),
        ({"organization": {"id": "o"}, "OAuthClient": {"id": "demo", "dateToDelete": "2026-12-24"}}, ["ok", "warning"]),
        ({}, ["warning"]),
        ({"organization": "Acme"}, ["warning"]),
    ],
)
def test_whose_the_token_is(body: dict[str, Any], expected: list[str]) -> None:
    """Another client's, one that ends, and an answer that doesn't tell."""
    settings = load_settings().target
    assert [line.severity for line in _token(Response(200, body, {}), settings)] == expected


@pytest.mark.parametrize(
    ("used", "expected"),
    [("10", ["ok", "ok"]), ("269", ["ok", "ok"]), ("271", ["ok", "warning"]), ("many", ["ok"])],
)
def test_a_rate_limit_that_others_use_up_is_told(used: str, expected: list[str]) -> None:
    """By the headers that each answer has."""
    headers = {"inin-ratelimit-count": used, "inin-ratelimit-allowed": "300"}
    assert [line.severity for line in _users(Response(200, {"totalResults": 7}, headers))] == expected


def test_users_that_may_not_be_listed_are_an_error() -> None:
    """Nobody could be looked up."""
    (line,) = _users(Response(403, {}, {}))
    assert (line.severity, line.about) == ("error", "users")
