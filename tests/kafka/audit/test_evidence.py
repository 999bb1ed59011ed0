"""Evidence of a real run with faults and kills, made from the live topics: it verifies, redacted or not."""

import asyncio
import zipfile
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.audit.evidence.format import CHAIN
from streamproc.cli.evidence import evidence, verify
from streamproc.settings import Settings
from tests.chaos.history import history
from tests.chaos.plan import Plan
from tests.chaos.run import run

PLAN = Plan(seed=5, events=200, users=20, kills=1, seconds=5.0)


async def command(which: object, *arguments: str) -> Result:
    """As an auditor runs it."""
    return await asyncio.to_thread(CliRunner().invoke, which, arguments)  # type: ignore[arg-type]  # one of the two


@pytest.mark.long
async def test_evidence_of_a_run(settings: Settings, tmp_path: Path) -> None:
    """All users, the same redacted, and one user alone: equal, complete, and nobody's name in the second."""
    PLAN.kafka = settings.kafka.bootstrap_servers
    found = await run(PLAN)
    assert found.good, found.details
    period = ["--from", "2020-01-01", "--to", "2100-01-01", "--kafka", settings.kafka.bootstrap_servers]
    plain = await command(evidence, *period, "-o", str(tmp_path / "plain.zip"), "--json")
    assert plain.exit_code == 0, plain.output
    said = orjson.loads(plain.stdout)
    assert (said["equal"], said["counts"]["open"], said["counts"]["unwritten"]) == (True, 0, 0)
    assert said["counts"]["outcomes"] > said["counts"]["records"] > PLAN.events / 2  # attempts on the way to fates

    redacted = await command(evidence, *period, "-o", str(tmp_path / "redacted.zip"), "--redact", "--json")
    assert redacted.exit_code == 0, redacted.output
    assert orjson.loads(redacted.stdout)["counts"] == said["counts"]
    sent = [each.value for each in history(PLAN.seed, PLAN.events, PLAN.users) if isinstance(each.value, dict)]
    names = {each["subject"] for each in sent} | {each["attributes"].get("userName", "User U0") for each in sent}
    assert names
    with zipfile.ZipFile(tmp_path / "redacted.zip") as bundle:
        whole = b"\n".join(bundle.read(name) for name in bundle.namelist())
    assert not [name for name in names if name.encode() in whole]

    with zipfile.ZipFile(tmp_path / "plain.zip") as bundle:
        chain = {each["user"]: each for each in map(orjson.loads, bundle.read(CHAIN).splitlines())}
    user = max(chain, key=lambda each: len(chain[each]["records"]))
    one = ["--user", user, "--kafka", settings.kafka.bootstrap_servers, "-o", str(tmp_path / "one.zip")]
    assert (await command(evidence, *one)).exit_code == 0
    assert (await command(verify, str(tmp_path / "one.zip"))).exit_code == 0
    with zipfile.ZipFile(tmp_path / "one.zip") as bundle:
        (alone,) = map(orjson.loads, bundle.read(CHAIN).splitlines())
    assert alone["head"] == chain[user]["head"]
