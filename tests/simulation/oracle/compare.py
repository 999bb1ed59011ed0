"""What is expected, held against what the target has at the end."""

from collections.abc import Collection, Iterable, Mapping
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


def mismatched(
    expected: Mapping[str, Expected],
    held: Mapping[str, Mapping[str, Any]],
    *,
    free: bool = True,
    compacted: bool = False,
    given: Mapping[str, Collection[str]] | None = None,
) -> dict[str, str]:
    """Users whose end isn't as it has to be, with what differs. `free`: whether somebody may have a name that somebody
    else had before; where not, nobody need have a name that isn't theirs already. `compacted`: records were compacted
    before they were delivered, so that nobody knows any more which memberships a sink that died had given. `given`: by
    user, groups into which others have put them, where they may stay.
    """
    wrong: dict[str, str] = {}
    nameless = _nameless(expected, held) if free else set(expected)
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
            if have is not None and "groups" in want.attributes:
                may = have["groups"] if compacted else (given or {}).get(user, ())
                wanted = want.attributes["groups"]
                have = {**have, "groups": [each for each in have["groups"] if each in wanted or each not in may]}
            differs = _differing(want, have, held, nameless=user in nameless)
            if differs:
                wrong[user] = differs
    return wrong


def _nameless(expected: Mapping[str, Expected], held: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Who can't have the name that they want: nobody is made to give one up, neither who left, nor who is to have the
    same, nor who can't have the name that they want instead.
    """
    holder = {str(each["userName"]).casefold(): user for user, each in held.items()}
    wants = {
        user: want.attributes["userName"].casefold() if want is not None and want.active is True else None
        for user, want in ((user, expected.get(user)) for user in expected.keys() | held.keys())
    }
    keeps = {user for user in held if wants[user] in {None, str(held[user]["userName"]).casefold()}}
    found: set[str] = set()
    while True:
        more = {
            user
            for user, name in wants.items()
            if name is not None and user not in found | keeps and holder.get(name) in found | keeps
        }
        if not more:
            return found
        found |= more


def _differing(
    want: Expected, have: Mapping[str, Any] | None, held: Mapping[str, Mapping[str, Any]], *, nameless: bool
) -> str:
    if have is None:
        return "" if nameless else "isn't there"
    differing: dict[str, tuple[Any, Any]] = {}
    if have["active"] is not True:
        differing["active"] = (have["active"], True)
    for attribute, value in want.attributes.items():
        if attribute == "userName" and (nameless or str(have["userName"]).casefold() == value.casefold()):
            continue
        if attribute == "manager" and value is not None and value not in held:
            continue  # who isn't there is nobody's manager, and the one before may stay
        if have[attribute] != value:
            differing[attribute] = (have[attribute], value)
    return "" if not differing else f"(has, should have): {differing}"
