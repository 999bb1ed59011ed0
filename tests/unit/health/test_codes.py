"""The table of what can be wrong with a service."""

import ast
import re
from collections.abc import Iterator

from streamproc.health.decide.conditions import STUCK
from tests.support.paths import REPOSITORY


def codes() -> Iterator[str]:
    """Code of each Trouble that is made anywhere."""
    for path in (REPOSITORY / "streamproc").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Trouble":
                code = node.args[0]
                yield str(code.value) if isinstance(code, ast.Constant) else STUCK


def test_each_code_is_explained_and_no_other() -> None:
    """Whoever reads a code in `streamproc status`, a metric or the log finds what it says."""
    page = (REPOSITORY / "streamproc" / "health" / "README.md").read_text(encoding="utf-8")
    table = page.split("| Code | Of |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(codes())
