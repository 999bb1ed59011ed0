"""What clients are told of the schemas: `/Schemas` and `/ResourceTypes`, without `meta` (RFC 7643 §6, §7)."""

from collections.abc import Iterable
from typing import Final

from streamproc.core.provider.schema import Attribute, Json, ResourceType, Schema

SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:Schema"
RESOURCE_TYPE: Final = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"


def schema_document(schema: Schema) -> Json:
    """A schema, with all characteristics of all attributes. Nothing in it is null: Entra takes no nulls there."""
    return {
        "schemas": [SCHEMA],
        "id": schema.urn,
        "name": schema.name,
        "description": schema.description,
        "attributes": _attributes(schema.attributes.values()),
    }


def resource_type_document(kind: ResourceType) -> Json:
    """A kind of resource, with its extensions; none of these has to be there."""
    return {
        "schemas": [RESOURCE_TYPE],
        "id": kind.name,
        "name": kind.name,
        "endpoint": kind.endpoint,
        "description": kind.description,
        "schema": kind.schema.urn,
        "schemaExtensions": [{"schema": each.urn, "required": False} for each in kind.extensions.values()],
    }


def _attributes(attributes: Iterable[Attribute]) -> list[Json]:
    return [_attribute(each) for each in attributes]


def _attribute(attribute: Attribute) -> Json:
    """`caseExact` and `uniqueness` are said of texts alone, as RFC 7643 §8.7 does."""
    document: Json = {
        "name": attribute.name,
        "type": attribute.type,
        "multiValued": attribute.multi_valued,
        "description": attribute.description or attribute.name,
        "required": attribute.required,
        "mutability": attribute.mutability,
        "returned": attribute.returned,
    }
    if attribute.type in {"string", "reference", "binary", "dateTime"}:
        document |= {"caseExact": attribute.case_exact, "uniqueness": attribute.uniqueness}
    if attribute.canonical_values:
        document["canonicalValues"] = list(attribute.canonical_values)
    if attribute.reference_types:
        document["referenceTypes"] = list(attribute.reference_types)
    if attribute.type == "complex":
        document["subAttributes"] = _attributes(attribute.sub_attributes.values())
    return document
