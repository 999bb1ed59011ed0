"""Benchmarks: `python -m tests.bench.NAME [--quick] [--json]`. Each prints a table, with --json one line of JSON.

`--quick` takes smaller sizes: less than 60 s on two cores. `wall_s` and the CPU seconds beside it (see `cpu`) are of
the part that is measured: when it begins, the broker and its topics are there. A `ratio_to_...` says how fast ours is
against the other in the same run: 1 is as fast, 0.5 takes twice as long. (Only `ratio_to_read` is
the other way round.) `python -m tests.bench.versus` compares two checkouts.
"""

import argparse
import sys
from typing import Any, Final, TypeVar

import orjson

Size = TypeVar("Size", int, float)

QUICK: Final = "--quick" in sys.argv
"""Asked of the command line here, since sizes are constants of their modules."""


def size(normal: Size, quick: Size) -> Size:
    """`quick` where --quick was given."""
    return quick if QUICK else normal


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that all benches have."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="smaller sizes: less than 60 s on two cores")
    options.add_argument("--json", action="store_true", help="one line of JSON in place of a table")
    return options


def show(title: str, row: dict[str, Any], *, json: bool) -> None:
    """The table, or the line of JSON."""
    if json:
        print(orjson.dumps(row).decode())
        return
    print(title)
    width = max(map(len, row))
    for name, value in row.items():
        print(f"  {name:<{width}}  {value}")


def say(line: str) -> None:
    """Progress, on standard error."""
    print(line, file=sys.stderr, flush=True)
