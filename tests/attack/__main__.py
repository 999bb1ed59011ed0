"""Plays every attack and prints what each did: `python -m tests.attack [--json]`. Exit code 1 unless all harm is 0."""

import argparse
import sys
import time
import traceback
from random import Random
from typing import Any, NoReturn

import orjson
import structlog

from tests.attack.part import HARMS, Found, Part
from tests.attack.parts import PARTS


def _unsaid(*_: object) -> NoReturn:
    raise structlog.DropEvent


def _played(part: Part, seed: int, share: float) -> dict[str, Any]:
    begun = time.monotonic()
    try:
        found = part.attack(Random(seed), max(part.short, round(part.whole * share)))
    except Exception:  # noqa: BLE001 - whatever an attack raises, something wasn't handled
        found = Found()
        found.harmed("unhandled", traceback.format_exc(limit=-4))
    harm: dict[str, int] = {name: found.harm[name] for name in HARMS}
    seconds = round(time.monotonic() - begun, 1)
    return {"part": part.name, "tried": found.tried, **harm, "seconds": seconds, "examples": found.examples}


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the table, and examples of harm, as JSON")
    parser.add_argument("--part", help="only this part")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of the inputs of a whole run")
    options = parser.parse_args()
    parts = [part for part in PARTS if options.part in {None, part.name}]
    structlog.configure(processors=[_unsaid])
    rows: list[dict[str, Any]] = []
    if not options.json:
        sys.stdout.write(f"{'part':<22}{'tried':>7}" + "".join(f"{name:>15}" for name in HARMS) + f"{'seconds':>9}\n")
    for part in parts:
        rows.append(row := _played(part, options.seed, options.share))
        if not options.json:
            numbers = "".join(f"{row[name]:>15}" for name in HARMS)
            sys.stdout.write(f"{row['part']:<22}{row['tried']:>7}{numbers}{row['seconds']:>9}\n")
            sys.stdout.writelines(f"    {each}\n" for each in row["examples"])
            sys.stdout.flush()
    if options.json:
        sys.stdout.write(orjson.dumps({"parts": rows}, option=orjson.OPT_INDENT_2).decode() + "\n")
    harmed = any(row[name] for row in rows for name in HARMS)
    short = any(row["tried"] < part.short for part, row in zip(parts, rows, strict=True))
    return int(harmed or short or not rows)


if __name__ == "__main__":
    sys.exit(main())
