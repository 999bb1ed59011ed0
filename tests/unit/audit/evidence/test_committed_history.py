"""Evidence of a history that an earlier release folded: what it holds, also redacted, is what it held then."""

import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from streamproc.audit.evidence.make import make
from tests.support.bundles import EVERYBODY
from tests.support.committed_history import history, results

KEYS = {"plain": None, "redacted": b"r" * 32}


@pytest.mark.parametrize("kind", KEYS)
def test_a_bundle_holds_what_it_held(kind: str, tmp_path: Path) -> None:
    """Each file of it with the log's content, or what is computed from that, has the bytes that it had."""
    expected: dict[str, str] = results()["evidence"][kind]
    assert make(history(), EVERYBODY, tmp_path / "bundle.zip", redact=KEYS[kind]).findings == ()
    with zipfile.ZipFile(tmp_path / "bundle.zip") as bundle:
        assert {name: sha256(bundle.read(name)).hexdigest() for name in expected} == expected
