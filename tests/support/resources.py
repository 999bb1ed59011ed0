"""Any Resource, and a SCIM user of scim2-models' own making that holds it: the judge shares no code with us."""

import json
import re
from itertools import chain
from typing import Any, cast

from hypothesis import strategies as st
from scim2_models import URN, ComplexAttribute, Context, EnterpriseUser, Extension, PatchOp, User
from scim2_models.exceptions import NoTargetException

from streamproc.core.records.resource import LEVELS, Resource
from streamproc.core.scim.dialect import GENESYS


class RoutingElement(ComplexAttribute):
    """A skill or a language, keyed by name."""

    name: str | None = None
    proficiency: float | None = None


class ExternalId(ComplexAttribute):
    """What another system calls the user, keyed by authority."""

    authority: str | None = None
    value: str | None = None


class GenesysEnterprise(EnterpriseUser):
    """The enterprise extension, with what Genesys Cloud adds to it."""

    date_hire: str | None = None


class GenesysPhone(ComplexAttribute):
    """A number of one of Genesys Cloud's types, of which RFC 7643 has but a few."""

    value: str | None = None
    type: str | None = None
    primary: bool | None = None


class GenesysRouting(Extension):
    """Genesys Cloud's own extension of User."""

    __schema__ = URN(GENESYS)

    routing_skills: list[RoutingElement] | None = None
    routing_languages: list[RoutingElement] | None = None
    external_ids: list[ExternalId] | None = None


class GenesysUser(User[GenesysEnterprise | GenesysRouting]):
    """As Genesys Cloud has it."""

    phone_numbers: list[GenesysPhone] | None = None  # type: ignore[assignment]


PlainUser = User[EnterpriseUser]

USERS: dict[str, Any] = {"genesys": GenesysUser, "rfc7644": PlainUser}
"""Dialect → the users of a target that speaks it."""
_ENTERPRISE: dict[str, Any] = {"genesys": GenesysEnterprise, "rfc7644": EnterpriseUser}

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

numbers = st.sampled_from([None, "+13175550101", "+4930901820", "+13175550101;ext=42"])
authorities = st.sampled_from(["microsoftteams", "zoomphone", "https://idp.example.com/sso", 'a "quoted" one'])

PHONES = {
    "phone": "work",
    "phone2": "work2",
    "phone3": "work3",
    "phone4": "work4",
    "mobile": "mobile",
    "homePhone": "home",
    "otherPhone": "other",
}
"""Attribute → the type of number."""
PLAIN_PHONES = ("phone", "mobile", "homePhone", "otherPhone")
"""Those of which RFC 7643 has the type."""

_ALWAYS: dict[str, st.SearchStrategy[Any]] = {
    "externalId": st.just("E1"),
    "userName": addresses,
    "displayName": words,
    "active": st.booleans(),
}
_SOMETIMES: dict[str, st.SearchStrategy[Any]] = {
    "title": scalars,
    **dict.fromkeys(PHONES, numbers),
    "hired": st.sampled_from([None, "2024-02-01", "2026-11-30"]),
    "externalIds": st.dictionaries(authorities, scalars, min_size=1, max_size=3),
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

OTHERS: dict[str, dict[str, str]] = {
    "genesys": {"microsoftteams": "+13175550000", "home": "home@example.net", "x-pc:scimv2:v1:4711": "E1"},
    "rfc7644": {"pager": "+13175550000", "home": "home@example.net"},
}
"""Dialect → numbers, addresses and ids of a user that nobody can own, by type or authority."""
_ADDED = re.compile(r'(.*)\[(\w+) eq ("(?:[^"\\]|\\.)*")\]\.value', re.DOTALL)
_LISTS = ("roles", "externalIds", *LEVELS)

SHOWN = "as the target shows it"
"""What the target keeps of a role beside its name."""

active_resources = resources.map(lambda given: cast("Resource", {**given, "active": True}))
inactive_resources = resources.map(lambda given: cast("Resource", {**given, "active": False}))


def scim_user(held: Resource, dialect: str = "genesys") -> Any:
    """The user as scim2-models builds it, with a phone number, an e-mail address and an external id of others."""
    types = PHONES if dialect == "genesys" else PLAIN_PHONES
    ours = [_typed(cast("Any", held).get(name), PHONES[name]) for name in types]
    user = USERS[dialect](
        id="2819c223",
        external_id=held.get("externalId"),
        user_name=held.get("userName"),
        display_name=held.get("displayName"),
        active=held.get("active"),
        title=held.get("title"),
        phone_numbers=[{"value": "+13175550000", "type": next(iter(OTHERS[dialect])), "primary": True}, *chain(*ours)],
        emails=[{"value": "home@example.net", "type": "home"}, *_typed(held.get("email"))],
        roles=[{"value": role, "display": SHOWN} for role in held.get("roles", [])] or None,
    )
    manager = held.get("manager")
    enterprise = _ENTERPRISE[dialect]
    user[enterprise] = enterprise(
        department=held.get("department"),
        division=held.get("division"),
        employee_number=held.get("employeeNumber"),
        manager=None if manager is None else {"value": manager},
    )
    if dialect == "genesys":
        user[enterprise].date_hire = held.get("hired")
        ids = {"x-pc:scimv2:v1:4711": "E1", **held.get("externalIds", {})}
        user[GenesysRouting] = GenesysRouting(
            routing_skills=_elements(held.get("skills")),
            routing_languages=_elements(held.get("languages")),
            external_ids=[ExternalId(authority=name, value=value) for name, value in ids.items() if value is not None],
        )
    return user


def told(user: Any) -> dict[str, Any]:
    """What the user holds, in a Resource's words and without its groups; what has no value is left out."""
    genesys = GENESYS in user.get_extension_models()
    enterprise: Any = (user[_ENTERPRISE["genesys" if genesys else "rfc7644"]]) or EnterpriseUser()
    routing = (user[GenesysRouting] if genesys else None) or GenesysRouting()
    phones = {_type(each): each.value.removeprefix("tel:") for each in user.phone_numbers or ()}
    found = {
        "externalId": user.external_id,
        "userName": user.user_name,
        "displayName": user.display_name,
        "active": user.active,
        "title": user.title,
        **{name: phones.get(kind) for name, kind in PHONES.items()},
        "email": _work(user.emails),
        "roles": sorted(role.value for role in user.roles or ()),
        "department": enterprise.department,
        "division": enterprise.division,
        "employeeNumber": enterprise.employee_number,
        "manager": enterprise.manager.value if enterprise.manager else None,
        "skills": {each.name: each.proficiency for each in routing.routing_skills or ()},
        "languages": {each.name: each.proficiency for each in routing.routing_languages or ()},
        "hired": getattr(enterprise, "date_hire", None),
        "externalIds": {
            each.authority: each.value for each in routing.external_ids or () if "x-pc:" not in str(each.authority)
        },
    }
    return valued(found)


def others(user: Any) -> dict[str, str]:
    """What the user holds of what nobody can own, by type or authority."""
    routing = user[GenesysRouting] if GENESYS in user.get_extension_models() else None
    typed = [*(user.phone_numbers or ()), *(each for each in user.emails or () if _type(each) != "work")]
    found = {_type(each): each.value for each in typed if _type(each) not in PHONES.values() or "@" in each.value}
    return found | {
        each.authority: each.value
        for each in (routing and routing.external_ids) or ()
        if "x-pc:" in str(each.authority)
    }


def patched(user: Any, body: dict[str, Any]) -> None:
    """Apply a PATCH body, as scim2-models understands RFC 7644 §3.5.2.

    Where nothing matches the filter of an `add` it refuses, as RFC 7644 leaves open; Genesys Cloud takes it from Entra,
    which means: add an element that would match.
    """
    message: Any = PatchOp
    for operation in body["Operations"]:
        said = {**body, "Operations": [operation]}
        try:
            message[type(user)].model_validate(said, scim_ctx=Context.RESOURCE_PATCH_REQUEST).patch(user)
        except NoTargetException:
            added = _ADDED.fullmatch(operation["path"])
            if operation["op"] != "add" or added is None:
                raise
            new = {added[2]: json.loads(added[3]), "value": operation["value"]}
            patched(user, {**body, "Operations": [{"op": "add", "path": added[1], "value": [new]}]})


def valued(resource: Any) -> dict[str, Any]:
    """The attributes that have a value: absent, null and empty are one (RFC 7643 §2.5). Groups apart."""
    values = dict(resource)
    if "externalIds" in values:
        values["externalIds"] = {name: value for name, value in values["externalIds"].items() if value is not None}
    return {
        name: value
        for name, value in values.items()
        if name != "groups" and value is not None and not (value in ([], {}) and name in _LISTS)
    }


def _typed(value: str | None, kind: str = "work") -> list[dict[str, Any]]:
    return [] if value is None else [{"value": value, "type": kind}]


def _type(element: Any) -> str:
    return str(getattr(element.type, "value", element.type))


def _elements(given: dict[str, float] | None) -> list[RoutingElement] | None:
    return [RoutingElement(name=name, proficiency=level) for name, level in (given or {}).items()] or None


def _work(elements: Any) -> str | None:
    return next((each.value for each in elements or () if _type(each) == "work"), None)
