"""As of: which access was desired at a moment, why, and what the target had acknowledged."""

from streamproc.audit import words
from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.fold.refold import Refold, first_mapping
from streamproc.core.records.change_event import Effective, Move, Origin, SourceFacts
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Micros, Millis
from tests.support.asof_log import DEFAULT, MINUTE, NOON, Log, hired, lines, request


def raw(source: str, offset: int) -> str:
    """How the raw event is named of which that at `offset` of `identity.changes` was made."""
    return f", from events.{source}/1@{500 + offset} appended {words.iso_moment(NOON + MINUTE * offset - 1000)}"


def test_why_has_she_spanish_at_4() -> None:
    """The rule, the fact, the source's own event, its place in the log, and since when; what gave less is told too."""
    log = Log()
    hired(log, department="Care", genesysLanguage="Spanish:3.5, English", job="Agent")
    log.say("okta", "00u1", facts={"department": "Spanish Support"})
    log.say("hris", "H-1", facts={"department": None})
    log.say("hris", "H-1", facts={"phone": "+13175550101"})
    found = lines(log, 60)
    assert "Desired, by the event at identity.changes/0@4 (folded anew it is equal)" in found
    digest = parse_mapping(DEFAULT).digest
    assert f"mapping {digest}, in force from offset 0 on, by Kim Berg: new teams" in found
    at = found.index("languages")
    rule = "rule 1 (department = Spanish Support)"
    moved = 'department = "Spanish Support" okta 00u1, change e2, identity.changes/0@2'
    said = 'genesysLanguage = "Spanish:3.5, English" hris H-1, snapshot e1, identity.changes/0@1'
    assert found[at + 1 : at + 4] == [
        f"English 3.0 since 2026-11-24T12:01:00Z copy 2 (genesysLanguage) {said}{raw('hris', 1)}",
        f"Spanish 3.5 (more is given) copy 2 (genesysLanguage) {said}{raw('hris', 1)}",
        f"Spanish 4.0 since 2026-11-24T12:03:00Z {rule} {moved}{raw('okta', 2)}",
    ]
    before = lines(log, 2.5)
    assert not any(line.startswith("Spanish 4.0") for line in before)
    assert any(line.startswith("Spanish 3.5 since 2026-11-24T12:01:00Z") for line in before)


def test_a_date_counts_once_the_log_says_that_it_has_passed() -> None:
    """With the zone as it was written. Before its `due` event it doesn't count, and the answer says that it is late."""
    log = Log()
    hired(log)
    last = Effective(Micros((NOON + 5 * MINUTE) * 1000), "2026-11-24", "Pacific/Honolulu")
    log.say("workday", "W-1", facts={"active": True})
    log.say("workday", "W-1", facts={"active": False}, effective=last, row="r/1")
    log.say("hris", "H-1", facts={"phone": "+13175550101"})
    early = lines(log, 6)
    assert any(line.startswith("active true") for line in early)
    assert "a date had passed at 2026-11-24T12:05:00Z, and no event had told the log yet" in early
    log.say("hris", "H-1", facts={"phone": None})
    log.say("workday", "W-1", kind="due")
    (denied,) = [line for line in lines(log, 60) if line.startswith("active ")]
    assert denied.startswith("active false since 2026-11-24T12:06:00Z attribute (active) active = false workday W-1")
    assert "effective 2026-11-24 (Pacific/Honolulu), change e3, identity.changes/0@3" in denied
    assert "hris" not in denied


def test_who_denies_is_named() -> None:
    """One source of several; and where the subject that vouched has left, that."""
    log = Log()
    hired(log)
    log.say("okta", "00u1", facts={"active": False})
    (denied,) = [line for line in lines(log, 60) if line.startswith("active ")]
    assert "okta 00u1, change e2, identity.changes/0@2" in denied
    assert "hris" not in denied
    log = Log()
    hired(log)
    log.say("hris", "H-1", kind="unlink", move=Move("E2", by="Kim Berg"))
    (denied,) = [line for line in lines(log, 60) if line.startswith("active ")]
    assert "active: the subject has left this user hris H-1, unlink e2, identity.changes/0@2" in denied


def test_of_sources_that_agree_the_one_that_counts_is_named() -> None:
    """The first in the list. Of a denial all who deny, and nobody's former job that another one has followed."""
    log = Log(DEFAULT + '[authority]\ndepartment = ["okta", "hris"]\n')
    hired(log, department="Sales")
    log.say("okta", "00u1", facts={"department": "Sales"})
    (found,) = [line for line in lines(log, 60) if line.startswith("department ")]
    assert "okta 00u1" in found
    assert "hris" not in found
    log.say("hris", "H-0", facts={"active": False})
    log.say("hris", "H-1", facts={"active": True})
    (found,) = [line for line in lines(log, 60) if line.startswith("active ")]
    assert "active true" in found
    assert "H-1" in found
    assert "H-0" not in found
    log.say("okta", "00u1", facts={"active": False})
    log.say("pingone", "p-1", facts={"active": False})
    (found,) = [line for line in lines(log, 60) if line.startswith("active ")]
    assert "okta 00u1" in found
    assert "pingone p-1" in found
    assert "hris" not in found


def test_the_last_rule_that_matches_gives_the_title() -> None:
    """And the line of the file that it overrules isn't named."""
    rules = "".join(f'[[rule]]\nwhen = {{ job = "Agent*" }}\ntitle = "{title}"\n' for title in ("One", "Two"))
    log = Log(f'[attributes]\ntitle = "job"\n{rules}')
    hired(log, job="Agent")
    (found,) = [line for line in lines(log, 60) if line.startswith("title ")]
    assert found.startswith('title "Two" since 2026-11-24T12:01:00Z rule 2 (job = Agent*) job = "Agent" hris H-1')
    log.say("hris", "H-1", facts={"job": "Clerk"})
    (found,) = [line for line in lines(log, 60) if line.startswith("title ")]
    assert found.startswith('title "Clerk" since 2026-11-24T12:02:00Z attribute (job) job = "Clerk" hris H-1')


def test_what_lies_before_the_first_mapping_was_folded_by_it_too() -> None:
    """A log that is older than that event."""
    log = Log(text=None)
    hired(log, job="Agent")
    log.mapping(DEFAULT, first=True)
    digest = parse_mapping(DEFAULT).digest
    assert f"mapping {digest}, in force from offset 0 on, by Kim Berg: new teams" in lines(log, 0.5)


def test_what_a_subject_said_before_it_came_is_told_by_how_it_came() -> None:
    """Its own events are in another user's part of the log."""
    log = Log()
    hired(log)
    facts = SourceFacts(
        "00u1", Origin("events.okta", 0, 3, Millis(NOON)), (Micros(1), 0, "long ago"), {"department": "Billing East"}
    )
    log.say("okta", "00u1", kind="link", move=Move("E2", facts=facts))
    (billing,) = [line for line in lines(log, 60) if line.startswith("Billing 3.0")]
    assert "okta 00u1, link e2, identity.changes/0@2" in billing


def test_the_mapping_that_was_in_force_gives_the_reasons() -> None:
    """Before and after the offset at which another one came into force, and since when that is."""
    log = Log()
    hired(log, department="Spanish Support")
    other = DEFAULT.replace("Spanish = 4.0", "Spanish = 4.5")
    log.mapping(other)
    assert any(line.startswith("Spanish 4.0 since 2026-11-24T12:01:00Z rule 1") for line in lines(log, 1.5))
    after = lines(log, 2)
    assert f"mapping {parse_mapping(other).digest}, in force from offset 2 on, by Kim Berg: new teams" in after
    assert any(line.startswith("Spanish 4.5 since 2026-11-24T12:02:00Z rule 1") for line in after)


def test_what_the_target_had_acknowledged() -> None:
    """By its answers up to then: what isn't answered, or may have been applied, is named and not counted."""
    log = Log()
    hired(log, job="Agent")
    known = Resource(externalId="E1", userName="ana@example.com", displayName="Ana Ruiz", active=True, title="Clerk")
    first, later = NOON + 2 * MINUTE, NOON + 5 * MINUTE
    log.tell("unknown", request(2, later, None))
    log.tell("read", request(3, later + MINUTE, method="GET", holds=known | {"title": "Agent"}))
    log.tell("delivered", request(1, first, 201, "POST", holds=known))
    assert "The target had told nothing of this user yet" in lines(log, 1)
    found = lines(log, 3)
    assert "The target holds, as acknowledged at 2026-11-24T12:02:00Z (request r1)" in found
    assert 'title "Clerk"' in found
    assert 'title: "Agent" was desired, not "Clerk"' in found
    under_way = "open: PATCH /Users/7, sent 2026-11-24T12:04:59.950Z, no answer yet (request r2)"
    assert under_way in lines(log, 4.9995)
    lost = under_way.replace("no answer yet", "answer lost: it may have been applied")
    assert lost in lines(log, 5.5)
    after = lines(log, 6)
    assert "The target holds, as acknowledged at 2026-11-24T12:06:00Z (request r3)" in after
    assert not any(line.startswith("open:") for line in after)
    log.tell("missing", request(4, NOON + 7 * MINUTE, 404, absent=True))
    assert "The target has no such user, as it said at 2026-11-24T12:07:00Z (request r4)" in lines(log, 8)
    log.tell("delivered", request(5, NOON + 9 * MINUTE))
    assert any(line.startswith("The target acknowledged a write at 2026-11-24T12:09:00Z") for line in lines(log, 10))


def test_a_record_that_differs_is_told_as_it_was_recorded() -> None:
    """It is what the sink was to do; that folding anew gives something else is an alarm, and so is a broken hash."""
    log = Log()
    offset = hired(log, job="Agent")
    other = Log()
    hired(other, job="Clerk")
    refold = Refold(lambda n: other.changes[:n], first_mapping(other.changes))
    log.recorded[offset] = [refold.take(each) for each in other.changes][1].records["E1"]
    found = lines(log, 5)
    assert any("AS RECORDED; FOLDED ANEW IT DIFFERS" in line for line in found)
    assert any(line.startswith('title "Clerk"') for line in found)
    log.recorded[offset] = log.recorded[offset].replace(b"Clerk", b"Owner")
    found = lines(log, 5)
    assert any("DOESN'T FIT ITS OWN HASH" in line for line in found)
    assert any(line.startswith('title "Agent"') for line in found)


def test_who_is_held_is_no_reason() -> None:
    """A second account that says the same as the first counts for nothing, so it isn't quoted as who said it."""
    log = Log()
    log.say("okta", "00u1", facts={"active": True})
    log.say("okta", "00u2", facts={"active": True})
    log.say("okta", "00u1", facts={"active": False})
    log.say("okta", "00u2", facts={"active": False})
    found = lines(log, 60)
    (denied,) = [line for line in found if line.startswith("active ")]
    assert "active = false okta 00u1" in denied
    assert not any("active = false okta 00u2" in line for line in found)
