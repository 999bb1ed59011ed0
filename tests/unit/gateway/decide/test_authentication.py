"""Who sent it: every kind of proof right, wrong, rotated, replayed and cut short."""

import base64
import hmac
from collections.abc import Mapping
from typing import Any

import pytest

from streamproc.gateway.decide.authentication import (
    SCHEMES,
    WINDOW,
    Certificate,
    Header,
    Proof,
    Scheme,
    Signature,
    certificate_names,
    check_body,
    check_headers,
    matches,
    own_items,
    scheme,
)
from tests.support.gateway_requests import BODY, NOW, signed

OLD, NEW = b"the-secret-of-yesterday", b"the-secret-of-today"


def failed_check(proof: Proof, headers: Mapping[str, str], body: bytes = BODY, now: int = NOW, *names: str) -> str:
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
    assert failed_check(Header("authorization", (OLD, NEW)), {"authorization": value}) == failed


def test_without_its_header_a_request_is_refused() -> None:
    """A missing header isn't an empty secret, and no secrets mean that nothing matches."""
    assert failed_check(Header("authorization", (NEW,)), {"x-other": NEW.decode()}) == "header"
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
    assert failed_check(proof, {}, BODY, NOW, "pingone.example.com") == ""
    assert failed_check(proof, {}, BODY, NOW, "other.example.com") == "certificate"
    assert failed_check(proof, {}) == "certificate"


@pytest.mark.parametrize(
    ("common", "alternative", "names"),
    [
        (["p.example.com"], [], {"p.example.com"}),
        (["p.example.com"], [("IP Address", "192.0.2.1"), ("email", "p@example.com")], {"p.example.com"}),
        (["p.example.com"], [("DNS", "other.example.com")], {"other.example.com"}),
        (["p.example.com", "other.example.com"], [], set()),
        ([], [("DNS", "*.example.com"), ("URI", "p.example.com")], {"*.example.com"}),
        (["p.example.com\0.example.org"], [], {"p.example.com\0.example.org"}),
        ([], [("DNS", "p.example.com\0.org"), ("DNS", "P.example.com")], {"p.example.com\0.org", "P.example.com"}),
    ],
)  # fmt: skip
def test_a_certificates_names_are_those_that_it_was_issued_for(
    common: list[str], alternative: list[tuple[str, str]], names: set[str]
) -> None:
    """DNS names; without any, the only common name. Neither a wildcard nor what begins alike is taken for a name."""
    parts = tuple((("commonName", name),) for name in common)
    found = certificate_names(
        {"subject": ((("organizationName", "p.example.com"),), *parts), "subjectAltName": alternative}
    )
    assert found == names
    assert ("p.example.com" in found) == (names == {"p.example.com"})
    assert certificate_names(None) == certificate_names({}) == frozenset()


@pytest.mark.parametrize("name", SCHEMES)
def test_a_vendors_signature_is_over_every_byte(name: str) -> None:
    """Right with either secret; refused with another, over another or a shorter body, cut short, or not there."""
    proof = Signature(SCHEMES[name], (OLD, NEW))
    assert failed_check(proof, signed(name, OLD)) == ""
    assert failed_check(proof, signed(name, NEW)) == ""
    assert failed_check(proof, signed(name, b"another")) == "signature"
    assert failed_check(proof, signed(name, NEW), BODY[:-1]) == "signature"
    assert failed_check(proof, signed(name, NEW), BODY + b" ") == "signature"
    header = SCHEMES[name].header
    headers = signed(name, NEW)
    for wrong in (headers[header][:-4], "", "=", "v1,", "sha256=", "🗝", headers[header] + "00"):
        assert failed_check(proof, headers | {header: wrong}) == "signature"
    assert failed_check(proof, {each: value for each, value in headers.items() if each != header}) == "signature"


@pytest.mark.parametrize("name", ["bamboohr", "finch"])
def test_a_replay_outside_the_window_is_refused(name: str) -> None:
    """What was signed minutes ago, or isn't signed yet, is refused, and so is one whose time was changed."""
    proof = Signature(SCHEMES[name], (NEW,))
    header = SCHEMES[name].timestamp
    for off, failed in ((0, ""), (WINDOW, ""), (-WINDOW, ""), (WINDOW + 1, "timestamp"), (-WINDOW - 1, "timestamp")):
        assert failed_check(proof, signed(name, NEW), now=NOW + off) == failed
    assert failed_check(proof, signed(name, NEW) | {header: str(NOW // 1_000_000 + 60)}) == "signature"
    for wrong in ("", "soon", "9" * 40, "-5", "1e9"):
        assert failed_check(proof, signed(name, NEW) | {header: wrong}) == "timestamp"


@pytest.mark.parametrize("at", ["1772442005", "1772442005000", "2026-03-02T09:00:05Z", "2026-03-02T09:00:05+0000"])
def test_a_timestamp_is_read_however_it_is_written(at: str) -> None:
    """BambooHR doesn't say how it writes its own."""
    assert failed_check(Signature(SCHEMES["bamboohr"], (NEW,)), signed("bamboohr", NEW, at=at)) == ""


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
        assert failed_check(proof, headers | {"finch-signature": said}, body, at) == failed


def test_other_vendors_are_configured_by_header_and_algorithm() -> None:
    """Hex, any base64 and a named prefix are all read; a word that is no scheme is told."""
    assert scheme("gusto") == SCHEMES["gusto"]
    for wrong in ("", "workday", "X-Sig", "X-Sig:md5", "X Sig:sha256", "X-Sig:sha256:hex"):
        assert scheme(wrong) is None
    custom = scheme("X-Sig:sha512")
    assert custom == Scheme("x-sig", "sha512")
    mac = hmac.new(NEW, BODY, "sha512").digest()
    for said in (mac.hex(), mac.hex().upper(), "sha512=" + mac.hex(), base64.b64encode(mac).decode()):
        assert failed_check(Signature(custom, (NEW,)), {"x-sig": said}) == ""


def test_graphs_items_are_ours_by_client_state_and_go_on_without_it() -> None:
    """One request mixes subscriptions: those of others are counted, and the secret stays behind."""
    notification = {"changeType": "updated", "clientState": NEW.decode(), "resourceData": {"id": "u1"}}
    wrong_states = [notification | {"clientState": state} for state in ("x", None)]
    items = [wrong_states[0], notification, wrong_states[1], {"changeType": "updated"}, "item", None]
    own, others = own_items({"value": [*items, notification | {"clientState": OLD.decode()}]}, (OLD, NEW))
    assert own == [{"changeType": "updated", "resourceData": {"id": "u1"}}] * 2
    assert others == 5
    wrong: Any
    for wrong in (None, [], "value", 7, {"value": {}}, {"value": 1}, {}):
        assert own_items(wrong, (NEW,))[0] == []
