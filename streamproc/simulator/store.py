"""The organisation's users and groups. No method awaits: check and apply are one step."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from streamproc.simulator import defaults, patch
from streamproc.simulator.errors import ScimError
from streamproc.simulator.filters import SearchIndex
from streamproc.simulator.options import SimulatorOptions
from streamproc.simulator.resources import Entry
from streamproc.simulator.schema import GROUP, USER, Attribute
from streamproc.simulator.surroundings import Surroundings
from streamproc.simulator.values import Attrs, Rules, assign, pairs

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Change:
    """What a write did. `error` is set where a non-atomic PATCH stopped half-way."""

    status: int
    before: Entry | None
    after: Entry
    error: ScimError | None = None

    @property
    def changed(self) -> bool:
        return self.before is None or self.before.version != self.after.version


class Store:
    """`clock`: seconds since 1970, as the organisation has them."""

    def __init__(
        self, options: SimulatorOptions, around: Surroundings | None = None, clock: Callable[[], float] | None = None
    ) -> None:
        self._around = around or Surroundings()
        self._clock = clock or self._around.now
        self.users: dict[str, Entry] = {}
        self.groups: dict[str, Entry] = {}
        self.search = SearchIndex(self._around.ticks)
        self._names: dict[str, str] = {}
        self._deleted_names: dict[str, str] = {}
        self._external_ids: dict[str, str] = {}
        self._identifiers: dict[tuple[str, str], str] = {}  # authority and value among externalIds
        self.configure(options)

    def configure(self, options: SimulatorOptions) -> None:
        self.options = options
        self.rules = Rules(options, self._exists)
        self.search.lag = options.search_lag_ms / 1000
        for name in options.groups:
            # The same id in every run, so that clients outlive a reset.
            group = str(uuid.uuid5(uuid.NAMESPACE_URL, f"simulator/groups/{name}"))
            if group not in self.groups:
                self.groups[group] = entry = Entry(GROUP, group, {"displayName": name}, 1, self._now())
                self.search.put(entry)

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _exists(self, user: str) -> bool:
        return user in self.users and self.users[user].state != "deleted"

    def by_external_id(self, external_id: str) -> Entry | None:
        return self.users.get(self._external_ids.get(external_id, ""))

    # Users

    def create_user(self, body: Any) -> Change:
        attrs: Attrs = {"active": True}
        values = self._given(body)
        for attribute, value in values:
            assign(attrs, attribute, value, self.rules)
        for required in ("userName", "displayName"):
            if required not in attrs:
                raise ScimError("invalidValue", f"{required} is required")
        name = attrs["userName"].lower()
        if name in self._names:
            raise ScimError("uniqueness", "User name already in use by non-deleted user.", 409)
        if deleted := self._deleted_names.get(name):
            return self._revive(self.users[deleted], attrs)
        attrs.setdefault("division", defaults.HOME_DIVISION)
        if "roles" not in attrs:
            attrs["roles"] = {defaults.EMPLOYEE_ROLE: {"value": defaults.EMPLOYEE_ROLE}}
        self._check_unique(None, attrs)
        entry = Entry(USER, self._around.id(), attrs, 1, self._now(), _state(attrs))
        self._keep_user(None, entry)
        return Change(201, None, entry)

    def _revive(self, deleted: Entry, body: Attrs) -> Change:
        """The old record returns, without its roles, in the Home division (vendor help, "restore a user")."""
        attrs = dict(deleted.attrs)
        if self.options.revive_body != "ignore":
            skipped = () if self.options.revive_body == "all" else ("roles", "division")
            attrs.update({name: value for name, value in body.items() if name not in skipped})
        attrs["active"] = body["active"]
        inherited = "externalId" not in body or self.options.revive_body == "ignore"
        if inherited and attrs.get("externalId") in self._external_ids:
            del attrs["externalId"]
        if "externalIds" not in body or self.options.revive_body == "ignore":
            attrs["externalIds"] = {
                authority: each
                for authority, each in attrs.get("externalIds", {}).items()
                if (authority, each["value"]) not in self._identifiers
            }
        self._check_unique(deleted.id, attrs)
        entry = Entry(USER, deleted.id, attrs, deleted.version + 1, self._now(), _state(attrs))
        self._keep_user(deleted, entry)
        return Change(self.options.revive_status, deleted, entry)

    def replace_user(self, entry: Entry, body: Any) -> Change:
        """RFC 7644 §3.5.1: omitted attributes are cleared, but never `active` or the password."""
        unchanged = entry.attrs if self.options.put_keeps_omitted else {}
        attrs: Attrs = {**unchanged, "active": entry.attrs["active"]}
        if "password" in entry.attrs:
            attrs["password"] = entry.attrs["password"]
        for attribute, value in self._given(body, entry):
            assign(attrs, attribute, value, self.rules)
        for required in ("userName", "displayName"):
            if required not in attrs:
                raise ScimError("invalidValue", f"{required} is required")
        attrs.setdefault("division", defaults.HOME_DIVISION)
        return self._update_user(entry, attrs)

    def patch_user(self, entry: Entry, body: Any) -> Change:
        attrs, error = patch.apply(USER, entry.attrs, body, self.rules)
        return self._update_user(entry, attrs, error)

    def edit_user(self, entry: Entry, values: list[tuple[Attribute, Any]]) -> Change:
        """Give these attributes these values, as somebody does by hand: other clients' rules for paths don't matter."""
        attrs: Attrs = dict(entry.attrs)
        for attribute, value in values:
            assign(attrs, attribute, value, self.rules)
        return self._update_user(entry, attrs)

    def restore_user(self, entry: Entry, *, active: bool) -> Change:
        """A deleted user returns as they were, but for roles, division and groups."""
        return self._revive(entry, {"active": active})

    def delete_user(self, entry: Entry) -> Change:
        """Soft: permissions go, the Home division takes the user, the record stays (vendor help, "delete a user")."""
        for group in entry.groups:
            members = {k: v for k, v in self.groups[group].attrs["members"].items() if k != entry.id}
            self._update_group(self.groups[group], {**self.groups[group].attrs, "members": members})
        current = self.users[entry.id]
        attrs = {**current.attrs, "active": False, "division": defaults.HOME_DIVISION}
        attrs.pop("roles", None)
        deleted = Entry(USER, entry.id, attrs, current.version + 1, self._now(), "deleted")
        self._keep_user(current, deleted)
        return Change(204, entry, deleted)

    def _given(self, body: Any, current: Entry | None = None) -> list[tuple[Any, Any]]:
        kind = current.kind if current else USER
        if not isinstance(body, dict):
            raise ScimError("invalidSyntax", "the body must be an object")
        schemas = body.get("schemas", [kind.core])
        if not isinstance(schemas, list) or kind.core not in schemas:
            raise ScimError("invalidSyntax", f"schemas must contain {kind.core}")
        if current and body.get("id", current.id) != current.id:
            raise ScimError("mutability", "id is read-only")
        values = pairs(kind, body, dotted=False)
        if current:
            # A PUT of what a GET returned is not an attempt to change the groups.
            values = [(a, v) for a, v in values if a.name != "groups" or not _same_groups(v, current.groups)]
        return values

    def _update_user(self, entry: Entry, attrs: Attrs, error: ScimError | None = None) -> Change:
        if attrs == entry.attrs and not self.options.bump_on_noop:
            return Change(200, entry, entry, error)
        self._check_unique(entry.id, attrs)
        updated = Entry(USER, entry.id, attrs, entry.version + 1, self._now(), _state(attrs), entry.groups)
        self._keep_user(entry, updated)
        return Change(200, entry, updated, error)

    def _check_unique(self, user: str | None, attrs: Attrs) -> None:
        if self._names.get(attrs["userName"].lower(), user) != user:
            raise ScimError("uniqueness", "User name already in use by non-deleted user.", 409)
        external_id = attrs.get("externalId")
        if external_id is not None and self.options.external_id_unique:
            holder = self._external_ids.get(external_id, user)
            if holder != user:
                raise ScimError("uniqueness", "externalId already in use by non-deleted user.", 409)
        if self.options.external_ids_unique:
            for pair in _identifiers(attrs):
                if self._identifiers.get(pair, user) != user:
                    raise ScimError("uniqueness", f"externalIds: {pair[0]} {pair[1]!r} is another user's", 409)

    def _keep_user(self, before: Entry | None, after: Entry) -> None:
        if before is not None:
            names = self._deleted_names if before.state == "deleted" else self._names
            if self.options.former_names == "free" or after.state == "deleted":
                _forget(names, before.attrs["userName"].lower(), before.id)
            _forget(self._external_ids, before.attrs.get("externalId"), before.id)
            for pair in _identifiers(before.attrs):
                _forget(self._identifiers, pair, before.id)
        names = self._deleted_names if after.state == "deleted" else self._names
        names[after.attrs["userName"].lower()] = after.id
        if after.state != "deleted" and "externalId" in after.attrs:
            self._external_ids[after.attrs["externalId"]] = after.id
        if after.state != "deleted":
            self._identifiers.update(dict.fromkeys(_identifiers(after.attrs), after.id))
        self.users[after.id] = after
        self.search.put(after)

    # Groups

    def replace_group(self, entry: Entry, body: Any) -> Change:
        attrs: Attrs = dict(entry.attrs) if self.options.put_keeps_omitted else {}
        for attribute, value in self._given(body, entry):
            assign(attrs, attribute, value, self.rules)
        if "displayName" not in attrs:
            raise ScimError("invalidValue", "displayName is required")
        return self._update_group(entry, attrs)

    def patch_group(self, entry: Entry, body: Any) -> Change:
        attrs, error = patch.apply(GROUP, entry.attrs, body, self.rules)
        return self._update_group(entry, attrs, error)

    def edit_members(self, entry: Entry, add: Iterable[str], remove: Iterable[str]) -> Change:
        """Users by their ids come into the group and go."""
        gone = set(remove)
        members = {user: each for user, each in entry.attrs.get("members", {}).items() if user not in gone}
        members |= {user: {"value": user} for user in add}
        return self._update_group(entry, {**entry.attrs, "members": members})

    def _update_group(self, entry: Entry, attrs: Attrs, error: ScimError | None = None) -> Change:
        if attrs == entry.attrs and not self.options.bump_on_noop:
            return Change(200, entry, entry, error)
        if not attrs.get("members"):
            attrs.pop("members", None)
        updated = Entry(GROUP, entry.id, attrs, entry.version + 1, self._now())
        self.groups[entry.id] = updated
        self.search.put(updated)
        before, after = entry.attrs.get("members", {}), attrs.get("members", {})
        self._each(before.keys() - after.keys(), lambda groups: tuple(g for g in groups if g != entry.id))
        self._each(after.keys() - before.keys(), lambda groups: (*groups, entry.id))
        return Change(200, entry, updated, error)

    def _each(self, users: set[str], regroup: Callable[[tuple[str, ...]], tuple[str, ...]]) -> None:
        """Membership belongs to the group; whether the user's version changes too is an option."""
        bump = int(self.options.membership_bumps_user)
        for user in users:
            old = self.users[user]
            modified = self._now() if bump else old.modified
            new = Entry(USER, user, old.attrs, old.version + bump, modified, old.state, regroup(old.groups))
            self.users[user] = new
            self.search.put(new)


def _state(attrs: Attrs) -> str:
    return "active" if attrs["active"] else "inactive"


def _same_groups(value: Any, groups: tuple[str, ...]) -> bool:
    elements = [] if value is None else value
    if not isinstance(elements, list) or not all(isinstance(element, dict) for element in elements):
        return False
    return {element.get("value") for element in elements} == set(groups)


def _identifiers(attrs: Attrs) -> list[tuple[str, str]]:
    return [(authority, each["value"]) for authority, each in attrs.get("externalIds", {}).items()]


def _forget(index: dict[_Key, str], key: _Key | None, holder: str) -> None:
    if key is not None and index.get(key) == holder:
        del index[key]
