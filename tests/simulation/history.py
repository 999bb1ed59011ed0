"""A seeded history: what sources say, what operators order, what nobody can read, and which mapping is in force.

history(random) -> {"features": [...], "options": {...}, "steps": [...]}

Steps are plain JSON, by `at` (virtual seconds since the world's beginning, which is `BEGIN`):
- {kind: "say", topic, key, value}: a source appends a record, whose value is JSON.
- {kind: "rubbish", topic, key, text}: somebody appends these bytes (text in latin-1; null: no value at all).
- {kind: "mapping", mapping}: an operator brings a mapping of `mappings.py` into force, by name.
- {kind: "order", action, user?, subject?}: an operator orders. `link` and `split` name an account, `pause` and `resume`
  nobody; `release`, `reject`, `retry`, `skip` and `unfreeze` name a user, or null for all of whom it can be said then;
  `replay` and `drop` are about everything that is rejected and open, `deactivate` about all accounts of nobody's that
  are told.
- {kind: "sweep", spare}: an operator releases, tries again and unfreezes what is aside, but of `spare`, and resumes.
`operator.py` carries them out, and `oracle/` says what they have to come to.

Swarm: which features are on is drawn for each history, since a history of everything is never full of one thing.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Final

from tests.simulation.accounts_history import AccountsHistory
from tests.simulation.mappings import AWAY, OUT, TEXTS
from tests.simulation.sequences import SEQUENCES, about

BEGIN: Final = datetime(2026, 3, 4, tzinfo=UTC)
FEATURES: Final = (
    "accounts", "ahead", "broken", "bursts", "cancels", "chaff", "dated", "exchanges", "flips", "late", "loops",
    "managers", "mappings", "moves", "names", "operators", "orders", "pauses", "rehires", "rejects", "rubbish",
    "suspension", "twice", "unknown", "unread", "wave",
)  # fmt: skip
DEPARTMENTS: Final = ("Care", "Spanish Support", "Billing East", OUT)
JOBS: Final = ("Agent", "Senior Agent", "Team Lead", "Clerk", None)
QUEUES: Final = (None, "Billing", "Sales", "Billing, Sales")
GROUPS: Final = ("All Agents", "Spanish Queue", "Billing Queue", "Sales Queue", "Supervisors")
"""All that the target has."""
LANGUAGES: Final = (None, "English", "Spanish:5", "English:4.5, French", ["Spanish:2", "English"])
ROLES: Final = (None, "Agent", "Supervisor", "Quality Evaluator")
UNKNOWN: Final = {"genesysQueue": "Ghosts", "genesysLanguage": "Klingon:5", "genesysRole": "Wizard"}
UNREAD: Final = {"genesysQueue": {"Billing": True}, "genesysLanguage": "Spanish:fluent", "genesysRole": "Agent:7"}
FLIPS: Final[tuple[tuple[dict[str, Any], dict[str, Any]], ...]] = (
    ({"active": True}, {"active": False}),
    ({"active": False}, {"active": True}),
    ({"job": "Agent"}, {"job": "Clerk"}),
    ({"custom": {"genesysQueue": "Billing"}}, {"custom": {"genesysQueue": None}}),
    ({"custom": {"genesysQueue": None}}, {"custom": {"genesysQueue": "Billing"}}),
)
"""What somebody is, then isn't, then is."""
RUBBISH: Final = (
    "{",
    "\x00\x01",
    '{"id": 7}',
    "[]",
    "\xff\xfe",
    "null",
    '{"id": "x", "attributes": {"active": false}}',
    None,
)
DAYS_AHEAD: Final = 90
"""A date that doesn't come while anybody looks."""
REST: Final = 4.0
"""Virtual seconds from the last step to each of an operator's sweeps."""


def history(
    random: Random,
    features: Collection[str] | None = None,
    often: Mapping[str, int] | None = None,
    most: int = 14,
    pace: float = 1.0,
) -> dict[str, Any]:
    """`features`: those that are on, of `FEATURES` and `SEQUENCES`; None: each of the first by a coin of its own.
    `often`: feature → how many times as frequent its occasions are. `most`: occasions. `pace`: how long is between
    them, as a multiple of what is usual.
    """
    on = {each for each in FEATURES if random.random() < 0.4} if features is None else set(features)
    return _Life(random, on, often or {}, most, pace).told()


class _Life:
    """People, as their sources tell of them."""

    def __init__(self, random: Random, on: Collection[str], often: Mapping[str, int], most: int, pace: float) -> None:
        self._random = random
        self._on = on
        self._often = often
        self._most = most
        self._pace = pace
        self._users = [f"U{number}" for number in range(random.randint(2, 6 if "wave" in on else 5))]
        self._now = round(random.uniform(0.5, 3.0), 3)
        self._steps: list[dict[str, Any]] = []
        self._said: dict[str, int] = {}
        self._dated: dict[str, list[str]] = {}
        """Of each user, the ids of events with a date to come."""
        names = sorted(TEXTS) if "mappings" in on else ["default", "default", "scoped", "suspending"]
        self._come = 0.0
        """When the last of the dates comes that somebody waits for."""
        self._first = random.choice(names)
        self._accounts = AccountsHistory(random, self._users, moves="moves" in on, orders="orders" in on)

    def told(self) -> dict[str, Any]:
        by_feature: dict[str, Callable[[], None]] = {
            "accounts": self._account, "broken": self._broken, "bursts": self._burst, "chaff": self._chaff,
            "exchanges": self._exchange, "flips": self._flip, "mappings": self._mapping, "names": self._swap,
            "operators": self._order, "pauses": self._pause, "rehires": self._rehire, "rubbish": self._rubbish,
            "twice": self._again, **{each: partial(self._sequence, each) for each in SEQUENCES},
        }  # fmt: skip
        occasions: list[Callable[[], None]] = [self._event] * 6
        for feature, occasion in by_feature.items():
            if feature in self._on:
                occasions += [occasion] * self._often.get(feature, 1)
        occasions += [self._account] * (2 * ("accounts" in self._on))
        many = self._random.randint(min(3, self._most), self._most)
        wave = self._random.randint(many // 2, many) if "wave" in self._on else -1
        for number in range(many + 1):
            (self._wave if number == wave else self._random.choice(occasions))()
            self._now += self._random.choice([0.0, 0.0, 0.01, 0.05, 0.3, 1.0, 3.0]) * self._pace
        spare = self._rejected()
        last = max(self._come, *(step["at"] for step in self._steps))
        for number in (1, 2, 3):
            self._steps.append({"at": last + number * REST, "kind": "sweep", "spare": spare})
        self._steps.sort(key=lambda step: step["at"])
        for step in self._steps:
            step["at"] = round(step["at"], 3)
        return {"features": sorted(self._on), "options": self._options(), "steps": self._steps}

    def _options(self) -> dict[str, Any]:
        few = self._random.choice([1, 2, 3]) if "wave" in self._on else 10**6
        settings: dict[str, Any] = {"guard_count": few, "guard_day_count": few, "guard_share": 0.0}
        settings |= {"guard_day_share": 0.0, "loop_rounds": 3 if "loops" in self._on else 0}
        return {"mapping": self._first, "settings": settings}

    # What HR says

    def _event(self, user: str | None = None, **said: Any) -> None:
        random = self._random
        who = user or random.choice(self._users)
        if who not in self._said and said and random.random() < 0.8:
            self._event(who)
        number = self._said[who] = self._said.get(who, -1) + 1
        whole = number == 0 or random.random() < 0.2
        attributes = dict(said)
        if whole and not said:
            attributes = self._whole(who)
        elif not said:
            attributes = self._part(who)
        value = self._value(who, f"{who}-{number}", "snapshot" if whole and not said else "change", attributes)
        if (
            number
            and "dated" in self._on
            and random.random() < 0.4
            and datetime.fromisoformat(value["time"]) < self._moment()
        ):
            self._date(who, value)
        if "cancels" in self._on and self._dated.get(who) and random.random() < 0.4:
            value["cancels"] = random.choice(self._dated[who])
        self._say(value)

    def _value(self, who: str, name: str, kind: str, attributes: dict[str, Any]) -> dict[str, Any]:
        random = self._random
        time = self._moment(random.choice([0, 1, 3])) - timedelta(seconds=random.choice([0.1, 0.5, 3.0]))
        if "ahead" in self._on and random.random() < 0.2:
            time += timedelta(seconds=random.choice([5.0, 600.0, 30 * 3600.0]))
        value: dict[str, Any] = {
            "id": name,
            "type": kind,
            "subject": who,
            "time": time.isoformat(),
            "attributes": attributes,
        }
        if random.random() < 0.2:
            value["sequence"] = random.randrange(3)
        return value

    def _moment(self, digits: int = 3) -> datetime:
        return BEGIN + timedelta(seconds=round(self._now, digits))

    def _say(self, value: dict[str, Any]) -> None:
        late = self._random.choice([0.0, 0.5, 2.0, 6.0]) if "late" in self._on else 0.0
        self._steps.append(
            {"at": self._now + late, "kind": "say", "topic": "events.hris", "key": value["subject"], "value": value}
        )

    def _whole(self, who: str) -> dict[str, Any]:
        random = self._random
        custom: dict[str, Any] = {"genesysQueue": random.choice(QUEUES), "genesysLanguage": random.choice(LANGUAGES)}
        if random.random() < 0.3:
            custom["genesysRole"] = random.choice(ROLES)
        if "suspension" in self._on:
            custom["leave"] = random.choice([None, None, AWAY])
        return {
            "userName": f"{who.lower()}@example.com",
            "displayName": f"User {who}",
            "active": random.random() < 0.94,
            "job": random.choice(JOBS),
            "department": random.choice(DEPARTMENTS),
            "division": random.choice(["Care", "Sales"]),
            "phone": random.choice([None, f"+1317555{random.randrange(10000):04}"]),
            "manager": random.choice([None, *self._users]) if "managers" in self._on else None,
            "custom": custom,
        }

    def _part(self, who: str) -> dict[str, Any]:
        random = self._random
        whole = self._whole(who)
        custom = whole.pop("custom") | {"costCenter": random.choice([None, "700"])}
        strange = (UNKNOWN if "unknown" in self._on else {}) | (UNREAD if "unread" in self._on else {})
        if strange and random.random() < 0.3:
            name = random.choice(sorted(strange))
            return {"custom": {name: strange[name]}}
        if "names" in self._on and random.random() < 0.3:
            return {"userName": f"{random.choice(['a', 'b', who.lower()])}@example.com"}
        names = random.sample(sorted([*whole, *custom, "active", "active"]), random.randint(1, 3))
        whole["active"] = random.random() < 0.6  # who comes back is as frequent as who leaves
        said = {name: whole[name] for name in dict.fromkeys(names) if name in whole}
        more = {name: custom[name] for name in dict.fromkeys(names) if name in custom}
        return said | ({"custom": more} if more else {})

    def _date(self, who: str, value: dict[str, Any]) -> None:
        time, random = datetime.fromisoformat(value["time"]), self._random
        soon = timedelta(seconds=random.choice([-3.0, 1.0, 4.0, 9.0]))
        ahead = soon if random.random() < 0.8 else timedelta(days=DAYS_AHEAD)
        value["effective"] = (time + ahead).isoformat()
        if timedelta(0) < ahead < timedelta(days=1):
            self._come = max(self._come, self._now + ahead.total_seconds())
        if ahead > timedelta(0):
            self._dated.setdefault(who, []).append(value["id"])

    def _swap(self) -> None:
        """Two want each other's name."""
        first, second = self._random.sample(self._users, 2)
        self._event(first, userName=f"{second.lower()}@example.com")
        self._event(second, userName=f"{first.lower()}@example.com")

    def _burst(self) -> None:
        """Several words on one user at once."""
        who = self._random.choice(self._users)
        for _ in range(self._random.randint(2, 4)):
            self._event(who)
            self._now += self._random.choice([0.0, 0.001, 0.003])

    def _exchange(self) -> None:
        """One joins a queue at the moment at which another leaves it."""
        first, second = self._random.sample(self._users, 2)
        queues = ["Billing", "Sales"]
        for _ in range(self._random.randint(1, 2)):
            self._event(first, custom={"genesysQueue": queues[0]})
            self._event(second, custom={"genesysQueue": queues[1]})
            queues.reverse()

    def _rehire(self) -> None:
        """Somebody leaves, and is back with all that they had."""
        who = self._random.choice(self._users)
        self._event(who, active=False)
        self._now += self._random.choice([0.0, 0.005, 0.1, 1.0])
        self._event(who, active=True)

    def _sequence(self, feature: str) -> None:
        """One thing soon after the other, of one user."""
        who, other = self._random.sample(self._users, 2)
        for said in self._random.choice(SEQUENCES[feature]):
            self._event(who, **about(said, other))
            self._now += self._random.choice([0.0, 0.05, 0.3, 1.0, 2.0])

    def _wave(self) -> None:
        """A file that says of most that they have left."""
        for user in self._users:
            if self._random.random() < 0.8:
                self._event(user, active=False)

    # What is wrong with what comes

    def _flip(self) -> None:
        """Something of somebody goes to and back again, so that what lands late is what is wanted no more."""
        who, random = self._random.choice(self._users), self._random
        first, second = random.choice(FLIPS)
        for said in (first, second, first):
            self._event(who, **said)
            self._now += random.choice([0.1, 0.5, 1.0, 3.0])

    def _again(self) -> None:
        said = [step for step in self._steps if step["kind"] == "say" and step["topic"] == "events.hris"]
        if said:
            self._steps.append(self._random.choice(said[-8:]) | {"at": self._now})

    def _rubbish(self) -> None:
        topic = self._random.choice(["events.hris", "events.hris", "events.entra", "streamproc.controls"])
        key = self._random.choice([*self._users, None])
        self._steps.append(
            {"at": self._now, "kind": "rubbish", "topic": topic, "key": key, "text": self._random.choice(RUBBISH)}
        )

    def _broken(self) -> None:
        """Something in it isn't in the contract. Who leaves by it has left all the same."""
        who = self._random.choice(self._users)
        number = self._said[who] = self._said.get(who, -1) + 1
        said = self._part(who) | {"salary": 5}
        if self._random.random() < 0.5:
            said["active"] = False
        self._say(self._value(who, f"{who}-{number}", "change", said))

    def _chaff(self) -> None:
        """A word on what nobody reads."""
        self._event(self._random.choice(self._users), custom={"shoes": self._random.randrange(3)})

    # Others

    def _account(self) -> None:
        self._steps += self._accounts.next(self._now)

    def _mapping(self) -> None:
        self._steps.append({"at": self._now, "kind": "mapping", "mapping": self._random.choice(sorted(TEXTS))})

    def _order(self) -> None:
        action = self._random.choice(["retry", "skip", "unfreeze", "release", "replay", "drop"])
        everybody = [] if action == "skip" else [None]  # of whom something was given up little is demanded
        about = {"user": self._random.choice([*everybody, *self._users])} if action not in {"replay", "drop"} else {}
        self._steps.append({"at": self._now, "kind": "order", "action": action, **about})

    def _pause(self) -> None:
        self._steps.append({"at": self._now, "kind": "order", "action": "pause"})
        later = self._now + self._random.choice([0.5, 2.0, 8.0])
        self._steps.append({"at": later, "kind": "order", "action": "resume"})

    def _rejected(self) -> list[str]:
        """Whom an operator keeps in, whatever the guard held."""
        if "rejects" not in self._on or "wave" not in self._on:
            return []
        kept = self._random.sample(self._users, 1)
        self._now += self._random.choice([2.0, 6.0])
        self._steps += [{"at": self._now, "kind": "order", "action": "reject", "user": user} for user in kept]
        return kept
