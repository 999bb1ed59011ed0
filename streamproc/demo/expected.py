"""What Genesys Cloud is to hold after the demo's story, written out by hand, and in what it differs."""

from typing import Any, Final

GENESYS: Final = "urn:ietf:params:scim:schemas:extension:genesys:purecloud:2.0:User"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

EXPECTED: Final[dict[str, dict[str, Any]]] = {
    "E1001": {
        "userName": "ana.ruiz@example.com",
        "displayName": "Ana Ruiz",
        "active": True,
        "title": "Senior Agent",
        "phone": "+13175550101",
        "department": "Spanish Support",
        "division": "Care",
        "employeeNumber": "E1001",
        "manager": "E2001",
        "roles": ["Agent", "employee"],
        "groups": ["Spanish Queue"],
        "skills": {"Spanish": 4.0},
        "languages": {"English": 5.0, "Spanish": 4.0},
    },
    "E1002": {
        "userName": "ben.okafor@example.com",
        "displayName": "Ben Okafor",
        "active": True,
        "title": "Agent",
        "phone": "+13175550102",
        "department": "Sales",
        "division": "Sales",
        "employeeNumber": "E1002",
        "manager": None,
        "roles": ["Agent", "employee"],
        "groups": ["Sales Queue"],
        "skills": {"Sales": 3.0},
        "languages": {},
    },
    "E1004": {
        "userName": "ivo.marek@example.com",
        "displayName": "Ivo Marek",
        "active": False,
        "title": "Agent",
        "phone": None,
        "department": "Care",
        "division": "Care",
        "employeeNumber": "E1004",
        "manager": None,
        "roles": ["Agent", "employee"],
        "groups": [],
        "skills": {},
        "languages": {},
    },
    "E2001": {
        "userName": "maya.lind@example.com",
        "displayName": "Maya Lind",
        "active": False,
        "title": "Team Lead",
        "phone": None,
        "department": "Care",
        "division": "Care",
        "employeeNumber": "E2001",
        "manager": None,
        "roles": ["Supervisor", "employee"],
        "groups": ["Supervisors"],
        "skills": {},
        "languages": {},
    },
}


def holds(user: dict[str, Any], externals: dict[str, str], groups: dict[str, str]) -> dict[str, Any]:
    """A user of the target, in the words of EXPECTED. `externals`, `groups`: the target's ids → our names."""
    enterprise = user.get(ENTERPRISE, {})
    routing = user.get(GENESYS, {})
    phones = [item["value"] for item in user.get("phoneNumbers", []) if item.get("type") == "work"]
    return {
        "userName": user.get("userName"),
        "displayName": user.get("displayName"),
        "active": user.get("active"),
        "title": user.get("title"),
        "phone": phones[0] if phones else None,
        "department": enterprise.get("department"),
        "division": enterprise.get("division"),
        "employeeNumber": enterprise.get("employeeNumber"),
        "manager": externals.get(enterprise.get("manager", {}).get("value", "")),
        "roles": sorted(role["value"] for role in user.get("roles", [])),
        "groups": sorted(groups[group["value"]] for group in user.get("groups", [])),
        "skills": {skill["name"]: skill["proficiency"] for skill in routing.get("routingSkills", [])},
        "languages": {item["name"]: item["proficiency"] for item in routing.get("routingLanguages", [])},
    }


def differences(expected: dict[str, dict[str, Any]], held: dict[str, dict[str, Any]]) -> list[str]:
    """In what the target differs from what is expected, in words; empty: in nothing."""
    differing = [f"{subject} isn't there" for subject in expected if subject not in held]
    differing += [f"{subject} is there, and isn't in the story" for subject in held if subject not in expected]
    for subject in expected.keys() & held.keys():
        differing += [
            f"{subject}.{name} is {held[subject].get(name)!r}, not {value!r}"
            for name, value in expected[subject].items()
            if held[subject].get(name) != value
        ]
    return sorted(differing)
