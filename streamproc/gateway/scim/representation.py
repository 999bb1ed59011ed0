"""A resource as a client reads it, with what the server adds: `schemas`, `id`, `meta`, `members`, `groups`.

RFC 7643 §3.1, §4.1.2, §4.2. Which of it an answer has is `core/provider/projection.py`'s to say.
"""

from collections.abc import Iterable
from typing import Any

from streamproc.core.provider.schema import Json, ResourceType
from streamproc.core.provider.state import ScimResource
from streamproc.core.scim.filter import resource_path
from streamproc.core.shown import moment


def represent(
    resource: ScimResource,
    kind: ResourceType,
    base: str,
    *,
    members: Iterable[str] = (),
    groups: Iterable[tuple[str, str | None]] = (),
) -> Json:
    """`base`: URL below which the endpoints are. `members`: ids. `groups`: ids and names. None of them: left out."""
    attributes = resource.attributes
    whole: dict[str, Any] = {
        "schemas": [kind.schema.urn, *(each.urn for each in kind.extensions.values() if each.urn in attributes)],
        "id": resource.id,
        **attributes,
        "meta": {
            "resourceType": kind.name,
            "created": moment(resource.created, "milliseconds"),
            "lastModified": moment(resource.modified, "milliseconds"),
            "location": base + resource_path(kind.endpoint.removeprefix("/"), resource.id),
            "version": entity_tag(resource),
        },
    }
    if elements := [{"value": each} for each in sorted(members)]:
        whole["members"] = elements
    if elements := [_group(*each) for each in groups]:
        whole["groups"] = elements
    return whole


def entity_tag(resource: ScimResource) -> str:
    """Of the resource's version (RFC 7644 §3.14)."""
    return f'W/"{resource.version}"'


def _group(id_: str, name: str | None) -> dict[str, str]:
    return {"value": id_} if name is None else {"value": id_, "display": name}
