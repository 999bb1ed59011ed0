"""URLs as clients put them together."""

import pytest

from streamproc.gateway.scim.endpoint import Endpoint, below_root, endpoint, parameters


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/scim/v2/Users", ("/scim/v2", "/Users")),
        ("/api/v2/scim/v2/Users", ("/api/v2/scim/v2", "/Users")),
        ("/api/v2/scim/Users/7", ("/api/v2/scim", "/Users/7")),
        ("/API/v2/SCIM/V2/users", ("/API/v2/SCIM/V2", "/users")),
        ("//scim/v2//Users/", ("/scim/v2", "//Users/")),
        ("/scim/v2", ("/scim/v2", "")),
        ("/api/v2/scim/v2x", ("/api/v2/scim", "/v2x")),
        ("/scim/v20/Users", None),
        ("/x/scim/v2/Users", None),
        ("/", None),
        ("", None),
    ],
)
def test_roots(path: str, found: tuple[str, str] | None) -> None:
    """A tenant's URL may be typed in each of the three ways, in any case; nothing else is below a root."""
    assert below_root(path) == found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/Users", Endpoint("Users")),
        ("/users/", Endpoint("Users")),
        ("//GROUPS//7/", Endpoint("Groups", "7")),
        ("/Users/7?", Endpoint("Users", "7")),
        ("/Users/7&", Endpoint("Users", "7")),
        ("/Users/a%2Fb", Endpoint("Users", "a/b")),
        ("/Users/\udcff", Endpoint("Users", "\ufffd")),
        ("/Schemas/urn:x", Endpoint("Schemas", "urn:x")),
        ("/ServiceProviderConfigs", Endpoint("ServiceProviderConfig")),
        ("/Users/7/8", Endpoint("")),
        ("/", Endpoint("")),
        ("", Endpoint("")),
        ("/people", Endpoint("")),
    ],
)
def test_paths(path: str, found: Endpoint) -> None:
    """Names in any case, and strokes and marks too many, lead to the same endpoint; ids stay as they are."""
    assert endpoint(path) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {}),
        ("&", {}),
        ("?filter=a+eq+%22x%22&", {"filter": 'a eq "x"'}),
        ("&startIndex=1&COUNT=2", {"startindex": "1", "count": "2"}),
        ("attributes=a&attributes=b,c&filter=x&filter=y", {"attributes": "a,b,c", "filter": "y"}),
        ("filter=%ff%f0", {"filter": "\ufffd\ufffd"}),
        ("filter=\udcff", {"filter": "\ufffd"}),
        ("count", {"count": ""}),
    ],
)
def test_parameters(query: str, found: dict[str, str]) -> None:
    """Stray marks are passed over, lists may come in several, and bytes that are no text break nothing."""
    assert parameters(query) == found
