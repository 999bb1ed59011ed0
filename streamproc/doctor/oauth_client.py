"""What our OAuth client may do, held against what the mapping needs; and who else may edit users."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from streamproc.core.scim.response_policy import Response, describe
from streamproc.doctor.asking import Target
from streamproc.doctor.line import Line
from streamproc.doctor.permissions import EVERYWHERE, Held, Need, Policy, granted, judged, of_role

EDIT: Final = "directory:user:edit"
ROLES: Final = 20
"""Roles whose holders are counted."""
KINDS: Final[Mapping[str, str]] = {
    "PC_USER": "user",
    "PC_GROUP": "group",
    "PC_OAUTH_CLIENT": "OAuth client",
    "PC_TRUSTEE_USER": "user of another organization",
    "PC_TRUSTEE_GROUP": "group of another organization",
}
"""Types of subjects, in words."""


async def least_privilege(target: Target, needed: Sequence[Need]) -> list[Line]:
    """What is missing and what is too much."""
    policies = await _policies(target)
    if isinstance(policies, Response):
        text = f"couldn't be looked at: {describe(policies)}"
        do = "`streamproc doctor --role` prints the role that it needs, to compare by hand"
        return [Line("warning", "permissions", "OAuth client", text, do)]
    divisions = await target.listed("/authorization/divisions")
    told = [] if isinstance(divisions, Response) else divisions
    names = {str(division.get("id")): str(division.get("name")) for division in told}
    return list(judged(needed, Held(policies, names)))


async def _policies(target: Target) -> list[Policy] | Response:
    """By asking who we are; where an OAuth client isn't told that, by its roles. The answer that tells neither."""
    me = await target.of_platform("/authorization/subjects/me?includeFullRoles=true")
    if me.status == 200 and (policies := granted(me.body)) is not None:
        return policies
    client = (await target.of_platform("/tokens/me")).body.get("OAuthClient")
    held = client.get("roleDivisions") if isinstance(client, dict) else None
    roles = await target.listed("/authorization/roles")
    if isinstance(roles, Response) or not isinstance(held, list):
        return me
    by_id = {role.get("id"): role for role in roles}
    grants = [each for each in held if isinstance(each, dict) and each.get("roleId") in by_id]
    return [
        policy
        for grant in grants
        for policy in of_role(by_id[grant["roleId"]], str(grant.get("divisionId") or EVERYWHERE))
    ]


async def editors(target: Target, ours: str) -> list[Line]:
    """Roles by which somebody else may edit users, with their holders counted. `ours`: id of our OAuth client."""
    every = await target.listed("/authorization/roles?userCount=true")
    found = await target.listed(f"/authorization/roles?permission={quote(EDIT, safe=':')}&userCount=true")
    if isinstance(every, Response) or isinstance(found, Response):
        answer = every if isinstance(every, Response) else found
        assert isinstance(answer, Response)
        text = f"who else may edit users couldn't be looked at: {describe(answer)}"
        do = "add authorization:role:view to the OAuth client's role"
        return [Line("warning", "permissions", "editors", text, do)]
    allowing = [role for role in every if any(policy.allows(EDIT) for policy in of_role(role))]
    roles = list({str(role.get("id")): role for role in [*found, *allowing]}.values())
    lines = [line for role in roles[:ROLES] for line in await _holders(target, role, ours)]
    if len(roles) > ROLES:
        lines.append(
            Line("warning", "permissions", "editors", f"{len(roles) - ROLES} more roles may edit users", _LOCK)
        )
    return lines or [Line("ok", "permissions", "editors", "nobody but our OAuth client may edit users")]


_LOCK: Final = (
    f"take {EDIT} away from whoever needn't edit users there: what they change is written back, or ends in a loop"
)


async def _holders(target: Target, role: Mapping[str, Any], ours: str) -> Iterable[Line]:
    name, told = str(role.get("name")), role.get("userCount")
    subjects = await target.listed(f"/authorization/roles/{quote(str(role.get('id')), safe='')}/subjectgrants")
    if isinstance(subjects, Response):
        counts = [f"{told} users"] if isinstance(told, int) and told else []
        return _editor(name, counts)
    others = [str(each.get("type")) for each in subjects if each.get("id") != ours]
    return _editor(name, list(_counted(others)))


def _counted(kinds: Sequence[str]) -> Iterator[str]:
    for kind in dict.fromkeys(kinds):
        many, word = kinds.count(kind), KINDS.get(kind, kind)
        yield f"{many} {word if many == 1 else word.replace(' of', 's of') if ' of' in word else word + 's'}"


def _editor(role: str, counts: Sequence[str]) -> Iterator[Line]:
    if counts:
        yield Line(
            "warning", "permissions", f"role {role}", f"may edit users, and is held by {', '.join(counts)}", _LOCK
        )
