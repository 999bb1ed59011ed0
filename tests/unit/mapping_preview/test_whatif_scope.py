"""`mapping whatif`, of who is ours: who would enter, leave and be suspended, and of whom it can't be told."""

from pathlib import Path

import click
import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.cli.mapping_whatif import whatif
from streamproc.core.records.units import Millis
from streamproc.mapping_preview.attribute_usage import Surveyed
from streamproc.mapping_preview.run import ordered_now, surveyed
from tests.support.pasts import Past, archived, recalled
from tests.unit.mapping_preview.test_whatif import OLD, asked, hired

SCOPED = OLD + "[scope]\nwho = 'department == \"Care\"'\n"
RELEASED = SCOPED + 'leaving = "release"\n'
SUSPENDING = OLD + "[suspend]\nwhen = 'leave == \"Garden leave\"'\n"


def company(text: str | None = OLD) -> Past:
    """Two are in Care, one drives a forklift, one has no department, and one has left."""
    past = Past(text)
    hired(past, "E1")
    hired(past, "E2")
    hired(past, "E3", department="Warehouse")
    hired(past, "E4", department=None)
    hired(past, "E5", department="Warehouse")
    past.say("E5", active=False)
    return past


def test_the_first_scope_takes_from_those_who_are_there() -> None:
    """Whoever has a record counts as in scope: the driver leaves, who has no department stays, a leaver has left."""
    impact = asked(SCOPED, company()).impact
    assert (impact.enter, impact.leave, impact.suspend, impact.blank, impact.unknown) == (0, 1, 0, 1, 0)
    assert impact.operations == {"deactivate": 1}
    assert impact.examples["deactivate"][0].changes == {"active": (True, False), "scope": (None, "left")}
    assert not impact.released


def test_the_first_scope_that_releases_sends_nothing() -> None:
    """The driver keeps what they have, and isn't ours any more."""
    impact = asked(RELEASED, company()).impact
    assert (impact.leave, impact.sent, dict(impact.operations)) == (1, 0, {})


def test_who_never_was_ours_enters() -> None:
    """A scope in force is taken away, or takes in somebody else: they would be created."""
    past = company(SCOPED)
    impact = asked(OLD, past).impact
    assert (impact.enter, impact.leave) == (3, 0)
    assert impact.operations["create"] + impact.operations["reactivate"] >= 1
    other = asked(SCOPED.replace("Care", "Warehouse"), past).impact
    assert (other.enter, other.leave) == (2, 2)


def test_what_cant_be_told_is_told_as_that() -> None:
    """A fact that holds a structure says nothing; who is in stays in."""
    past = company()
    past.say("E1", department=["Care", "Sales"])
    impact = asked(OLD + "[scope]\nwho = 'lower(department) == \"care\"'\n", past).impact
    assert (impact.blank, impact.unknown, impact.leave) == (1, 1, 1)


def test_who_is_suspended_is_counted_apart() -> None:
    """Access goes for a time, and nobody leaves the scope."""
    past = company()
    past.say("E1", leave="Garden leave")
    past.say("E5", leave="Garden leave")
    impact = asked(SUSPENDING, past).impact
    assert (impact.suspend, impact.leave, impact.operations["deactivate"]) == (1, 0, 1)


def test_whose_suspension_ends_by_it_comes_in() -> None:
    """They get access by the mapping alone, as who enters the scope does."""
    past = company(SUSPENDING)
    past.say("E1", leave="Garden leave")
    impact = asked(OLD, past).impact
    assert (impact.enter, impact.suspend, impact.operations["reactivate"]) == (1, 0, 1)


def test_people_who_arent_ours_are_no_people_of_the_target() -> None:
    """`mapping check` looks at the names of those whom the mapping lets in."""
    seen: Surveyed = surveyed(recalled(company()), SCOPED, "new.toml", None, lambda _: None)
    assert seen.people == 2


def test_applying_now_counts_as_whatif_does() -> None:
    """What `mapping apply` names is what `whatif` tells, without the time before."""
    past = company()
    told = asked(SCOPED, past, examples=0).impact
    now = ordered_now(recalled(past), SCOPED, "new.toml", (OLD, "settings"), Millis(past.now), lambda _: None)
    assert (now.enter, now.leave, now.blank) == (told.enter, told.leave, told.blank)
    assert not now.old
    assert not now.new


# The command


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the file, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.toml").write_text(SCOPED)
    (tmp_path / "old.toml").write_text(OLD)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(click.Group("mapping", commands=[whatif]), ["whatif", *arguments, "--offline"])


def test_the_table_and_the_json_tell_who_comes_and_goes(files: Path) -> None:
    """In words for people, by name for programs; a mapping without a scope says nothing of it."""
    folder = str(archived(files / "archive", company()))
    words = [line.split() for line in run("new.toml", "--archive", folder).stdout.splitlines()]
    assert ["would", "leave", "1"] in words
    assert ["stay", "as", "they", "are:", "a", "fact", "has", "no", "value", "1"] in words
    found = orjson.loads(run("new.toml", "--archive", folder, "--json").stdout)
    assert found["now"]["scope"] == {"enter": 0, "leave": 1, "suspend": 0, "kept_blank": 1, "unknown": 0}
    assert "would leave" not in run("old.toml", "--archive", folder).stdout


def test_external_ids_are_shown_by_their_authority(files: Path) -> None:
    """Before and after, as other attributes; a null is a dash."""
    (files / "ids.toml").write_text(
        OLD + "[externalIds]\nteams = { expr = 'lower(userName)' }\nzoom = \"zoom\"\n", encoding="utf-8"
    )
    past = company()
    past.say("E1", zoom=None)
    shown = run("ids.toml", "--archive", str(archived(files / "archive", past))).stdout
    assert "externalIds: - → teams e1@example.com, zoom -" in shown
