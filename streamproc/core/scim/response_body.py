"""Response bodies: what an answer of the target says, where RFC 7644 leaves room for more than one way of saying it."""

import re
from typing import Any, Final, Literal
from urllib.parse import unquote

from streamproc.core.scim.response_policy import Response
from streamproc.core.scim.spelling import fold

LONGEST_ID: Final = 200
"""Characters of an id; those of Genesys Cloud have 36."""
_NO_IDS: Final = frozenset({".", ".."})
"""A path can't name them."""
_ID: Final = re.compile(r"[^\0-\x1f\x7f-\x9f\ud800-\udfff\ufffd]+")
"""Without control characters, nor what stands for bytes that are no text."""
_ETAG: Final = re.compile(r'(?:W/)?(?:"[!#-~]*"|[!#-)+\--~][!#-+\--~]*)')
"""An entity tag (RFC 9110 §8.8.3), also without its quotes. No list of them, and no `*`, which fits any version."""
LONGEST_ETAG: Final = 200


def etag(answer: Response) -> str | None:
    """The version that an answer tells, as If-Match wants it."""
    return _usable(answer.headers.get("etag")) or version(answer.body)


def version(resource: dict[str, Any]) -> str | None:
    """`meta.version` as an ETag: the header is quoted, the body isn't (Genesys Cloud: `"56"`)."""
    meta = resource.get("meta")
    told = meta.get("version") if isinstance(meta, dict) else None
    if isinstance(told, bool) or not isinstance(told, str | int) or told == "":
        return None
    tag = str(told)
    return _usable(tag if tag.startswith(('"', "W/")) else f'"{tag}"')


def _usable(tag: str | None) -> str | None:
    """None: a header can't have it, or it says something else there."""
    return tag if tag is not None and len(tag) <= LONGEST_ETAG and _ETAG.fullmatch(tag) else None


def resource_id(resource: dict[str, Any]) -> str | None:
    """The id of a resource. None: it has none by which it could be asked for."""
    told = resource.get("id")
    if isinstance(told, bool) or not isinstance(told, str | int):
        return None
    there = str(told)
    return there if len(there) <= LONGEST_ID and _ID.fullmatch(there) and there not in _NO_IDS else None


def id_key(told: str) -> str:
    """What two spellings of one id have in common: servers differ in the case in which they write one and the same."""
    return told.lower() if told.isascii() else told


def same_id(told: str | None, asked: str) -> bool:
    """Whether it is the id that was asked for."""
    return told is not None and id_key(told) == id_key(asked)


def is_resource(body: dict[str, Any], kind: Literal["User", "Group"]) -> bool:
    """Whether it shows one resource that may be of this kind: with an id, and as nothing else by its own words."""
    if resource_id(body) is None or "Resources" in body:
        return False
    meta, schemas = body.get("meta"), body.get("schemas")
    told = meta.get("resourceType") if isinstance(meta, dict) else None
    if isinstance(told, str) and told and told.casefold() != kind.casefold():
        return False
    others = (":messages:", ":schemas:core:2.0:Group" if kind == "User" else ":schemas:core:2.0:User")
    urns = [each for each in schemas if isinstance(each, str)] if isinstance(schemas, list) else []
    return not any(other in urn for urn in urns for other in others)


def created(answer: Response) -> str | None:
    """The id of the user that a POST made (RFC 7644 §3.3: in the body, and at the end of Location)."""
    located = unquote(answer.headers.get("location", "").partition("?")[0].rstrip("/").rpartition("/")[2])
    return resource_id(answer.body) or resource_id({"id": located})


def is_located(answer: Response) -> bool:
    """Whether a POST's answer names the id that it made in more than one place: where it can be found, too."""
    meta = answer.body.get("meta")
    told = [answer.headers.get("location"), meta.get("location") if isinstance(meta, dict) else None]
    ends = [unquote(each.rstrip("/").rpartition("/")[2]) for each in told if isinstance(each, str)]
    there = resource_id(answer.body)
    return there is not None and bool(ends) and all(same_id(each, there) for each in ends)


def is_list(body: dict[str, Any]) -> bool:
    """RFC 7644 §3.4.2: `Resources` may be missing where there are none. A total without any isn't an answer."""
    elements, total = body.get("Resources"), total_results(body)
    if elements is None or elements == []:
        return total == 0 or (elements == [] and "totalResults" not in body)
    return isinstance(elements, list) and all(isinstance(element, dict) for element in elements)


def is_later_page(body: dict[str, Any]) -> bool:
    """Of a list that had a page before: nothing more may be there, whatever the total says."""
    elements = body.get("Resources", ())
    shown = isinstance(elements, list | tuple) and all(isinstance(element, dict) for element in elements)
    return shown and not body.keys().isdisjoint({"Resources", "totalResults"})


def total_results(body: dict[str, Any]) -> int | None:
    """How many there are, as the server says (RFC 7644 §3.4.2); some write it as text. None: it doesn't say."""
    told = body.get("totalResults")
    if isinstance(told, bool):
        return None
    try:
        total = int(told)  # type: ignore[arg-type]  # whatever a server sends
    except (TypeError, ValueError, OverflowError):
        return None
    return total if total >= 0 else None


def resources(body: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The resources of a list. None: of no answer, none."""
    return (body or {}).get("Resources") or []


def matches(resource: dict[str, Any], attribute: str, value: str) -> bool:
    """Whether it shows this value. Only externalId is compared with case (RFC 7643 §3.1)."""
    held = resource.get(attribute)
    if attribute == "externalId":
        return bool(held == value)
    if not isinstance(held, str) or len(held) > 4 * len(value) + LONGEST_ID:  # what is so much longer isn't folded
        return False
    return fold(held) == fold(value)
