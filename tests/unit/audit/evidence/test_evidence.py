"""Evidence: what a bundle holds, and what is found in one that was altered."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streamproc.audit.evidence.format import (
    CHAIN,
    CONTROLS,
    EVENTS,
    MANIFEST,
    OUTCOMES,
    PUBLIC_KEY,
    README,
    RECORDS,
    SIGNATURE,
)
from streamproc.audit.evidence.make import make
from streamproc.audit.evidence.raw_line import Line, line_of
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.signature import fingerprint, public_pem
from streamproc.audit.evidence.verify import Derived
from streamproc.core.errors import EvidenceError
from streamproc.core.records.control import Control
from streamproc.core.records.topic_names import OPERATIONS
from streamproc.core.records.units import Millis
from tests.support.altered_bundles import OURS, values
from tests.support.bundles import EVERYBODY, KEY, Files, bundle, found, log, made, verified
from tests.support.logs import Log
from tests.support.stories import MAPPING, NAMES, OTHER, STORIES, USERS, person

THEIRS = Ed25519PrivateKey.from_private_bytes(b"t" * 32)


def without(files: Files, name: str, unwanted: Callable[[dict[str, Any]], bool]) -> Files:
    """Without some lines, and with all that follows from the lines made anew, as somebody would who knows us well."""
    rows = [
        each for each in files[name].splitlines(keepends=True) if not unwanted(orjson.loads(line_of(each).value or b""))
    ]
    return remade(files.but(name, b"".join(rows)))


def remade(files: Files, key: Ed25519PrivateKey | None = None) -> Files:
    """With the chain, the manifest and all sums that the raw lines give."""
    manifest = orjson.loads(files[MANIFEST])
    derived = Derived(files, EVERYBODY, lambda _: None)
    chain = b"".join(orjson.dumps(tally.as_object()) + b"\n" for tally in derived.chain())
    manifest |= derived.as_object() | {"signed_by": None if key is None else fingerprint(key.public_key())}
    plain = files.but(CHAIN, chain).but(SIGNATURE, None).but(PUBLIC_KEY, None)
    return plain.resealed(manifest).summed(key)


@pytest.mark.parametrize("story", NAMES)
def test_each_story_verifies(story: str) -> None:
    """Alone in its log: every record is what its events give, and every event has its fate."""
    told = Log(MAPPING)
    STORIES[story](told)
    result = verified(made(told))
    assert result.equal, [each.sentence for each in result.findings]
    assert result.counts["open"] == result.counts["unwritten"] == 0
    assert result.counts["records"] == sum(each.topic == OPERATIONS for each in told.records)
    assert verified(made(told, redact=b"r" * 32)).equal


def test_what_is_in_it() -> None:
    """The log's own bytes and places, the mappings, orders, the chain up to its head, and a page that explains it."""
    files = bundle("plain")
    theirs = [each for each in log().records if each.topic == OPERATIONS and each.partition == 0]
    assert [line_of(each).value for each in files[RECORDS].splitlines()][: len(theirs)] == [
        each.value for each in theirs
    ]
    assert len([name for name in files.names if name.startswith("mappings/")]) == 2
    assert [each["action"] for each in values(files, CONTROLS)] == ["link", "release", "mapping"]
    chain = [orjson.loads(each) for each in files[CHAIN].splitlines()]
    for user in chain:
        assert user["head"] == log().newest(user["user"]).hash
        assert user["why"] == ["event", "outcome", "record"]
    assert b"streamproc report verify" in files[README]
    assert b"doesn't prove" in files[README]
    manifest = orjson.loads(files[MANIFEST])
    assert manifest["chosen"]["from"] == "1970-01-01T00:00:00.000+00:00"
    assert manifest["ranges"]["identity.changes"].keys() == {"0", "1"}


def test_made_twice_it_is_the_same(tmp_path: Path) -> None:
    """Byte for byte, signature and all."""
    for name in ("one", "two"):
        make(log().history(), EVERYBODY, tmp_path / name, signer=KEY, redact=b"r" * 32)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["one", "two"]


def test_whom_a_period_chooses() -> None:
    """Who has an event, record or outcome in it, with all before it, and nothing after it."""
    told = Log(MAPPING)
    told.tell("A", told.say("A", person("simple"), kind="snapshot"), "delivered")
    told.tell("B", told.say("B", person("leaver"), kind="snapshot"), "delivered")
    begin = told.clock + 1
    told.tell("B", told.say("B", {"active": False}), "revoked", read_back=told.clock)
    end = told.clock + 1
    told.tell("B", told.say("B", {"active": True}), "delivered")
    files = made(told, Scope((), begin, end))
    assert verified(files).equal
    (user,) = [orjson.loads(each) for each in files[CHAIN].splitlines()]
    assert (user["user"], user["events"], user["outcomes"], len(user["records"])) == ("B", 2, 2, 2)
    assert [each["verdict"] for each in values(files, OUTCOMES)] == ["delivered", "revoked"]


def test_a_fate_that_reaches_over_the_end_of_the_period() -> None:
    """Compaction let a later outcome speak for earlier events: it is theirs, whatever it speaks for besides."""
    told = Log(MAPPING)
    told.tell("A", told.say("A", person("simple"), kind="snapshot"), "delivered")
    first, second = told.say("A", {"job": "Lead"}), told.say("A", {"job": "Head"})
    end = told.clock + 1
    third = told.say("A", {"job": "Chief"})
    told.tell("A", third, "superseded", effect="unknown", cause=None, since=first - 1, operations=[])
    result = verified(made(told, Scope(("A",), None, end)))
    assert result.equal, [each.sentence for each in result.findings]
    assert (result.counts["records"], result.counts["open"]) == (3, 0)
    assert verified(made(told, Scope(("A",), None, end), redact=b"r" * 32)).equal
    assert second > first


def test_an_order_that_came_after_the_period() -> None:
    """It is there all the same where an outcome about an event of the period goes back to it."""
    told = Log(MAPPING)
    told.tell("A", told.say("A", person("leaver"), kind="snapshot"), "delivered")
    seq = told.say("A", {"active": False})
    end = told.clock + 1
    told.tell("A", seq, "held", operations=[])
    control = Control(f"release-A-{seq}", "release", "A", seq, "Kim", "has left", Millis(told.clock))
    more = {"effect": "unchanged", "cause": told.by_order(control, told.order(control)), "read_back": told.clock}
    told.tell("A", seq, "revoked", final=False, **more)
    told.order(Control("retry-A", "retry", "A", seq, "Kim", "nothing went back to this one", Millis(told.clock)))
    files = made(told, Scope(("A",), None, end))
    assert verified(files).equal
    assert [each["action"] for each in values(files, CONTROLS)] == ["release"]


def test_records_that_compaction_removed_are_computed(tmp_path: Path) -> None:
    """They are named as such; the last one of a user isn't there yet where no later one is."""
    written = log().written(USERS["again"])
    result = make(log().history(without=written[:2]), EVERYBODY, tmp_path / "one")
    assert result.equal
    assert (result.counts["compacted"], result.counts["unwritten"]) == (2, 0)
    result = make(log().history(without=written[-1:]), EVERYBODY, tmp_path / "two")
    assert result.equal
    assert (result.counts["compacted"], result.counts["unwritten"]) == (0, 1)


def test_a_record_that_was_altered_before_is_shown(tmp_path: Path) -> None:
    """The bundle shows the log as it is, and says that it isn't whole; it can't be redacted like this."""
    changed = Log(MAPPING)
    changed.tell("A", changed.say("A", person("simple"), kind="snapshot"), "delivered")
    (record,) = changed.written("A")
    forged = (record.value or b"").replace(b'"Agent"', b'"Admin"')
    changed.records[changed.records.index(record)] = replace(record, value=forged)
    result = make(changed.history(), Scope(("A",)), tmp_path / "one")
    (finding,) = result.findings
    assert (finding.kind, finding.file, finding.user) == ("altered", RECORDS, "A")
    assert 'desired.title: recorded "Admin", folded "Agent"' in finding.what
    assert "its own hash doesn't fit it" in finding.what
    with pytest.raises(EvidenceError, match="the log isn't whole: altered"):
        make(changed.history(), Scope(("A",)), tmp_path / "two", redact=b"r" * 32)
    assert [each.name for each in tmp_path.iterdir()] == ["one"]


def test_what_was_left_out_is_found_by_what_remains() -> None:
    """By somebody who makes chain, manifest and sums anew: what others still go back to is missed."""
    files = bundle("plain")
    user = USERS["leaver"]

    def told(name: str, unwanted: Callable[[dict[str, Any]], bool]) -> set[tuple[str, str, str | None, int | None]]:
        return {(each.kind, each.file, each.user, each.seq) for each in found(without(files, name, unwanted))}

    seq = next(each["seq"] for each in values(files, OUTCOMES) if each["user"] == user and each["verdict"] == "held")
    lost = told(OUTCOMES, lambda each: each["user"] == user and each["verdict"] == "held")
    assert lost == {("left out", OUTCOMES, user, seq)}
    assert ("altered", OUTCOMES, user, seq) in told(CONTROLS, lambda each: each["action"] == "release")
    assert ("left out", CONTROLS, OTHER) in {each[:3] for each in told(CONTROLS, lambda each: each["action"] == "link")}
    assert ("left out", CONTROLS, None) in {
        each[:3] for each in told(CONTROLS, lambda each: each["action"] == "mapping")
    }
    gone = told(EVENTS, lambda each: each["user"] == user and each["attributes"] == {"active": False})
    assert {("added", RECORDS, user, seq), ("added", OUTCOMES, user, seq)} <= gone
    doubled = [each for each in files[OUTCOMES].splitlines() if b"revoked" in each and b'\\"final\\":true' in each][-1]
    again = line_of(doubled)
    more = Line(again.partition, 10**6, again.timestamp, again.key, again.value).encoded()
    findings = found(remade(files.but(OUTCOMES, files[OUTCOMES] + more)))
    assert [(each.kind, each.what) for each in findings] == [("added", "a second fate of the same event")]


def test_a_mapping_that_was_altered_is_named() -> None:
    """In its file, and in the event that brought it."""
    files = bundle("plain")
    name = next(each for each in files.names if each.startswith("mappings/"))
    findings = found(files.but(name, files[name].replace(b"4.0", b"5.0")).summed())
    assert [(each.kind, each.file) for each in findings] == [("altered", name)]
    altered = files.but(EVENTS, files[EVENTS].replace(b"Billing = 3.0", b"Billing = 5.0")).summed()
    assert (EVENTS, True) in {(each.file, "its text isn't that of the mapping" in each.what) for each in found(altered)}


def test_only_a_signature_tells_a_history_that_was_made_up() -> None:
    """Everything was made anew, consistently: it verifies, unsigned, or signed by a key that nobody knows."""
    told = Log(MAPPING)
    told.tell("A", told.say("A", person("simple"), kind="snapshot"), "delivered")
    made_up = made(told)
    assert verified(made_up).equal
    assert verified(made_up).signature == "none"
    by_others = verified(made(told, signer=THEIRS))
    assert (by_others.equal, by_others.signature) == (True, "of a key that wasn't compared")
    assert {each.file for each in found(made_up, OURS)} == {SIGNATURE}
    assert {each.file for each in found(made(told, signer=THEIRS), OURS)} == {PUBLIC_KEY}
    ours = verified(bundle("signed"), OURS)
    assert (ours.equal, ours.signature, ours.signer) == (True, "of the given key", fingerprint(KEY.public_key()))
    altered = remade(bundle("signed").but(EVENTS, bundle("plain")[EVENTS]), THEIRS)
    assert not verified(altered, OURS).equal


def test_a_signature_is_of_this_manifest() -> None:
    """All was made anew but the signature, which is still that of the manifest before."""
    files = bundle("signed")
    manifest = orjson.loads(files[MANIFEST]) | {"streamproc": "another"}
    assert {(each.kind, each.file) for each in found(files.resealed(manifest), OURS)} == {("altered", SIGNATURE)}
    assert verified(files.resealed(manifest)).signature == "bad"


def test_a_good_signature_of_somebody_else_is_told_as_that() -> None:
    """Nothing was altered, it just isn't whose one wants; one that was taken away isn't a bad one either."""
    files = bundle("signed")
    theirs = public_pem(THEIRS.public_key())
    (finding,) = found(files, theirs)
    assert (finding.kind, finding.file) == ("another key", PUBLIC_KEY)
    assert fingerprint(THEIRS.public_key()) in finding.what
    assert verified(files, theirs).signature == "of another key"
    assert verified(files.but(SIGNATURE, None)).signature == "left out"
    assert verified(files.but(SIGNATURE, THEIRS.sign(files[MANIFEST])), theirs).signature == "bad"
