"""Key sets: whoever can verify a token mustn't be able to make one, and no key costs more than a key should."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from streamproc.gateway.decide.key_set import MOST, usable_keys
from tests.support.gateway_requests import JWKS, private, public


def test_a_jwk_that_both_sides_know_is_never_a_key() -> None:
    """Keys for encryption, shared secrets, private keys and rubbish in the key set are left out."""
    shared = {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 32).decode(), "kid": "k4"}
    encrypting = public("ES256", "k5") | {"use": "enc"}
    signing = public("ES256", "k6") | {"key_ops": ["sign"]}
    secret = json.loads(ECAlgorithm.to_jwk(private("ES256"))) | {"kid": "k7"}
    odd: list[Any] = [{"kty": "RSA"}, {"kty": 1}, 7, None, public("ES256", "k") | {"alg": ["ES256"]}, {"kid": []}]
    assert usable_keys({"keys": [shared, encrypting, signing, secret, *odd]}) == ()


def test_what_isnt_a_key_set_isnt_an_empty_one() -> None:
    """An issuer without keys says so; a page of a proxy doesn't, and changes nothing."""
    wrong: Any
    for wrong in (None, [], {}, {"keys": None}, {"keys": "k"}, {"keys": {}}, "<html>"):
        assert usable_keys(wrong) is None
    assert usable_keys({"keys": []}) == ()


@pytest.mark.parametrize("bits", [1024, 9216])
def test_keys_of_unusual_size_are_left_out(bits: int) -> None:
    """Too small is forged, too large is slow."""
    if bits == 1024:
        key = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    else:
        key = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) + 1).public_key()
    assert usable_keys({"keys": [json.loads(RSAAlgorithm.to_jwk(key))]}) == ()


def test_a_set_has_so_many_keys_at_most() -> None:
    """A token that names no key is tried with each of them."""
    keys = usable_keys({"keys": [public("ES256", f"k{number}") for number in range(MOST + 50)]})
    assert keys is not None
    assert len(keys) == MOST


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e", "keys"]), x)))  # fmt: skip
def test_no_json_is_an_error(jwks: Any) -> None:
    """Whatever is there instead of a key is left out, and the keys beside it stay."""
    beside = usable_keys({"keys": [jwks, *JWKS["keys"]]})
    assert beside is not None
    assert {key.key_id for key in beside} >= {"k1", "k2", "k3"}
    usable_keys(jwks)
