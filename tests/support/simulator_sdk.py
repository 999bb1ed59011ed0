"""The vendor's SDK, pointed at the simulator."""

import urllib.request
from collections.abc import Callable
from typing import Any, Protocol

import orjson
import PureCloudPlatformClientV2 as sdk  # noqa: N813 - the vendor's name fills a line

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
Login = Callable[[str], Any]


class Door(Protocol):
    """The simulator's test API: what is posted to `/_sim/PATH`."""

    def __call__(self, path: str, **content: Any) -> None: ...


def logged_in(port: int, client: str) -> Any:
    """As a client whose secret is its id. The SDK rewrites hosts that start with `api.`: loopback serves both."""
    return sdk.api_client.ApiClient(host=f"http://127.0.0.1:{port}").get_client_credentials_token(client, client)


def told(port: int, path: str, **content: Any) -> None:
    url = f"http://127.0.0.1:{port}/_sim/{path}"
    urllib.request.urlopen(urllib.request.Request(url, orjson.dumps(content), method="POST")).close()


def new_user(name: str = "ada") -> Any:
    user = sdk.ScimV2CreateUser()
    user.user_name = f"{name}@example.com"
    user.display_name = name
    user.external_id = name
    return user


def patch(*operations: tuple[Any, ...]) -> Any:
    request = sdk.ScimV2PatchRequest()
    request.schemas = [PATCH]
    request.operations = []
    for op, path, *value in operations:
        operation = sdk.ScimV2PatchOperation()
        operation.op, operation.path = op, path
        if value:
            operation.value = value[0]
        request.operations.append(operation)
    return request
