"""What a URL means: which endpoint (RFC 7644 §3.2), which resource, which parameters.

Clients put together URLs of a base that a person typed, so names may be in any case, and there may be a `?`, `&` or `/`
too many: `/Users/{id}?` and `/Users?filter=…&` are OneLogin's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

ROOTS: Final = ("/api/v2/scim/v2", "/api/v2/scim", "/scim/v2")
"""Where all of it is served: the first two as Genesys Cloud's own apps have it. The longer come first."""
_NAMES: Final = {
    name.lower(): name
    for name in ("Users", "Groups", "ServiceProviderConfig", "Schemas", "ResourceTypes", "Bulk", "Me", ".search")
}
_OLD: Final = {"serviceproviderconfigs": "ServiceProviderConfig"}
"""SCIM 1.1's."""
_LISTS: Final = frozenset({"attributes", "excludedattributes"})
"""Parameters that may come several times, and count together."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`name`: as the RFC writes it; "" for what there isn't. `id`: what follows it, None if nothing does."""

    name: str
    id: str | None = None


def below_root(path: str) -> tuple[str, str] | None:
    """The root, as the client writes it, and what is below it. None: it is below none."""
    begin = len(path) - len(path.lstrip("/"))
    start = max(begin - 1, 0)
    for root in ROOTS:
        end = start + len(root)
        if path[start:end].lower() == root and path[end : end + 1] in {"", "/", "?", "&"}:
            return path[start:end], path[end:]
    return None


def endpoint(path: str) -> Endpoint:
    """Of a path below the root, percent-encoded as it came."""
    segments = [unquote(each) for each in readable(path).rstrip("?&/ ").split("/") if each.strip("?& ")]
    if not 1 <= len(segments) <= 2:
        return Endpoint("")
    name = segments[0].strip().lower()
    return Endpoint(_OLD.get(name) or _NAMES.get(name, ""), segments[1] if len(segments) > 1 else None)


def parameters(query: str) -> Mapping[str, str]:
    """Of what follows the `?`, percent-encoded as it came: names in lower case, values without encoding."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(readable(query).lstrip("?&"), keep_blank_values=True):
        known = name.strip().lstrip("?").lower()
        if known in _LISTS and known in found:
            found[known] = f"{found[known]},{value}"
        else:
            found[known] = value
    return found


def readable(text: str) -> str:
    """Without what no encoding has: bytes that aren't UTF-8 come as halves of characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
