"""Staff lists, constructed: the same stories about other people, and what somebody who has the list could try."""

import hashlib
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest import mock

import orjson

from streamproc.core.records.change_event import Fact
from tests.support import stories
from tests.support.logs import BEGAN, Log

FIRST = ("Ana", "Bo", "Chukwuemeka", "Dörte", "Ea", "François-Xavier", "Gil", "Hyacinth Marie", "Ío", "José")
LAST = ("Ng", "Ó Súilleabháin", "Wolfeschlegelsteinhausen", "de la Cruz", "Li", "Bergström", "Ng", "Li")


class Staff:
    """A company's people: of each, all that a list would have. Some share a surname, a site, a manager; some don't."""

    def __init__(self, rng: Random) -> None:
        count = len(stories.NAMES) + 2
        forms = rng.choice(["E{:05}", "u{}", "{:08x}-0000", "KD/{}/x", "Müller{}"])
        numbers = rng.sample(range(1, 90_000), count)
        ids = [forms.format(number) for number in numbers]
        self.names = {story: f"{rng.choice(FIRST)} {rng.choice(LAST)}" for story in stories.NAMES}
        self.users = dict(zip(stories.NAMES, ids, strict=False))
        self.other, self.operator = ids[-1], f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        days = [BEGAN // 1000 // 86_400 - before for before in (3, 20, 45, 400, 9000)]
        self.hired = {story: rng.choice(days) * 86_400 + rng.randrange(86_400) for story in stories.NAMES}
        self._sites = {story: rng.choice(["Berlin", "Lisbon", "São Paulo", "Reykjavík"]) for story in stories.NAMES}
        self._blanks = {story: rng.choice(["", "", " ", "  "]) for story in stories.NAMES}
        self._numbers = dict(zip(stories.NAMES, numbers, strict=False))
        self._phones = {story: rng.randint(0, 3) for story in stories.NAMES}

    def person(self, story: str, **more: Fact) -> dict[str, Fact]:
        """All that a source knows of somebody."""
        login = f"{self.names[story].split()[0].lower()}.{self._numbers[story]}@acme.example"
        known: dict[str, Fact] = {
            "userName": login,
            "displayName": self._blanks[story] + self.names[story],
            "active": True,
            "job": "Agent",
            "mail": login.upper() if self._numbers[story] % 2 else login,
            "phone": f"+49 30 {self._numbers[story]}",
            "number": self._numbers[story],
            "department": "Support",
            "queues": "Chat, Voice:4",
            "badge": "Trainer",
            "boss": self.other,
            "began": self.hired[story] * 1_000_000,
            "site": self._sites[story],
            "phones": ["x"] * self._phones[story],
            f"group:{self._sites[story]} {self.names[story]}": True,
        }
        return known | more

    def told(self) -> Log:
        """What happened to them: the same, whoever they are."""
        with self._instead():
            return stories.told(Log(stories.MAPPING))

    @contextmanager
    def _instead(self) -> Iterator[None]:
        others: dict[str, Any] = {
            "NAMES": self.names,
            "USERS": self.users,
            "OTHER": self.other,
            "OPERATOR": self.operator,
            "person": self.person,
        }
        with mock.patch.multiple(stories, **others):
            yield

    def words(self) -> set[str]:
        """All words of the list, alone and as they stand beside each other."""
        found = {self.other, self.operator, *self.users.values(), *self.names.values()}
        for story in self.names:
            found |= {str(value) for value in self.person(story).values() if isinstance(value, str | int)}
            found |= {f"hris/{self.users[story]}", f"{self.users[story]}-e1", f"{self.operator}: Quintero has left"}
        return {
            word for word in found if len(word) > 5 and word not in {"Support", "Trainer", "Chat, Voice:4", "False"}
        }

    def days(self) -> set[int]:
        """When they were hired: days since 1970."""
        return {hired // 86_400 for hired in self.hired.values()}


def spelled(word: str) -> Iterator[bytes]:
    """Ways in which a word may stand in a file."""
    raw = word.encode()
    yield raw
    yield raw[::-1]
    yield raw.hex().encode()
    yield orjson.dumps(word)[1:-1]
    if len(raw) > 8:
        yield b64encode(raw)[:-4]
        yield urlsafe_b64encode(raw)[:-4]


def hashed(word: bytes) -> Iterator[str]:
    """What a hash of it could be, where no key is needed for it: its first digits."""
    for form in (word, word.lower(), word.strip(), orjson.dumps(word.decode(errors="replace"))):
        for kind in ("sha256", "sha1", "md5", "sha512", "sha3_256", "blake2b", "blake2s"):
            yield hashlib.new(kind, form).hexdigest()[:16]
        yield f"{zlib.crc32(form):08x}"
