"""A correct SCIM 2.0 store in memory (RFC 7643, RFC 7644): users, groups, ETags, filters by `eq`, PATCH and PUT.

No I/O and no clock: a request goes in, an answer comes out, and what was written is noted.
"""

import re
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import orjson

Json = dict[str, Any]
_URN: Final = re.compile(r"(urn:[\w:.]+:User):(\w+)$")
_FILTERED: Final = re.compile(r'(\w+)\[(\w+) eq ("(?:[^"\\]|\\.)*")\](?:\.(\w+))?$')
_EQUALS: Final = re.compile(r'([\w.]+) eq ("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `path` below the SCIM root, still quoted; `query` still encoded."""

    method: str
    path: str
    query: str = ""
    body: Json | None = None
    if_match: str | None = None

    @property
    def collection(self) -> str:
        """`Users` or `Groups`."""
        return self.path.split("/")[1]

    @property
    def id(self) -> str | None:
        """Of the one resource that is asked for."""
        parts = self.path.split("/")
        return unquote(parts[2]) if len(parts) > 2 else None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Attributes and values of the filter."""
        text = parse_qs(self.query).get("filter", [""])[0]
        return [(name, orjson.loads(value)) for name, value in _EQUALS.findall(text)]

    def number(self, name: str, otherwise: int) -> int:
        """Of the query."""
        return int(parse_qs(self.query).get(name, [str(otherwise)])[0])

    @property
    def writes(self) -> bool:
        """Whether it is to change something."""
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer. `body`: JSON, or bytes of something else. `status` None: the connection is cut instead."""

    status: int | None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, scim_type: str = "", detail: str = "no") -> Answered:
    """An error (RFC 7644 §3.12)."""
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status), "detail": detail}
    return Answered(status, body | ({"scimType": scim_type} if scim_type else {}))


@dataclass
class Store:
    """Resources by collection and id."""

    resources: dict[str, dict[str, Json]] = field(default_factory=lambda: {"Users": {}, "Groups": {}})
    written: list[tuple[str, str]] = field(default_factory=list)
    """Method and id of each resource that a request has changed, in order."""
    last: int = 0

    @property
    def users(self) -> dict[str, Json]:
        return self.resources["Users"]

    @property
    def groups(self) -> dict[str, Json]:
        return self.resources["Groups"]

    def add(self, collection: str, id: str = "", **attributes: Any) -> str:  # noqa: A002
        """A resource that is there by somebody else's doing."""
        self.last += 1
        there = id or f"{collection[0].lower()}{self.last}"
        self.resources[collection][there] = {"id": there, "version": 1, **attributes}
        return there

    def user(self, user: str) -> Json | None:
        """The one of that externalId."""
        return next((each for each in self.users.values() if each.get("externalId") == user), None)

    def members(self, group: str) -> set[str]:
        """Ids in the group of that name."""
        found = next(each for each in self.groups.values() if each["displayName"] == group)
        return {member["value"] for member in found.get("members", ())}

    def answer(self, asked: Asked) -> Answered:
        """What a server that keeps to the RFCs says."""
        resources, id_ = self.resources[asked.collection], asked.id
        if asked.method == "POST":
            return self._created(asked)
        if id_ is None:
            return self._listed(asked)
        if (resource := resources.get(id_)) is None:
            return error(404, detail=f"{id_} isn't there")
        if asked.method == "GET":
            return self.shown(asked.collection, resource)
        if asked.if_match not in {None, f'"{resource["version"]}"'}:
            return error(412, detail="version does not match")
        before, changed = deepcopy(resource), deepcopy(resource)
        if asked.method == "PUT":
            changed = {**(asked.body or {}), "id": id_, "version": resource["version"]}
        else:
            try:
                for operation in (asked.body or {})["Operations"]:
                    apply(changed, operation)
            except (AttributeError, KeyError, TypeError):
                return error(400, "invalidValue", "what is held can't be changed like this")
        taken = {each.get("userName") for each in resources.values() if each["id"] != id_}
        if asked.collection == "Users" and changed.get("userName") in taken:
            return error(409, "uniqueness", "userName is taken")
        if changed != before:
            changed["version"] += 1
        resources[id_] = changed
        self.written.append((asked.method, id_))
        return self.shown(asked.collection, changed)

    def shown(self, collection: str, resource: Json, status: int = 200) -> Answered:
        """One resource, with its ETag."""
        version = f'"{resource["version"]}"'
        return Answered(status, self.body(collection, resource), {"etag": version})

    def body(self, collection: str, resource: Json) -> Json:
        """As it is shown."""
        body = {name: deepcopy(value) for name, value in resource.items() if name != "version"}
        body["meta"] = {"resourceType": collection[:-1], "version": str(resource["version"])}
        if collection == "Users":
            inside = [each for each in self.groups.values() if _member(each, resource["id"])]
            body["groups"] = [{"value": each["id"], "display": each["displayName"]} for each in inside]
        return body

    def _created(self, asked: Asked) -> Answered:
        body = deepcopy(asked.body or {})
        if any(each.get("userName") == body.get("userName") for each in self.users.values()):
            return error(409, "uniqueness", "userName is taken")
        there = self.add(asked.collection, **body)
        self.written.append(("POST", there))
        answer = self.shown(asked.collection, self.users[there], 201)
        answer.headers["location"] = f"/scim/v2/Users/{there}"
        return answer

    def _listed(self, asked: Asked) -> Answered:
        found = [
            each
            for each in self.resources[asked.collection].values()
            if all(self._fits(each, name, value) for name, value in asked.pairs)
        ]
        return self.page(asked, found)

    def page(self, asked: Asked, found: list[Json], most: int = 100) -> Answered:
        """A ListResponse of what was found."""
        start = max(1, asked.number("startIndex", 1))
        shown = found[start - 1 : start - 1 + min(most, asked.number("count", most))]
        bodies = [self.body(asked.collection, each) for each in shown]
        for body in bodies:
            body.pop("members", None)
        counts = {"totalResults": len(found), "startIndex": start, "itemsPerPage": len(bodies)}
        return Answered(
            200, {"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], **counts, "Resources": bodies}
        )

    def _fits(self, resource: Json, name: str, value: str) -> bool:
        if name == "members.value":
            return _member(resource, value)
        held = resource.get(name)
        if name in {"id", "externalId"}:
            return bool(held == value)
        return held is not None and str(held).casefold() == value.casefold()


def _member(group: Json, user_id: str) -> bool:
    return any(member["value"] == user_id for member in group.get("members", ()))


def apply(resource: Json, operation: Json) -> None:
    """One PATCH operation (RFC 7644 §3.5.2), of the forms that are sent."""
    op, path, value = operation["op"], operation.get("path"), operation.get("value")
    if path is None:
        resource |= value or {}
        return
    holder, name = resource, path
    if urn := _URN.match(path):
        holder, name = resource.setdefault(urn[1], {}), urn[2]
    if filtered := _FILTERED.match(name):
        name, attribute, wanted, part = filtered[1], filtered[2], orjson.loads(filtered[3]), filtered[4]
        elements = holder.get(name, [])
        if op == "remove":
            holder[name] = [each for each in elements if each.get(attribute) != wanted]
        if op == "add" and all(each.get(attribute) != wanted for each in elements):
            holder[name] = [*elements, {attribute: wanted, part: value}]
        for element in elements:
            if op != "remove" and element.get(attribute) == wanted:
                element[part] = value
    elif op == "remove":
        holder.pop(name, None)
    elif op == "add" and isinstance(value, list):
        held = holder.setdefault(name, [])
        held += [element for element in value if element not in held]
    else:
        holder[name] = value
