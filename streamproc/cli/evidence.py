"""`report evidence` and `report verify`: evidence for somebody who doesn't trust us, and its check anywhere."""

import asyncio
import secrets
import sys
from pathlib import Path
from typing import Any, Final, assert_never

import click

from streamproc import __version__
from streamproc.audit.evidence.make import make
from streamproc.audit.evidence.make import verify as verified_by
from streamproc.audit.evidence.redaction import SHORTEST
from streamproc.audit.evidence.scope import Scope
from streamproc.audit.evidence.signature import private_key
from streamproc.audit.evidence.verify import Verified
from streamproc.audit.words import count
from streamproc.cli.history_source import HistorySource, with_source
from streamproc.cli.options import ARCHIVE, JSON, KAFKA, OFFLINE, Moment, Output, say
from streamproc.cli.screen import complain, put, put_json, put_lines
from streamproc.cli.table import NARROWEST, wrapped
from streamproc.core.errors import NoBundleError, SettingsError
from streamproc.core.records.topic_names import CHANGES, CONTROLS, OPERATIONS, OUTCOMES

PRINTED: Final = 20
"""Findings that are printed; all of them are counted."""
_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command(epilog="Example: streamproc report evidence --user E1001 -o E1001.zip --key ed25519.pem")
@click.option("--user", "users", multiple=True, metavar="USER", help="A user ID; as often as wanted.")
@click.option("--from", "first", type=Moment(), help="Else: all with an event, record or outcome since then,")
@click.option("--to", "until", type=Moment(ends=True), help="and up to then. Nothing after it is looked at.")
@click.option("-o", "--output", "target", type=Output(), required=True, metavar="FILE", help="The bundle, a zip file.")
@ARCHIVE
@OFFLINE
@click.option("--key", type=_FILE, metavar="PEM", help="Sign with this private Ed25519 key.")
@click.option("--redact", is_flag=True, help="Keyed hashes instead of personal data. It still verifies.")
@click.option(
    "--redact-key",
    type=_FILE,
    metavar="FILE",
    help="Their key, to find people again, or to have the same hashes in two bundles; made if it isn't there. "
    "Else a new key is used, and forgotten.",
)
@click.option(
    "--keep", multiple=True, metavar="FACT", help="Don't hide this fact, such as hireDate; as often as wanted."
)
@KAFKA
@JSON
@with_source
def evidence(
    users: tuple[str, ...],
    first: int | None,
    until: int | None,
    target: Path,
    key: Path | None,
    redact: bool,
    redact_key: Path | None,
    keep: tuple[str, ...],
    as_json: bool,
    source: HistorySource,
) -> None:
    """Write what the log has of users into a bundle that anybody can verify, offline.

    T is a date (a day in UTC) or ISO 8601 with a zone. All events of the users are in it from the beginning on, since
    each state follows from the one before. The bundle holds personal data, unless it is redacted; what a mapping has to
    look into (departments, skills, roles) stays even so. 1 where the log itself isn't whole: the bundle shows it.
    """
    scope = _scope(users, first, until)
    if redact_key is not None and not redact:
        raise click.UsageError("--redact-key is for --redact")
    if keep and not redact:
        raise click.UsageError("--keep is for --redact")
    signer = None if key is None else _signer(key)
    hashing = _hashing(redact_key) if redact else None

    async def bundle() -> Verified:
        only = scope.users[0] if len(scope.users) == 1 else None
        async with source.history([CHANGES, OPERATIONS, OUTCOMES, CONTROLS], key=only) as history:
            return make(history, scope, target, signer=signer, redact=hashing, keep=keep, say=say)

    verified = asyncio.run(bundle())
    _show(target, verified, as_json=as_json)
    if not as_json and verified.equal:
        put(f"manifest: SHA-256 {verified.head}; whoever keeps it elsewhere can tell this bundle from any other")
    sys.exit(0 if verified.equal else 1)


@click.command(epilog="Example: streamproc report verify E1001.zip --public-key public.pem")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--public-key", type=_FILE, metavar="PEM", help="It has to be signed by this key.")
@JSON
def verify(file: Path, public_key: Path | None, as_json: bool) -> None:
    """Verify a bundle of evidence: offline, with nothing but the file.

    Computes its sums again, folds every user's events anew and compares. 0: equal. 1: something was altered, added or
    left out, and is named. 2: not a bundle.
    """
    trusted = None if public_key is None else _read(public_key)
    try:
        verified = verified_by(file, trusted, say)
    except NoBundleError as error:
        complain(f"{file}: {error}")
        sys.exit(2)
    except ValueError as error:
        raise SettingsError(f"--public-key {public_key}: {error}") from None
    _show(file, verified, as_json=as_json)
    sys.exit(0 if verified.equal else 1)


def _scope(users: tuple[str, ...], first: int | None, until: int | None) -> Scope:
    if not all(user.strip() for user in users):
        raise click.UsageError("--user wants a user ID")
    if users and first is not None:
        raise click.UsageError("--user or --from, not both; --to may go with either")
    if not users and (first is None or until is None):
        raise click.UsageError("whose evidence? --user USER, or --from T --to T")
    if first is not None and until is not None and first >= until:
        raise click.UsageError("--from isn't before --to")
    return Scope(tuple(sorted(set(users))), first, until)


def _show(file: Path, verified: Verified, *, as_json: bool) -> None:
    if as_json:
        put_json(_as_object(file, verified))
        return
    counts = ", ".join(f"{name} {count}" for name, count in verified.counts.items() if count)
    put_lines(
        wrapped(f"bundle {file}: {counts or 'nothing'}{'; redacted' if verified.redacted else ''}", total=NARROWEST)
    )
    for finding in verified.findings[:PRINTED]:  # deeper than what we say: who forged it may have worded this
        put_lines(wrapped(f"  {finding.sentence}", total=NARROWEST))
    if verified.finding_count > PRINTED:
        put(f"  ... and {verified.finding_count - PRINTED} more")
    put(_signature(verified))
    if verified.equal:
        if verified.counts["open"]:
            put(f"{count(verified.counts['open'], 'event')} had no fate yet when it was made")
        put("equal: the records follow from the events, and all that they go back to is there")
    else:
        put(f"not equal: {count(verified.finding_count, 'finding')}")
        if verified.made_by != __version__:
            made_by = f"it was made by streamproc {verified.made_by}, and this is {__version__}: try that one as well"
            put_lines(wrapped(made_by, total=NARROWEST))


def _signature(verified: Verified) -> str:
    match verified.signature:
        case "none":
            return "not signed: anybody can have made it"
        case "of the given key":
            return f"signed by the given key, {verified.signer}"
        case "of a key that wasn't compared":
            return f"signed by key {verified.signer}; give --public-key to see that it is the one you know"
        case "of another key":
            return f"signed, but by another key than the given one: {verified.signer}"
        case "left out":
            return "its signature, or the key to check it by, was taken away: the manifest says that it is signed"
        case "bad":
            return "its signature isn't good: it isn't one of this manifest by the key beside it"
        case _:
            assert_never(verified.signature)


def _as_object(file: Path, verified: Verified) -> dict[str, Any]:
    return {
        "file": str(file),
        "equal": verified.equal,
        "found": verified.finding_count,
        "findings": verified.findings,
        "counts": verified.counts,
        "chosen": verified.scope.as_object(),
        "redacted": verified.redacted,
        "signature": verified.signature,
        "signer": verified.signer,
        "manifest_sha256": verified.head,
        "made_by": verified.made_by,
    }


def _signer(path: Path) -> Any:
    try:
        return private_key(_read(path))
    except ValueError as error:
        raise SettingsError(f"--key {path}: {error}") from None


def _hashing(path: Path | None) -> bytes:
    if path is None:
        return secrets.token_bytes(32)
    if not path.exists():
        path.touch(0o600, exist_ok=False)
        path.write_text(secrets.token_hex(32), encoding="ascii")
        say(f"{path}: a new key; who has it can find people in the bundle")
    key = _read(path).strip()
    if len(key) < SHORTEST:
        raise SettingsError(f"--redact-key {path}: {len(key)} bytes; at least {SHORTEST} are needed")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
