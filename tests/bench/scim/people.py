"""Who is there before anything is measured: users as a client would have created them, and one large group."""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import orjson

from streamproc.core.provider.decide import decide
from streamproc.core.provider.event import Asked, encode
from streamproc.core.provider.fold import fold
from streamproc.core.provider.normalise import normalise
from streamproc.core.provider.proposal import Proposal
from streamproc.core.provider.request import Connection, Create
from streamproc.core.provider.resource_types import RESOURCE_TYPES
from streamproc.core.provider.state import Folded, ResourcesInMemory, ResourceType
from streamproc.core.records.units import Millis

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def user(number: int) -> dict[str, Any]:
    """A user, constructed, with what Okta's and Entra's apps for Genesys Cloud send of one."""
    name = f"ana.ruiz.{number}@example.com"
    return {
        "schemas": [USER, ENTERPRISE],
        "userName": name,
        "externalId": f"00u{number:017}",
        "active": True,
        "displayName": f"Ana Ruiz {number}",
        "name": {"givenName": "Ana", "familyName": f"Ruiz {number}"},
        "title": "Agent",
        "emails": [{"value": name, "type": "work", "primary": True}],
        "phoneNumbers": [{"value": f"+1317555{number:06}", "type": "work", "primary": True}],
        ENTERPRISE: {"employeeNumber": f"E{number:06}", "department": "Billing", "division": "Home"},
    }


def group(members: list[str]) -> dict[str, Any]:
    """A group of these ids."""
    return {"schemas": [GROUP], "displayName": "Everybody", "members": [{"value": each} for each in members]}


class Written:
    """A connection's log, as gateways would have written it, without one."""

    def __init__(self, connection: str, partition: int) -> None:
        self._connection, self._partition = Connection(connection), partition
        self._resources = ResourcesInMemory()
        self._next = 0

    def post(self, type_: ResourceType, content: dict[str, Any]) -> Iterator[tuple[bytes, str]]:
        """The records of a POST, which are to lie one after another from offset 0 on, and the id that it made."""
        body = orjson.dumps(content)
        asked = Asked(
            id=f"bench-{self._next}",
            at=Millis(1_772_000_000_000 + self._next),
            method="POST",
            path=f"/{type_}s",
            agent="Okta SCIM Client 1.0.0",
            sha256=hashlib.sha256(body).hexdigest(),
            body=body.decode(),
        )
        request = Create(type_, normalise(RESOURCE_TYPES[type_], content))
        found = decide(self._resources, self._connection, asked, request)
        assert isinstance(found, Proposal), found
        following: Proposal | None = found
        while following is not None:
            done = fold(self._resources, following.event, partition=self._partition, offset=self._next)
            assert isinstance(done, Folded), done
            assert done.after is not None
            self._resources.apply(done)
            self._next += 1
            yield encode(following.event), done.after.id
            following = following.then(done.after)
