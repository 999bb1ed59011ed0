"""Benchmarks: `python -m tests.bench.NAME [--json]`. Each prints a table; with --json the last line is one object."""

import sys
from typing import Any

import orjson


def show(title: str, row: dict[str, Any]) -> None:
    """The table, or with --json the one object."""
    if "--json" in sys.argv:
        print(orjson.dumps(row).decode())
        return
    print(title)
    for name, value in row.items():
        print(f"  {name:<22} {value}")


def say(line: str) -> None:
    """Progress, on standard error."""
    print(line, file=sys.stderr, flush=True)
