"""The stand-in for Genesys Cloud as a function, for the sink's decider: no HTTP, no clock."""

from typing import Any
from urllib.parse import unquote

from streamproc.simulator import SimulatorOptions
from streamproc.simulator.errors import ScimError
from streamproc.simulator.resources import Entry, rendered
from streamproc.simulator.schema import USER
from streamproc.simulator.store import Store
from streamproc.simulator.values import Attrs, assign
from tests.support.hostile_targets.store import Answered, Asked


class SimulatedTarget:
    """Users alone. `asked`: every request, in order."""

    def __init__(self, **options: Any) -> None:
        self.store = Store(SimulatorOptions(**options))
        self.asked: list[Asked] = []

    def answer(self, asked: Asked) -> Answered:
        """What the stand-in says."""
        self.asked.append(asked)
        try:
            return self._answer(asked)
        except ScimError as error:
            return Answered(error.status, {"scimType": error.scim_type, "detail": error.detail, "status": "400"})

    def body(self, user: str) -> dict[str, Any]:
        """A user as they are shown, by the target's id."""
        return rendered(self.store.users[user])

    def by_hand(self, user: str, **changes: Any) -> None:
        """Somebody else writes these attributes of a user, whole, by their names there."""
        entry = self.store.users[user]
        attrs: Attrs = dict(entry.attrs)
        names = {attribute.name: attribute for each in USER.schemas.values() for attribute in each}
        for name, value in changes.items():
            assign(attrs, names[name], value, self.store.rules)
        self.store._update_user(entry, attrs)

    def _answer(self, asked: Asked) -> Answered:
        if asked.method == "POST":
            return self._shown(self.store.create_user(asked.body).after, 201)
        if asked.id is None:
            (name, value), *_ = asked.pairs
            found = [each for each in self.store.users.values() if str(each.attrs.get(name)) == value]
            return Answered(200, {"totalResults": len(found), "Resources": [rendered(each) for each in found]})
        entry = self.store.users[unquote(asked.id)]
        if asked.method == "GET":
            return self._shown(entry, 200)
        if asked.if_match not in {None, entry.etag}:
            return Answered(409, {"detail": "Version does not match current version."})
        return self._shown(self.store.patch_user(entry, asked.body).after, 200)

    @staticmethod
    def _shown(entry: Entry, status: int) -> Answered:
        return Answered(status, rendered(entry), {"ETag": entry.etag})
