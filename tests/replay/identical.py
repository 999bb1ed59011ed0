"""Compare two checkouts on the recorded histories: `python -m tests.replay.identical --before DIR`.

Each checkout, run by its own `.venv`, writes all that it makes of the histories in this folder: what sources' payloads
become, links, changes and records by a worker, requests, outcomes and deliveries by a sink against the stand-in for
Genesys, archives, and the answers of every command that reads archives. What it writes follows from its input alone
(see `tests/support/virtual_time`), so every byte has to be the same. A checkout of the commit before:

    git worktree add ../before COMMIT && cd ../before && uv venv --python python3.11 .venv &&
    uv pip install -p .venv/bin/python -e '.[dev,embedded]'

Kinds whose name ends in `_text` are for people: `--except-text` shows what differs there, and lets it pass.
0: identical. 1: something differs, and its first difference is printed; or a checkout couldn't be run.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from streamproc.embedded import EmbeddedKafkaUnavailable, embedded_kafka
from tests.replay.audit import audit, give_files, log_of
from tests.replay.delivery import deliver
from tests.replay.stages import FOLDER, describe, fold, resolve
from tests.support.checkout import Checkout, CheckoutError
from tests.support.cluster import Cluster, Record, cluster, parse_log
from tests.support.folder_diff import Kind, compare, table

ROOT = Path(__file__).parents[2]
DELIVERED = ("crash_run", "two_sources", "raw")
"""Histories whose operations are delivered, and whose logs are archived; `demo` has the users of `raw`."""
TEXT = "_text"
KINDS = frozenset(
    {
        "archives",
        "as_of",
        "as_of_text",
        "bundles",
        "bundles_text",
        "changes",
        "commands",
        "commands_text",
        "controls",
        "deliveries",
        "links",
        "mappings",
        "metrics",
        "notifications",
        "operators",
        "operators_text",
        "outcomes",
        "parsed",
        "parsed_text",
        "records",
        "rejected",
        "reports",
        "reports_text",
        "requests",
        "schemas",
        "verify",
        "verify_text",
        "whatif",
        "whatif_text",
    }
)
"""All kinds of artefacts. Where one is missing on both sides nothing was proved about it."""

Logs = dict[str, list[Record]]


async def produce(before: Checkout, after: Checkout, mapping: Path) -> None:
    """All artefacts of both, side by side. `mapping`: the one that is shipped."""
    logs: asyncio.Future[Logs] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        for checkout in (before, after):
            give_files(checkout, mapping)
            group.create_task(_produce(checkout, logs, first=checkout is before))


async def _produce(checkout: Checkout, logs: asyncio.Future[Logs], *, first: bool) -> None:
    """Of one. What is archived is the log that the first one wrote."""
    begun = time.monotonic()

    def say(done: str) -> None:
        sys.stderr.write(f"{checkout.work.name}: {done}, {time.monotonic() - begun:.0f} s\n")

    topics = await describe(checkout)
    say("described")
    async with embedded_kafka(progress=lambda _: None) as broker, cluster(broker.bootstrap, topics) as running:
        checkout.settings |= {"kafka": broker.bootstrap, "partitions": "1"}
        written = await _deliver(checkout, running)
        say("delivered")
        if first:
            logs.set_result(written | {"stories": parse_log(FOLDER / "logs" / "stories.jsonl")})
        await audit(checkout, running, await logs)
        say("audited")


async def _deliver(checkout: Checkout, running: Cluster) -> Logs:
    folded = await fold(checkout, running) | {"raw": await resolve(checkout, running)}
    operations = [record for name in DELIVERED for record in folded[name] if record.topic == "scim.operations"]
    delivered = await deliver(checkout, running, operations)
    return {name: log_of(folded[name], delivered) for name in DELIVERED}


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="streamproc-identical-") as name:
            yield Path(name)
    else:
        shutil.rmtree(kept, ignore_errors=True)
        yield kept.absolute()


def _compared(before: Path, after: Path, kept: Path | None) -> list[Kind]:
    with _folder(kept) as folder:
        sides = Checkout(before, folder / "before"), Checkout(after, folder / "after")
        asyncio.run(produce(*sides, before / "streamproc" / "mapping.toml"))
        return compare(*(side.artefacts for side in sides), KINDS)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.replay.identical",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--before", type=Path, required=True, metavar="DIR", help="a checkout with its own .venv")
    parser.add_argument("--after", type=Path, default=ROOT, metavar="DIR", help="default: this one")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="leave all artefacts and logs there, in place of what is"
    )
    parser.add_argument("--except-text", action="store_true", help="let texts for people differ")
    parser.add_argument("--json", action="store_true", help="for machines")
    given = parser.parse_args()
    try:
        kinds = _compared(given.before.resolve(), given.after.resolve(), given.keep)
    except* (CheckoutError, EmbeddedKafkaUnavailable) as errors:
        sys.exit("\n".join(map(str, errors.exceptions)))
    if given.json:
        sys.stdout.buffer.write(orjson.dumps(kinds, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        for line in table(kinds):
            sys.stdout.write(f"{line}\n")
    return 1 if wrong(kinds, except_text=given.except_text) else 0


def wrong(kinds: Iterable[Kind], *, except_text: bool = False) -> bool:
    """Whether anything differs that mustn't."""
    return any(kind.differences and not (except_text and kind.name.endswith(TEXT)) for kind in kinds)


if __name__ == "__main__":
    sys.exit(main())
