"""No change of spelling, type, blank, mark or format turns access on or off unless the parser has understood it."""

import copy
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.fold.effective_dating import as_of
from streamproc.core.fold.facts import absorb
from streamproc.core.identity.resolve import changes
from streamproc.core.parsed_payload import ParsedPayload, Receipt
from streamproc.core.records.change_event import Origin, SourceFacts
from streamproc.core.records.units import Millis, micros_of
from streamproc.sources import SOURCES
from tests.property.sources.test_okta import places

NOW = Millis(1_796_000_000_000)
"""ms since 1970: 2026-11-30."""
HOUR = 3_600_000
YEARS = 80 * 365 * 24 * HOUR


@dataclass(frozen=True)
class Situation:
    """A valid payload about one person, constructed."""

    source: str
    payload: dict[str, Any]
    identifying: frozenset[str]
    """Names of what says who it is: another value is another person."""
    times: tuple[Millis, ...] = (NOW, Millis(NOW + YEARS))
    """Moments at which access is looked at."""


def _okta(status: str) -> Situation:
    profile = {"login": "a@example.com", "email": "a@example.com", "firstName": "Ána", "lastName": "Ruiz"}
    profile |= {"displayName": "Ána Ruiz", "employeeNumber": "100234", "title": "Agent", "managerId": "100200"}
    user = {"id": "00uA", "status": status, "created": "2024-01-01T00:00:00Z", "lastUpdated": "2026-11-29T17:00:00Z"}
    return Situation("okta", user | {"profile": profile}, frozenset({"id", "employeeNumber"}))


def _entra(enabled: bool) -> Situation:
    user = {"id": "11111111-1111-4111-8111-111111111111", "accountEnabled": enabled, "displayName": "Ána Ruiz"}
    user |= {"userPrincipalName": "a@example.com", "mail": "a@example.com", "employeeId": "100234", "jobTitle": "Agent"}
    user |= {"createdDateTime": "2024-01-01T00:00:00Z", "deletedDateTime": None, "businessPhones": ["+13175550100"]}
    return Situation("entra", user, frozenset({"id", "employeeId"}))


def _pingone(enabled: bool) -> Situation:
    user = {"id": "a0000000-0000-4000-8000-000000000001", "username": "ana", "enabled": enabled, "title": "Agent"}
    user |= {"email": "a@example.com", "employeeNumber": "100234", "name": {"given": "Ána", "family": "Ruiz"}}
    user |= {"createdAt": "2024-01-01T00:00:00Z", "updatedAt": "2026-11-29T17:00:00Z", "memberOfGroupNames": ["Agents"]}
    return Situation("pingone", user, frozenset({"id", "employeeNumber"}))


def _workday(**columns: Any) -> Situation:
    row = {"Employee_ID": "100234", "Preferred_Name": "Ána Ruiz", "Email_Address": "a@example.com", "Title": "Agent"}
    row |= {
        "Worker_Status": "Active",
        "Hire_Date": "2024-02-01",
        "Worker_Type": "Employee",
        "Time_Zone": "Europe/Madrid",
    }
    return Situation("workday", row | columns, frozenset({"Employee_ID"}))


def _rows(*rows: dict[str, Any]) -> Situation:
    whole = [_workday(**columns).payload for columns in rows]
    return Situation("workday", {"Report_Entry": whole}, frozenset({"Employee_ID"}))


SITUATIONS = [
    *(_okta(status) for status in ("ACTIVE", "SUSPENDED", "DEPROVISIONED")),
    *(_entra(enabled) for enabled in (True, False)),
    *(_pingone(enabled) for enabled in (True, False)),
    _workday(),
    _workday(Termination_Date="2031-12-31"),
    _workday(Termination_Date="2031-12-31", Worker_Status="Active - Pending Termination"),
    _workday(Termination_Date="2026-11-20"),
    _workday(Termination_Date="2026-11-20", Worker_Status="Terminated", Terminated="1"),
    _workday(Worker_Status="Retired"),
    _workday(Hire_Date="2031-06-01", Worker_Status="Pre-Hire"),
    _workday(Hire_Date="2031-06-01", Hire_Rescinded="1"),
    _workday(Original_Hire_Date="2020-02-03", Hire_Date="2031-06-01", Termination_Date="2025-01-31"),
    _rows({"Position_ID": "P1"}, {"Position_ID": "P2", "Worker_Status": "Terminated", "Effective_Date": "2026-10-01"}),
    _rows({"Position_ID": "P1"}, {"Position_ID": "P1", "Worker_Status": "Terminated", "Effective_Date": "2031-10-01"}),
    _rows({"Position_ID": "P1", "Termination_Date": "2026-10-31"}, {"Position_ID": "P2", "Hire_Date": "2026-11-01"}),
]
SPELLINGS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "blanks": lambda text: f"  {text}\t",
    "no-break": lambda text: f"\u00a0{text}".replace(" ", "\u00a0"),
    "byte order mark": lambda text: f"\ufeff{text}",
    "marks of direction": lambda text: f"\u202a{text}\u202c",
    "zero width": "\u200b".join,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
}
ACCESS = {
    "status", "accountEnabled", "deletedDateTime", "enabled", "Worker_Status", "Terminated", "Hire_Rescinded",
    "Hire_Date", "Original_Hire_Date", "Termination_Date", "Effective_Date",
}  # fmt: skip
"""Names of what says whether somebody has access."""
GARBAGE: list[Any] = [
    {}, {"value": "x"}, [[]], ["a", "b"], {"scale": 0, "value": "MIE="}, 0.5, 2, 3.0, -7, 45992, 1_763_164_800_000,
    "???", "zzz", "N/A", "#REF!", "null", "undefined", "TBD", "AQ==", "45992", "31/02/2026", "0203-05-01", "05/12/2031",
    "-", "Active?", "not so active", "no longer active", "1/2", "0,5", "２", "Aktiv", "31. Dez. 2026",
]  # fmt: skip
"""What no status and no date is, in any of the situations."""


UNITING = {"Employee_ID", "Worker_Type"}
"""Names of what says that rows are about one person."""
NUMBERS = [each for each in GARBAGE if isinstance(each, str | int) or each == 3.0]
"""What may be somebody's number, though some of it isn't."""


def said(situation: Situation, payload: Any, number: int = 0) -> ParsedPayload:
    """What the source's parser makes of it; payloads of later numbers come a minute later each."""
    source, at = SOURCES[situation.source], micros_of(Millis(NOW - HOUR + 60_000 * number))
    return source.read(payload, Receipt(at, at), source.defaults)


def known(situation: Situation, parsed: ParsedPayload, before: SourceFacts | None = None) -> SourceFacts | None:
    """The facts after it, of the person whom the situation is about."""
    at = NOW - HOUR if before is None else before.origin.appended
    origin = Origin("events", 0, 0 if before is None else before.origin.offset + 1, Millis(at + 60_000))
    subject = said(situation, situation.payload).events[0].subject if before is None else before.subject
    facts = before
    for event in changes("E1", situation.source, [each for each in parsed.events if each.subject == subject], origin):
        facts, _ = absorb(facts, event, None)
    return facts


def access(situation: Situation, facts: SourceFacts | None) -> list[Any]:
    """Whether the person is active at each of the times."""
    return [None if facts is None else as_of(facts, now)[0].get("active") for now in situation.times]


def changed(payload: Any, path: tuple[Any, Any], value: Any) -> Any:
    """A copy in which the holder's place has another value."""
    holder, key = path
    memo: dict[int, Any] = {}
    whole = copy.deepcopy(payload, memo)
    memo[id(holder)][key] = value
    return whole


def leaves(payload: Any) -> Iterator[tuple[Any, Any]]:
    """The places of a payload that hold neither an object nor a list."""
    return ((holder, key) for holder, key in places(payload) if not isinstance(holder[key], dict | list))


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: f"{situation.source}")
def test_a_spelling_changes_nothing(situation: Situation) -> None:
    """Case, blanks, marks and composition of any value: the same person, and the same access."""
    meant = said(situation, situation.payload)
    expected, subjects = access(situation, known(situation, meant)), {each.subject for each in meant.events}
    for holder, key in leaves(situation.payload):
        for spelling, spelled in SPELLINGS.items():
            other = {"upper", "lower"} & {spelling} and key in situation.identifying
            if isinstance(holder[key], str) and not other:
                parsed = said(situation, changed(situation.payload, (holder, key), spelled(holder[key])))
                assert access(situation, known(situation, parsed)) == expected, (key, spelling)
                assert {each.subject for each in parsed.events} == subjects


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: f"{situation.source}")
def test_what_isnt_understood_changes_no_access(situation: Situation) -> None:
    """Whatever stands in any one place: what was known of the person stays, now and at every date; and it is told."""
    before = known(situation, said(situation, situation.payload))
    expected = access(situation, before)
    for holder, key in leaves(situation.payload):
        if key in UNITING and "Report_Entry" in situation.payload:
            continue  # one row less of this person
        for garbage in GARBAGE if key in ACCESS else (GARBAGE[0], GARBAGE[3], GARBAGE[8]):
            if key in situation.identifying and garbage in NUMBERS:
                continue  # another person's number
            parsed = said(situation, changed(situation.payload, (holder, key), garbage), 1)
            assert access(situation, known(situation, parsed, before)) == expected, (key, garbage)
            alone = access(situation, known(situation, parsed))
            told = [part for part in parsed.ignored if part.code in {"not_understood", "incomplete"}]
            if alone != expected:
                kept = (None, alone[0])  # what holds now goes on
                assert all(one in (*kept, other) for one, other in zip(alone, expected, strict=True)), (key, garbage)
                assert alone[0] in (None, expected[0]), (key, garbage)
                assert told, (key, garbage)
            assert all(part.field for part in told if parsed.events), (key, garbage)


@given(situation=st.sampled_from(SITUATIONS), data=st.data())
def test_two_things_that_arent_understood_change_no_access(situation: Situation, data: st.DataObject) -> None:
    """Nor do two at once."""
    before, payload = known(situation, said(situation, situation.payload)), situation.payload
    for _ in range(2):
        found = [(holder, key) for holder, key in leaves(payload) if key not in {*situation.identifying, *UNITING}]
        payload = changed(payload, data.draw(st.sampled_from(found)), data.draw(st.sampled_from(GARBAGE)))
    after = known(situation, said(situation, payload, 1), before)
    assert access(situation, after) == access(situation, before)


@pytest.mark.parametrize("situation", SITUATIONS[:-3], ids=lambda situation: f"{situation.source}")
def test_whole_numbers_are_the_same_however_they_are_written(situation: Situation) -> None:
    """12417, 12417.0 and their texts are one person, in the claim and in the subject."""
    subject = said(situation, situation.payload).events[0].subject
    for holder, key in leaves(situation.payload):
        if key in situation.identifying and holder[key] == "100234":
            for number in (100234, 100234.0, "100234.0", "１００２３４", "\ufeff100234"):
                event = said(situation, changed(situation.payload, (holder, key), number)).events[0]
                assert (event.anchor, event.subject) == ("100234", subject)
