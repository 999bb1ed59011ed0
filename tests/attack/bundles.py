"""Bundles of evidence that were altered: each is found out, or isn't taken for a bundle, soon and in little memory."""

import resource
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Final

from streamproc.audit.evidence.make import verify
from streamproc.core.errors import NoBundleError
from tests.attack.part import Found, Part
from tests.support.altered_bundles import OURS
from tests.support.bundles import bundle
from tests.support.hostile_bundles import KINDS

LONGEST: Final = 20.0
"""Seconds that a bundle may take, of whatever size a mail could have."""
MORE: Final = 400_000
"""KiB that the process may grow by one."""


def attack(rng: Random, count: int) -> Found:
    """Verify altered bundles. Those that nobody altered are equal, so that not everything is refused."""
    found = Found()
    for kind in ("plain", "signed", "redacted"):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bundle.zip"
            file.write_bytes(bundle(kind).zipped())
            if not verify(file, OURS if kind == "signed" else None).equal:
                found.harmed("without_fate", f"a bundle that is as it was made ({kind}) isn't equal")
    quick = KINDS if count >= len(KINDS) * 4 else KINDS[:-2]
    for number in range(count):
        hostile = quick[number % len(quick)](rng)
        _verified(found, f"{number}: {hostile.name}", hostile.content, hostile.trusted, told=hostile.found)
    return found


def _verified(found: Found, name: str, content: bytes, trusted: bytes | None, *, told: bool) -> None:
    found.tried += 1
    begun, held = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bundle.zip"
        file.write_bytes(content)
        try:
            verified = verify(file, trusted)
            if verified.equal and told:
                found.harmed("let_in", f"{name} is taken for what it was")
            if not verified.equal and not all(finding.sentence for finding in verified.findings):
                found.harmed("without_fate", f"{name} isn't told")
        except NoBundleError as error:
            if not str(error):
                found.harmed("without_fate", f"{name} isn't told")
        except Exception as error:  # noqa: BLE001 - whatever it raises, a stranger's file has ended the command
            found.harmed("unhandled", f"{name}: {error!r:.200}")
        left = [path.name for path in Path(folder).iterdir()]
        if left != ["bundle.zip"]:
            found.harmed("unbounded", f"{name} was unpacked: {left}")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held
    if time.monotonic() - begun > LONGEST or grown > MORE:
        found.harmed("unbounded", f"{name}: {time.monotonic() - begun:.0f} s, {grown} KiB more")


PARTS: Final = [Part("bundles", 500, 36, attack)]
