"""The discovery documents (RFC 7643 §5-7), printed from the attribute table.

The real service's values were not found in any public source; these say what the simulator does.
"""

from typing import Any

from streamproc.simulator.errors import PlatformError, not_found
from streamproc.simulator.resources import ROOT
from streamproc.simulator.schema import ENTERPRISE, GENESYS, KINDS, Attribute, Kind

CORE = "urn:ietf:params:scim:schemas:core:2.0"
_NAMES = {ENTERPRISE: "EnterpriseUser", GENESYS: "GenesysUser"}
LIST_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def document(resource: str, name: str | None, *, filtered: bool, max_page: int) -> dict[str, Any]:
    if resource == "serviceproviderconfig" and name is None:
        return _service_provider_config(max_page)
    if resource == "resourcetypes":
        return _one_or_list([_resource_type(kind) for kind in KINDS.values()], name)
    if resource == "schemas":
        if filtered:
            # The SDK: "Filtered results are invalid and return 403 Unauthorized."
            raise PlatformError(403, "not.authorized", "You are not authorized to perform the requested action.")
        return _one_or_list([_schema(kind, urn) for kind in KINDS.values() for urn in kind.schemas], name)
    raise not_found(resource)


def _one_or_list(documents: list[dict[str, Any]], name: str | None) -> dict[str, Any]:
    if name is None:
        return {
            "schemas": [LIST_URN],
            "totalResults": len(documents),
            "startIndex": 1,
            "itemsPerPage": len(documents),
            "Resources": documents,
        }
    for document in documents:
        if document["id"].lower() == name.lower():
            return document
    raise not_found(name)


def _meta(kind: str, path: str) -> dict[str, str]:
    return {"resourceType": kind, "location": f"{ROOT}/{path}", "version": '"1"'}


def _service_provider_config(max_page: int) -> dict[str, Any]:
    return {
        "schemas": [f"{CORE}:ServiceProviderConfig"],
        "documentationUri": "https://developer.genesys.cloud/platform/scim/",
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": max_page},
        "changePassword": {"supported": True},
        "sort": {"supported": False},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "OAuth Bearer Token",
                "description": "A token from the client credentials grant.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": True,
            }
        ],
        "meta": _meta("ServiceProviderConfig", "serviceproviderconfig"),
    }


def _resource_type(kind: Kind) -> dict[str, Any]:
    return {
        "schemas": [f"{CORE}:ResourceType"],
        "id": kind.name,
        "name": kind.name,
        "description": kind.name,
        "endpoint": f"/{kind.endpoint}",
        "schema": kind.core,
        "schemaExtensions": [{"schema": urn, "required": False} for urn in kind.schemas if urn != kind.core],
        "meta": _meta("ResourceType", f"resourcetypes/{kind.name.lower()}"),
    }


def _schema(kind: Kind, urn: str) -> dict[str, Any]:
    return {
        "schemas": [f"{CORE}:Schema"],
        "id": urn,
        "name": _NAMES.get(urn, kind.name),
        "description": kind.name if urn == kind.core else f"Extension of {kind.name}",
        "attributes": [_attribute(attribute) for attribute in kind.schemas[urn]],
        "meta": _meta("Schema", f"schemas/{urn.lower()}"),
    }


def _attribute(attribute: Attribute) -> dict[str, Any]:
    definition: dict[str, Any] = {
        "name": attribute.name,
        "type": attribute.kind,
        "multiValued": attribute.multi,
        "description": attribute.description,
        "required": attribute.required,
        "caseExact": attribute.exact,
        "mutability": attribute.mutability,
        "returned": attribute.returned,
        "uniqueness": attribute.uniqueness,
    }
    if attribute.canonical:
        definition["canonicalValues"] = list(attribute.canonical)
    if attribute.reference:
        definition["referenceTypes"] = list(attribute.reference)
    if attribute.parts:
        definition["subAttributes"] = [_attribute(part) for part in attribute.parts]
    return definition
