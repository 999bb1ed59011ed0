"""Any Resource, and a SCIM user of scim2-models' own making that holds it: the judge shares no code with us."""

from typing import Any, cast

from hypothesis import strategies as st
from scim2_models import URN, ComplexAttribute, Context, EnterpriseUser, Extension, PatchOp, User

from streamproc.core.records.resource import LEVELS, Resource
from streamproc.core.scim.dialect import GENESYS


class RoutingElement(ComplexAttribute):
    """A skill or a language, keyed by name."""

    name: str | None = None
    proficiency: float | None = None


class GenesysRouting(Extension):
    """Genesys Cloud's own extension of User."""

    __schema__ = URN(GENESYS)

    routing_skills: list[RoutingElement] | None = None
    routing_languages: list[RoutingElement] | None = None


GenesysUser = User[EnterpriseUser | GenesysRouting]
PlainUser = User[EnterpriseUser]

USERS: dict[str, Any] = {"genesys": GenesysUser, "rfc7644": PlainUser}
"""Dialect → the users of a target that speaks it."""

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)
"""Names with quotes, brackets, colons and whatever else a directory holds."""

few = st.sampled_from(["Agent", "agent", "Supervisor", "employee", 'a "quoted" one', "back\\slash", "Zażółć: 5"])
"""Names that meet again, so that lists overlap."""

names = few | words
levels = st.dictionaries(names, st.integers(0, 50).map(lambda tenths: tenths / 10), max_size=4).map(
    lambda given: dict(sorted(given.items()))
)
lists = st.lists(names, unique=True, max_size=4).map(sorted)
few_lists = st.lists(few, unique=True, max_size=4).map(sorted)
addresses = st.sampled_from(["ana.ruiz@example.com", "ana@example.org", "o'hara+1@example.com"])
scalars = st.none() | words

_ALWAYS: dict[str, st.SearchStrategy[Any]] = {
    "externalId": st.just("E1"),
    "userName": addresses,
    "displayName": words,
    "active": st.booleans(),
}
_SOMETIMES: dict[str, st.SearchStrategy[Any]] = {
    "title": scalars,
    "phone": st.sampled_from([None, "+13175550101", "+4930901820"]),
    "email": st.none() | addresses,
    "department": scalars,
    "division": words,
    "employeeNumber": scalars,
    "manager": scalars,
    "roles": lists,
    "groups": lists,
    "skills": levels,
    "languages": levels,
}

resources: st.SearchStrategy[Resource] = st.fixed_dictionaries(_ALWAYS, optional=_SOMETIMES).map(
    lambda given: cast("Resource", given)
)
"""What Genesys holds or is to hold. Which attributes are owned differs."""

partial: st.SearchStrategy[Resource] = st.fixed_dictionaries({}, optional=_ALWAYS | _SOMETIMES).map(
    lambda given: cast("Resource", given)
)
"""Desired before everything is known: any attribute may be missing, `active` among them."""

SHOWN = "as the target shows it"
"""What the target keeps of a role beside its name."""

active_resources = resources.map(lambda given: cast("Resource", {**given, "active": True}))
inactive_resources = resources.map(lambda given: cast("Resource", {**given, "active": False}))


def scim_user(held: Resource, dialect: str = "genesys") -> Any:
    """The user as scim2-models builds it, with a second phone number and e-mail address that aren't ours."""
    user = USERS[dialect](
        id="2819c223",
        external_id=held.get("externalId"),
        user_name=held.get("userName"),
        display_name=held.get("displayName"),
        active=held.get("active"),
        title=held.get("title"),
        phone_numbers=[{"value": "+13175550000", "type": "home", "primary": True}, *_typed(held.get("phone"))],
        emails=[{"value": "home@example.net", "type": "home"}, *_typed(held.get("email"))],
        roles=[{"value": role, "display": SHOWN} for role in held.get("roles", [])] or None,
    )
    manager = held.get("manager")
    user[EnterpriseUser] = EnterpriseUser(
        department=held.get("department"),
        division=held.get("division"),
        employee_number=held.get("employeeNumber"),
        manager=None if manager is None else {"value": manager},
    )
    if dialect == "genesys":
        user[GenesysRouting] = GenesysRouting(
            routing_skills=_elements(held.get("skills")), routing_languages=_elements(held.get("languages"))
        )
    return user


def told(user: Any) -> dict[str, Any]:
    """What the user holds, in a Resource's words and without its groups; what has no value is left out."""
    enterprise = user[EnterpriseUser] or EnterpriseUser()
    routing = (user[GenesysRouting] if GENESYS in user.get_extension_models() else None) or GenesysRouting()
    found = {
        "externalId": user.external_id,
        "userName": user.user_name,
        "displayName": user.display_name,
        "active": user.active,
        "title": user.title,
        "phone": _work(user.phone_numbers),
        "email": _work(user.emails),
        "roles": sorted(role.value for role in user.roles or ()),
        "department": enterprise.department,
        "division": enterprise.division,
        "employeeNumber": enterprise.employee_number,
        "manager": enterprise.manager.value if enterprise.manager else None,
        "skills": {each.name: each.proficiency for each in routing.routing_skills or ()},
        "languages": {each.name: each.proficiency for each in routing.routing_languages or ()},
    }
    return valued(found)


def patched(user: Any, body: dict[str, Any]) -> None:
    """Apply a PATCH body, as scim2-models understands RFC 7644 §3.5.2."""
    message: Any = PatchOp
    message[type(user)].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST).patch(user)


def valued(resource: Any) -> dict[str, Any]:
    """The attributes that have a value: absent, null and empty are one (RFC 7643 §2.5). Groups apart."""
    return {
        name: value
        for name, value in resource.items()
        if name != "groups" and value is not None and not (value in ([], {}) and name in ("roles", *LEVELS))
    }


def _typed(value: str | None) -> list[dict[str, Any]]:
    return [] if value is None else [{"value": value, "type": "work"}]


def _elements(given: dict[str, float] | None) -> list[RoutingElement] | None:
    return [RoutingElement(name=name, proficiency=level) for name, level in (given or {}).items()] or None


def _work(elements: Any) -> str | None:
    return next((each.value for each in elements or () if each.type == "work"), None)
