"""Response bodies: what an answer of the target says, where RFC 7644 leaves room for more than one way of saying it."""

from typing import Any

from streamproc.core.scim.response_policy import Response


def etag(answer: Response) -> str | None:
    """The version that an answer tells, as If-Match wants it."""
    return answer.headers.get("etag") or version(answer.body)


def version(resource: dict[str, Any]) -> str | None:
    """`meta.version` as an ETag: the header is quoted, the body isn't (Genesys Cloud: `"56"`)."""
    meta = resource.get("meta")
    tag = str((meta.get("version") if isinstance(meta, dict) else None) or "")
    return (tag if tag.startswith(('"', "W/")) else f'"{tag}"') if tag else None


def created(answer: Response) -> str | None:
    """The id of the user that a POST made (RFC 7644 §3.3: in the body, and at the end of Location)."""
    return str(answer.body.get("id") or answer.headers.get("location", "").rstrip("/").rpartition("/")[2]) or None


def is_list(body: dict[str, Any]) -> bool:
    """RFC 7644 §3.4.2: `Resources` may be missing where there are none."""
    elements = body.get("Resources")
    if elements is None:
        return body.get("totalResults") == 0
    return isinstance(elements, list) and all(isinstance(element, dict) for element in elements)


def resources(body: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The resources of a list. None: of no answer, none."""
    return (body or {}).get("Resources") or []


def matching(body: dict[str, Any] | None, attribute: str, value: str) -> list[dict[str, Any]]:
    """Of a list, the resources that were searched for: a server may ignore the filter."""
    return [resource for resource in resources(body) if resource.get("id") and matches(resource, attribute, value)]


def matches(resource: dict[str, Any], attribute: str, value: str) -> bool:
    """Whether the attribute has this value, or isn't shown. Only externalId is compared with case."""
    held = resource.get(attribute)
    if attribute == "externalId":
        return held in (None, value)
    return held is None or str(held).casefold() == value.casefold()
