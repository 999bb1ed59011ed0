"""Tokens of connections, and those that are fetched with them."""

import json
from base64 import b64encode
from urllib.parse import urlencode

import pytest

from streamproc.core.provider.connection_token import PREFIX, hashed, new_token, rotated
from streamproc.core.records.connection_definition import ConnectionDefinition, ConnectionToken
from streamproc.core.records.units import Millis
from streamproc.gateway.scim.tokens import FETCHED, KnownToken, Tokens, known_tokens

NOW = Millis(1_000_000)
KEY, OLD_KEY = b"k" * 32, b"o" * 32
TOKEN, OTHER = "scim_okta", "scim_entra"
KNOWN = (KnownToken("okta", hashed(TOKEN)), KnownToken("entra", hashed(OTHER)))


def basic(name: str, password: str) -> str:
    """A header."""
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def fetched(tokens: Tokens, now: int = NOW, **form: str) -> str:
    """A token from /oauth/token."""
    named = {"grant_type": "client_credentials", "client_id": "okta", "client_secret": TOKEN, **form}
    answer = tokens.grant(None, urlencode(named).encode(), Millis(now))
    assert answer.status == 200
    return str(answer.body["access_token"])


@pytest.mark.parametrize(
    ("header", "connection"),
    [
        (f"Bearer {TOKEN}", "okta"),
        (f"bearer  {OTHER} ", "entra"),
        (TOKEN, "okta"),
        (basic("anybody", TOKEN), "okta"),
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer scim_", None),
        (f"Bearer {hashed(TOKEN)}", None),
        ("Basic ?", None),
        ("Basic Og==", None),
        ("Bearer \udcff", None),
        ("Bearer a.b", None),
        ("Bearer " + "x" * 10_000, None),
    ],
)
def test_whose_request_it_is(header: str | None, connection: str | None) -> None:
    """A token pasted in any of the usual ways is known, and nothing else is, the hash that we keep least of all."""
    assert Tokens(KNOWN, (KEY,)).connection(header, NOW) == connection


def test_a_new_token_is_kept_as_a_hash() -> None:
    """What is shown once can't be read from what is kept, and works."""
    token, kept = new_token(lambda size: bytes(range(size)))
    assert token.startswith(PREFIX)
    assert token not in kept
    assert len(token) > 40
    assert Tokens([KnownToken("okta", kept)]).connection(token, NOW) == "okta"


def test_rotation_leaves_time() -> None:
    """After a rotation the old token is valid for a while beside the new one, other connections' as before."""
    entra = ConnectionDefinition("entra", 0, (ConnectionToken(hashed(OTHER)),))
    first = rotated([ConnectionToken(hashed(TOKEN))], hashed("scim_new"), NOW, Millis(NOW + 10))
    okta = ConnectionDefinition("okta", 1, rotated(first, hashed("scim_newer"), NOW, Millis(NOW + 100)))
    known = Tokens(known_tokens([okta, entra]))
    at = {
        when: {t for t in (TOKEN, "scim_new", "scim_newer", OTHER) if known.connection(t, Millis(when))}
        for when in (NOW, NOW + 10, NOW + 100)
    }
    assert at[NOW] == {TOKEN, "scim_new", "scim_newer", OTHER}
    assert at[NOW + 10] == {"scim_new", "scim_newer", OTHER}
    assert at[NOW + 100] == {"scim_newer", OTHER}


def test_a_token_that_leaked_is_over_at_once() -> None:
    """Rotated without any time left, the old one isn't even kept; nor is one that is over."""
    old = [ConnectionToken(hashed(TOKEN)), ConnectionToken(hashed(OTHER), NOW)]
    assert rotated(old, hashed("scim_new"), NOW, NOW) == (ConnectionToken(hashed("scim_new")),)
    assert len(rotated(old, hashed("scim_new"), NOW, Millis(NOW + 1))) == 2


def test_a_fetched_token_is_valid_on_each_gateway() -> None:
    """Who fetched a token at one gateway is known at another, for an hour."""
    token = fetched(Tokens(KNOWN, (KEY,)))
    other = Tokens(KNOWN, (b"n" * 32, KEY))
    assert other.connection(f"Bearer {token}", NOW) == "okta"
    assert other.connection(f"Bearer {token}", Millis(NOW + FETCHED * 1000 - 1)) == "okta"
    assert other.connection(f"Bearer {token}", Millis(NOW + FETCHED * 1000)) is None


def test_a_fetched_token_ends_with_what_it_was_fetched_with() -> None:
    """Once the secret is removed or over, or the key is replaced, tokens that were fetched with it are nobody's."""
    token = fetched(Tokens(KNOWN, (KEY,)))
    assert Tokens(KNOWN[1:], (KEY,)).connection(token, NOW) is None
    assert Tokens([KnownToken("okta", hashed(TOKEN), NOW)], (KEY,)).connection(token, NOW) is None
    assert Tokens([KnownToken("entra", hashed(TOKEN))], (KEY,)).connection(token, NOW) is None
    assert Tokens(KNOWN, (OLD_KEY,)).connection(token, NOW) is None
    assert Tokens(KNOWN).connection(token, NOW) is None
    short = Tokens([KnownToken("okta", hashed(TOKEN), Millis(NOW + 5_000))], (KEY,))
    form = urlencode({"grant_type": "client_credentials", "client_id": "okta", "client_secret": TOKEN}).encode()
    assert short.grant(None, form, NOW).body["expires_in"] == 5


def test_an_altered_token_is_nobodys() -> None:
    """No character of a fetched token can be another one."""
    tokens = Tokens(KNOWN, (KEY,))
    token = fetched(tokens)
    content, _, signature = token.partition(".")
    altered = [
        token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :] for place in range(len(token) - 1)
    ]
    for each in (*altered, content, f"{content}.", f".{signature}", signature):
        assert tokens.connection(f"Bearer {each}", NOW) is None


@pytest.mark.parametrize(
    ("header", "form", "status", "error"),
    [
        (basic("okta", TOKEN), {"grant_type": "client_credentials"}, 200, None),
        (basic("okta", "wrong"), {"grant_type": "client_credentials"}, 401, "invalid_client"),
        (basic("entra", TOKEN), {"grant_type": "client_credentials"}, 401, "invalid_client"),
        (None, {"grant_type": "client_credentials"}, 401, "invalid_client"),
        (None, {"client_id": "okta", "client_secret": TOKEN, "grant_type": "password"}, 400, "unsupported_grant_type"),
        (None, {"client_id": "okta", "client_secret": TOKEN}, 400, "invalid_request"),
    ],
)
def test_fetching(header: str | None, form: dict[str, str], status: int, error: str | None) -> None:
    """RFC 6749's answers, which nobody may keep, to who asks in its ways."""
    answer = Tokens(KNOWN, (KEY,)).grant(header, urlencode(form).encode(), NOW)
    assert answer.status == status
    assert json.loads(answer.content()).get("error") == error
    assert answer.headers["Cache-Control"] == "no-store"


def test_nobody_fetches_without_a_key() -> None:
    """Without a key nothing is given out, and a short one is refused."""
    form = urlencode({"grant_type": "client_credentials", "client_id": "okta", "client_secret": TOKEN}).encode()
    assert Tokens(KNOWN).grant(None, form, NOW).status == 401
    assert Tokens(KNOWN, (KEY,)).grant(None, b"\xff" * 5_000, NOW).status == 401
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens(KNOWN, (b"short",))
