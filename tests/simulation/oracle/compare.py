"""What is expected, held against what the target has at the end."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.simulation.oracle.expected import Expected

_ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_GENESYS: Final = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"


def accounts_of(users: Iterable[Mapping[str, Any]], groups: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """By user, what the target's users (SCIM bodies) hold, in the mapping's names. `groups`: id → name."""
    listed = [user for user in users if user.get("externalId")]
    externals = {user["id"]: user["externalId"] for user in listed}
    return {user["externalId"]: _held(user, externals, groups) for user in listed}


def _held(user: Mapping[str, Any], externals: Mapping[str, str], groups: Mapping[str, str]) -> dict[str, Any]:
    more, routing = user.get(_ENTERPRISE) or {}, user.get(_GENESYS) or {}
    phones = [each["value"] for each in user.get("phoneNumbers") or () if each.get("type") == "work"]
    manager = (more.get("manager") or {}).get("value")
    return {
        "userName": user.get("userName"),
        "displayName": user.get("displayName"),
        "active": user.get("active"),
        "title": user.get("title"),
        "phone": phones[0] if phones else None,
        "department": more.get("department"),
        "division": more.get("division"),
        "employeeNumber": more.get("employeeNumber"),
        "manager": None if manager is None else externals.get(manager, manager),
        "roles": sorted(each["value"] for each in user.get("roles") or ()),
        "groups": sorted(groups.get(each["value"], each["value"]) for each in user.get("groups") or ()),
        "skills": {each["name"]: each["proficiency"] for each in routing.get("routingSkills") or ()},
        "languages": {each["name"]: each["proficiency"] for each in routing.get("routingLanguages") or ()},
    }


def mismatched(expected: Mapping[str, Expected], held: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Users whose end isn't as it has to be, with what differs."""
    wrong: dict[str, str] = {}
    for user in sorted(expected.keys() | held.keys()):
        want, have = expected.get(user), held.get(user)
        if want is None:
            wrong[user] = "nobody asked for this user"
        elif want.never:
            if have is not None:
                wrong[user] = "may not be there"
        elif want.active is False:
            if have is not None and have["active"] is not False:
                wrong[user] = "still has access"
        elif want.active is True:
            differs = _differing(user, want, expected, held)
            if differs:
                wrong[user] = differs
    return wrong


def _differing(
    user: str, want: Expected, expected: Mapping[str, Expected], held: Mapping[str, Mapping[str, Any]]
) -> str:
    have, name = held.get(user), want.attributes["userName"]
    # Nobody is made to give up a name: neither who left, nor who is to have the same one.
    rivals = [
        other
        for other, each in held.items()
        if other != user and str(each["userName"]).casefold() == name.casefold() and _keeps(expected.get(other), name)
    ]
    if have is None:
        return "" if rivals else "isn't there"
    differing: dict[str, tuple[Any, Any]] = {}
    if have["active"] is not True:
        differing["active"] = (have["active"], True)
    for attribute, value in want.attributes.items():
        if attribute == "userName" and (rivals or str(have["userName"]).casefold() == name.casefold()):
            continue
        if attribute == "manager" and value is not None and value not in held:
            continue  # who isn't there is nobody's manager, and the one before may stay
        if have[attribute] != value:
            differing[attribute] = (have[attribute], value)
    return "" if not differing else f"(has, should have): {differing}"


def _keeps(want: Expected | None, name: str) -> bool:
    """Whether whoever has a name needn't give it up."""
    return want is None or want.active is not True or want.attributes["userName"].casefold() == name.casefold()
