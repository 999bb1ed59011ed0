"""Which permissions a mapping needs of the OAuth client, and what the client has beside them. Pure.

A permission is `domain:entity:action`. Which one a request needs is in Genesys's API documents, as its command line
prints them: `POST /scim/v2/users` directory:user:add, `PATCH` directory:user:edit, groups directory:group:edit; for
roles authorization:grant:add and :delete, for skills routing:skill:assign, for languages routing:language:assign, for
numbers with an extension telephony:extension:assign. That SCIM asks for each of these by what is written isn't
documented; it is assumed. A policy may have `*` in the place of entity and action.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from streamproc.core.fold.mapping import Mapping as Rules
from streamproc.doctor.line import Line, Severity
from streamproc.mapping_preview.lint import copy_place, rule_place

Kind: TypeAlias = Literal["must", "may"]
"""`may`: only for some people, or so that more can be told."""

NEVER: Final[Mapping[str, str]] = {
    "directory:user:delete": "nobody is ever deleted: a leaver is made inactive, and keeps id and history",
    "directory:user:setPassword": "no password is ever written",
}
EVERYWHERE: Final = "*"
"""A grant's division that stands for all, and in a policy any entity or action."""
NUMBERS: Final = ("phone", "mobile", "phone2", "phone3", "phone4", "homePhone", "otherPhone")
LISTED: Final = 8
"""Names in a line."""


@dataclass(frozen=True, slots=True)
class Need:
    """A permission, and for what: lines of the mapping, or settings."""

    permission: str
    places: tuple[str, ...]
    kind: Kind = "must"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a role allows: `domain:entity:action`s, in one division of a grant."""

    role: str
    domain: str
    entity: str
    actions: frozenset[str]
    conditional: bool = False
    division: str = EVERYWHERE
    """Its id; `*`: all."""

    def allows(self, permission: str) -> bool:
        """Whether it does so, at least where its condition is fulfilled."""
        domain, entity, action = permission.split(":")
        return (
            self.domain in (domain, EVERYWHERE)
            and self.entity in (entity, EVERYWHERE)
            and not self.actions.isdisjoint({action, EVERYWHERE})
        )

    @property
    def names(self) -> list[str]:
        """All that it names, with `*` as it is there."""
        return [f"{self.domain}:{self.entity}:{action}" for action in sorted(self.actions)]


def needs(rules: Rules, *, end_sessions: bool = False) -> list[Need]:
    """All that a mapping needs, with the lines that need it."""
    file = rules.file
    written = {name: f"attributes.{name}" for name, value in file.attributes if value is not None}
    written |= {f"externalIds {name}": f"externalIds.{name}" for name in file.externalIds}
    observed = {name for name, policy in file.policy if policy == "observe"}
    attributes = tuple(place for name, place in written.items() if name.partition(" ")[0] not in observed)
    attributes += tuple(
        rule_place(number, rule)
        for number, rule in enumerate(file.rules, 1)
        if any(getattr(rule, name) is not None and name not in observed for name in ("title", "division"))
    )
    numbers = tuple(place for name, place in written.items() if name in NUMBERS and name not in observed)
    lists = {kind: places for kind, places in _lists(rules).items() if kind not in observed}
    found = [
        Need("directory:user:add", ("whoever is new",)),
        Need("directory:user:edit", attributes),
        *(Need(f"authorization:grant:{action}", lists["roles"]) for action in ("add", "delete") if "roles" in lists),
        *(Need(permission, lists[kind]) for kind, permission in _OF_A_LIST.items() if kind in lists),
    ]
    roles = "mapping check, doctor: which roles there are" if "roles" in lists else "doctor: which roles may edit users"
    found.append(Need("authorization:role:view", (roles,), "may"))
    if numbers:
        places = tuple(f"{place} with an extension" for place in numbers)
        found.append(Need("telephony:extension:assign", places, "may"))
    found.append(Need("audits:audit:view", ("reconcile: who changed something",), "may"))
    if end_sessions:
        found.append(Need("oauth:token:delete", ("STREAMPROC_END_SESSIONS",)))
    return found


_OF_A_LIST: Final[Mapping[str, str]] = {
    "groups": "directory:group:edit",
    "skills": "routing:skill:assign",
    "languages": "routing:language:assign",
}


def _lists(rules: Rules) -> dict[str, tuple[str, ...]]:
    """Kind → the lines by which it is written; without one it isn't owned."""
    found: dict[str, list[str]] = {}
    for number, copy in enumerate(rules.file.copies, 1):
        found.setdefault(copy.to, []).append(copy_place(number, copy))
    for number, rule in enumerate(rules.file.rules, 1):
        for kind in ("roles", *_OF_A_LIST):
            if getattr(rule, kind):
                found.setdefault(kind, []).append(rule_place(number, rule))
    return {kind: tuple(places) for kind, places in found.items()}


@dataclass(frozen=True, slots=True)
class Held:
    """What the client has: all policies of all its roles. `divisions`: of the organization; empty: not known."""

    policies: Sequence[Policy]
    divisions: Mapping[str, str] = field(default_factory=dict)
    """Id → name."""


def judged(found: Iterable[Need], held: Held) -> Iterator[Line]:
    """What is missing, what holds only here and there, and what is too much, by name."""
    wanted = list(found)
    lines = [line for need in wanted for line in _lack(need, held.policies)]
    lines += [*_narrow(wanted, held), *_excess(wanted, held.policies)]
    if not lines:
        names = ", ".join(need.permission for need in wanted)
        lines = [Line("ok", "permissions", "OAuth client", f"has what the mapping needs, and no more: {names}")]
    yield from lines


def _lack(need: Need, policies: Iterable[Policy]) -> Iterator[Line]:
    allowing = [policy for policy in policies if policy.allows(need.permission)]
    what = f"for {_some(need.places)}"
    severity: Severity = "error" if need.kind == "must" else "warning"
    if not allowing:
        do = f"add {need.permission} to the role of the OAuth client; `streamproc doctor --role` prints the whole role"
        yield Line(severity, "permissions", need.permission, f"missing, {what}", do)
        return
    if all(policy.conditional for policy in allowing):
        do = "take the condition away, or see that everybody who is in scope fulfils it"
        text = f"only under a condition of role {allowing[0].role}, {what}"
        yield Line("warning", "permissions", need.permission, text, do)


def _narrow(wanted: Iterable[Need], held: Held) -> Iterator[Line]:
    """Divisions in which something that is needed, and held elsewhere, isn't."""
    lacking: dict[str, list[str]] = {}
    for need in wanted:
        there = {policy.division for policy in held.policies if policy.allows(need.permission)}
        if there and EVERYWHERE not in there:
            for division in {*held.divisions} - there:
                lacking.setdefault(held.divisions[division], []).append(need.permission)
    if lacking:
        permissions = dict.fromkeys(each for division in sorted(lacking) for each in lacking[division])
        text = (
            f"not granted in {_some(sorted(lacking))}: {', '.join(permissions)}. Nobody there can be written, no leaver"
        )
        yield Line("warning", "permissions", "divisions", text, "give the OAuth client its role in all divisions")


def _excess(wanted: Sequence[Need], policies: Sequence[Policy]) -> Iterator[Line]:
    """By role, what nobody needs; what must never be needed has lines of its own."""
    needed = {need.permission for need in wanted}
    for role in dict.fromkeys(policy.role for policy in policies):
        of_role = [policy for policy in policies if policy.role == role]
        do = f"take it away from role {role}, or give the OAuth client the one that `streamproc doctor --role` prints"
        for name, why in NEVER.items():
            if any(policy.allows(name) for policy in of_role):
                yield Line("warning", "permissions", name, f"never needed: {why}; allowed by role {role}", do)
        excess = {name for policy in of_role for name in policy.names} - needed - NEVER.keys()
        if excess:
            instead = [name for name in sorted(needed) if any(_by_wildcard(policy, name) for policy in of_role)]
            text = f"too much: {', '.join(sorted(excess))}"
            text += f"; where `*` stands, {', '.join(instead)} would do" if instead else ""
            yield Line("warning", "permissions", f"role {role}", text, do)


def _by_wildcard(policy: Policy, permission: str) -> bool:
    return policy.allows(permission) and permission not in policy.names


def _some(names: Sequence[str]) -> str:
    """Some of them, if there are many."""
    rest = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + rest


def granted(body: Mapping[str, Any]) -> list[Policy] | None:
    """The policies in an answer of `GET /authorization/subjects/me?includeFullRoles=true`. None: it shows none."""
    grants = body.get("grants")
    if not isinstance(grants, list):
        return None
    found: list[Policy] = []
    for grant in grants:
        role, division = _object(grant, "role"), _object(grant, "division")
        if not isinstance(policies := role.get("policies"), list):
            return None
        place = _text(division, "id") or EVERYWHERE
        allowed = list(_policies(_text(role, "name"), policies, "actions", "condition", place))
        if policies and not allowed:  # of another shape: that is no word on what may be done
            return None
        found += allowed
    return found


def of_role(role: Mapping[str, Any], division: str = EVERYWHERE) -> list[Policy]:
    """The policies of an element of `GET /authorization/roles`, granted in a division."""
    policies = role.get("permissionPolicies")
    listed = policies if isinstance(policies, list) else []
    return list(_policies(_text(role, "name"), listed, "actionSet", "resourceConditionNode", division))


def _policies(role: str, listed: Iterable[Any], actions: str, condition: str, division: str) -> Iterator[Policy]:
    for policy in listed:
        if isinstance(policy, dict) and isinstance(policy.get(actions), list):
            allowed = frozenset(each for each in policy[actions] if isinstance(each, str))
            domain, entity = _text(policy, "domain"), _text(policy, "entityName")
            if domain and entity:
                yield Policy(role, domain, entity, allowed, bool(policy.get(condition)), division)


def _object(value: Any, name: str) -> Mapping[str, Any]:
    inner = value.get(name) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _text(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) else ""
