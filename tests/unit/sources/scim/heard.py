"""A gateway's log, and what its records mean for people, record by record."""

from collections.abc import Callable
from typing import Any

from streamproc.core.identity.resolve import resolve
from streamproc.core.parsed_payload import Ignored, SourceEvent
from streamproc.core.provider.event import decode
from streamproc.core.provider.fold import Void
from streamproc.core.provider.normalise import normalise
from streamproc.core.provider.normalise_patch import normalise_patch
from streamproc.core.provider.request import Connection, Create, Delete, Patch, Replace, Request, Seed
from streamproc.core.provider.resource_types import RESOURCE_TYPES
from streamproc.core.provider.state import Folded, ResourceType
from streamproc.core.records.change_event import ChangeEvent, Fact, Origin
from streamproc.core.records.link import Link
from streamproc.core.records.units import Millis
from streamproc.sources.scim.anchors import ScimConnection
from streamproc.sources.scim.known import KnownInMemory
from streamproc.sources.scim.read import SOURCE, meant
from tests.unit.core.provider.replica import Replica

OKTA = ScimConnection("okta")
NOW = 1_790_000_000_000
URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


class Heard:
    """What was said by a client, and what comes of it."""

    def __init__(self, connection: ScimConnection = OKTA) -> None:
        self.connection = connection
        self.kinds = dict(RESOURCE_TYPES)
        self.replica = Replica([], Connection(connection.name, kinds=self.kinds))
        self.known = KnownInMemory()
        self.clock: Callable[[int], int] = lambda offset: NOW + offset
        """Offset to when the broker had the record, ms."""
        self.events: list[SourceEvent] = []
        self.told: list[Ignored] = []
        self.links: dict[str, Link] = {}
        self.changes: list[ChangeEvent] = []

    def request(self, request: Request) -> str:
        """Decided, appended, folded and read; the id of what it is about."""
        first = len(self.replica.log)
        done = self.replica.write(request, body="{}")
        assert isinstance(done, Folded), done
        self.read(first)
        about = done.after or done.before
        assert about is not None
        return about.id

    def read(self, first: int) -> None:
        """Records from this offset on, folded anew from the beginning: part by part, as the log has them."""
        apart = Replica(self.replica.log[:])
        for offset in range(len(self.replica.log)):
            (folded,) = apart.fold(1)
            if offset < first or isinstance(folded, Void):
                continue
            event, at = decode(self.replica.log[offset]), Millis(self.clock(offset))
            found = meant(self.known, self.connection, event, folded, offset=offset, appended=at)
            self.known.apply(found.learned)
            self.told += found.said.ignored
            for each in found.before:
                self.hear(each, Origin("scim.resources", 0, offset, at))
            for each in found.said.events:
                self.hear(each, Origin("events.scim", 0, offset, at))

    def hear(self, said: SourceEvent, origin: Origin) -> None:
        """The link of its subject, as the worker has it."""
        self.events.append(said)
        link = self.links.get(said.subject)
        self.links[said.subject], led_to = resolve(link, SOURCE, [said], origin)
        self.changes += led_to

    def facts(self, id: str) -> dict[str, Fact]:  # noqa: A002 - the attribute's name (RFC 7643 §3.1)
        """All that was said of a user."""
        link = self.links.get(f"{self.connection.name}/{id}")
        return {} if link is None or link.facts is None else link.facts.values

    def user_of(self, id: str) -> str | None:  # noqa: A002 - the attribute's name (RFC 7643 §3.1)
        link = self.links.get(f"{self.connection.name}/{id}")
        return None if link is None else link.user

    @property
    def codes(self) -> list[str]:
        return [each.code for each in self.told]

    def post(self, kind: ResourceType = "User", **body: Any) -> str:
        return self.request(Create(kind, normalise(self.kinds[kind], _body(body))))

    def put(self, id: str, kind: ResourceType = "User", **body: Any) -> str:  # noqa: A002 - RFC 7643's
        return self.request(Replace(kind, id, normalise(self.kinds[kind], _body(body))))

    def patch(self, id: str, *operations: dict[str, Any], kind: ResourceType = "User") -> str:  # noqa: A002 - RFC's
        return self.request(Patch(kind, id, normalise_patch(self.kinds[kind], {"Operations": [*operations]})))

    def delete(self, id: str, kind: ResourceType = "User") -> str:  # noqa: A002 - the attribute's name
        return self.request(Delete(kind, id))

    def seed(self, id: str, kind: ResourceType = "User", **body: Any) -> str:  # noqa: A002 - the attribute's name
        return self.request(Seed(kind, id, normalise(self.kinds[kind], _body(body))))


def members(op: str, *ids: str) -> dict[str, Any]:
    """An operation on a group's members."""
    return {"op": op, "path": "members", "value": [{"value": each} for each in ids]}


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def _body(body: dict[str, Any]) -> dict[str, Any]:
    """`number`: the employee number; `department`, `manager`: of the enterprise extension; `extensions`: by their URN;
    `members`: ids.
    """
    body = body | body.get("extensions", {})
    body.pop("extensions", None)
    enterprise = {"number": "employeeNumber", "department": "department", "manager": "manager"}
    extension = {theirs: body.pop(ours) for ours, theirs in enterprise.items() if ours in body}
    if "members" in body:
        body["members"] = [{"value": each} for each in body["members"]]
    return body | ({URN: extension} if extension else {})
