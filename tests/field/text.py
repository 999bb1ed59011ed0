"""Text that looks the same, names from their parts, zones in all spellings."""

from datetime import UTC, datetime
from typing import Any, Final

import orjson

from streamproc.core.records.unread_fact import unread_fact
from tests.field.case import Case
from tests.field.says import now, says
from tests.field.statuses import okta, told, worker


def _okta(**profile: Any) -> Any:
    return says("okta", orjson.dumps(okta(profile=profile)["value"]))


def _same_to_the_eye() -> None:
    for job in (
        "Agente de Atención",
        "Agente de Atencio\u0301n",
        "Agente\u00a0de  Atención",
        "\u200eAgente de Atención\u200e",
    ):
        assert now(_okta(title=job), "job") == ["Agente de Atención"], job
    assert now(_okta(primaryPhone="\u202a+1 317 555 0100\u202c"), "phone") == ["+13175550100"]
    assert now(_okta(primaryPhone="+1 (317) 555-0100 x123"), "phone") == ["+13175550100;ext=123"]
    local = orjson.dumps(okta(profile={"primaryPhone": "(317)\u00a0555\u20110100"})["value"])
    assert now(says("okta", local, 'okta = { region = "US" }'), "phone") == ["+13175550100"]
    assert now(says("okta", local), "phone") == [unread_fact("region")], "nothing tells whose plan it is of"


def _different_to_the_eye() -> None:
    said = _okta(firstName="D’Arcy", lastName="O'Neil-Šćepanović 🎧", department="R&amp;D")
    assert now(said, "displayName") == ["D’Arcy O'Neil-Šćepanović 🎧"]
    assert now(said, "department") == ["R&amp;D"], "as sent: whose escape it is isn't known here"
    assert now(_okta(department="👩\u200d💻 می\u200cخواهم"), "department") == ["👩\u200d💻 می\u200cخواهم"]


def _names_from_parts() -> None:
    assert now(_okta(displayName=None), "displayName") == ["Test Field"]
    row = worker(Preferred_Name="", First_Name=" Test ", Last_Name="Worker")
    assert now(says("workday", orjson.dumps(row)), "displayName") == ["Test Worker"]
    user = {"id": "u1", "accountEnabled": True, "displayName": None, "givenName": "Test", "surname": "Person"}
    assert now(says("entra", orjson.dumps(user)), "displayName") == ["Test Person"]
    ping = {"id": "p1", "username": "p", "enabled": True, "name": {"given": "Test", "family": "Person"}}
    assert now(says("pingone", orjson.dumps(ping)), "displayName") == ["Test Person"]


def _structures_in_place_of_text() -> None:
    for value in ({"id": 5}, ["Care", "Sales"], True):
        said = _okta(department=value)
        assert now(said, "department") == []
        assert said.events[0].kept == ("department",), "what was known stays"
    assert told("okta", okta(profile={"department": {"id": 5}})["value"]) == {
        ("not_understood", "00uField", "department")
    }
    nested = okta(profile={"genesysLanguage": [{"value": "Spanish"}]})["value"]
    assert told("okta", nested) == {("not_understood", "00uField", "genesysLanguage")}, "no language is taken away"


def _end(settings: str = "", **columns: Any) -> str:
    said = says("workday", orjson.dumps(worker(Termination_Date="2031-07-15", **columns)), settings)
    (at,) = (event.effective.at for event in said.events if event.effective)
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat()


def _zones() -> None:
    pacific = "2031-07-16T07:00:00+00:00"
    for zone in ("GMT-08:00 Pacific Time (Los Angeles)", "America/Los_Angeles", "Pacific Standard Time",
                 "america/los angeles", "(UTC-08:00) Pacific Time (US & Canada)"):  # fmt: skip
        assert _end(Time_Zone=zone) == pacific, zone
    madrid = 'workday = { zone = "Europe/Madrid", zones = { "Jamaica" = "America/Jamaica" } }'
    assert _end(madrid, Location="Egypt") == "2031-07-15T22:00:00+00:00", "a place isn't a zone"
    assert _end(madrid, Location="jamaica ") == "2031-07-16T05:00:00+00:00", "but one that is configured"
    assert _end(madrid, Time_Zone="Martian Standard Time") == "2031-07-15T22:00:00+00:00"
    row = worker(Termination_Date="2031-07-15", Time_Zone="Martian Standard Time")
    assert told("workday", row) == {("not_understood", "F210", "zone")}
    assert told("workday", worker(Termination_Date="2031-07-15", Location="Egypt")) == set()


CASES: Final = (
    Case("K8", "same-to-the-eye", _same_to_the_eye),
    Case("K8", "different-to-the-eye", _different_to_the_eye),
    Case("K11", "names-from-their-parts", _names_from_parts),
    Case("K2", "structures-in-the-place-of-text", _structures_in_place_of_text),
    Case("K9", "zones-and-places", _zones),
)
