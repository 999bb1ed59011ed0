"""Classify: where the target differs from what is desired of a user, and what kind of difference each is.

Rule 1: compared is what the sink would write, as it would read it (`core/scim/own_terms.py`, `core/fold/plan.py`): what
it would leave alone is no difference, or a repair would never end. Of a leaver that is `active` alone.
Rule 2: as long as the sink has something of the user before it, or has set it aside, the difference is ours: `pending`.
Rule 3: what isn't shown isn't compared.
Rule 4: a leaver who is active is never `pending` by the target's audit log, only by the sink's own words.

Who changed something is said by the target's audit log, and added afterwards (`authors.py`).
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from msgspec import Struct

from streamproc.core.fold.plan import changed, is_left_alone
from streamproc.core.fold.policy import had, writable
from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.finding import ACCOUNT, Difference, Kind
from streamproc.core.records.resource import EXTERNAL_ID, GROUP, Resource, parts, policy_of, whole
from streamproc.core.scim import own_terms
from streamproc.core.scim.dialect import Dialect, expressible
from streamproc.core.scim.own_terms import OurUser, in_own_terms

_NAMED: Final = {"roles": "role", "skills": "skill", "languages": "language"}
"""What the names in `DeliveredState.frozen` begin with, of what is one attribute in a difference."""


class KnownUser(Struct, frozen=True):
    """What the log says of a user: the newest record (`offset` in `scim.operations`), and the newest delivery.

    `manager_id`: the target's id of the manager who is desired. None: there is none, or they have no account by us.
    """

    user: str
    seq: int
    offset: int
    desired: Resource
    delivery: DeliveredState | None
    manager_id: str | None = None

    @property
    def behind(self) -> bool:
        """Whether the sink hasn't ended with the newest record."""
        return self.delivery is None or self.delivery.seq < self.seq

    @property
    def account(self) -> str | None:
        """The target's id. None: there is none, or it isn't known."""
        return None if self.delivery is None else self.delivery.id

    @property
    def leaves(self) -> bool:
        """Whether they are to have no access."""
        return self.desired.get("active") is False


class View(Struct, frozen=True):
    """How an answer is read. `groups`: the id of each group that we know, in one case, to its name. `asked`: attributes
    that the answer was asked for; None: for all.
    """

    dialect: Dialect
    groups: Mapping[str, str]
    asked: frozenset[str] | None = None


def compare(known: KnownUser, body: Mapping[str, Any] | None, view: View) -> list[Difference]:
    """What differs, by attribute. `body`: the user as the target shows them; None: it has no such account."""
    if is_left_alone(known.desired):
        return []
    if body is None:
        return _absent(known)
    held = _held(known, dict(body), view)
    return [
        _difference(known, attribute, wanted, there)
        for attribute, (wanted, there) in sorted(_differing(known, held, view).items())
    ]


def is_incident(differences: list[Difference]) -> bool:
    """Whether somebody has access who is to have none, and it isn't that the sink hasn't come to it."""
    return any(
        each.attribute == "active" and each.desired is False and each.kind in {"changed", "unknown"}
        for each in differences
    )


def _absent(known: KnownUser) -> list[Difference]:
    """Whoever is to be inactive, or of whom it isn't known, needs no account."""
    if known.desired.get("active") is not True:
        return []
    wanted = {"userName": known.desired.get("userName")}
    kind, reason = _kind(known, ACCOUNT)
    if kind == "unknown":
        kind, reason = _kind(known, "active")  # while that isn't written, nobody makes them an account
    if kind == "unknown":
        kind, reason = "missing", "the account is gone from the target, or was never there"
    return [Difference(ACCOUNT, kind, "own", wanted, None, reason)]


def _held(known: KnownUser, body: dict[str, Any], view: View) -> dict[str, Any]:
    delivery = known.delivery
    before = None if delivery is None else delivery.held
    spelled = {} if delivery is None else delivery.spelled
    held: dict[str, Any] = {**in_own_terms(OurUser(known.user, known.desired, before, spelled), body, view.dialect)}
    members = own_terms.members(body, view.groups)
    if members is not None and (view.dialect.memberships == "user" or "groups" in body):
        ours = {*(before or {}).get("groups", []), *known.desired.get("groups", [])}
        held["groups"] = sorted(name for name in members if name in ours)
    if (there := held.get("manager")) is not None:
        held["manager"] = own_terms.manager(known.desired.get("manager"), known.manager_id, there)
    return held


def _differing(known: KnownUser, held: Mapping[str, Any], view: View) -> dict[str, tuple[Any, Any]]:
    """Attribute → what is desired, what is held."""
    desired = _comparable(known, held, view)
    if known.leaves:
        return {"active": (False, True)} if held.get("active") is True else {}
    there = cast("Resource", held)
    differing = {name: (value, parts(there).get(name)) for name, value in parts(changed(there, desired)).items()}
    if _same_but_for_case(differing.get("userName")):
        del differing["userName"]
    if "groups" in desired and "groups" in held:
        wanted, has = set(desired["groups"]), set(held["groups"])
        looked_up = {*view.groups.values()}  # of any other it isn't known what its id is
        differing |= {f"{GROUP}{name}": (name in wanted, name in has) for name in (wanted ^ has) & looked_up}
    return differing


def _comparable(known: KnownUser, held: Mapping[str, Any], view: View) -> Resource:
    """What is desired, less what wasn't asked for or shown, and what the target has no place for."""
    left: set[str] = set()
    if known.manager_id is None and known.desired.get("manager") is not None:
        left.add("manager")  # they have no account by us, and so can't be named
    if "active" not in held:
        left.add("active")
    kept = {
        name: value
        for name, value in parts(expressible(known.desired, view.dialect)).items()
        if name not in left and (view.asked is None or _owner(name) in view.asked)
    }
    shown = cast("Resource", held)
    seeded = () if known.delivery is None else known.delivery.seeded
    written = writable(whole(kept), known.desired, had(known.desired, shown, seeded), shown)
    observed = {name: value for name, value in kept.items() if policy_of(known.desired, name) == "observe"}
    return whole({**parts(written), **observed})


def _owner(attribute: str) -> str:
    """The attribute of the mapping that a difference's belongs to."""
    if attribute.startswith(GROUP):
        return "groups"
    return "externalIds" if attribute.startswith(EXTERNAL_ID) else attribute


def _same_but_for_case(names: tuple[Any, Any] | None) -> bool:
    """A userName has no case (RFC 7643 §4.1.1), and the sink leaves it as it is."""
    return names is not None and all(isinstance(each, str) for each in names) and len({*map(str.casefold, names)}) == 1


def _difference(known: KnownUser, attribute: str, wanted: Any, there: Any) -> Difference:
    policy = "own" if attribute == "active" else policy_of(known.desired, attribute)
    if policy == "observe":
        return Difference(attribute, "unknown", policy, wanted, there, "it is only observed")
    kind, reason = _kind(known, attribute, wanted, there)
    return Difference(attribute, kind, policy, wanted, there, reason)


def _is_frozen(frozen: set[str], attribute: str, wanted: Any, there: Any) -> bool:
    """Whether all of it that differs isn't written any more; of a list each name may be frozen by itself."""
    if attribute not in _NAMED:
        return attribute in frozen
    ours, theirs = _levels(wanted), _levels(there)
    different = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    return {f"{_NAMED[attribute]} {name}" for name in different} <= frozen


def _levels(names: Any) -> dict[str, Any]:
    return names if isinstance(names, dict) else dict.fromkeys(names or (), True)


def _kind(known: KnownUser, attribute: str, wanted: Any = None, there: Any = None) -> tuple[Kind, str]:
    """Rule 2."""
    delivery = known.delivery
    if delivery is None:
        return "pending", f"the record at {known.seq} isn't delivered yet, nor any before"
    if known.behind:
        return "pending", f"the record at {known.seq} isn't delivered yet; the newest that is, is at {delivery.seq}"
    parked = delivery.parked
    if parked is not None and not parked.attributes:
        return "pending", f"set aside: {parked.told}"
    if parked is not None and attribute in parked.attributes:
        return "pending", f"set aside: {parked.attributes[attribute]}"
    if _is_frozen({*delivery.frozen}, attribute, wanted, there) and not known.leaves:
        return "pending", "frozen, since it went to and fro; see streamproc loops"
    return "unknown", "it isn't what was delivered"
