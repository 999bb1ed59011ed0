"""Refusals: of one attribute, of one form, of members who are there already, of users who are there."""

from dataclasses import dataclass

from tests.support.hostile_targets.behaviour import Behaviour
from tests.support.hostile_targets.spellings import attribute_of
from tests.support.hostile_targets.store import Answered, Asked, Store, error


def _names(asked: Asked) -> set[str]:
    """Attributes that a write is about."""
    operations = (asked.body or {}).get("Operations")
    if operations is None:
        return set(asked.body or {})
    return {attribute_of(each) for each in operations}


@dataclass
class Refuses(Behaviour):
    """Writes that touch one of the attributes are answered with `status`."""

    status: int
    names: tuple[str, ...]
    scim_type: str = ""
    methods: tuple[str, ...] = ("POST", "PATCH")

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if asked.method not in self.methods or not _names(asked) & {*self.names}:
            return None
        return error(self.status, self.scim_type, f"{', '.join(self.names)} not allowed")


@dataclass
class MemberTwice(Behaviour):
    """Who is a member already can't be added: that is an error, and `user.groups` doesn't show it."""

    status: int

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if asked.collection != "Groups" or asked.method != "PATCH":
            return None
        operation = next(iter((asked.body or {})["Operations"]), None)
        if operation is None or operation["op"] != "add":
            return None
        held = store.groups.get(str(asked.id), {}).get("members", [])
        return error(self.status, "", "already a member") if operation["value"][0] in held else None

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if isinstance(answered.body, dict) and asked.collection == "Users":
            answered.body.pop("groups", None)
        return answered


@dataclass
class MembersPassedOver(Behaviour):
    """Changes of members are accepted, and the answer shows the group as it was: with members, and not the new one.

    `hidden`: a user doesn't show groups.
    """

    hidden: bool = False
    op: str = "add"

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if asked.collection != "Groups" or asked.method != "PATCH":
            return None
        if self.op not in {operation["op"] for operation in (asked.body or {})["Operations"]}:
            return None
        group = store.groups.get(str(asked.id))  # None: another behaviour knows it by another spelling of its id
        return None if group is None else store.shown("Groups", group)

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if self.hidden and asked.collection == "Users":
            answered.body.pop("groups", None)
        return answered


@dataclass
class Forms(Behaviour):
    """Somebody is made inactive by one form of request alone."""

    takes: str
    """`unconditional`, `without path`, `put`, `put unconditional`."""
    status: int = 400

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if not asked.writes or asked.collection != "Users" or asked.method == "POST":
            return None
        if "active" not in _names(asked):
            return None
        if asked.method == "PUT":
            taken = self.takes == "put" or (self.takes == "put unconditional" and not asked.if_match)
        else:
            path = all("path" in operation for operation in (asked.body or {})["Operations"])
            wanted = {"unconditional": path, "without path": not path}
            taken = wanted.get(self.takes, False) and not asked.if_match
        return None if taken else error(self.status, "", "not in this form")


@dataclass
class NotThere(Behaviour):
    """PATCH says that the user isn't there, and GET shows them. `applied`: it was carried out."""

    applied: bool = False
    status: int = 404
    methods: tuple[str, ...] = ("PATCH",)

    def before(self, asked: Asked, store: Store) -> Answered | None:
        hit = asked.method in self.methods and asked.collection == "Users"
        return error(self.status, detail="no such user") if hit and not self.applied else None

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        hit = asked.method in self.methods and asked.collection == "Users"
        return error(self.status, detail="no such user") if hit else answered
