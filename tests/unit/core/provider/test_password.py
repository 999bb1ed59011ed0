"""Passwords are gone before anything looks at a body."""

from typing import Any

import orjson
import pytest

from streamproc.core.provider.normalise import normalise
from streamproc.core.provider.normalise_patch import normalise_patch
from streamproc.core.provider.password import DEPTH, without_password
from streamproc.core.provider.resource_types import USERS
from streamproc.core.provider.scim_error import ScimError
from streamproc.core.scim.dialect import USER

SECRET = "correct horse"


@pytest.mark.parametrize(
    "body",
    [
        {"userName": "a@example.com", "password": SECRET},
        {"userName": "a@example.com", "Password": SECRET},
        {"userName": "a@example.com", f"{USER}:password": SECRET},
        {"userName": "a@example.com", USER: {"PASSWORD": SECRET}},
        {"userName": "a@example.com", "password": {"value": SECRET}},
        {"Operations": [{"op": "replace", "path": "password", "value": SECRET}]},
        {"Operations": [{"op": "replace", "Path": f"{USER}:Password", "value": SECRET}]},
        {"Operations": [{"op": "add", "path": " password ", "value": SECRET}]},
        {"Operations": [{"op": "add", "path": "password.value", "value": SECRET}]},
        {"Operations": [{"op": "add", "path": 'password[primary eq "True"].value', "value": SECRET}]},
        {"operations": [{"op": "replace", "value": {"active": True, "password": SECRET}}]},
        {"Operations": [{"op": "add", "path": USER, "value": {"password": SECRET}}]},
    ],
)
def test_no_way_of_naming_it_keeps_it(body: dict[str, Any]) -> None:
    """However a client names a password, it is neither in what is kept of the request nor in what it comes to."""
    assert SECRET not in orjson.dumps(without_password(body)).decode()
    understood = repr(normalise(USERS, body) if "userName" in body else normalise_patch(USERS, body))
    assert SECRET not in understood


def test_all_else_stays() -> None:
    """Whoever reads the log sees the rest of the body as it was sent."""
    body = {"userName": "password", "title": "password manager", "emails": [{"value": "password", "type": "work"}]}
    assert without_password({**body, "password": SECRET}) == body


def test_a_patch_of_the_password_alone_changes_nothing_and_is_no_mistake() -> None:
    """Okta's password push is answered like any other change."""
    body = {"Operations": [{"op": "replace", "path": "password", "value": SECRET}]}
    for sent in (body, without_password(body)):
        assert normalise_patch(USERS, sent).operations == ()


def test_a_body_that_is_too_deep_is_refused() -> None:
    """Nobody can make us follow an object within an object for ever."""
    body: Any = "x"
    for _ in range(DEPTH + 1):
        body = {"name": [body]}
    with pytest.raises(ScimError) as refused:
        without_password(body)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidSyntax")
