"""A mapping of many expressions, as somebody would write it, and people for it, constructed."""

import random
from typing import Final

from streamproc.core.records.change_event import ChangeEvent, Fact, Origin
from streamproc.core.records.units import Micros, Millis

TEXT: Final = """
[scope]
who = 'workerType != "Intern" && costCenter in ["4711", "4712"]'
[suspend]
when = 'coalesce(leave, "") in ["Suspended", "Garden leave"]'
[attributes]
displayName = { expr = 'familyName + ", " + coalesce(preferredName, givenName)' }
userName = { expr = 'lower(before(upn, "@")) + "@cc.example.com"' }
phone = "workPhone"
division = { expr = 'coalesce(lookup("division", site), lookup("country", country))' }
hired = { expr = 'date(hireDate, "DD/MM/YYYY")' }
[[rule]]
if = 'like(jobCode, "CC-ES-*") && coalesce(leave, "") != "Parental"'
skills = { Spanish = 4.0, Billing = 3.0 }
groups = ["Spanish Queue"]
[[copy]]
expr = 'split(cefr, ",").map(l, lookup("language", before(l, "-"), "") + ":" + lookup("level", after(l, "-"), "3"))'
to = "languages"
[tables.division]
MAD = "Madrid"
LIS = "Lisbon"
[tables.country]
ES = "Spain"
PT = "Portugal"
[tables.language]
es = "Spanish"
en = "English"
pt = "Portuguese"
[tables.level]
B2 = "3"
C1 = "5"
"""

_CODES: Final = tuple(f"CC-{country}-{number}" for country in ("ES", "PT", "FR") for number in range(20))
_LANGUAGES: Final = ("es-C1,en-B2", "pt-C1", "en-C1,es-A2,pt-B2", "en-B2", None)


def person(rng: random.Random, number: int) -> dict[str, Fact]:
    """All that is known of somebody. Names, logins and phones are their own; the rest they share with others."""
    country = rng.choice(["ES", "PT", "FR"])
    return {
        "active": rng.random() < 0.95,
        "workerType": rng.choice(["Employee", "Employee", "Contractor", "Intern"]),
        "costCenter": rng.choice(["4711", "4712", "4713"]),
        "leave": rng.choice([None, None, None, None, "Parental", "Suspended"]),
        "familyName": f"Family {number}",
        "givenName": f"Given {number}",
        "preferredName": rng.choice([None, None, f"Preferred {number}"]),
        "upn": f"Given.Family{number}@example.com",
        "workPhone": f"+34911{number:06}",
        "site": rng.choice(["MAD", "LIS", "PAR", None]),
        "country": country,
        "hireDate": f"{rng.randint(1, 28):02}/{rng.randint(1, 12):02}/20{rng.randint(10, 26)}",
        "jobCode": rng.choice(_CODES),
        "cefr": rng.choice(_LANGUAGES),
    }


def events(seed: int, count: int, users: int) -> list[ChangeEvent]:
    """Events of one source: a snapshot of everybody, then changes of one to three facts each, in order."""
    rng = random.Random(seed)
    made: list[ChangeEvent] = []
    for number in range(count):
        user, fresh = number if number < users else rng.randrange(users), number < users
        facts = person(rng, user)
        if not fresh:
            facts = {name: facts[name] for name in rng.sample(sorted(facts), rng.randint(1, 3))}
        at = Millis(1_790_000_000_000 + number)
        made.append(
            ChangeEvent(
                user=f"U{user:05}",
                source="hris",
                subject=f"U{user:05}",
                event=f"e{number}",
                kind="snapshot" if fresh else "change",
                order=(Micros(at * 1000), 0, f"e{number}"),
                attributes=facts,
                origin=Origin("events.hris", 0, number, at),
            )
        )
    return made
