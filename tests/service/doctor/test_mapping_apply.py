"""`mapping apply` asks the target first: what can't work isn't ordered, and what can't be asked is only told."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli.mapping import mapping
from streamproc.core.errors import KafkaUnavailableError
from tests.support.examined import MAPPING, Organization, organization

ORDERED = ("--by", "Kim Berg", "--reason", "test", "--kafka", "127.0.0.1:1")


async def apply(there: Organization, file: Path, text: str, monkeypatch: pytest.MonkeyPatch, *more: str) -> Result:
    """As an operator runs it; what it would do on Kafka fails."""
    file.write_text(text)  # noqa: ASYNC240 - a small file of the test's
    settings = there.settings()
    for name in ("scim_url", "platform_url", "token_url"):
        monkeypatch.setenv(f"STREAMPROC_{name.upper()}", str(settings.by_name()[name]))
    return await asyncio.to_thread(CliRunner().invoke, mapping, ["apply", str(file), *ORDERED, *more])


async def test_a_mapping_that_cant_work_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that isn't there, and a permission that the client lacks, each with what to do; --no-doctor goes on."""
    file = tmp_path / "new.toml"
    async with organization() as there:
        await there.least('[attributes]\ntitle = "job"\n')
        wrong = MAPPING.replace("skills = { Spanish", "skills = { Spansh")
        refused = await apply(there, file, wrong, monkeypatch)
        assert refused.exit_code == 1
        for words in ("there is no skill 'Spansh'", "routing:skill:assign", "nothing was ordered"):
            assert words in " ".join(refused.output.split())
        anyway = await apply(there, file, wrong, monkeypatch, "--no-doctor")
        assert isinstance(anyway.exception, KafkaUnavailableError)


async def test_a_mapping_that_works_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said of it."""
    async with organization() as there:
        await there.least()
        done = await apply(there, tmp_path / "new.toml", MAPPING, monkeypatch)
        assert isinstance(done.exception, KafkaUnavailableError)
        assert done.output == ""


async def test_a_target_that_cant_be_asked_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever orders may not have its credentials: why nobody could look is told, and the order goes on."""
    async with organization() as there:
        await there.sim("clients", id="demo", expired=True)
        done = await apply(there, tmp_path / "new.toml", MAPPING, monkeypatch)
        assert isinstance(done.exception, KafkaUnavailableError)
        assert "is the client secret right" in " ".join(done.output.split())


async def test_a_target_that_half_answers_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform's API knows us, and SCIM isn't reached: that is no word against its groups."""
    async with organization() as there:
        await there.least()
        settings = there.settings(scim_url="http://127.0.0.1:1/api/v2/scim/v2")
        monkeypatch.setattr(Organization, "settings", lambda _: settings)
        done = await apply(there, tmp_path / "new.toml", MAPPING, monkeypatch)
        assert isinstance(done.exception, KafkaUnavailableError)
        assert "not looked at: /Groups" in " ".join(done.output.split())
