"""Who a user of a connection is: by an attribute that the connection names, and never by name or mail.

An employee number says so across all sources. Where there is no other source, `self` makes each user of the connection
one of ours, by its SCIM id; of a seeded user that is the target's own id. There a client's test users, which it makes
to see whether it can, are told by patterns.
"""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from streamproc.core.provider.event import ScimEvent
from streamproc.core.provider.observed import parted
from streamproc.core.provider.state import ScimResource
from streamproc.core.records.connection_definition import SELF
from streamproc.sources.options import SourceOptions
from streamproc.sources.scim.known import Subject
from streamproc.sources.scim.values import DEFAULTS, read
from streamproc.sources.values.identifiers import known_identifier


@dataclass(frozen=True, slots=True)
class ScimConnection:
    """What is set of a connection, as far as it says who is who.

    `options.anchor`: a fact, or `self`. `probes`: patterns of userNames, in any case (`*@jumpcloud-test.*`), that are
    nobody's; only where the anchor is `self`, since elsewhere who has no anchor is nobody anyway.
    """

    name: str
    options: SourceOptions = DEFAULTS
    probes: tuple[str, ...] = ()


def scim_connection(event: ScimEvent, options: SourceOptions = DEFAULTS) -> ScimConnection:
    """The connection of an event, as far as it says who is who. `options`: the source's, the same for all."""
    return ScimConnection(event.connection, options.model_copy(update={"anchor": event.anchor}), event.probes)


def anchor_of(
    id: str,  # noqa: A002 - the attribute's name (RFC 7643 §3.1)
    attributes: dict[str, Any],
    connection: ScimConnection,
) -> str | None:
    """Who it is by these attributes; None: that isn't told, or it isn't understood."""
    fact = connection.options.anchor
    return id if fact == SELF else known_identifier(read(attributes, [fact], connection.options).facts.get(fact))


def identified(subject: Subject, user: ScimResource, connection: ScimConnection) -> Subject:
    """Who a user is by now.

    The first word of a client's counts, and another one after it is a conflict. Before that counts what was read at the
    target: clients that compare never write what is right already, and a leaver is one all the same.
    """
    _, by_client = parted(user)
    fact = connection.options.anchor
    claimed = anchor_of(user.id, by_client, connection) if fact == SELF or fact in subject.said else None
    if subject.anchor is not None and not subject.observed:
        return replace(subject, withheld=claimed not in {None, subject.anchor})
    anchor = claimed or anchor_of(user.id, user.attributes, connection) or subject.anchor
    return replace(subject, anchor=anchor, observed=claimed is None and anchor is not None)


def is_probe(user: ScimResource, connection: ScimConnection) -> bool:
    """Whether it is a test of the client's, by the name under which it was made."""
    name = str(user.attributes.get("userName", "")).casefold()
    return connection.options.anchor == SELF and any(fnmatchcase(name, each.casefold()) for each in connection.probes)
