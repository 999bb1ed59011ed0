"""Finding users and groups: `eq` filters only, since no other operator is documented, and the search index.

Genesys's own examples leave values unquoted (`userName eq search@sample.org`); RFC 7644 §3.4.2.2 quotes them.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import orjson

from streamproc.simulator.errors import ScimError
from streamproc.simulator.resources import Entry
from streamproc.simulator.schema import GENESYS, GROUP, USER, Kind

_FILTER = re.compile(r"\s*(?P<name>\S+)\s+(?P<op>\w+)\s+(?P<value>.+?)\s*", re.DOTALL)
_QUOTED = r'("(?:[^"\\]|\\.)*")'
_MEMBER = re.compile(rf"id eq {_QUOTED} and members(?:\.value)? eq {_QUOTED}", re.IGNORECASE)
_EXTERNAL_IDS = re.compile(
    rf"{re.escape(GENESYS)}:externalIds\[authority eq {_QUOTED} and value eq {_QUOTED}\]", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Condition:
    name: str
    value: str


def _external_id(entry: Entry, value: str) -> bool:
    authority, _, key = value.partition("\0")
    external_id = entry.attrs.get("externalIds", {}).get(authority)
    return external_id is not None and external_id["value"] == key


def _member(entry: Entry, value: str) -> bool:
    id_, _, user = value.partition("\0")
    return entry.id == id_ and user in entry.attrs.get("members", {})


_TESTS: dict[tuple[Kind, str], Callable[[Entry, str], bool]] = {
    (USER, "id"): lambda e, v: e.id == v,
    (USER, "username"): lambda e, v: e.attrs["userName"].lower() == v.lower(),
    (USER, "externalid"): lambda e, v: e.attrs.get("externalId") == v,
    (USER, "email"): lambda e, v: (
        v.lower() in (e.attrs["userName"].lower(), *(m["value"].lower() for m in e.attrs.get("emails", {}).values()))
    ),
    (USER, "manager"): lambda e, v: e.attrs.get("manager", {}).get("value") == v,
    (USER, "division"): lambda e, v: e.attrs.get("division") == v,
    (USER, "active"): lambda e, v: e.attrs["active"] is (v.lower() == "true"),
    (USER, "employeenumber"): lambda e, v: e.attrs.get("employeeNumber") == v,
    (USER, "externalids"): _external_id,
    (GROUP, "id"): lambda e, v: e.id == v,
    (GROUP, "member"): _member,
    (GROUP, "displayname"): lambda e, v: e.attrs["displayName"].lower() == v.lower(),
}


def parse(kind: Kind, text: str, *, by_member: bool = False) -> Condition:
    """`by_member`: whether groups are found by their id and a member."""
    if by_member and kind is GROUP and (match := _MEMBER.fullmatch(text.strip())):
        return Condition("member", "\0".join(_quoted(part) for part in match.groups()))
    if kind is USER and (match := _EXTERNAL_IDS.fullmatch(text.strip())):
        return Condition("externalids", "\0".join(_quoted(part) for part in match.groups()))
    match = _FILTER.fullmatch(text)
    if not match:
        raise ScimError("invalidFilter", "the filter is not `attribute eq value`")
    name, value = match["name"].lower(), match["value"]
    if match["op"].lower() != "eq":
        raise ScimError("invalidFilter", f"operator {match['op']} is not supported, only eq")
    if (kind, name) not in _TESTS or name in {"externalids", "member"}:
        raise ScimError("invalidFilter", f"{kind.name} cannot be filtered by {match['name']}")
    if value.startswith('"'):
        value = _quoted(value)
    elif re.search(r'["()\[\]]|\s(and|or)\s', value, re.IGNORECASE):
        raise ScimError("invalidFilter", "only a single comparison is supported")
    if name == "active" and value.lower() not in ("true", "false"):
        raise ScimError("invalidFilter", "active can only equal true or false")
    return Condition(name, value)


def _quoted(text: str) -> str:
    try:
        return str(orjson.loads(text))
    except orjson.JSONDecodeError:
        raise ScimError("invalidFilter", "the filter's value is not one quoted string") from None


class SearchIndex:
    """What reads by filter see: writes appear here `lag` seconds later (eventual consistency)."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self.lag = 0.0
        self._entries: dict[str, Entry] = {}
        self._by_name: dict[str, dict[str, None]] = {}
        self._by_external_id: dict[str, dict[str, None]] = {}
        self._due: deque[tuple[float, Entry]] = deque()
        self._by_state: dict[tuple[Kind, str], dict[str, None]] = {}
        self._listed: dict[tuple[Kind, str], list[str]] = {}  # keys of _by_state's, until one comes or goes

    def put(self, entry: Entry) -> None:
        if self.lag or self._due:
            self._due.append((self._ticks() + self.lag, entry))
        else:
            self._take(entry)

    def find(
        self, kind: Kind, condition: Condition | None, *, inactive: bool, start: int = 1, count: int = 1
    ) -> tuple[int, list[Entry]]:
        """How many there are, and those from `start` (from one) on. Without a condition: the active ones.

        In the order of coming: into the organisation, or into this state.
        """
        now = self._ticks()
        while self._due and self._due[0][0] <= now:
            self._take(self._due.popleft()[1])
        if condition is None or condition.name == "active":
            active = condition is None or condition.value.lower() == "true"
            ids = self._of_state(kind, "active" if active else "inactive")
            return len(ids), [self._entries[id_] for id_ in ids[start - 1 : start - 1 + count]]
        holds = _TESTS[kind, condition.name]
        found = [
            entry
            for entry in self._candidates(condition)
            if entry.kind is kind
            and (entry.state == "active" or (inactive and entry.state == "inactive"))
            and holds(entry, condition.value)
        ]
        return len(found), found[start - 1 : start - 1 + count]

    def _of_state(self, kind: Kind, state: str) -> list[str]:
        key = (kind, state)
        if key not in self._listed:
            self._listed[key] = list(self._by_state.get(key, ()))
        return self._listed[key]

    def _candidates(self, condition: Condition) -> Iterable[Entry]:
        if condition.name == "id":
            ids: Iterable[str] = (condition.value,)
        elif condition.name == "username":
            ids = self._by_name.get(condition.value.lower(), ())
        elif condition.name == "externalid":
            ids = self._by_external_id.get(condition.value, ())
        else:
            return self._entries.values()
        return [self._entries[id_] for id_ in ids if id_ in self._entries]

    def _take(self, entry: Entry) -> None:
        old = self._entries.get(entry.id)
        self._entries[entry.id] = entry
        if old is None or old.state != entry.state:
            if old is not None:
                self._by_state[entry.kind, old.state].pop(entry.id)
                self._listed.pop((entry.kind, old.state), None)
            self._by_state.setdefault((entry.kind, entry.state), {})[entry.id] = None
            self._listed.pop((entry.kind, entry.state), None)
        for index, attribute in ((self._by_name, "userName"), (self._by_external_id, "externalId")):
            before = old.attrs.get(attribute) if old else None
            after = entry.attrs.get(attribute)
            if attribute == "userName":
                before, after = before and before.lower(), after and after.lower()
            if before is not None and before != after:
                index[before].pop(entry.id, None)
                if not index[before]:
                    del index[before]
            if after is not None:
                index.setdefault(after, {})[entry.id] = None
