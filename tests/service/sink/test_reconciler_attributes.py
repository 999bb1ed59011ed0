"""Every attribute that Genesys Cloud takes, from a mapping's line to the stand-in's account."""

from typing import Any

from streamproc.core.fold.mapping import parse_mapping
from streamproc.core.scim.dialect import ENTERPRISE, GENESYS
from tests.support.reconciler import Org

LINES = """
[attributes]
title = "job"
phone = "phone"
"""
MORE = parse_mapping(
    LINES
    + """
email = "workEmail"
hired = { expr = 'date(hireDate, "DD/MM/YYYY")' }
mobile = "mobile"
phone2 = "phone2"
phone3 = "phone3"
phone4 = "phone4"
homePhone = "homePhone"
otherPhone = "otherPhone"
[externalIds]
microsoftteams = { expr = 'lower(upn)' }
"https://idp.example.com/sso" = "badge"
"""
)
WHO = {"userName": "e1@example.com", "displayName": "Person E1", "active": True, "job": "Agent"}
FACTS = {
    "phone": "+13175550101",
    "workEmail": "e1@work.example",
    "hireDate": "01/02/2024",
    "mobile": "+13175550102",
    "phone2": "+13175550103;ext=42",
    "phone3": "+13175550104",
    "phone4": "+13175550105",
    "homePhone": None,
    "otherPhone": "+13175550106",
    "upn": "E1@Corp.Example",
    "badge": "4711",
}


def elements(user: dict[str, Any]) -> dict[str, str]:
    """Numbers by type, and ids by authority, but for what Genesys makes itself."""
    numbers = {each["type"]: each["value"] for each in user.get("phoneNumbers", ())}
    ids = {each["authority"]: each["value"] for each in user[GENESYS]["externalIds"]}
    return numbers | {name: value for name, value in ids.items() if not name.startswith("x-pc:")}


async def test_all_of_it_is_written_and_one_change_is_one_request(org: Org) -> None:
    """Numbers, address, date of hire and ids are there after the create; then each change is a PATCH."""
    org.mapping = MORE
    await org.hired("E1", **FACTS)
    user = await org.user()
    assert elements(user) == {
        "work": "+13175550101",
        "mobile": "+13175550102",
        "work2": "tel:+13175550103;ext=42",
        "work3": "+13175550104",
        "work4": "+13175550105",
        "other": "+13175550106",
        "microsoftteams": "e1@corp.example",
        "https://idp.example.com/sso": "4711",
    }
    assert user[ENTERPRISE]["dateHire"] == "2024-02-01"
    assert {each["type"]: each["value"] for each in user["emails"]}["work"] == "e1@work.example"
    org.say("E1", badge="4712", phone2=None, hireDate="03/02/2024")
    await org.run()
    assert await org.requests() == {"PATCH users/{id}": 1}
    user = await org.user()
    assert "work2" not in elements(user)
    assert elements(user)["https://idp.example.com/sso"] == "4712"
    assert user[ENTERPRISE]["dateHire"] == "2024-02-03"


async def test_a_mapping_that_owns_more_takes_over_what_it_owns(org: Org) -> None:
    """What an administrator put there of it is replaced or taken away; the rest of what they put there stays."""
    org.mapping = parse_mapping(LINES)
    id_ = await org.hired("E1", **FACTS)
    for kind in ("home", "mobile", "ringcentral"):
        await org.patch(f"Users/{id_}", "add", f'phoneNumbers[type eq "{kind}"].value', "+13175550777")
    for authority in ("microsoftteams", "zoomphone"):
        await org.patch(f"Users/{id_}", "add", f'{GENESYS}:externalIds[authority eq "{authority}"].value', "by-hand")
    await org.sim("POST", "requests/reset")
    org.mapping = MORE
    org.say("E1", **FACTS)
    await org.run()
    assert await org.requests() == {"GET users/{id}": 1, "PATCH users/{id}": 1}
    found = elements(await org.user())
    assert "home" not in found
    assert (found["mobile"], found["microsoftteams"]) == ("+13175550102", "e1@corp.example")
    assert (found["zoomphone"], found["ringcentral"]) == ("by-hand", "+13175550777")
    await org.sim("POST", "requests/reset")
    org.say("E1", mobile="+13175550109")
    await org.run()
    assert await org.requests() == {"PATCH users/{id}": 1}
