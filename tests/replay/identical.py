"""Compare two checkouts on the recorded histories: `python -m tests.replay.identical --before DIR`.

Each checkout, run by its own `.venv`, writes all that it makes of the histories in this folder: what sources' payloads
become, a gateway's answers and raw records, links, changes and records by a worker, requests, outcomes and deliveries
by a sink against the simulator, archives, and the answers of every command that reads archives. What it writes follows
from its input alone (see `tests/support/virtual_time`), so every byte has to be the same. A checkout of the commit
before:

    git worktree add ../before COMMIT && cd ../before && uv venv --python python3.11 .venv &&
    uv pip install -p .venv/bin/python -e '.[dev,embedded]'

With `--keep WORK` the next comparison may begin with `--before WORK/before`, and takes half of the time. Kinds whose
names end in `_text` are for people: `--except-text` shows what differs there, and lets it pass. Exit codes: 0: they are
identical. 1: something differs, of which the first difference is printed, or a checkout couldn't be run.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import orjson

from streamproc.embedded import EmbeddedKafkaUnavailable
from tests.replay.produce import produce
from tests.support.checkout import CheckoutError
from tests.support.folder_diff import Kind, compare, table
from tests.support.paths import REPOSITORY

TEXT = "_text"
KINDS = frozenset(
    {
        *(
            "answers",
            "archives",
            "as_of",
            "as_of_text",
            "bundles",
            "bundles_text",
            "changes",
            "commands",
            "commands_text",
        ),
        *(
            "controls",
            "deliveries",
            "events",
            "links",
            "mappings",
            "metrics",
            "notifications",
            "operators",
            "operators_text",
        ),
        *("outcomes", "parsed", "parsed_text", "records", "rejected", "reports", "reports_text", "requests", "schemas"),
        *("verify", "verify_text", "whatif", "whatif_text"),
    }
)
"""All kinds of artefacts. Where one is missing on both sides nothing is proved about it."""


def differ(kinds: Iterable[Kind], *, except_text: bool = False) -> bool:
    """Whether anything differs that mustn't."""
    return any(kind.differences and not (except_text and kind.name.endswith(TEXT)) for kind in kinds)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.replay.identical",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--before", type=Path, required=True, metavar="DIR", help="a checkout, or WORK/before")
    parser.add_argument("--after", type=Path, default=REPOSITORY, metavar="DIR", help="a checkout; default: this one")
    parser.add_argument("--keep", type=Path, metavar="WORK", help="leave artefacts and processes' logs there")
    parser.add_argument("--except-text", action="store_true", help="texts for people may differ")
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        work = arguments.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streamproc-identical-")))
        try:
            folders = asyncio.run(produce(arguments.before.resolve(), arguments.after.resolve(), work.resolve()))
        except* (CheckoutError, EmbeddedKafkaUnavailable) as errors:
            sys.exit("\n".join(map(str, errors.exceptions)))
        kinds = compare(*folders, KINDS)
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(kinds, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        sys.stdout.writelines(f"{line}\n" for line in table(kinds))
    return int(differ(kinds, except_text=arguments.except_text))


if __name__ == "__main__":
    sys.exit(main())
