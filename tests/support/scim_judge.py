"""A SCIM service provider's PATCH by other people: scim2-models, as tolerant as its policies make it."""

from typing import Annotated, Any, Final

from pydantic import ValidationError
from scim2_models import URN, CaseExact, ComplexAttribute, Context, EnterpriseUser, Extension, PatchOp, ScimPolicy, User
from scim2_models.exceptions import SCIMException

from streamproc.core.provider.schema import Json
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS, PATCH_OP, USER

TOLERANT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


class PlainEmail(ComplexAttribute):
    """An address in any syntax: the library's own refuses `.local`."""

    value: str | None = None
    display: str | None = None
    type: str | None = None
    primary: bool | None = None


class RoutingElement(ComplexAttribute):
    """A skill or a language."""

    name: Annotated[str | None, CaseExact.true] = None
    proficiency: float | None = None


class ExternalId(ComplexAttribute):
    """What another system calls the user."""

    authority: Annotated[str | None, CaseExact.true] = None
    value: Annotated[str | None, CaseExact.true] = None


class Enterprise(EnterpriseUser):
    """With what Genesys Cloud adds."""

    date_hire: str | None = None


class Routing(Extension):
    """Genesys Cloud's own extension."""

    __schema__ = URN(GENESYS)

    routing_skills: list[RoutingElement] | None = None
    routing_languages: list[RoutingElement] | None = None
    external_ids: list[ExternalId] | None = None


class JudgedUser(User[Enterprise | Routing]):
    """The user that we serve."""

    emails: list[PlainEmail] | None = None  # type: ignore[assignment]
    phone_numbers: list[PlainEmail] | None = None  # type: ignore[assignment]


def judged(resource: Json, operations: list[Json]) -> Json | str:
    """The resource after the operations, or why not: the error's name."""
    with TOLERANT:
        user = JudgedUser.model_validate({"schemas": [USER, ENTERPRISE, GENESYS], **resource})
        try:
            patch = PatchOp[JudgedUser].model_validate(
                {"schemas": [PATCH_OP], "Operations": operations}, scim_ctx=Context.RESOURCE_PATCH_REQUEST
            )
            patch.patch(user)
        except (SCIMException, ValidationError) as error:
            return type(error).__name__
        after: Json = without_nothing({name: each for name, each in user.model_dump().items() if name != "schemas"})
        return after


def without_nothing(value: Any) -> Any:
    """Without null, empty, and `primary: false`, which say the same as nothing does; lists without their order."""
    if isinstance(value, dict):
        kept = {name: without_nothing(value[name]) for name in sorted(value)}
        return {
            name: each for name, each in kept.items() if each not in _NOTHING and (name, each) != ("primary", False)
        }
    if isinstance(value, list):
        return sorted((each for each in map(without_nothing, value) if each not in _NOTHING), key=repr)
    return value


_NOTHING: Final[list[Any]] = [None, "", [], {}]
