"""The whole way, from records to accounts."""

from typing import Any, Final

import orjson

from streamproc.core.scim.dialect import GENESYS
from tests.field.case import Case
from tests.field.pipeline import Pause, Ran, play


def hris(user: str, number: int, kind: str = "change", **attributes: Any) -> dict[str, Any]:
    """The user's event of that number, each a minute after the one before, by the contract."""
    value = {"id": f"{user}-{number}", "type": kind, "subject": user, "time": f"2026-11-29T18:{number:02}:00Z"}
    return {"topic": "events.hris", "key": user, "value": value | {"attributes": attributes}}


def joins(user: str, **attributes: Any) -> dict[str, Any]:
    """Everything about somebody who has just come."""
    known = {"userName": f"{user.lower()}@example.com", "displayName": f"Test {user}", "active": True}
    return hris(user, 0, "snapshot", **{**known, **attributes})


def _binary_cloudevent() -> None:
    context = {"specversion": "1.0", "id": "c1", "source": "/people", "type": "streamproc.user.snapshot.v1"}
    context |= {"subject": "F100", "time": "2026-11-29T18:00:00Z"}
    record = joins("F100")
    record["headers"] = {f"ce_{name}": content for name, content in context.items()}
    record["value"] = {"attributes": record["value"]["attributes"]}
    assert play([record]).active("F100")


def _entra(number: str, login: str, *, enabled: bool) -> dict[str, Any]:
    user = {"id": "22222222-2222-4222-8222-222222222222", "accountEnabled": enabled, "userPrincipalName": login}
    user |= {"displayName": "Test Person", "employeeId": number, "mail": "p@example.com"}
    return {"topic": "events.entra", "key": user["id"], "value": user}


def _number_marked_on_leaving() -> None:
    before = _entra("200345", "p@example.com", enabled=True)
    ran = play([before, _entra("_200345", "sep_p@example.com", enabled=False)])
    assert ran.active("200345") is False, "the account was theirs, whatever the number is made into"


def _managers_in_a_ring() -> None:
    ran = play([joins("F130", manager="F130"), joins("F131", manager="F132"), joins("F132", manager="F131")])
    assert [ran.active(user) for user in ("F130", "F131", "F132")] == [True] * 3
    assert len(ran.requests) < 30


def _user_name_in_another_case() -> None:
    spellings = ["Case.Two@Example.com", "case.two@example.com", "CASE.TWO@example.com"]
    said = [joins("F140", userName=spellings[0]), *(hris("F140", n, userName=spellings[n]) for n in (1, 2))]
    ran = play(said)
    assert (len(ran.accounts), ran.parked()) == (1, {})


def _languages_apart_by_semicolons() -> None:
    said = joins("F110", custom={"genesysLanguage": "Spanish:4, English"})
    ran = play([said, hris("F110", 1, custom={"genesysLanguage": "Spanish:4; English"})])
    assert _levels(ran, "F110") == {"Spanish": 4.0, "English": 3.0}


def _level_that_cant_be_read() -> None:
    said = [joins("F111", custom={"genesysLanguage": "Spanish:4", "genesysRole": "Agent"})]
    said += [hris("F111", 1, custom={"genesysLanguage": "Spanish:fluent", "genesysRole": ["Supervisor", 7]})]
    ran = play(said)
    assert _levels(ran, "F111") == {"Spanish": 4.0}
    assert sorted(each["value"] for each in ran.account("F111")["roles"]) == ["Agent", "employee"]
    assert ran.records["F111"].problems, "it stands where operators look"


def _leaver_in_an_event_that_is_refused() -> None:
    extras: list[dict[str, Any]] = [{"phone": ["+1"]}, {"manager": {"id": "7"}}, {"salary": 5}]
    extras += [{"custom": {"x": {"y": []}}}, {"job": 7}]
    users = [f"F113{number}" for number, _ in enumerate(extras)]
    later = hris(users[-1], 1, active=False, phone=[])
    later["value"]["effective"] = "next week"
    leave = [hris(user, 1, active=False, **extra) for user, extra in zip(users[:-1], extras[:-1], strict=True)]
    ran = play([*map(joins, users), *leave, later])
    assert [ran.active(user) for user in users[:-1]] == [False] * (len(users) - 1)
    assert ran.active(users[-1]) is True, "when isn't understood, so it isn't now"
    assert {subject for _, subject, _ in ran.told()} == set(users)


def _half_an_emoji() -> None:
    okta = _okta("457", "half@example.com")
    gone = orjson.dumps(okta["value"] | {"status": "DEPROVISIONED", "lastUpdated": "2026-11-29T18:00:00.000Z"})
    cut = gone.replace(b'"Test"', rb'"Test \ud83d"')
    assert cut != gone
    assert play([okta, okta | {"value": cut}]).active("457") is False, "a name that was cut hides no leaver"


def _names_parted_otherwise() -> None:
    written = [
        "Billing|Spanish",
        "- Billing\n- Spanish",
        "Billing<br>Spanish",
        "n/a",
        ["Billing", {}],
        {"Billing": True},
    ]
    users = [f"F112{number}" for number, _ in enumerate(written)]
    said = [joins(user, custom={"genesysQueue": "Billing"}) for user in users]
    said += [hris(user, 1, custom={"genesysQueue": queue}) for user, queue in zip(users, written, strict=True)]
    ran = play(said)
    for user, queue in zip(users, written, strict=True):
        assert (ran.deliveries[user].held or {}).get("groups") == ["Billing Queue"], queue
        assert ran.records[user].problems or user in {subject for _, subject, _ in ran.told()}, queue


def _levels(ran: Ran, user: str) -> dict[str, float]:
    languages = ran.account(user)[GENESYS]["routingLanguages"]
    return {each["name"]: each["proficiency"] for each in languages}


RULES: Final = """
[attributes]
title = "job"
[[rule]]
when = { job = "Agente de Atenci\u00f3n" }
skills = { Spanish = 4.0 }
"""


def _rule_with_accents() -> None:
    jobs = [
        "Agente de Atenci\u00f3n",
        "Agente de Atencio\u0301n",
        "agente  de\u00a0Atenci\u00f3n",
        "Agente de\u200b Atenci\u00f3n",
    ]
    users = [f"F12{number}" for number, _ in enumerate(jobs)]
    ran = play([joins(user, job=job) for user, job in zip(users, jobs, strict=True)], mapping=RULES)
    skilled = {user: [each["name"] for each in ran.account(user)[GENESYS]["routingSkills"]] for user in users}
    assert skilled == {user: ["Spanish"] for user in users}


def _workday_list_with_semicolons() -> None:
    row = {"Employee_ID": "000451", "Preferred_Name": "Test List", "Email_Address": "list@example.com"}
    row |= {"Worker_Type": "Employee", "Hire_Date": "2024-03-19", "Worker_Status": "Active"}
    row |= {"genesysRole": "Supervisor; Agent", "genesysLanguage": "Spanish:4; English"}
    ran = play([{"topic": "events.workday", "key": "000451", "value": {"Report_Entry": [row]}}])
    assert _levels(ran, "000451") == {"Spanish": 4.0, "English": 3.0}
    assert {each["value"] for each in ran.account("000451")["roles"]} == {"Supervisor", "Agent", "employee"}


def _okta(number: str, login: str) -> dict[str, Any]:
    profile = {"login": login, "email": login, "firstName": "Test", "lastName": "Zero", "employeeNumber": number}
    user = {"id": "00uZ7", "status": "ACTIVE", "lastUpdated": "2026-11-29T17:00:00.000Z", "profile": profile}
    return {"topic": "events.okta", "key": "00uZ7", "value": user}


def _workday(key: str, *rows: dict[str, Any]) -> dict[str, Any]:
    return {"topic": "events.workday", "key": key, "value": {"Report_Entry": [*rows]}}


def _leading_zeros_in_two_sources() -> None:
    row = {"Employee_ID": "000456", "Preferred_Name": "Test Zero", "Email_Address": "zero@example.com"}
    active, gone = _workday("000456", row | {"Worker_Status": "Active"}), _workday("000456", row | {"Terminated": True})
    gone["value"]["Report_Entry"][0]["Worker_Status"] = "Terminated"
    ran = play([_okta("456", "zero@example.com"), active, gone])
    assert ran.active("456") is False or ran.parked().get("000456") == "ambiguous", "two want one login: that is told"


def _hook_without_values() -> None:
    hook = {"companyId": 7, "type": "employee.left", "triggeredAt": "2026-11-29T00:00:03.114", "version": "v2"}
    hook["data"] = {"employeeId": "3332883854254900001"}
    ran = play([{"topic": "events.hris", "key": "3332883854254900001", "value": hook}])
    assert [key for key, _ in ran.appended["notifications.hris"]] == [b"3332883854254900001"], "somebody fetches"
    assert ran.accounts == []


def _contingent_becomes_employee() -> None:
    known = {"Universal_ID": "UN7", "Email_Address": "conv7@example.com", "Preferred_Name": "Test Conv"}
    was = known | {"Contingent_Worker_ID": "C707", "Worker_Type": "Contingent Worker", "Hire_Date": "2025-01-01"}
    is_ = known | {"Employee_ID": "100707", "Worker_Type": "Employee", "Hire_Date": "2026-11-21"}
    ended = {"Worker_Status": "Terminated", "Termination_Date": "2026-11-20"}
    said = [_workday("C707", was | {"Worker_Status": "Active"})]
    said += [_workday("C707", was | ended, is_ | {"Worker_Status": "Active", "Original_Hire_Date": "2026-11-21"})]
    ran = play(said, settings='workday = { anchor = "universalId" }')
    assert [(each["userName"], each["active"]) for each in ran.accounts] == [("conv7@example.com", True)]


def _user_name_chain() -> None:
    said = [joins("F160", userName="chain1@example.com"), joins("F161", userName="chain2@example.com")]
    said += [hris("F160", 5, userName="chain2@example.com"), hris("F161", 10, userName="chain3@example.com")]
    ran = play([*said, Pause(40.0), Pause(40.0), Pause(40.0)])
    names = {user: ran.account(user)["userName"] for user in ("F160", "F161")}
    assert names == {"F160": "chain2@example.com", "F161": "chain3@example.com"}, "once it is free, without an event"
    assert ran.parked() == {}


def _user_names_swapped() -> None:
    names = {f"F{165 + number}": f"swap{number}@example.com" for number in range(3)}
    after = dict(zip(names, [*names.values()][1:] + [*names.values()][:1], strict=True))
    said = [*(joins(user, userName=name) for user, name in names.items())]
    said += [hris(user, 5, userName=name) for user, name in after.items()]
    ran = play([*said, Pause(10.0)])
    assert {user: ran.account(user)["userName"] for user in names} == after, "nobody can be first, and nobody asks"
    assert ran.parked() == {}


CASES: Final = (
    Case("K4", "leading-zeros-in-two-sources", _leading_zeros_in_two_sources),
    Case("K6", "hook-without-values", _hook_without_values),
    Case("C", "user-name-chain", _user_name_chain),
    Case("C", "user-names-swapped", _user_names_swapped),
    Case("K4", "contingent-becomes-employee", _contingent_becomes_employee),
    Case("K2", "languages-apart-by-semicolons", _languages_apart_by_semicolons),
    Case("K2", "leaver-in-an-event-that-is-refused", _leaver_in_an_event_that_is_refused),
    Case("K8", "half-an-emoji", _half_an_emoji),
    Case("K2", "names-parted-otherwise", _names_parted_otherwise),
    Case("K2", "level-that-cant-be-read", _level_that_cant_be_read),
    Case("K2", "workday-list-with-semicolons", _workday_list_with_semicolons),
    Case("K8", "rule-with-accents", _rule_with_accents),
    Case("K2", "binary-cloudevent-without-content-type", _binary_cloudevent),
    Case("K4", "number-marked-on-leaving", _number_marked_on_leaving),
    Case("B", "managers-in-a-ring", _managers_in_a_ring),
    Case("B", "user-name-in-another-case", _user_name_in_another_case),
)
