"""Runs many commands of the product in one process: imports are most of what a command costs.

Run as a script by the interpreter of a checkout, of whichever layout: it imports nothing but what `python -m` would.
Standard input: a JSON list of {"arguments": [...], "output": FILE}. Each FILE gets what the command wrote to standard
output, and a last line with its exit code.
"""

import io
import json
import runpy
import sys
import warnings
from pathlib import Path
from typing import Any


def run(module: str, arguments: list[str]) -> bytes:
    """What the module prints, and its exit code."""
    standard_output, given = sys.stdout, sys.argv
    printed = io.BytesIO()
    sys.stdout = captured = io.TextIOWrapper(printed, encoding="utf-8", write_through=True)
    sys.argv = [module, *arguments]
    code: Any = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        captured.flush()
        sys.stdout, sys.argv = standard_output, given
    return printed.getvalue() + f"\nexit code {code}\n".encode()


def main() -> None:
    """All commands of the list, in its order."""
    warnings.simplefilter("ignore", RuntimeWarning)  # runpy's: the module was imported before
    for job in json.load(sys.stdin):
        output = Path(job["output"])
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(run(job.get("module", "streamproc.cli"), job["arguments"]))


if __name__ == "__main__":
    main()
