"""Who sent it: every kind of proof right, wrong, rotated, replayed and cut short; and what becomes of a proven body."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from streamproc.core.errors import SettingsError
from streamproc.core.parsed_payload import Ignored, Receipt
from streamproc.core.records.producer_record import LARGEST, Record
from streamproc.gateway.decide.authentication import (
    SCHEMES,
    WINDOW,
    Certificate,
    Header,
    Proof,
    Scheme,
    Signature,
    check_body,
    check_headers,
    matches,
    own_items,
    scheme,
)
from streamproc.gateway.decide.security_event_token import Refusal, Token, keys, token
from streamproc.gateway.decide.to_records import MOST, decode, intake, to_records
from streamproc.sources import SOURCES
from streamproc.sources.options import SourceOptions, parse_sources

NOW = 1_772_442_005_000_000
OLD, NEW = b"the-secret-of-yesterday", b"the-secret-of-today"
BODY = b'{"employee": "E1001"}'


def checked(proof: Proof, headers: Mapping[str, str], body: bytes = BODY, now: int = NOW, *names: str) -> str:
    """The check that fails, by the headers first and then by the body."""
    return check_headers([proof], headers, names, now) or check_body([proof], headers, body)


@pytest.mark.parametrize(
    ("value", "failed"),
    [
        ("the-secret-of-today", ""),
        ("the-secret-of-yesterday", ""),
        ("Bearer the-secret-of-today", ""),
        ("bearer   the-secret-of-today ", ""),
        ("Basic the-secret-of-today", ""),
        ("Digest the-secret-of-today", "header"),
        ("the-secret-of-toda", "header"),
        ("the-secret-of-today0", "header"),
        ("THE-SECRET-OF-TODAY", "header"),
        ("Bearer", "header"),
        ("Bearer ", "header"),
        ("", "header"),
        ("\udcff\udcfe", "header"),
        ("ſecret", "header"),
    ],
)
def test_a_static_header_is_one_of_two_secrets_or_refused(value: str, failed: str) -> None:
    """While a secret is being replaced both are good, with a scheme's name before them or not; nothing else is."""
    assert checked(Header("authorization", (OLD, NEW)), {"authorization": value}) == failed


def test_without_its_header_a_request_is_refused() -> None:
    """A missing header isn't an empty secret, and no secrets mean that nothing matches."""
    assert checked(Header("authorization", (NEW,)), {"x-other": NEW.decode()}) == "header"
    assert not matches(b"", ())


def test_every_secret_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a comparison takes doesn't tell which of the secrets it was."""
    compared: list[bytes] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: compared.append(other) or real(one, other))  # type: ignore[func-returns-value]
    assert matches(OLD, (OLD, NEW))
    assert compared == [OLD, NEW]


def test_a_client_certificate_is_known_by_name() -> None:
    """Mutual TLS proves a name; another one, or none, is refused."""
    proof = Certificate("pingone.example.com")
    assert checked(proof, {}, BODY, NOW, "pingone.example.com") == ""
    assert checked(proof, {}, BODY, NOW, "other.example.com") == "certificate"
    assert checked(proof, {}) == "certificate"


def signed(name: str, secret: bytes, body: bytes = BODY, at: str = str(NOW // 1_000_000)) -> dict[str, str]:
    """Headers as that vendor sends them, made here by the vendors' own words and not by the code that checks them."""

    def mac(content: bytes, algorithm: str = "sha256") -> bytes:
        return hmac.new(secret, content, algorithm).digest()

    made = {
        "gusto": lambda: {"x-gusto-signature": mac(body).hex()},
        "bamboohr": lambda: {"x-bamboohr-signature": mac(body + at.encode()).hex(), "x-bamboohr-timestamp": at},
        "finch": lambda: {
            "finch-event-id": "msg_1",
            "finch-timestamp": at,
            "finch-signature": "v1," + base64.b64encode(mac(b"msg_1." + at.encode() + b"." + body)).decode(),
        },
        "merge": lambda: {"x-merge-webhook-signature": base64.urlsafe_b64encode(mac(body)).decode().rstrip("=")},
        "kombo": lambda: {"x-kombo-signature": base64.b64encode(mac(body)).decode()},
        "hibob": lambda: {"bob-signature": base64.b64encode(mac(body, "sha512")).decode()},
    }
    return made[name]()


@pytest.mark.parametrize("name", SCHEMES)
def test_a_vendors_signature_is_over_every_byte(name: str) -> None:
    """Right with either secret; refused with another, over another or a shorter body, cut short, or not there."""
    proof = Signature(SCHEMES[name], (OLD, NEW))
    assert checked(proof, signed(name, OLD)) == ""
    assert checked(proof, signed(name, NEW)) == ""
    assert checked(proof, signed(name, b"another")) == "signature"
    assert checked(proof, signed(name, NEW), BODY[:-1]) == "signature"
    assert checked(proof, signed(name, NEW), BODY + b" ") == "signature"
    header = SCHEMES[name].header
    whole = signed(name, NEW)
    for wrong in (whole[header][:-4], "", "=", "v1,", "sha256=", "🗝", whole[header] + "00"):
        assert checked(proof, whole | {header: wrong}) == "signature"
    assert checked(proof, {each: value for each, value in whole.items() if each != header}) == "signature"


@pytest.mark.parametrize("name", ["bamboohr", "finch"])
def test_a_replay_outside_the_window_is_refused(name: str) -> None:
    """What was signed minutes ago, or isn't signed yet, is refused, and so is one whose time was changed."""
    proof = Signature(SCHEMES[name], (NEW,))
    header = SCHEMES[name].timestamp
    for off, failed in ((0, ""), (WINDOW, ""), (-WINDOW, ""), (WINDOW + 1, "timestamp"), (-WINDOW - 1, "timestamp")):
        assert checked(proof, signed(name, NEW), now=NOW + off) == failed
    assert checked(proof, signed(name, NEW) | {header: str(NOW // 1_000_000 + 60)}) == "signature"
    for wrong in ("", "soon", "9" * 40, "-5", "1e9"):
        assert checked(proof, signed(name, NEW) | {header: wrong}) == "timestamp"


@pytest.mark.parametrize("at", ["1772442005", "1772442005000", "2026-03-02T09:00:05Z", "2026-03-02T09:00:05+0000"])
def test_a_timestamp_is_read_however_it_is_written(at: str) -> None:
    """BambooHR doesn't say how it writes its own."""
    assert checked(Signature(SCHEMES["bamboohr"], (NEW,)), signed("bamboohr", NEW, at=at)) == ""


def test_finchs_own_vector_passes() -> None:
    """The vector, and the lists of signatures, with which Finch's own client is tested."""
    secret = base64.b64decode("5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH")
    body = b'{"company_id":"720be419-0293-4d32-a707-32179b0827ab"}'
    right = "m7y0TV2C+hlHxU42wCieApTSTaA8/047OAplBqxIV/s="
    wrong = base64.b64encode(b"my_sig").decode()
    headers = {"finch-event-id": "msg_2Lh9KRb0pzN4LePd3XiA4v12Axj", "finch-timestamp": "1676312382"}
    at = 1_676_312_382_000_000
    for said, failed in (
        (f"v1,{right}", ""),
        (f"v1,{wrong} v1,{right}", ""),
        (f"v2,{right} v1,{right}", ""),
        (f"v2,{right}", "signature"),
        (right, "signature"),
        (f"v1,{wrong}", "signature"),
    ):
        proof = Signature(SCHEMES["finch"], (secret,))
        assert checked(proof, headers | {"finch-signature": said}, body, at) == failed


def test_other_vendors_are_configured_by_header_and_algorithm() -> None:
    """Hex, any base64 and a named prefix are all read; a word that is no scheme is told."""
    assert scheme("gusto") == SCHEMES["gusto"]
    for wrong in ("", "workday", "X-Sig", "X-Sig:md5", "X Sig:sha256", "X-Sig:sha256:hex"):
        assert scheme(wrong) is None
    found = scheme("X-Sig:sha512")
    assert found == Scheme("x-sig", "sha512")
    mac = hmac.new(NEW, BODY, "sha512").digest()
    for said in (mac.hex(), mac.hex().upper(), "sha512=" + mac.hex(), base64.b64encode(mac).decode()):
        assert checked(Signature(found, (NEW,)), {"x-sig": said}) == ""


def test_graphs_items_are_ours_by_client_state_and_go_on_without_it() -> None:
    """One request mixes subscriptions: those of others are counted, and the secret stays behind."""
    ours = {"changeType": "updated", "clientState": NEW.decode(), "resourceData": {"id": "u1"}}
    theirs = [ours | {"clientState": "x"}, ours | {"clientState": None}, {"changeType": "updated"}, "item", None]
    kept, others = own_items(
        {"value": [theirs[0], ours, *theirs[1:], ours | {"clientState": OLD.decode()}]}, (OLD, NEW)
    )
    assert kept == [{"changeType": "updated", "resourceData": {"id": "u1"}}] * 2
    assert others == 5
    wrong: Any
    for wrong in (None, [], "value", 7, {"value": {}}, {"value": 1}, {}):
        assert own_items(wrong, (NEW,))[0] == []


# Security Event Tokens

ISSUER, AUDIENCE = "https://issuer.example.com", "https://streamproc.example.com"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": [AUDIENCE],
    "iat": NOW // 1_000_000,
    "jti": "t-1",
    "sub_id": {"format": "scim", "uri": "/Users/1"},
    "events": {"urn:ietf:params:scim:event:prov:deactivate": {}},
}


@cache
def private(kind: str) -> Any:
    """A key of ours, or of somebody else's."""
    if kind.startswith("RS"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Ed25519PrivateKey.generate() if kind == "EdDSA" else ec.generate_private_key(ec.SECP256R1())


def public(kind: str, kid: str) -> dict[str, Any]:
    """The key as the issuer publishes it."""
    algorithm = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}[kind]
    made: dict[str, Any] = json.loads(algorithm.to_jwk(private(kind).public_key()))  # type: ignore[attr-defined]
    return made | {"kid": kid, "use": "sig"}


JWKS = {"keys": [public("RS256", "k1"), public("ES256", "k2"), public("EdDSA", "k3")]}
KNOWN = keys(JWKS)


def made(kind: str = "ES256", kid: str | None = "k2", typ: str = "secevent+jwt", **changed: Any) -> bytes:
    """A token; `...` leaves a claim out."""
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not ...}
    headers = {"typ": typ} | ({} if kid is None else {"kid": kid})
    return jwt.encode(claims, private(kind), kind, headers=headers, sort_headers=True).encode()


def said(body: bytes) -> str:
    """What is wrong with a token, or nothing."""
    found = token(body, KNOWN, ISSUER, AUDIENCE, NOW)
    return found.err if isinstance(found, Refusal) else ""


@pytest.mark.parametrize(("kind", "kid"), [("RS256", "k1"), ("ES256", "k2"), ("EdDSA", "k3"), ("ES256", None)])
def test_a_token_of_the_issuer_is_taken_with_the_bytes_that_were_signed(kind: str, kid: str | None) -> None:
    """Any of the issuer's keys, found by its id or by trying."""
    body = made(kind, kid)
    found = token(body + b"\n", KNOWN, ISSUER, AUDIENCE, NOW)
    assert isinstance(found, Token)
    assert found.payload == CLAIMS
    assert found.id == "t-1"
    assert base64.urlsafe_b64encode(found.claims).rstrip(b"=") == body.split(b".")[1]


def forged(header: dict[str, Any], signature: bytes = b"") -> bytes:
    """A token with any header."""
    parts = [orjson.dumps(header), orjson.dumps(CLAIMS), signature]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


def test_a_token_that_isnt_signed_by_a_known_key_is_refused() -> None:
    """No signature, a secret of both sides, the public key used as such a secret, other keys, other bytes."""
    public_pem = orjson.dumps(JWKS["keys"][0])
    head = {"typ": "secevent+jwt", "kid": "k1"}
    for name in ("none", "None", "NONE", "", "HS256", "RS512", "ES256"):
        assert said(forged(head | {"alg": name})) == "invalid_key"
    content = forged(head | {"alg": "HS256"}).rsplit(b".", 1)[0]
    mac = hmac.new(public_pem, content, hashlib.sha256).digest()
    assert said(content + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")) == "invalid_key"
    stranger = ec.generate_private_key(ec.SECP256R1())
    other = jwt.encode(CLAIMS, stranger, "ES256", headers={"typ": "secevent+jwt", "kid": "k2"}).encode()
    assert said(other) == "invalid_key"
    assert said(made(kid="k1")) == "invalid_key"
    assert said(made(kid="k9")) == "invalid_key"
    head_, claims, signature = made().split(b".")
    assert said(b".".join([head_, claims[:-2] + b"QQ", signature])) in {"invalid_key", "invalid_request"}
    assert said(b".".join([head_, claims, signature[:-4]])) in {"invalid_key", "invalid_request"}


def test_a_jwk_that_both_sides_know_is_never_a_key() -> None:
    """Keys for encryption, shared secrets and rubbish in the key set are left out."""
    shared = {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 32).decode(), "kid": "k4"}
    assert keys({"keys": [shared, public("ES256", "k5") | {"use": "enc"}, {"kty": "RSA"}, {"kty": 1}, 7, None]}) == ()
    wrong: Any
    for wrong in (None, [], {}, {"keys": None}, {"keys": "k"}, {"keys": {}}):
        assert keys(wrong) == ()


@pytest.mark.parametrize(
    ("changed", "err"),
    [
        ({"iss": "https://other.example.com"}, "invalid_issuer"),
        ({"iss": ...}, "invalid_issuer"),
        ({"aud": ["https://other.example.com"]}, "invalid_audience"),
        ({"aud": ...}, "invalid_audience"),
        ({"aud": AUDIENCE}, ""),
        ({"jti": ...}, "invalid_request"),
        ({"events": {}}, "invalid_request"),
        ({"events": ...}, "invalid_request"),
        ({"iat": ...}, "invalid_request"),
        ({"iat": "now"}, "invalid_request"),
        ({"iat": NOW // 1_000_000 + 301}, "invalid_request"),
        ({"iat": NOW // 1_000_000 - 86_400}, ""),
        ({"exp": NOW // 1_000_000 - 301}, "invalid_request"),
        ({"exp": NOW // 1_000_000 + 60}, ""),
        ({"exp": "never"}, "invalid_request"),
        ({"typ": "JWT"}, "invalid_request"),
        ({"typ": "application/secevent+jwt"}, ""),
    ],
)
def test_claims_say_that_the_token_is_for_us(changed: dict[str, Any], err: str) -> None:
    """Issuer, audience, type, id and time are checked; a token that was late on its way is still good."""
    assert said(made(**changed)) == err


@given(st.one_of(st.binary(max_size=200), st.text(".aeyJ{}-_=", max_size=80).map(str.encode)))
def test_no_bytes_are_taken_for_a_token(body: bytes) -> None:
    """Whatever comes is refused with a word for it, and nothing is raised."""
    assert said(body) == "invalid_request"


# From a body to records

OKTA = {
    "eventType": "com.okta.event_hook",
    "data": {
        "events": [
            {
                "uuid": f"u-{n}",
                "published": "2026-03-02T09:00:05.120Z",
                "eventType": kind,
                "outcome": {"result": "SUCCESS"},
                "target": [{"id": f"00u{n}", "type": "User"}],
            }
            for n, kind in enumerate(["user.lifecycle.deactivate", "user.account.update_profile", "user.session.start"])
        ]
    },
}
"""Constructed: a leaver, a change that has to be fetched, and one that means nothing here."""


def taken(source: str, payload: Any, headers: Mapping[str, str] | None = None) -> tuple[list[Record], list[Ignored]]:
    """The records of a body."""
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    of = intake(source, {"content-type": "application/json"} | dict(headers or {}), body, NOW)
    return to_records(SOURCES[source], SOURCES[source].defaults, of, decode(of, body), body)


def test_a_body_becomes_one_record_per_event_in_order() -> None:
    """Facts and what means nothing go to events, triggers to notifications, under the subject they name."""
    found, ignored = taken("okta", OKTA)
    assert [(each.topic, each.key) for each in found] == [
        ("events.okta", b"00u0"),
        ("notifications.okta", b"00u1"),
        ("events.okta", b"00u2"),
    ]
    assert [orjson.loads(each.value) for each in found] == OKTA["data"]["events"]  # type: ignore[index]
    assert [each.code for each in ignored] == ["type"]


def test_one_event_alone_keeps_its_bytes() -> None:
    """What was signed or hashed can be checked again: the value is the body itself, envelope, blanks and all."""
    alone = {**OKTA, "data": {"events": OKTA["data"]["events"][:1]}}  # type: ignore[index]
    body = json.dumps(alone, indent=3).encode()
    ((record,), _) = taken("okta", body)
    assert record.value == body
    assert dict(record.headers)["streamproc-body"] == hashlib.sha256(body).hexdigest().encode()


def test_headers_that_prove_or_arent_known_stay_behind() -> None:
    """Only named headers travel, and nobody outside can say when or for whom a record was received."""
    secret = {
        "authorization": "s3cret",
        "cookie": "s3cret",
        "finch-signature": "s3cret",
        "x-api-key": "s3cret",
        "x-unknown": "s3cret",
        "ce-id": "not a CloudEvent",
        "streamproc-received": "0",
    }
    ((record, *_), _) = taken("okta", OKTA, secret | {"X-Okta-Request-Id": "r1"})
    assert record.headers == [
        ("streamproc-received", str(NOW).encode()),
        ("streamproc-source", b"okta"),
        ("streamproc-body", hashlib.sha256(orjson.dumps(OKTA)).hexdigest().encode()),
        ("content-type", b"application/json"),
        ("x-okta-request-id", b"r1"),
    ]


EVENT: dict[str, Any] = {
    "id": "hr-1",
    "type": "change",
    "subject": "E1001",
    "time": "2026-03-02T09:00:00Z",
    "attributes": {"active": False},
}
CLOUDEVENT = {
    "specversion": "1.0",
    "type": "streamproc.user.change.v1",
    "source": "/hr",
    "id": "1",
    "subject": "E1001",
    "time": "2026-03-02T09:00:00Z",
    "data": {"attributes": {"active": False}},
}


def test_cloudevents_keep_their_mode() -> None:
    """Binary and structured go on as their Kafka binding has them; a batch becomes structured ones."""
    context = {f"ce-{name}": str(value) for name, value in CLOUDEVENT.items() if name != "data"}
    ((binary,), ignored) = taken("hris", CLOUDEVENT["data"], context | {"ce-source": "/hr%20emea"})
    assert (binary.key, ignored) == (b"E1001", [])
    assert dict(binary.headers)["ce_source"] == b"/hr emea"
    assert dict(binary.headers)["content-type"] == b"application/json"
    ((structured,), ignored) = taken("hris", CLOUDEVENT, {"content-type": "application/cloudevents+json"})
    assert (structured.key, ignored) == (b"E1001", [])
    kind = {"content-type": "application/cloudevents-batch+json; charset=UTF-8"}
    for many in (1, 3):
        batch, ignored = taken("hris", [CLOUDEVENT] * many, kind)
        assert [orjson.loads(each.value) for each in batch] == [CLOUDEVENT] * many
        assert {dict(each.headers)["content-type"] for each in batch} == {b"application/cloudevents+json"}
        assert ignored == []


def test_source_hris_reads_the_contract_and_vendors_alike() -> None:
    """One route takes both; what is neither is told in the contract's words, which its sender can act on."""
    source = SOURCES["hris"]
    vendor = {"type": "employee.updated", "data": {"companyId": "c", "employeeId": "7"}}
    found = source.read([EVENT, vendor, EVENT | {"subject": ""}, 7], Receipt(NOW), source.defaults)
    assert [(each.subject, each.anchor, each.attributes) for each in found.events] == [
        ("E1001", "E1001", {"active": False})
    ]
    assert [each.subject for each in found.notifications] == ["7"]
    assert [each.code for each in found.ignored] == ["invalid", "invalid"]
    assert found.ignored[0].reason.startswith("subject: ")


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{", {}, "not_json"),
        (b"", {}, "not_json"),
        (b"\xff", {}, "not_json"),
        (b"[" * 100_000, {}, "not_json"),
        (b"{}", {"content-type": "text/plain"}, "content_type"),
        (b"a=1", {"content-type": "application/x-www-form-urlencoded"}, "content_type"),
        (b"[" + b'{"a":' * 300 + b"1" + b"}" * 300 + b",1]", {}, "too_deep"),
        (b'["' + b"x" * LARGEST + b'",1]', {}, "too_large"),
        (orjson.dumps([1] * (MOST + 1)), {}, "too_many"),
    ],
    ids=["cut", "empty", "binary", "bottomless", "text", "form", "deep", "large", "many"],
)
def test_what_cant_be_kept_as_events_is_kept_as_it_came(body: bytes, headers: dict[str, str], code: str) -> None:
    """Its bytes lie in events.rejected with a reason, and what came beside it in the same body is still taken."""
    found, ignored = taken("pingone", body, headers)
    (bad,) = [orjson.loads(each.value) for each in found if each.topic == "events.rejected"]
    assert (bad["topic"], bad["code"], ignored[0].code) == ("gateway/pingone", code, code)
    assert base64.b64decode(bad["value"]) == body[:LARGEST]
    assert len(found) == (2 if code in {"too_deep", "too_large"} else 1)


@settings(max_examples=30)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_kept(payload: Any) -> None:
    """Whatever is sent with the right proof ends in a record; keys and headers are never empty or wrong."""
    for source in SOURCES:
        found, _ = taken(source, orjson.dumps(payload))
        assert all(each.key and each.value is not None for each in found)
        assert found


# Options


def test_a_sources_table_is_laid_over_its_defaults() -> None:
    """Attributes are added to the defaults' or leave one out, the rest takes their place, other sources stay."""
    defaults = {
        "okta": SourceOptions(attributes={"job": "profile.title", "phone": "profile.primaryPhone"}, active=("ACTIVE",)),
        "entra": SourceOptions(),
    }
    text = '[okta]\nanchor = "subject"\n[okta.attributes]\njob = "profile.role"\nphone = ""\nqueue = "profile.q"\n'
    found = parse_sources(text, "sources.toml", defaults)
    assert found["okta"] == SourceOptions(
        anchor="subject", attributes={"job": "profile.role", "queue": "profile.q"}, active=("ACTIVE",)
    )
    assert found["entra"] == defaults["entra"]
    assert parse_sources("", "none", defaults) == defaults


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[okta", "sources.toml isn't valid TOML"),
        ("[oktaa]", "there is no source oktaa; there are okta"),
        ("okta = 1", "sources.toml: okta.table"),
        ("[okta]\nanchr = 'x'", "sources.toml: okta.anchr"),
        ("[okta.attributes]\njob = 1", "sources.toml: okta.attributes.job"),
    ],
)
def test_a_mistake_in_the_sources_file_is_named(text: str, words: str) -> None:
    """The file, the table and the key are told."""
    with pytest.raises(SettingsError, match=words):
        parse_sources(text, "sources.toml", {"okta": SourceOptions()})
