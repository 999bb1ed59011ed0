"""What a seeded resource holds by the target's word alone, attribute by attribute, until a client has spoken of it.

It is shown, and it is nobody's will: no fact follows from it, and a PUT that doesn't speak of it doesn't clear it. An
app that manages titles and knows no skills would else take everybody's skills with its first PUT.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from streamproc.core.provider.event import attribute_of
from streamproc.core.provider.state import ScimResource

Attributes: TypeAlias = dict[str, Any]


def names(attributes: Attributes) -> tuple[str, ...]:
    """Of all attributes, as `attribute_of` gives them, sorted: those of an extension under its URN."""
    return tuple(sorted(_names(attributes)))


def still_observed(resource: ScimResource, written: Iterable[str]) -> tuple[str, ...]:
    """`observed` after a client has written these paths."""
    if not resource.observed:
        return ()
    said = {attribute_of(path) for path in written}
    return tuple(each for each in resource.observed if each not in said and each.rpartition(":")[0] not in said)


def parted(resource: ScimResource) -> tuple[Attributes, Attributes]:
    """Its attributes, by whose word they are there: the target's, and a client's."""
    if not resource.observed:
        return {}, resource.attributes
    observed: Attributes = {}
    said = dict(resource.attributes)
    for each in resource.observed:
        urn, _, name = each.rpartition(":")
        if each in said:
            observed[each] = said.pop(each)
        elif isinstance(below := said.get(urn), dict) and name in below:
            observed.setdefault(urn, {})[name] = below[name]
            said[urn] = {other: value for other, value in below.items() if other != name}
            if not said[urn]:
                del said[urn]
    return observed, said


def joined(observed: Attributes, said: Attributes) -> Attributes:
    """Both in one resource; what a client has said counts."""
    both = {**observed, **said}
    for name in observed.keys() & said.keys():
        if ":" in name and isinstance(observed[name], dict) and isinstance(said[name], dict):
            both[name] = {**observed[name], **said[name]}
    return both


def _names(attributes: Attributes) -> Iterator[str]:
    for name, value in attributes.items():
        if ":" in name and isinstance(value, dict):
            yield from (f"{name}:{below}" for below in value)
        else:
            yield name
