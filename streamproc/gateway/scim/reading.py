"""Answers to reads, and the resources in all others: of one moment, and only what the client wants of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from streamproc.core.provider.delivery_schema import DELIVERY
from streamproc.core.provider.projection import Projection, project, projection, wants
from streamproc.core.provider.refusal import NotFound, told
from streamproc.core.provider.schema import Json, ResourceType
from streamproc.core.provider.state import ScimResource
from streamproc.gateway.scim.answer import Answer, list_response
from streamproc.gateway.scim.delivery import Deliveries, Delivery, with_outcome
from streamproc.gateway.scim.listing import Wanted, listed_members, page, shortened
from streamproc.gateway.scim.representation import entity_tag, represent
from streamproc.gateway.scim.store import StoredResources


def shown_of(kind: ResourceType, parameters: Mapping[str, str]) -> Projection:
    """What a client wants, by the parameters of the URL."""
    return projection(kind, _given(parameters, "attributes"), _given(parameters, "excludedattributes"))


@dataclass(frozen=True, slots=True)
class Reading:
    """`base`: the root's URL, as the client has it. `shown`: what it wants of each resource. `deliveries`: None where
    nobody can know what became of users.
    """

    resources: StoredResources
    kind: ResourceType
    base: str
    shown: Projection
    deliveries: Deliveries | None = None

    @property
    def asks_for_delivery(self) -> bool:
        """Whether the client wants to hear what became of users."""
        return self.deliveries is not None and self.shown.only is not None and DELIVERY in self.shown.only

    def list(self, asked: Wanted) -> Answer:
        """A page. Raises ScimError."""
        found = page(self.resources, self.kind, asked)
        asked_for = self.shown.only is not None
        resources: Sequence[ScimResource] = found.resources
        if self.kind.name == "Group" and wants(self.kind, "members", self.shown):
            resources = shortened(resources, asked_for=asked_for)
        documents = [self._document(each, all_members=asked_for) for each in resources]
        return list_response(documents, found.total, found.start_index)

    def get(self, id: str) -> Answer:  # noqa: A002 - the attribute's name (RFC 7643 §3.1)
        """One. Raises ScimError."""
        found = self.resources.get(id)
        if found is None or found.type != self.kind.name:
            raise told(NotFound())
        return self.whole(200, found)

    def whole(self, status: int, resource: ScimResource) -> Answer:
        """The resource as it is now."""
        document = self._document(resource, all_members=True)
        return Answer(status, document, self.headers(resource))

    def delivered(self, answer: Answer, told: Delivery) -> Answer:
        """The answer to a deactivation, with what became of it."""
        found = with_outcome(answer, told)
        if found.status >= 300 or found.body is None or not self.asks_for_delivery:
            return found
        block = project(self.kind, {DELIVERY: told.document()}, self.shown)
        return Answer(found.status, {**found.body, **block}, found.headers)

    def headers(self, resource: ScimResource) -> dict[str, str]:
        """Where it is, and its version (RFC 7644 §3.14)."""
        location = represent(resource, self.kind, self.base)["meta"]["location"]
        return {"ETag": entity_tag(resource), "Location": location}

    def _document(self, resource: ScimResource, *, all_members: bool) -> Json:
        members: Iterable[str] = ()
        groups: Iterable[tuple[str, str | None]] = ()
        if resource.type == "Group":
            if wants(self.kind, "members", self.shown):
                members = listed_members(self.resources, resource, asked_for=all_members) or ()
        elif wants(self.kind, "groups", self.shown):
            groups = self.resources.groups_of(resource.id)
        whole = represent(resource, self.kind, self.base, members=members, groups=groups)
        if self.deliveries is not None and resource.type == "User" and self.asks_for_delivery:
            told = self.deliveries.of(self.resources.connection, resource.id)
            if told is not None:
                whole[DELIVERY] = told.document()
                whole["schemas"].append(DELIVERY)
        return project(self.kind, whole, self.shown)


def _given(parameters: Mapping[str, str], name: str) -> tuple[str, ...]:
    return (parameters[name],) if parameters.get(name, "").strip() else ()
