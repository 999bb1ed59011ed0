"""Ana, who is there by our doing, among people who are none of ours: administrators have no externalId."""

from typing import Final

from streamproc.core.records.delivery import DeliveredState
from streamproc.core.records.resource import Resource
from streamproc.core.records.units import Millis
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS_DIALECT, create_body
from tests.support.hostile_targets.behaviour import HostileTarget
from tests.support.hostile_targets.store import Store
from tests.support.hostile_targets.table import Hostile

ANA: Final = Resource(
    externalId="E1",
    userName="Ana@example.com",
    displayName="Ana Müller",
    active=True,
    title="Agent",
    phone="+13175550101",
    department="Care",
    roles=["Agent", "employee"],
    groups=["Billing"],
)
MOVED: Final = Resource(
    **{**ANA, "title": "Team Lead", "phone": "+13175550199", "roles": ["Lead", "employee"], "groups": ["Spanish"]}
)
GONE: Final = Resource(**{**ANA, "active": False})
OURS: Final = "a"


def hostile_target(hostile: Hostile, *, there: bool) -> HostileTarget:
    """With administrators, a colleague, groups and, if she is `there`, Ana."""
    store = Store()
    store.add("Users", "admin", userName="admin@example.com", displayName="Admin", active=True)
    store.add("Users", "root", userName="root@example.com", displayName="Root", active=True)
    store.add("Users", "b", externalId="E2", userName="ben@example.com", displayName="Ben", active=True, title="Agent")
    for name in ("Billing", "Spanish", "All"):
        store.add("Groups", f"g-{name}", displayName=name, members=[{"value": "b"}])
    if there:
        body = {name: value for name, value in create_body(ANA, GENESYS_DIALECT).items() if name != "groups"}
        store.add("Users", OURS, **body)
        store.groups["g-Billing"]["members"].append({"value": OURS})
    return HostileTarget(hostile.make(), store)


def noted() -> DeliveredState:
    """What the sink knows of her."""
    return DeliveredState("E1", 5, OURS, '"1"', ANA, None, Millis(0))


__all__ = ["ANA", "ENTERPRISE", "GONE", "MOVED", "OURS", "hostile_target", "noted"]
