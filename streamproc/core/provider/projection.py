"""Which attributes of a resource are returned: `attributes`, `excludedAttributes` (RFC 7644 §3.9, RFC 7643 §7)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from streamproc.core.provider.schema import COMMON, Attribute, Json, ResourceType, Schema

Named: TypeAlias = Mapping[str, Mapping[str, frozenset[str]]]
"""URN of an extension, or "" → name of an attribute → names of sub-attributes; none: the attribute as a whole."""


@dataclass(frozen=True, slots=True)
class Projection:
    """What a client wants to have."""

    only: Named | None = None
    """None: all that is returned unless asked for."""
    without: Named = field(default_factory=dict)


EVERYTHING: Final = Projection()


def projection(kind: ResourceType, attributes: Iterable[str] = (), excluded: Iterable[str] = ()) -> Projection:
    """Of names in any case, with or without a URN; each text may have several, with commas between them.

    What no schema knows is passed over. Where only that is asked for, no more is returned than always is.
    """
    only, without = _names(attributes), _names(excluded)
    return Projection(_named(kind, only) if only else None, _named(kind, without))


def wants(kind: ResourceType, name: str, wanted: Projection) -> bool:
    """Whether anything of an attribute of the resource itself is returned; else `members` needn't be read."""
    return _is_kept(kind.schema.attributes[name.lower()], "", wanted)


def project(kind: ResourceType, resource: Json, wanted: Projection) -> Json:
    """What is returned of a resource that has its `schemas`, `id` and `meta` as well. It isn't changed itself."""
    kept: Json = {}
    for name, value in resource.items():
        extension = kind.extensions.get(name.lower())
        if extension is not None:
            if within := _of_schema(extension, extension.urn, value, wanted):
                kept[name] = within
        else:
            attribute = kind.schema.attributes.get(name.lower()) or COMMON.get(name.lower())
            if attribute is not None and _is_kept(attribute, "", wanted):
                kept[name] = _below(attribute, "", value, wanted)
    return kept


def _of_schema(schema: Schema, urn: str, values: Json, wanted: Projection) -> Json:
    known = ((name, value, schema.attributes.get(name.lower())) for name, value in values.items())
    return {
        name: _below(attribute, urn, value, wanted)
        for name, value, attribute in known
        if attribute is not None and _is_kept(attribute, urn, wanted)
    }


def _is_kept(attribute: Attribute, urn: str, wanted: Projection) -> bool:
    if attribute.returned in {"always", "never"}:
        return attribute.returned == "always"
    asked = wanted.only is not None and attribute.name in wanted.only.get(urn, {})
    if wanted.only is None:
        asked = attribute.returned == "default"
    return asked and wanted.without.get(urn, {}).get(attribute.name) != frozenset()


def _below(attribute: Attribute, urn: str, value: Any, wanted: Projection) -> Any:
    """The value with the sub-attributes that are wanted; the value itself where all of them are."""
    only = frozenset() if wanted.only is None else wanted.only.get(urn, {}).get(attribute.name, frozenset())
    without = wanted.without.get(urn, {}).get(attribute.name, frozenset())
    if attribute.returned == "always" or not (only or without):
        return value
    if isinstance(value, list):
        return [_of_element(each, only, without) for each in value]
    return _of_element(value, only, without)


def _of_element(element: Any, only: frozenset[str], without: frozenset[str]) -> Any:
    if not isinstance(element, dict):
        return element
    return {name: each for name, each in element.items() if (not only or name in only) and name not in without}


def _names(texts: Iterable[str]) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _named(kind: ResourceType, names: Iterable[str]) -> Named:
    found: dict[str, dict[str, frozenset[str]]] = {}
    for name in names:
        match kind.locate(name):
            case Schema() as schema:
                home = found.setdefault("" if schema is kind.schema else schema.urn, {})
                home.update((each.name, frozenset()) for each in schema.attributes.values())
            case None:
                pass
            case target:
                home = found.setdefault(target.urn, {})
                subs = home.get(target.attribute.name)
                whole = target.sub is None or subs == frozenset()
                home[target.attribute.name] = (
                    frozenset() if whole or target.sub is None else (subs or frozenset()) | {target.sub.name}
                )
    return found
