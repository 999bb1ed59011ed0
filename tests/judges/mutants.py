"""Mutants: the code with one mistake in it, each of which a test has to notice. `python -m tests.judges.mutants`

Each mistake is made in a copy of the code, so that nothing here changes meanwhile.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.paths import REPOSITORY

FOLD: Final = "streamproc/core/fold"
SINK: Final = "streamproc/sink/decide"
OF_ELEMENTS: Final = ("tests/unit/sink/decide/test_elements.py", "tests/property/sink/decide/test_elements.py")
OF_SCOPE: Final = ("tests/unit/core/fold/test_scope.py", "tests/property/core/fold/test_scope.py")


@dataclass(frozen=True)
class Mutant:
    """In `file`, `right` becomes `wrong`; one of `tests` has to fail."""

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


MUTANTS: Final = (
    Mutant(
        "never = inactive",
        f"{FOLD}/scope.py",
        'return Resource(externalId=user, scope="never"), problems',
        'return Resource(externalId=user, active=False, scope="never"), problems',
        OF_SCOPE,
    ),
    Mutant(
        "who isn't ours is looked for",
        f"{SINK}/next_step.py",
        "if not leaves and is_left_alone(progress.record.desired):",
        "if False:",
        ("tests/service/sink/test_reconciler_scope.py",),
    ),
    Mutant(
        "who never was ours is looked for",
        f"{FOLD}/plan.py",
        'return scope == "never" or (',
        "return (",
        ("tests/service/sink/test_reconciler_scope.py",),
    ),
    Mutant(
        "unknown = false",
        f"{FOLD}/scope.py",
        'case False if before == "in":',
        'case _ if before == "in":',
        OF_SCOPE,
    ),
    Mutant(
        "unknown = true",
        f"{FOLD}/scope.py",
        "        case _:\n            return before\n",
        '        case False:\n            return before\n        case _:\n            return "in"\n',
        OF_SCOPE,
    ),
    Mutant(
        "unknown lets who is suspended in again",
        f"{FOLD}/scope.py",
        "was_suspended if isinstance(suspension, Unknown) else suspension is True",
        "suspension is True",
        OF_SCOPE,
    ),
    Mutant(
        "null = absent, also where blank is a value",
        f"{FOLD}/computed.py",
        'blank_is_absent=place == WHO and file.scope is not None and file.scope.blank == "keep"',
        "blank_is_absent=True",
        OF_SCOPE,
    ),
    Mutant(
        "blank is a value, also where it is to keep",
        f"{FOLD}/computed.py",
        'file.scope.blank == "keep"',
        'file.scope.blank == "leave"',
        OF_SCOPE,
    ),
    Mutant(
        "blank counts groups",
        "streamproc/core/expressions/compiler.py",
        "if self.blank_is_absent and not name.startswith(GROUP) else",
        "if self.blank_is_absent else",
        OF_SCOPE,
    ),
    Mutant(
        "blank counts groups that are asked for by has",
        "streamproc/core/expressions/compiler.py",
        "if self.blank_is_absent and not name.startswith(GROUP):",
        "if self.blank_is_absent:",
        OF_SCOPE,
    ),
    Mutant(
        "release forgets revocation",
        f"{FOLD}/scope.py",
        '_frozen(before, "released", active=wanted.get("active"))',
        '_frozen(before, "released", active=None)',
        OF_SCOPE,
    ),
    Mutant(
        "release forgets revocation at the target",
        f"{FOLD}/plan.py",
        '(scope == "released" and desired.get("active") is not False)',
        'scope == "released"',
        OF_SCOPE,
    ),
    Mutant(
        "who is active again while released is let in",
        f"{FOLD}/scope.py",
        "    if active is False:\n        frozen",
        "    if active is not None:\n        frozen",
        OF_SCOPE,
    ),
    Mutant(
        "a suspension goes before a source's no",
        f"{FOLD}/scope.py",
        'if here.suspended and wanted.get("active") is True:',
        "if here.suspended:",
        OF_SCOPE,
    ),
    Mutant(
        "a leaver is held for what the mapping says",
        "streamproc/sink/mass_guard.py",
        "if not withheld and self._was_withheld(progress):",
        "if False:",
        ("tests/service/sink/test_reconciler_scope.py",),
    ),
    Mutant(
        "a leaver counts with those whom the mapping drops",
        "streamproc/sink/mass_guard.py",
        "if not work.leaves or by_mapping(work.record.desired) is not withheld:",
        "if not work.leaves:",
        ("tests/service/sink/test_reconciler_scope.py",),
    ),
    Mutant(
        "who is passed over leaves by a source's word",
        f"{SINK}/desired_state.py",
        "leaves = _WITHHELD if by_mapping(self.desired) else _LEAVES",
        "leaves = _LEAVES",
        ("tests/service/sink/test_reconciler_scope.py",),
    ),
    Mutant(
        "a source's no to who has left isn't told",
        f"{FOLD}/scope.py",
        'left["denied"] = True',
        "pass",
        OF_SCOPE,
    ),
    Mutant(
        "who has left keeps access",
        f"{FOLD}/scope.py",
        '_frozen(before, "left", active=False)',
        '_frozen(before, "left", active=None)',
        OF_SCOPE,
    ),
    Mutant(
        "a full record keeps who has left the scope in it",
        f"{FOLD}/scope.py",
        "taken = {name: value for name, value in desired.items() if name in _ACCESS}",
        'taken = {name: value for name, value in desired.items() if name == "active"}',
        OF_SCOPE,
    ),
    Mutant(
        "an event that doesn't fit keeps who leaves the scope by it",
        f"{FOLD}/headroom.py",
        "less = less if _takes(known, fold_encoded(known, seq, less, mapping, facts)) else None",
        "less = None",
        ("tests/property/core/fold/test_headroom.py",),
    ),
    Mutant(
        "an event that doesn't fit lets in who enters the scope by it",
        f"{FOLD}/headroom.py",
        "less = less if _takes(known, fold_encoded(known, seq, less, mapping, facts)) else None",
        "pass",
        ("tests/property/core/fold/test_headroom.py",),
    ),
    Mutant(
        "what is owned since now isn't read",
        "streamproc/core/records/resource.py",
        "    if any(name in IF_OWNED and name not in held for name in desired):",
        "    if False:",
        OF_ELEMENTS,
    ),
    Mutant(
        "what isn't owned any more is kept",
        "streamproc/core/records/resource.py",
        "    if IF_OWNED.isdisjoint(held):",
        "    if held:",
        OF_ELEMENTS,
    ),
    Mutant(
        "all external ids are refused as one",
        "streamproc/core/records/resource.py",
        '    if "externalIds" not in resource:',
        "    if resource:",
        OF_ELEMENTS,
    ),
    Mutant(
        "a number is added to the list at Genesys",
        "streamproc/core/scim/elements.py",
        '    if form == "path":',
        "    if False:",
        OF_ELEMENTS,
    ),
    Mutant(
        "a whole list is ours alone",
        "streamproc/core/scim/elements.py",
        "            kept.append(each)",
        "            pass",
        OF_ELEMENTS,
    ),
    Mutant(
        "Genesys's own id is written",
        "streamproc/core/scim/elements.py",
        'str(element.get("authority", "")).startswith(GENESYS_OWN)',
        "False",
        ("tests/unit/core/scim/test_elements.py",),
    ),
    Mutant(
        "an extension without tel:",
        "streamproc/core/scim/place.py",
        'f"tel:{value}" if',
        "value if",
        OF_ELEMENTS,
    ),
    Mutant(
        "an id that is written is the only one",
        "streamproc/core/fold/plan.py",
        "            held |= _whole(held, changes)",
        "            held |= changes",
        OF_ELEMENTS,
    ),
    Mutant(
        "a list is written whole without a look",
        f"{SINK}/next_step.py",
        "if rests_on_read(changes, target.dialect) and",
        "if False and",
        OF_ELEMENTS,
    ),
    Mutant(
        "a leaver waits for what is owned since now",
        f"{SINK}/next_step.py",
        "not leaves and unlooked",
        "unlooked",
        OF_ELEMENTS,
    ),
    Mutant(
        "nothing there is not known",
        f"{SINK}/own_terms.py",
        "{**empty, **held}",
        "{**held}",
        OF_ELEMENTS,
    ),
)


def copied(folder: Path) -> None:
    """The code and its tests, and what they read."""
    for name in ("streamproc", "tests", "schemas", "docker"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, folder / name)


def dies(mutant: Mutant, folder: Path) -> bool:
    """Whether a test notices the mistake, in a copy of the code."""
    file = folder / mutant.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(mutant.right, mutant.wrong), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests]
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    finally:
        file.write_text(text, encoding="utf-8")
    if ended.returncode not in {0, 1}:
        raise RuntimeError(ended.stdout.decode() + ended.stderr.decode())
    return ended.returncode == 1


def main(wanted: list[str]) -> int:
    """How many are alive."""
    alive = 0
    with tempfile.TemporaryDirectory(prefix="streamproc-mutants-") as name:
        folder = Path(name)
        copied(folder)
        for mutant in MUTANTS:
            if wanted and mutant.name not in wanted:
                continue
            dead = dies(mutant, folder)
            alive += not dead
            print("dies " if dead else "LIVES", mutant.name, flush=True)
    print(f"{alive} alive")
    return alive


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
