"""`mapping whatif`: what an engineer learns about a mapping before it comes into force."""

from pathlib import Path
from typing import Any

import click
import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.audit.words import iso_moment as past_told
from streamproc.cli.mapping_whatif import whatif
from streamproc.core.errors import MappingError, SettingsError
from streamproc.mapping_preview.run import Answered, Question, compared
from tests.support.pasts import START, Past, archived, recalled

OLD = """
[attributes]
title = "job"
[[rule]]
when = { department = "Spanish*" }
skills = { Spanish = 3.0 }
[[rule]]
when = { job = "Agent" }
roles = ["Agent"]
"""
NEW = """
[attributes]
title = "job"
[[rule]]
when = { department = "Spanish*" }
skills = { Spanish = 4.0, Billing = 2.0 }
groups = ["Spanish Queue"]
[[rule]]
when = { job = "Agent" }
roles = ["Senior"]
"""
GATED = OLD.replace('title = "job"', 'title = "job"\nactive = "badge"')
"""Somebody has access while their badge is valid; OLD doesn't read that."""


def hired(past: Past, user: str, **more: Any) -> None:
    facts = {"userName": f"{user}@example.com", "displayName": user, "active": True, "job": "Agent"}
    past.say(user, **{"department": "Care", "badge": True, **facts, **more})


def company(text: str | None = OLD) -> Past:
    """E1 speaks Spanish, E2 doesn't, E3 did and has left."""
    past = Past(text)
    hired(past, "E1", department="Spanish Support")
    hired(past, "E2")
    hired(past, "E3", department="Spanish Support")
    past.say("E3", active=False)
    return past


def asked(text: str, *pasts: Past, **more: Any) -> Answered:
    question = Question(text, "new.toml", (OLD, "settings"), **more)
    return compared(recalled(*pasts), question, lambda _: None)


def test_what_applying_would_send_is_counted_by_kind_and_name() -> None:
    """Two people keep their access and get other roles, skills and groups; who has left gets nothing."""
    impact = asked(NEW, company()).impact
    assert impact.operations == {"patch": 2, "join": 1}
    assert (impact.sent, impact.touched, impact.out, impact.let_in) == (2, 3, 0, 0)
    assert impact.gained["roles"] == {"Senior": 2}
    assert impact.lost["roles"] == {"Agent": 2}
    assert impact.gained["skills"] == {"Billing": 1}
    assert impact.levels["skills"] == {"Spanish": 1}
    assert impact.gained["groups"] == {"Spanish Queue": 1}
    assert not impact.lost["skills"]
    (example,) = impact.examples["join"]
    assert (example.user, example.operations) == ("E1", ["patch", "join"])
    assert example.changes["skills"] == ({"Spanish": 3.0}, {"Billing": 2.0, "Spanish": 4.0})
    assert example.changes["groups"] == (None, ["Spanish Queue"])


def test_the_period_shows_what_each_mapping_would_have_sent() -> None:
    """From the beginning on, the same people by either; the new mapping would have put two into the queue."""
    impact = asked(NEW, company()).impact
    assert impact.old == {"create": 3, "deactivate": 1}
    assert impact.new == {"create": 3, "deactivate": 1, "join": 2}
    late = asked(NEW, company(), since=START + 4000).impact  # when E3 left
    assert late.old == {"deactivate": 1}
    assert late.new == {"deactivate": 1, "patch": 3, "join": 2}  # E3 was still there
    quiet = asked(NEW, company(), since=START + 8000, now=START + 9000).impact  # nothing was said since
    assert quiet.old == {}
    assert quiet.new == {"patch": 2, "join": 1}


def test_deactivations_are_told_now_and_at_any_time() -> None:
    """A fact that the old mapping never read takes access from one today, and would have from another for a while."""
    past = company()
    past.say("E1", badge=False)
    past.say("E2", badge=False)
    past.say("E2", badge=True)
    past.say("E3", badge=True)
    impact = asked(GATED, past).impact
    assert impact.operations == {"deactivate": 1, "reactivate": 1}  # E3's badge is still valid
    assert (impact.out, impact.let_in) == (2, 1)
    assert [(each.user, each.at) for each in impact.out_examples] == [("E1", START + 5000), ("E2", START + 6000)]
    assert impact.examples["deactivate"][0].changes == {"active": (True, False)}
    gone = asked(GATED.replace("skills = { Spanish = 3.0 }", "skills = { Welsh = 3.0 }"), past).impact
    assert gone.lost["skills"] == {"Spanish": 1}  # E3's, who is let in; who is deactivated keeps what they had


def test_a_date_that_only_the_new_mapping_knows_passes_with_the_log() -> None:
    """Nobody told the log that the badge ends, because nobody read it: it ends when its day has come all the same."""
    past = company()
    past.say("E1", starts=START + 6_500, badge=False)
    assert asked(GATED, past).impact.out == 0
    assert asked(GATED, past, now=START + 6_500).impact.operations["deactivate"] == 1
    hired(past, "E4")
    assert asked(GATED, past).impact.out == 0
    hired(past, "E5")
    impact = asked(GATED, past).impact
    assert [(each.user, each.at) for each in impact.out_examples] == [("E1", START + 7000)]
    assert impact.new["deactivate"] == 1


def test_a_date_that_both_know_passes_when_the_log_says_so() -> None:
    """The log is late to tell; until it does, neither side is ahead of the other, whatever else comes."""
    past = company()
    past.say("E1", starts=START + 5_500, job="Clerk")
    hired(past, "E4")
    hired(past, "E5")
    other = OLD + '[[rule]]\nwhen = { unread = "*" }\nroles = ["Agent"]\n'  # reads more, and gives the same
    assert asked(other, past).impact.touched == 0
    past.rule(OLD + '[[rule]]\nwhen = { job = "Nobody" }\nroles = ["Agent"]\n')  # all are planned anew, E1 as a clerk
    assert asked(other, past).impact.old == {"create": 5, "deactivate": 1, "patch": 1}
    assert asked(other, past).impact.touched == 0


def test_a_date_is_not_lost_while_another_waits() -> None:
    """The log tells late of a date that the old mapping waits for, by then past one that only the new one knows of."""
    past = company()
    past.say("E1", starts=START + 6_500, job="Clerk")
    past.say("E1", starts=START + 6_600, badge=False)
    hired(past, "E4")  # at 7000: both have come, and the log has told of none
    past.due("E1", START + 6_550)
    hired(past, "E5")  # at 9000
    hired(past, "E6")
    impact = asked('[attributes]\nactive = "badge"\n', past).impact
    assert [(each.user, each.at) for each in impact.out_examples] == [("E1", START + 9_000)]


def test_whose_word_counts_is_part_of_the_mapping() -> None:
    """Both mappings read the same facts, and hear them from other sources."""
    impact = asked(OLD + '[authority]\ndepartment = ["okta"]\n', company()).impact
    assert impact.released == {"skills": 2}  # okta never named a department


def test_who_comes_later_is_heard_by_each_mapping_for_itself() -> None:
    """The log's mapping stops to read a fact; the one that is asked about reads it of people hired since, too."""
    past = company(GATED)
    past.rule(OLD)
    hired(past, "E9", badge=False)
    impact = asked(GATED, past).impact
    assert [each.user for each in impact.examples["deactivate"]] == ["E9"]


def test_the_mappings_that_were_in_force_are_the_old_side() -> None:
    """Where NEW was brought into force in the log, asking about it now shows no difference, but in the time before."""
    past = company()
    past.rule(NEW)
    answered = asked(NEW, past)
    assert (answered.impact.sent, answered.impact.differ, answered.impact.touched) == (0, 0, 3)
    assert answered.impact.old["join"] == 1
    back = asked(OLD, past).impact
    assert back.operations == {"patch": 2}
    assert back.released == {"groups": 2}  # nobody leaves a group that isn't ours to give any more


def test_a_log_that_names_no_mapping_takes_the_settings() -> None:
    """Logs from before mappings were events: the settings' mapping is taken for theirs, and it is said."""
    answered = asked(NEW, company(None))
    assert answered.assumed == [0]
    assert answered.impact.operations == asked(NEW, company()).impact.operations


def test_problems_that_come_and_go_are_told() -> None:
    """A fact that only one of the mappings reads can't be read as it is."""
    past = company()
    past.say("E2", badge="yes")
    impact = asked(GATED, past).impact
    assert impact.arisen == {"badge: expected true or false": 1}
    back = company(GATED)
    back.say("E2", badge="yes")
    assert asked(OLD, back).impact.gone == {"badge: expected true or false": 1}


def test_what_the_new_mapping_lets_go_of_is_told() -> None:
    """An attribute without a line isn't owned any more; nothing is sent for that."""
    impact = asked(OLD.replace('title = "job"', ""), company()).impact
    assert impact.released == {"title": 2}
    assert (impact.sent, impact.differ) == (0, 3)


def test_what_isnt_ours_to_write_isnt_counted_as_sent() -> None:
    """The new file gives other roles and skills, which are theirs by then; whose policy changes is told."""
    policies = '[policy]\nroles = "seed"\nskills = "observe"\n'
    impact = asked(NEW + policies, company()).impact
    assert impact.policies == {"roles: own → seed": 2, "skills: own → observe": 2}
    assert impact.operations == {"join": 1}, "the group is ours"
    assert (impact.gained["roles"], impact.gained["skills"], impact.levels["skills"]) == ({}, {}, {})
    assert impact.gained["groups"] == {"Spanish Queue": 1}
    back = asked(OLD, company(OLD + policies)).impact
    assert back.policies == {"roles: seed → own": 2, "skills: observe → own": 2}
    first = asked(NEW + '[policy]\ngroups = "seed"\n', company()).impact
    assert first.policies == {"groups: seed": 2}
    assert first.operations["join"] == 1, "they never were in any"


# The command


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.toml").write_text(OLD)
    (tmp_path / "new.toml").write_text(NEW)
    (tmp_path / "bad.toml").write_text("[attributes]\nsurname = 'x'\n")
    return tmp_path


def run(*arguments: str) -> Result:
    group = click.Group("mapping", commands=[whatif])
    return CliRunner().invoke(group, ["whatif", *arguments])


def told(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code in {0, 1}, result.output
    return orjson.loads(result.stdout)  # type: ignore[no-any-return]


def test_the_table_names_leavers_first(files: Path) -> None:
    """Who would lose access stands above all else; then operations, names, and users before and after."""
    past = company()
    past.say("E1", badge=False)
    (files / "gated.toml").write_text(GATED)
    result = run("gated.toml", "--archive", str(archived(files / "archive", past)), "--offline")
    assert result.exit_code == 0, result.output
    words = [line.split() for line in result.stdout.splitlines()]
    assert ["would", "be", "deactivated", "1", "1"] in words
    assert words.index(["would", "be", "deactivated", "1", "1"]) < words.index(["users", "touched", "2", "2"])
    assert ["active:", "true", "→", "false"] in words
    shown = run("new.toml", "--archive", "archive", "--offline").stdout
    assert "skills: Spanish 3 → Billing 2, Spanish 4" in shown
    assert ["Senior", "2", "0"] in [line.split() for line in shown.splitlines()]


def test_json_has_it_all(files: Path) -> None:
    """For a program: counts now and over the period, names, and examples, as many as asked for."""
    archived(files / "archive", company())
    found = told("new.toml", "--archive", "archive", "--offline")
    assert found["now"]["touched"] == 2
    assert found["now"]["operations"] == {
        "deactivate": 0,
        "reactivate": 0,
        "create": 0,
        "leave": 0,
        "join": 1,
        "patch": 2,
    }
    assert found["period"]["operations"]["old"]["create"] == 3
    assert found["now"]["gained"]["groups"] == {"Spanish Queue": 1}
    assert [each["user"] for each in found["now"]["examples"]["patch"]] == ["E2"]
    bare = told("new.toml", "--archive", "archive", "--offline", "--examples", "0")
    assert bare["now"]["examples"] == {}
    assert "E2" not in orjson.dumps(bare).decode()


def test_fail_over_is_for_ci(files: Path) -> None:
    """1 if something would be sent to more users now than were allowed, with the leavers named; else 0."""
    archived(files / "archive", company())
    assert run("new.toml", "--archive", "archive", "--offline", "--fail-over", "2").exit_code == 0
    over = run("new.toml", "--archive", "archive", "--offline", "--fail-over", "1")
    assert over.exit_code == 1
    assert "2 users now, more than 1; 0 of them would be deactivated" in over.stderr
    assert run("old.toml", "--archive", "archive", "--offline", "--fail-over", "0").exit_code == 0
    assert told("new.toml", "--archive", "archive", "--offline", "--fail-over", "1")["over"] is True


def test_partitions_are_folded_side_by_side(files: Path) -> None:
    """Several partitions in several processes say what they say in one."""
    other = Past(OLD, 1)
    hired(other, "E9", department="Spanish Sales")
    archived(files / "archive", company(), other)
    found = told("new.toml", "--archive", "archive", "--offline", "--since", "1970-01-01T00:00:00Z")
    alone = asked(NEW, company(), other).impact
    assert found["now"]["operations"]["join"] == alone.operations["join"] == 2
    assert (found["users"], found["events"]) == (4, 5)
    assert list(found["in_force"]) == ["0", "1"]


def test_a_period_beside_the_log_is_said(files: Path) -> None:
    """After its last event nothing can have happened, and a zero would be taken for an answer."""
    archived(files / "archive", company())
    for since, said in (
        ("2029-01-01", f"is after the log's last event, at {past_told(START + 4000)}"),
        ("2001-01-01", f"is before the log's first event, at {past_told(START)}: the period begins there"),
        (str(START + 2000), None),
    ):
        result = run("new.toml", "--archive", "archive", "--offline", "--since", since)
        assert result.exit_code == 0
        assert ("--since" in result.stderr) == (said is not None)
        assert said is None or said in result.stderr
    late = run("new.toml", "--archive", "archive", "--offline", "--since", "99999999999999999")
    assert (late.exit_code, "only the years" in late.stderr) == (2, True)


def test_what_is_used_wrongly_is_said(files: Path) -> None:
    """A file that isn't a mapping, a moment without a zone, and nothing to read."""
    wrong = run("bad.toml", "--archive", str(archived(files / "archive", company())), "--offline")
    assert isinstance(wrong.exception, MappingError)
    assert "attributes.surname" in str(wrong.exception)
    late = run("new.toml", "--since", "2026-01-01T00:00:00")
    assert late.exit_code == 2
    assert "which zone" in late.stderr
    assert isinstance(run("new.toml", "--offline").exception, SettingsError)
