"""What clients are told of the service: `/ServiceProviderConfig`, `/Schemas`, `/ResourceTypes` (RFC 7644 §4)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from streamproc.core.provider.normalise_patch import MOST as MOST_OPERATIONS
from streamproc.core.provider.schema import Json, ResourceType
from streamproc.core.provider.schema_document import resource_type_document, schema_document
from streamproc.core.provider.scim_error import ScimError
from streamproc.gateway.scim.answer import Answer, list_response
from streamproc.gateway.scim.endpoint import Endpoint
from streamproc.gateway.scim.listing import MOST

CONFIG: Final = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"


def discover(asked: Endpoint, kinds: Iterable[ResourceType], parameters: Mapping[str, str], base: str) -> Answer:
    """The answer to a GET. Raises ScimError: 404, or 403 for a filter, which §4 wants."""
    if parameters.get("filter"):
        raise ScimError(403, None, "What the service is can't be filtered.")
    kinds = tuple(kinds)
    if asked.name == "ServiceProviderConfig":
        if asked.id is not None:
            raise _absent()
        return Answer(200, _config(base))
    if asked.name == "Schemas":
        schemas = {each.urn: each for kind in kinds for each in (kind.schema, *kind.extensions.values())}
        found = [_with_meta(schema_document(each), "Schema", f"{base}/Schemas/{each.urn}") for each in schemas.values()]
    else:
        found = [
            _with_meta(resource_type_document(each), "ResourceType", f"{base}/ResourceTypes/{each.name}")
            for each in kinds
        ]
    if asked.id is None:
        return list_response(found, len(found), 1)
    for each in found:
        if each["id"].lower() == asked.id.lower():
            return Answer(200, each)
    raise _absent()


def _absent() -> ScimError:
    return ScimError(404, None, "There is no such document.")


def _with_meta(document: Json, kind: str, location: str) -> Json:
    return {**document, "meta": {"resourceType": kind, "location": location}}


def _config(base: str) -> dict[str, Any]:
    """RFC 7643 §5. There is no Bulk; authentik cuts its PATCHes by `bulk.maxOperations` all the same."""
    return {
        "schemas": [CONFIG],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": MOST_OPERATIONS, "maxPayloadSize": 1024 * 1024},
        "filter": {"supported": True, "maxResults": MOST},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "OAuth bearer token",
                "description": "A token of the connection, or one from /oauth/token",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
                "primary": True,
            },
            {
                "type": "httpbasic",
                "name": "HTTP Basic",
                "description": "Any name, and a token of the connection as the password",
                "specUri": "https://www.rfc-editor.org/rfc/rfc7617",
            },
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }
