"""Evidence: a bundle of users' histories that somebody without Kafka, settings or trust in us can verify."""

import io
import zipfile
from base64 import b64encode
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
import orjson
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from streamproc.archive import layout
from streamproc.archive.writer import ArchiveWriter
from streamproc.audit.evidence import bundle_zip, redact_bundle
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
from streamproc.audit.evidence.redaction import MARK
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.signature import fingerprint, public_pem
from streamproc.audit.evidence.verify import Derived, check
from streamproc.cli.evidence import evidence, verify
from streamproc.core.errors import EvidenceError
from streamproc.core.records.change_event import ChangeEvent, Effective, Move, Row, SourceFacts
from streamproc.core.records.control import Control
from streamproc.core.records.outcome import Outcome, Request
from streamproc.core.records.topic_names import CHANGES, OPERATIONS
from streamproc.core.records.topic_names import CONTROLS as CONTROLS_TOPIC
from streamproc.core.records.topic_names import OUTCOMES as OUTCOMES_TOPIC
from tests.support.bundles import EVERYBODY, KEY, Files, bundle, found, log, made, verified
from tests.support.logs import PARTITIONS, Log
from tests.support.stories import MAPPING, NAMES, OTHER, PERSONAL, STORIES, USERS, person

OURS = public_pem(KEY.public_key())
THEIRS = Ed25519PrivateKey.from_private_bytes(b"t" * 32)


def values(files: Files, name: str) -> list[dict[str, Any]]:
    """What the lines of a file say."""
    return [orjson.loads(line_of(each).value or b"{}") for each in files[name].splitlines()]


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
    chain = b"".join(orjson.dumps(each.shown()) + b"\n" for each in derived.chain())
    manifest |= derived.shown() | {"signed_by": None if key is None else fingerprint(key.public_key())}
    plain = files.but(CHAIN, chain).but(SIGNATURE, None).but(PUBLIC_KEY, None)
    return plain.resealed(manifest).summed(key)


@pytest.mark.parametrize("story", NAMES)
def test_each_story_verifies(story: str) -> None:
    """Alone in its log: every record is what its events give, and every event has its fate."""
    told = Log(MAPPING)
    STORIES[story](told)
    result = verified(made(told))
    assert result.equal, [each.told for each in result.findings]
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
    assert result.equal, [each.told for each in result.findings]
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
    control = Control(f"release-A-{seq}", "release", "A", seq, "Kim", "has left", told.clock)
    more = {"effect": "unchanged", "cause": told.by_order(control, told.order(control)), "read_back": told.clock}
    told.tell("A", seq, "revoked", final=False, **more)
    told.order(Control("retry-A", "retry", "A", seq, "Kim", "nothing went back to this one", told.clock))
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


# What is altered


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
    assert not check(altered, OURS).equal


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


# Redacted


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


def test_what_would_fold_to_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a fact hidden that a rule looks into, somebody's skills would be others."""
    told = Log('[[rule]]\nwhen = { team = "Spanish*" }\nskills = { Spanish = 4.0 }\n')
    told.say("A", {"userName": "a", "displayName": "A", "active": True, "team": "x"})
    told.say("A", {"team": "Spanish"})
    monkeypatch.setattr(redact_bundle, "kept", lambda _: frozenset({"active"}))
    with pytest.raises(EvidenceError, match="user A at seq 2 would have another effect, operations"):
        make(told.history(), Scope(("A",)), tmp_path / "one", redact=b"r" * 32)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "known"),
    [
        (
            ChangeEvent,
            "user source subject event kind order attributes origin reason effective row cancels move mapping",
        ),
        (SourceFacts, "subject origin floor values later grouped rows gone left since vouched brought"),
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
        (Control, "id action user since by reason at subject mapping"),
    ],
)
def test_redaction_knows_every_field(model: type[Any], known: str) -> None:
    """A new field has to be thought of in evidence/redaction.py before it is named here: until then it is left out."""
    assert {each.name for each in fields(model)} == set(known.split())


# The commands


@click.group()
def report() -> None:
    """Stands in for the group that the commands are in."""


report.add_command(evidence)
report.add_command(verify)


def run(*arguments: str | Path) -> Result:
    """The command, with what it prints on both."""
    return CliRunner().invoke(report, [str(each) for each in arguments])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """All stories, as an archive."""
    folder = tmp_path / "archive"
    topics = (CHANGES, OPERATIONS, OUTCOMES_TOPIC, CONTROLS_TOPIC)
    layout.keep_manifest(layout.made(folder), layout.Manifest(layout.VERSION, "cluster", PARTITIONS, topics))
    for place in sorted({(each.topic, each.partition) for each in log().records}):
        writing = ArchiveWriter(folder, *place, 0)
        theirs = [each for each in log().records if (each.topic, each.partition) == place]
        for each in theirs:
            writing.add((each.offset, each.timestamp, each.key, each.value, each.headers))
        writing.close(theirs[-1].offset + 1)
    return folder


def test_from_the_archive_to_the_auditor(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One user, signed; verified where no setting makes sense, with the public key beside it."""
    key, public, bundled = tmp_path / "key.pem", tmp_path / "public.pem", tmp_path / "bundle.zip"
    key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(OURS)
    user = USERS["moved"]
    result = run("evidence", "--user", user, "-o", bundled, "--archive", archive, "--offline", "--key", key)
    assert result.exit_code == 0, result.output
    assert "users 1, events 3, records 4" in result.output
    assert "identity.changes" not in result.output
    monkeypatch.setenv("STREAMPROC_KAFKA_SECURITY", "nonsense")
    result = run("verify", bundled, "--public-key", public)
    assert result.exit_code == 0, result.output
    assert "equal: the records follow" in result.output
    assert f"signed by the given key, {fingerprint(KEY.public_key())}" in result.output
    said = orjson.loads(CliRunner().invoke(report, ["verify", str(bundled), "--json"]).stdout)
    assert said["equal"] is True
    assert said["chosen"]["users"] == [user]
    assert said["signature"] == "of a key that wasn't compared"
    result = run("verify", bundled, "--public-key", key)
    assert isinstance(result.exception, Exception)
    assert "not a public key" in str(result.exception)


def test_a_period_redacted_from_the_archive(archive: Path, tmp_path: Path) -> None:
    """The key is written beside it where that is asked for, and gives the same bundle again; else another one."""
    key = tmp_path / "redact.key"
    where = ["--from", "2026-03-03T00:00:00Z", "--to", "2026-03-03", "--archive", str(archive), "--offline", "--redact"]
    for name in ("one.zip", "two.zip"):
        assert run("evidence", *where, "-o", tmp_path / name, "--redact-key", key).exit_code == 0
    assert run("evidence", *where, "-o", tmp_path / "three.zip").exit_code == 0
    one, two, three = ((tmp_path / f"{name}.zip").read_bytes() for name in ("one", "two", "three"))
    assert one == two != three
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_bytes().strip() not in one
    result = run("verify", tmp_path / "one.zip")
    assert result.exit_code == 0
    assert "redacted" in result.output
    assert "not signed: anybody can have made it" in result.output


def test_what_verify_says_of_an_altered_one(tmp_path: Path) -> None:
    """1, each finding in a line, the first twenty of them, and how many more there are."""
    files = bundle("plain")
    altered = files.but(RECORDS, files[RECORDS].replace(b"Agent", b"Admin")).but(OUTCOMES, b"{}\n" * 50)
    file = tmp_path / "bundle.zip"
    file.write_bytes(altered.zipped())
    result = CliRunner().invoke(report, ["verify", str(file)])
    assert result.exit_code == 1
    printed = result.stdout.splitlines()
    assert sum(line.startswith(("altered: ", "added: ", "left out: ")) for line in printed) == 20
    assert any(line.startswith("altered: outcomes.jsonl line 1: not a line") for line in printed)
    assert any(line.startswith("... and ") for line in printed)
    assert printed[-1].startswith("not equal: ")
    manifest = orjson.loads(files[MANIFEST]) | {"streamproc": "0.0.9"}
    file.write_bytes(files.but(MANIFEST, orjson.dumps(manifest)).zipped())
    result = CliRunner().invoke(report, ["verify", str(file)])
    assert "it was made by streamproc 0.0.9" in result.stdout.splitlines()[-1]


def packed(change: Callable[[zipfile.ZipFile], None] = lambda _: None, *, comment: bytes = b"") -> bytes:
    """A bundle as a zip file, with something more in it."""
    target = io.BytesIO(bundle("plain").zipped())
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        change(archive)
        archive.comment = comment
    return target.getvalue()


def claims(size: int) -> bytes:
    """A bundle whose first file says in the zip's table that it has that many bytes."""
    content = bytearray(packed())
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x05\x06")) + 24
    content[at : at + 4] = size.to_bytes(4, "little")
    return bytes(content)


def hiding(where: int) -> bytes:
    """A bundle with more in it than its files: before the first of them (0), or behind the last one (1)."""
    content = bytearray(packed())
    table, end = content.index(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    at = (0, table)[where]
    for place in [n for n in range(table, end) if content[n : n + 4] == b"PK\x01\x02"] if at == 0 else []:
        offset = int.from_bytes(content[place + 42 : place + 46], "little") + 6
        content[place + 42 : place + 46] = offset.to_bytes(4, "little")
    content[end + 16 : end + 20] = (table + 6).to_bytes(4, "little")
    content[at:at] = b"hidden"
    zipfile.ZipFile(io.BytesIO(content)).testzip()  # and Python doesn't mind
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a zip file"),
        (b"PK" * 500, "not a zip file"),
        (bundle("plain").zipped()[:-30], "not a zip file, or cut short"),
        (packed(lambda one: one.writestr("../../etc/passwd", b"x")), "a name that no bundle has: '../../etc/passwd'"),
        (packed(lambda one: one.writestr("/etc/passwd", b"x")), "a name that no bundle has"),
        (packed(lambda one: one.writestr("mappings/..", b"x")), "a name that no bundle has"),
        (packed(comment=b"hello"), "or with something behind it"),
        (packed(lambda one: one.writestr("x", b"x", zipfile.ZIP_LZMA)), "packed in a way that no bundle is"),
        (claims(2**32 - 2), "unpacked it would have"),
        (b"#!/bin/sh\n" + bundle("plain").zipped(), "bytes that belong to no file, before its first one"),
        (hiding(0), "bytes that belong to no file, before events.jsonl"),
        (hiding(1), "bytes that belong to no file, before its table of contents"),
        (bundle("plain").but(MANIFEST, None).zipped(), "it has no manifest.json"),
        (bundle("plain").but(MANIFEST, b'{"format":2}').zipped(), "a bundle of format 2: it takes a newer streamproc"),
    ],
)
def test_what_isnt_a_bundle_is_told(content: bytes, why: str, tmp_path: Path) -> None:
    """2, and why, in one line; nothing is unpacked to disk."""
    file = tmp_path / "bundle.zip"
    file.write_bytes(content)
    result = CliRunner().invoke(report, ["verify", str(file)])
    assert result.exit_code == 2
    assert why in result.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == [file]


def test_a_bomb_is_put_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than it says, or more than a bundle has: told before it is unpacked; a line without an end is cut off."""
    file = tmp_path / "bundle.zip"
    file.write_bytes(claims(5))
    result = run("verify", file)
    assert result.exit_code == 1
    assert "SHA256SUMS: can't be read: what is packed there is broken" in result.output
    file.write_bytes(bundle("plain").but(RECORDS, b"0" * 20_000_000).zipped())
    result = run("verify", file)
    assert result.exit_code == 1
    assert "records.jsonl: can't be read beyond line 0: a line is longer than" in result.output
    monkeypatch.setattr(bundle_zip, "LARGEST", 1_000)
    assert run("verify", file).exit_code == 2
    with pytest.raises(EvidenceError, match="choose fewer users or a shorter period"):
        make(log().history(), EVERYBODY, tmp_path / "more.zip")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "whose evidence? --user USER, or --from T --to T"),
        (["--from", "2026-03-03"], "whose evidence?"),
        (["--user", "A", "--from", "2026-03-03"], "--user or --from, not both"),
        (["--from", "2026-03-03", "--to", "2026-03-02"], "--from isn't before --to"),
        (["--from", "2026-03-03T10:00", "--to", "2026-03-04"], "which zone?"),
        (["--user", "A", "--redact-key", "x"], "--redact-key is for --redact"),
        (["--user", ""], "--user wants a user ID"),
        (["--user", "A", "-o", "/nonexistent/x.zip"], "there is no folder /nonexistent"),
    ],
)
def test_used_wrongly(arguments: list[str], why: str, archive: Path, tmp_path: Path) -> None:
    """2, and what is wrong with it."""
    result = run("evidence", "-o", tmp_path / "x.zip", "--archive", archive, "--offline", *arguments)
    assert result.exit_code == 2
    assert why in " ".join(result.output.split())


def test_nobody_is_told(archive: Path, tmp_path: Path) -> None:
    """A user ID that isn't there is named; nothing is written."""
    where = ["-o", str(tmp_path / "x.zip"), "--archive", str(archive), "--offline"]
    result = run("evidence", "--user", "u-0-770", "--user", USERS["simple"], *where)
    assert "no event of u-0-770 is in the log" in str(result.exception)
    result = run("evidence", "--from", "2020-01-01", "--to", "2020-12-31", *where)
    assert "nobody has an event" in str(result.exception)
    assert [each.name for each in tmp_path.iterdir()] == ["archive"]
