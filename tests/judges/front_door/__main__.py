"""`python -m tests.judges.front_door [NAME ...] [--json FILE]`: judges by name, all without one.

A gateway on the embedded Kafka is judged, each time with nobody in it. What judges are made of is fetched into build/.
Exit code 1 if a failure isn't explained in `verdict.py`, or a judge has said nothing.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.judges.front_door.judges import JUDGES
from tests.judges.front_door.served import served
from tests.judges.front_door.tools import BUILD, NotHereError
from tests.judges.front_door.verdict import Verdict, table, unexplained


async def _judged(names: list[str]) -> dict[str, list[Verdict]]:
    found: dict[str, list[Verdict]] = {}
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder), names, _say) as access:
            for name in names:
                _say(f"{name} ...")
                try:
                    found[name] = await JUDGES[name](access[name])
                except NotHereError as missing:
                    _say(f"{name} can't be run here: there is no {missing}")
                    continue
    return found


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.judges.front_door", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(JUDGES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="all that was said")
    options = parser.parse_args()
    if wrong := [each for each in options.names if each not in JUDGES]:
        parser.error(f"no such judge: {', '.join(wrong)}")
    found = asyncio.run(_judged(options.names or [*JUDGES]))
    if options.json is not None:
        told = {judge: [asdict(each) for each in verdicts] for judge, verdicts in found.items()}
        options.json.write_text(json.dumps(told, indent=2))
    sys.stdout.writelines(f"{line}\n" for line in table(found))
    odd = [*unexplained(found), *(f"{judge} has said nothing" for judge, verdicts in found.items() if not verdicts)]
    sys.stdout.writelines(f"UNEXPLAINED {line}\n" for line in odd)
    return int(bool(odd))


if __name__ == "__main__":
    sys.exit(main())
