"""Answers about somebody else: other ids, other users, filters that are passed over, and lists that lie."""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.hostile_targets.behaviour import Behaviour
from tests.support.hostile_targets.store import Answered, Asked, Json, Store, error


@dataclass
class Unfiltered(Behaviour):
    """Filters are passed over: everybody is shown, `page` at a time."""

    page: int = 100
    without: str | None = None
    """Attribute that the list doesn't show."""

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if asked.writes or asked.id is not None:
            return None
        answer = store.page(asked, list(store.resources[asked.collection].values()), self.page)
        for each in answer.body["Resources"]:
            each.pop(self.without, None)
        return answer


@dataclass
class Paged(Behaviour):
    """Searches are answered a few at a time."""

    page: int = 1

    def seen(self, asked: Asked) -> Asked:
        return asked if asked.writes or asked.id else replace(asked, query=f"{asked.query}&count={self.page}")


@dataclass
class Lists(Behaviour):
    """Lists say something odd of themselves."""

    odd: Json

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if asked.writes or asked.id is not None or answered.status != 200:
            return answered
        body = {**answered.body, **self.odd}
        return replace(answered, body={name: value for name, value in body.items() if value != "-"})


@dataclass
class TotalAsText(Behaviour):
    """`totalResults` is text, as are its neighbours."""

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if asked.writes or asked.id is not None:
            return answered
        told = {name: str(value) for name, value in answered.body.items() if isinstance(value, int)}
        return replace(answered, body={**answered.body, **told})


@dataclass
class SamePage(Behaviour):
    """Every page is the first one, and says that there are more."""

    def seen(self, asked: Asked) -> Asked:
        return asked if asked.writes or asked.id else replace(asked, query=asked.query.partition("&startIndex")[0])

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if asked.writes or asked.id is not None:
            return answered
        return replace(answered, body={**answered.body, "totalResults": 1000})


@dataclass
class OtherId(Behaviour):
    """A resource that is asked for by id, or written, is answered as another one."""

    methods: tuple[str, ...] = ("GET", "PATCH", "PUT")
    other: str = "admin"

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if asked.method not in self.methods or asked.collection != "Users" or answered.status not in {200, 201}:
            return answered
        if asked.method != "POST" and asked.id is None:
            return answered
        return replace(answered, body=store.body("Users", store.users[self.other]))


@dataclass
class SearchLies(Behaviour):
    """Searches say of somebody else, or of another group, that they are what was searched for."""

    collection: str = "Users"
    other: str = "admin"

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if asked.writes or asked.id is not None or asked.collection != self.collection:
            return None
        return store.page(asked, [{"id": self.other, "version": 1, **dict(asked.pairs)}])


@dataclass
class Terse(Behaviour):
    """A create is carried out, or answered so, and shows nothing but an id: in its body, or at the end of Location."""

    other: str | None = None
    located: bool = False

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if asked.method != "POST" or answered.status != 201:
            return answered
        there = self.other or answered.body["id"]
        if self.located:
            return Answered(201, b"", {"location": f"/scim/v2/Users/{there}"})
        return Answered(201, {"id": there})


@dataclass
class OthersCreate(Behaviour):
    """A create isn't carried out, and answered with somebody who is there already."""

    status: int = 200

    def before(self, asked: Asked, store: Store) -> Answered | None:
        return store.shown("Users", store.users["admin"], self.status) if asked.method == "POST" else None


@dataclass
class IdCase(Behaviour):
    """Ids are shown in another case than they are told in lists, and asked for in any."""

    def before(self, asked: Asked, store: Store) -> Answered | None:
        known = {each.casefold(): each for each in store.resources[asked.collection]}
        there = known.get((asked.id or "").casefold())
        if there is None or there == asked.id:
            return None
        return self.after(asked, store.answer(replace(asked, path=f"/{asked.collection}/{there}")), store)

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if asked.id is None or not isinstance(answered.body, dict) or "id" not in answered.body:
            return answered
        return replace(answered, body={**answered.body, "id": answered.body["id"].upper()})


@dataclass
class FilterRefused(Behaviour):
    """Searches by some attributes are refused."""

    status: int = 400
    attributes: tuple[str, ...] = ("externalId", "userName", "displayName")

    def before(self, asked: Asked, store: Store) -> Answered | None:
        refused = not asked.writes and any(name in self.attributes for name, _ in asked.pairs)
        return error(self.status, "", "filter isn't supported") if refused else None


@dataclass
class NameTaken(Behaviour):
    """Creates are refused with 409 for an attribute that isn't the userName, while they have it."""

    attribute: str = "title"

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if asked.method != "POST" or self.attribute not in (asked.body or {}):
            return None
        return error(409, "uniqueness", f"{self.attribute} is taken")


@dataclass
class HiddenOwner(Behaviour):
    """A userName is taken by somebody whom no search shows."""

    hidden: str = "a"

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if asked.method == "POST":
            return error(409, "uniqueness", "userName is taken")
        return None

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if asked.writes or asked.id is not None or asked.collection != "Users":
            return answered
        return store.page(asked, [])


@dataclass
class Deleted(Behaviour):
    """Whoever is inactive is answered as if they weren't there, also right after the write that made them so."""

    status: int = 404
    shown: dict[str, Any] = field(default_factory=dict)

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if asked.collection != "Users":
            return answered
        if asked.id is not None:
            held = store.users.get(asked.id, {"active": True})
            return error(self.status, detail="no such user") if held.get("active") is False else answered
        if "Resources" in answered.body:
            left = [each for each in answered.body["Resources"] if each.get("active") is not False]
            return replace(answered, body={**deepcopy(answered.body), "Resources": left, "totalResults": len(left)})
        return answered
