"""Values that the target spells in its own way, doesn't show, or doesn't take."""

import unicodedata
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from tests.support.hostile_targets.behaviour import Behaviour
from tests.support.hostile_targets.store import Answered, Asked, Json, Store


@dataclass
class Shows(Behaviour):
    """Each user is shown after this was done to them; what is kept isn't touched."""

    change: Callable[[Json], None]
    silent: bool = False
    """Writes are answered with 204 and no ETag."""

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if asked.collection != "Users" or answered.status not in {200, 201}:
            return answered
        if self.silent and asked.method in {"PATCH", "PUT"}:
            return Answered(204)
        body = deepcopy(answered.body)
        for each in body.get("Resources", [body]):
            self.change(each)
        return replace(answered, body=body)


def each_text(spell: Callable[[str], str]) -> Callable[[Json], None]:
    """Every text of some attributes in another spelling."""

    def change(user: Json) -> None:
        for name in ("userName", "displayName", "title"):
            if isinstance(user.get(name), str):
                user[name] = spell(user[name])

    return change


def phone(user: Json) -> None:
    """As people write it."""
    for element in user.get("phoneNumbers", ()):
        digits = element["value"].removeprefix("tel:").lstrip("+")
        element["value"] = f"({digits[1:4]}) {digits[4:7]}-{digits[7:]}"


def lower_user_name(user: Json) -> None:
    if "userName" in user:
        user["userName"] = user["userName"].lower()


def another_title(user: Json) -> None:
    """A catalogue's entry in place of what was written."""
    if "title" in user:
        user["title"] = f"JOB-{len(user['title']):04}"


def cut_title(user: Json) -> None:
    if "title" in user:
        user["title"] = user["title"][:3]


def roles_in_capitals(user: Json) -> None:
    for element in user.get("roles", ()):
        element["value"] = element["value"].upper()


def odd_shapes(user: Json) -> None:
    """What isn't needed is of a shape that nobody expects."""
    user |= {"phoneNumbers": "none", "emails": {"work": "x"}, "groups": "all", "photos": 7}


def as_composed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def active_as(value: Any, *, when: bool | None = False) -> Callable[[Json], None]:
    """`active` is shown as `value`, of those who are `when`; None: of all. "-": not at all."""

    def change(user: Json) -> None:
        if when is not None and user.get("active") is not when:
            return
        if value == "-":
            user.pop("active", None)
        else:
            user["active"] = value

    return change


def attribute_of(operation: Json) -> str:
    """The attribute that a PATCH operation is about."""
    path = str(operation.get("path") or next(iter(operation["value"])))
    return path.rpartition(":")[2].partition("[")[0]


@dataclass
class Ignores(Behaviour):
    """Some attributes are accepted, and neither kept nor shown."""

    names: tuple[str, ...]

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if asked.method == "PUT" and asked.body is not None:
            held = store.resources[asked.collection].get(str(asked.id), {})
            asked.body.update({name: held[name] for name in self.names if name in held})
        return None

    def seen(self, asked: Asked) -> Asked:
        if not asked.writes or asked.body is None:
            return asked
        body = {name: value for name, value in asked.body.items() if name not in self.names}
        if operations := body.get("Operations"):
            body["Operations"] = [each for each in operations if attribute_of(each) not in self.names]
        return replace(asked, body=body)
