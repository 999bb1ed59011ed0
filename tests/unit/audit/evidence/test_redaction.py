"""Redaction: nothing personal is left in a bundle, and it still verifies."""

from base64 import b64encode
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.audit.evidence import redact_bundle
from streamproc.audit.evidence.format import (
    CHAIN,
    CONTROLS,
    EVENTS,
    MANIFEST,
    RECORDS,
)
from streamproc.audit.evidence.make import make
from streamproc.audit.evidence.redaction import MARK, SHORTEST, Redaction, facts_read
from streamproc.audit.evidence.scope import Scope
from streamproc.core.errors import EvidenceError
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.records.change_event import ChangeEvent, Effective, Fact, Move, Row, SourceFacts
from streamproc.core.records.control import Control
from streamproc.core.records.outcome import Outcome, Request
from streamproc.core.records.resource import Resource
from tests.support.altered_bundles import values
from tests.support.bundles import bundle, found
from tests.support.logs import Log
from tests.support.stories import PERSONAL


def test_nothing_personal_is_left() -> None:
    """No name, id, mail, phone or number of anybody, in any file, not even packed up; and what may be known stays."""
    files = bundle("redacted")
    whole = b"\n".join(content for _, content in files.files)
    for text in PERSONAL:
        for spelled in (text.encode(), b64encode(text.encode())[:-4] or text.encode(), orjson.dumps(text)[1:-1]):
            assert spelled not in whole, text
    assert b"Spanish Support" in whole
    assert b"Pacific/Honolulu" in whole
    assert b"mass guard: 3 users" in whole


def test_who_is_who_can_still_be_followed() -> None:
    """The manager, the user whom an account came from and the operator are the same words wherever they are."""
    files = bundle("redacted")
    events, records = values(files, EVENTS), values(files, RECORDS)
    other = next(each["user"] for each in events if each["kind"] == "unlink")
    assert other.startswith(MARK)
    assert {each["desired"].get("manager") for each in records} - {None} == {other}
    assert next(each["move"]["other"] for each in events if each["kind"] == "link") == other
    (by,) = {each["by"] for each in values(files, CONTROLS)}
    assert next(each["move"]["by"] for each in events if each["kind"] == "link") == by
    plain, hidden = values(bundle("plain"), RECORDS), records
    for left, right in zip(plain, hidden, strict=True):
        assert [each["op"] for each in left["operations"]] == [each["op"] for each in right["operations"]]
        assert left["desired"].get("skills") == right["desired"].get("skills")
    manifest = orjson.loads(files[MANIFEST])["redacted"]
    assert {"department", "queues", "active"} <= set(manifest["kept"])
    assert {"userName", "displayName", "mail", "phone", "number", "boss", "note"} <= set(manifest["hidden"])
    assert any("correlation ids" in each for each in manifest["whole"])


def test_it_is_tied_to_the_original() -> None:
    """Each record has the hash of the original one; a chain of these that is broken is found."""
    files = bundle("redacted")
    chain = [orjson.loads(each) for each in files[CHAIN].splitlines()]
    hashes = {each["original"]["hash"] for user in chain for each in user["records"]}
    assert hashes == {each["hash"] for each in values(bundle("plain"), RECORDS)}
    chain[1]["records"][1]["original"]["before"] = "0" * 64
    broken = files.but(CHAIN, b"".join(orjson.dumps(each) + b"\n" for each in chain)).summed()
    finding = found(broken)[0]
    assert (finding.file, finding.seq) == (CHAIN, chain[1]["records"][1]["seq"])
    assert "the original records is broken" in finding.what


@pytest.mark.parametrize("value", [12417.0, 2.5, 7, 1e300, True, "x", " ", None, ["x"], {"x": 1}])
def test_a_hidden_value_folds_to_a_hidden_one(value: Fact) -> None:
    """Also one that no mapping can read: it stays unread, and changes nothing."""
    mapping = parse_mapping('[attributes]\ntitle = "t"')
    redaction = Redaction(b"k" * SHORTEST, facts_read([mapping]), [])
    before = Resource(title="Clerk")
    whole, _ = mapping.desire("E1", {"t": value}, before)
    hidden, _ = mapping.desire("E1", redaction._facts({"t": value}), Resource(title=redaction.word("Clerk")))
    assert hidden["title"] == (None if whole["title"] is None else redaction.word(whole["title"]))


def test_what_would_fold_to_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a fact hidden that a rule looks into, somebody's skills would be others."""
    told = Log('[[rule]]\nwhen = { team = "Spanish*" }\nskills = { Spanish = 4.0 }\n')
    told.say("A", {"userName": "a", "displayName": "A", "active": True, "team": "x"})
    told.say("A", {"team": "Spanish"})
    monkeypatch.setattr(redact_bundle, "facts_read", lambda _: frozenset({"active"}))
    with pytest.raises(EvidenceError, match="user A at seq 2 would have another effect, operations"):
        make(told.history(), Scope(("A",)), tmp_path / "one", redact=b"r" * 32)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "known"),
    [
        (
            ChangeEvent,
            "user source subject event kind order attributes origin reason effective row cancels move mapping kept",
        ),
        (SourceFacts, "subject origin floor values later grouped rows gone left since vouched brought standing"),
        (Row, "entered attributes effective whole"),
        (Effective, "at said zone lags"),
        (Move, "other by facts"),
        (
            Outcome,
            (
                "user seq verdict final at effect cause operations requests reason since"
                " acknowledged read_back sessions_ended"
            ),
        ),
        (Request, "id method path body sent answered status correlation_id error holds absent"),
        (Control, "id action user since by reason at subject mapping input"),
    ],
)
def test_redaction_knows_every_field(model: type[Any], known: str) -> None:
    """A new field has to be thought of in evidence/redaction.py before it is named here: until then it is left out."""
    assert {each.name for each in fields(model)} == set(known.split())
