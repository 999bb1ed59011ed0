"""Any request at all has an answer that a client can read, and none is an error of ours."""

import asyncio
import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.core.provider.event import ScimEvent, decode, encode
from streamproc.core.provider.fold import Void, fold
from streamproc.core.provider.request import Connection
from streamproc.core.provider.state import Folded
from streamproc.gateway.scim.shared_log import Seen
from streamproc.gateway.scim.store import Store
from tests.support.scim_gateway import Client, service_over

NAMES = st.sampled_from(
    [
        "userName", "displayName", "active", "emails", "members", "name", "roles", "schemas", "id", "externalId",
        "Operations", "op", "path", "value", "type", "primary", "password", "manager", "phoneNumbers", "$ref",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "name.givenName", 'emails[type eq "work"].value',
        "meta", "groups", "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User", "skills", "x",
    ]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["add", "replace", "remove", "Replace", "True", "work", "kim", "members", "members[value eq 1]"])
    | NAMES
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
OPERATIONS = st.lists(
    st.fixed_dictionaries({}, optional={"op": SCALARS, "path": SCALARS | NAMES, "value": VALUES}), max_size=4
)
BODIES = (
    VALUES
    | st.fixed_dictionaries({"Operations": OPERATIONS})
    | st.dictionaries(NAMES, VALUES, max_size=5).map(lambda body: {"userName": "kim", "displayName": "Sales", **body})
).map(lambda body: json.dumps(body).encode()) | st.binary(max_size=40)
FILTERS = st.sampled_from(
    [
        'userName eq "kim"', "active eq true", 'emails[type eq "work" and not (value co "x")]', "id pr", "x eq 1",
        'members.value eq "1"', 'meta.created gt "2020"', "userName eq", "(((", 'members[value eq "kim"]', "groups pr",
    ]
)  # fmt: skip
QUERIES = (
    st.text(max_size=12)
    | FILTERS.map(lambda text: f"filter={text}")
    | st.sampled_from(
        ["count=0", "count=-1&startIndex=99999999999999999999", "attributes=x,members,name.givenName", "&&?", "count=x"]
    )
)
PATHS = st.sampled_from(
    ["/Users", "/Groups", "/Users/{id}", "/Groups/{id}", "/Schemas", "/ResourceTypes/User", "/Bulk"]
)
REQUESTS = st.tuples(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", ""]),
    PATHS | st.text(max_size=12),
    QUERIES,
    BODIES,
    st.none() | st.sampled_from(["*", 'W/"1"', "1", '"', ""]),
)


class Alone:
    """The log of a gateway that has no other beside it."""

    def __init__(self, store: Store) -> None:
        self.resources = store.of("okta")
        self.store = store

    async def append(self, event: ScimEvent, seen: Callable[[Folded | Void], Seen]) -> Seen:
        """See SharedLog."""
        offset = self.store.next_offset
        with self.store.batch(offset + 1):
            done = fold(self.resources, decode(encode(event)), partition=0, offset=offset)
            assert isinstance(done, Folded)
            self.resources.apply(done)
            return seen(done)

    async def barrier(self) -> None:
        """See SharedLog."""


@settings(deadline=None, max_examples=150)
@given(st.lists(REQUESTS, max_size=8))
def test_any_request_is_answered(requests: list[tuple[Any, ...]]) -> None:
    """Whatever comes, the answer is JSON, an error is a SCIM Error, and none but `not there` is the service's fault."""
    with TemporaryDirectory() as folder:
        store = Store(Path(folder) / "state", "events.scim")
        try:
            asyncio.run(_play(Client(service_over(Alone(store), Connection("okta"))), requests))
        finally:
            store.close()


async def _play(client: Client, requests: list[tuple[Any, ...]]) -> None:
    ids = ["nobody"]
    names = count()
    for method, path, query, body, if_match in requests:
        made = await client.send("POST", "/Users", {"userName": f"user{next(names)}"})
        ids.append(made.body["id"])
        url = f"{path.replace('?', '')}?{query}".replace("{id}", ids[-1])
        answer = await client.send(method, url, body, **({} if if_match is None else {"if_match": if_match}))
        assert answer.status < 500 or answer.status == 501, answer
        content = answer.content()
        assert (answer.status == 204) == (content == b"")
        if answer.status >= 400:
            told = json.loads(content)
            assert told["status"] == str(answer.status)
            assert told["detail"]
        elif content:
            assert json.loads(content)["schemas"]
