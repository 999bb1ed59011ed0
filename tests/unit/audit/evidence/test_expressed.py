"""Redaction of what a mapping's expressions read: they see no difference, and nobody is named."""

from pathlib import Path

import orjson
import pytest

from streamproc.audit.evidence.format import EVENTS, MANIFEST, RECORDS
from streamproc.audit.evidence.make import make
from streamproc.audit.evidence.pseudonyms import MARK, Words
from streamproc.audit.evidence.redacted_facts import Facts
from streamproc.audit.evidence.redaction import SHORTEST
from streamproc.audit.evidence.scope import Scope
from streamproc.core.errors import EvidenceError
from streamproc.core.fold.mapping import Mapping, parse_mapping
from streamproc.core.records.change_event import Fact
from streamproc.core.records.units import Micros
from tests.support.altered_bundles import values
from tests.support.bundles import made, verified
from tests.support.logs import Log

WORDS = Words(b"k" * SHORTEST, "of", "E1")
SCOPED = """
[scope]
who = 'employer in ["ACME", "BPO"] && (like(jobFamily, "Contact Center*") || inGroup("Genesys Users"))'
[suspend]
when = 'coalesce(leave, "") in ["Suspended", "Garden leave"]'
[attributes]
displayName = { expr = 'coalesce(preferredName, givenName) + " " + familyName' }
userName = { expr = 'lower(before(upn, "@")) + "@cc.example.com"' }
division = { expr = 'lookup("division", site)' }
[tables.division]
MAD = "Spain"
[externalIds]
microsoftteams = { expr = 'lower(upn)' }
[[rule]]
if = 'jobCode.startsWith("CC-ES-")'
skills = { Spanish = 4.0 }
[policy]
displayName = "seed"
skills = "observe"
externalIds = "seed"
"""


def scoped() -> Mapping:
    return parse_mapping(SCOPED)


def hidden(mapping: Mapping, **facts: Fact) -> dict[str, Fact]:
    return Facts([mapping]).of(facts, WORDS, Micros)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("employer", "ACME", "ACME"),
        ("employer", "Acme", "Acme"),
        ("leave", "Garden leave", "Garden leave"),
        ("site", "MAD", "MAD"),
        ("group:Genesys Users", True, True),
    ],
)
def test_what_an_expression_names_stays(name: str, value: Fact, kept: Fact) -> None:
    """A text that stands in the mapping says nothing of anybody that the mapping doesn't."""
    assert hidden(scoped(), **{name: value}) == {name: kept}


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("employer", "ACME Iberia", ""),
        ("leave", "Parental", ""),
        ("site", "MADRID", ""),
        ("givenName", "Zofia", ""),
        ("familyName", "Przybylska", ""),
        ("jobFamily", "Contact Center Spain", "Contact Center"),
        ("jobFamily", "contact centerists", "contact center"),
        ("jobCode", "CC-ES-4711", "CC-ES-"),
        ("jobCode", "XX-ES-4711", ""),
        ("upn", "zofia.przybylska@acme.example", "@"),
    ],
)
def test_all_between_is_hidden(name: str, value: str, left: str) -> None:
    """Of a fact that expressions part only what parts it is left; the rest are hashes."""
    told = hidden(scoped(), **{name: value})[name]
    assert isinstance(told, str)
    assert told != value
    assert left in told
    for piece in value.replace(left or "\0", " ").split():
        assert piece not in told


def test_what_parts_a_text_is_never_in_a_hash() -> None:
    """Otherwise an expression would find it where there was none."""
    mapping = parse_mapping("""[attributes]
title = { expr = 'before(after(job, "-"), "redacted") + after(job, "a")' }
""")
    told = hidden(mapping, job="Clerk")["job"]
    assert isinstance(told, str)
    assert not {"-", "a", "r"} & set(told)
    assert hidden(mapping, job="Clerk") == {"job": told}
    assert hidden(mapping, job="Other")["job"] != told


def test_a_condition_that_still_sees_a_difference_keeps_the_value() -> None:
    """A number that is compared stays a number: the level isn't who somebody is, and the fold needs it."""
    mapping = parse_mapping("[suspend]\nwhen = 'number(level) > 3'\n")
    assert hidden(mapping, level="4") == {"level": "4"}
    assert hidden(mapping, level="1") == {"level": "1"}
    assert str(hidden(mapping, level="none")["level"]).startswith(MARK)


def story() -> Log:
    """Two people: one moves about, one is let in by a group and suspended."""
    log = Log(SCOPED)
    zofia: dict[str, Fact] = {
        "active": True,
        "employer": "ACME",
        "jobFamily": "Contact Center Spain",
        "jobCode": "CC-ES-4711",
        "givenName": "Zofia",
        "familyName": "Przybylska",
        "upn": "Zofia.Przybylska@acme.example",
        "site": "MAD",
        "group:Genesys Users": False,
    }
    log.say("A", zofia)
    log.say("A", {"preferredName": "Sofie", "site": "Lisboa"})
    log.say("A", {"jobFamily": "Warehouse"})
    log.say("A", {"jobFamily": None})
    log.say("A", {"jobFamily": "Contact Center"})
    log.say("B", zofia | {"jobFamily": "Legal", "givenName": "Tancredi"})
    log.say("B", {"group:Genesys Users": True, "familyName": "Vespucci"})
    log.say("B", {"leave": "Garden leave"})
    log.say("B", {"leave": "Parental"})
    log.say("B", {"active": False})
    return log


def test_a_bundle_with_expressions_verifies_and_names_nobody() -> None:
    """Scope, suspension, names, login, division and rules by expression: as the log, and without a name in it."""
    log = story()
    files = made(log, redact=b"r" * 32)
    assert verified(files).equal
    whole = b"\n".join(content for _, content in files.files)
    for text in ("ofia", "rzybylska", "Tancredi", "Vespucci", "acme.example", "Lisboa", "4711"):
        assert text.encode() not in whole, text
    assert b"Contact Center" in files[EVENTS]
    assert ["displayName", "externalIds"] in [each["desired"].get("seed") for each in values(files, RECORDS)]
    states = [each["desired"].get("scope") for each in values(files, RECORDS)]
    assert states.count("left") == 2
    assert states.count("never") == 1
    told = orjson.loads(files[MANIFEST])["redacted"]
    assert {"familyName", "givenName", "preferredName", "site", "upn", "jobCode"} <= set(told["hidden"])
    assert {"employer", "leave", "jobFamily", "group:Genesys Users"} <= set(told["kept"])


def test_what_nothing_can_stand_in_for_is_refused_until_it_may_stay(tmp_path: Path) -> None:
    """A date that an attribute is made of can't be a hash: somebody has to say that it may be seen."""
    log = Log("[attributes]\nhired = { expr = 'date(hireDate, \"DD/MM/YYYY\")' }\n")
    log.say("A", {"userName": "a", "displayName": "A", "active": True, "hireDate": "03/05/2021"})
    with pytest.raises(EvidenceError, match=r"looks into hireDate .* --keep hireDate"):
        make(log.history(), Scope(("A",)), tmp_path / "one", redact=b"r" * 32)
    assert make(log.history(), Scope(("A",)), tmp_path / "two", redact=b"r" * 32, keep=["hireDate"]).equal
    assert not (tmp_path / "one").exists()
