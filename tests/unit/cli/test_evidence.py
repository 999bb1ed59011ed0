"""`report evidence` and `report verify`, from the archive to the auditor."""

import io
import secrets
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import orjson
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from streamproc.archive import layout
from streamproc.archive.writer import ArchiveWriter
from streamproc.audit.evidence import bundle_zip
from streamproc.audit.evidence.format import (
    MANIFEST,
    OUTCOMES,
    RECORDS,
    SUMS,
)
from streamproc.audit.evidence.make import make
from streamproc.audit.evidence.signature import fingerprint
from streamproc.cli.evidence import evidence, verify
from streamproc.core.errors import EvidenceError
from streamproc.core.records.topic_names import CHANGES, OPERATIONS
from streamproc.core.records.topic_names import CONTROLS as CONTROLS_TOPIC
from streamproc.core.records.topic_names import OUTCOMES as OUTCOMES_TOPIC
from tests.support.altered_bundles import OURS
from tests.support.bundles import EVERYBODY, KEY, bundle, log
from tests.support.logs import PARTITIONS
from tests.support.stories import USERS


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
    layout.keep_manifest(layout.make_folder(folder), layout.Manifest(layout.VERSION, "cluster", PARTITIONS, topics))
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
    assert sum(line.startswith(("  altered: ", "  added: ", "  left out: ")) for line in printed) == 20
    assert any(line.startswith("  altered: outcomes.jsonl line 1: not a line") for line in printed)
    assert any(line.startswith("  ... and ") for line in printed)
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


def entry(**more: Any) -> zipfile.ZipInfo:
    """A file `x` whose entry says more."""
    found = zipfile.ZipInfo("x")
    for name, value in more.items():
        setattr(found, name, value)
    return found


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
        (claims(5), "the two headers of SHA256SUMS disagree"),
        (bundle("plain").but(RECORDS, b"0" * 30_000_000).zipped(), "no bundle is packed so tightly"),
        (
            bundle("plain").but(SUMS, secrets.token_hex(9_000_000).encode()).zipped(),
            "SHA256SUMS would have 18000000 bytes",
        ),
        (packed(lambda one: one.writestr(entry(extra=b"\xfe\xca\x02\0hi"), b"x")), "a comment or an extra field"),
        (packed(lambda one: one.writestr(entry(comment=b"hi"), b"x")), "a comment or an extra field"),
        (packed(lambda one: one.writestr(entry(external_attr=stat.S_IFLNK << 16), b"/etc")), "x is a link or a folder"),
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
    file.write_bytes(bundle("plain").but(RECORDS, secrets.token_hex(10_000_000).encode()).zipped())
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
