"""A second round of public reports: what sources send. Each case names the report; its input is constructed."""

from typing import Any, Final

import orjson

from streamproc.core.parsed_payload import ParsedPayload
from tests.field.case import Case
from tests.field.says import now, says, words


def _workday(settings: str = "", **columns: Any) -> ParsedPayload:
    row: dict[str, Any] = {"Employee_ID": "880123", "Preferred_Name": "Rae Report", "Email_Address": "rae@example.com"}
    row |= {"Worker_Status": "Active", "Hire_Date": "2019-03-04", "Original_Hire_Date": "2019-03-04"}
    return says("workday", orjson.dumps({"Report_Entry": [row | columns]}), settings)


def _told(said: ParsedPayload) -> bool:
    return bool({"not_understood", "incomplete"} & set(words(said)))


def _year_203() -> None:
    """intdocs.identum.no: a last day of employment in the year 203, a slip of the keyboard."""
    said = _workday(Termination_Date="0203-05-01")
    assert False not in now(said, "active") or _told(said)
    assert _told(said), "a day before there were computers is a mistake that somebody has to see"


def _future_termination() -> None:
    """dchbx/enroll_old 2348: an end that lies ahead ended the employment at once."""
    said = _workday(Worker_Status="Future Termination", Termination_Date="2099-12-31")
    assert now(said, "active") in ([True], []), "the day hasn't come"


def _month_first_with_time() -> None:
    """userapps.support.sap.com 2316465: an exit date as MON-DD-YYYY HH24:MI:SS wasn't taken over."""
    said = _workday(Termination_Date="NOV-15-2026 00:00:00")
    assert now(said, "active") == [False] or _told(said)


def _odata_moment() -> None:
    """SuccessFactors' OData answers have days as ticks in text."""
    said = _workday(Termination_Date="/Date(1763164800000)/")
    assert now(said, "active") == [False] or _told(said)


def _column_in_other_case() -> None:
    """faros-ai/airbyte-connectors 1541: `Termination_date` beside `Termination_Date`."""
    said = _workday(Termination_date="2026-11-15")
    assert now(said, "active") == [False] or _told(said), "a column that differs by a letter's case is still the date"


def _status_with_reference() -> None:
    """Workday's REST answers hold a reference where reports hold a word."""
    said = _workday(Worker_Status={"Descriptor": "Terminated", "ID": "5f1c"})
    assert now(said, "active") == [False] or _told(said)


def _scientific() -> None:
    """OpenHumans/open-humans 794 and others: spreadsheets rewrite numbers."""
    said = _workday(Employee_ID="8.80123E+05")
    assert [event.anchor for event in said.events] in ([], [None], ["880123"])


def _rehired() -> None:
    """Netflix/iep 287: the end of an earlier employment stays beside the new one."""
    employee: dict[str, Any] = {
        "id": "m7",
        "employee_number": "7",
        "display_full_name": "Rae Report",
        "employment_status": "ACTIVE",
    }
    employee |= {"start_date": "2024-03-01", "termination_date": "2021-06-30", "modified_at": "2026-11-29T00:00:00Z"}
    said = says("hris", orjson.dumps({"hook": {"event": "Employee.changed"}, "linked_account": {}, "data": employee}))
    assert now(said, "active") == [True]


def _past_end_entered_late() -> None:
    """hitobito/hitobito 2245: an end that is entered when it is past counts at once."""
    employee: dict[str, Any] = {
        "id": "m7",
        "employee_number": "7",
        "display_full_name": "Rae Report",
        "employment_status": "ACTIVE",
    }
    employee |= {"start_date": "2019-03-04", "termination_date": "2026-11-20", "modified_at": "2026-11-29T00:00:00Z"}
    said = says("hris", orjson.dumps({"hook": {"event": "Employee.changed"}, "linked_account": {}, "data": employee}))
    assert now(said, "active") == [False]


def _history_status() -> None:
    """faros-ai/airbyte-connectors 659: a company's own word for leavers, in another field than `Status`."""
    employee: dict[str, Any] = {"id": "77", "action": "Updated", "timestamp": "2026-11-29T18:42:00+0000"}
    employee |= {"changedFields": ["Employment Status"], "fields": {"Employment Status": {"value": "Terminated"}}}
    said = says("hris", orjson.dumps({"employees": [employee]}))
    assert now(said, "active") == [False] or any(asked.urgent for asked in said.notifications)


def _second_page_is_thin() -> None:
    """microsoftgraph/microsoft-graph-explorer-v4 3584: the second page of a delta has four properties a user."""
    user: dict[str, Any] = {
        "id": "3f1c",
        "displayName": "Rae Report",
        "userPrincipalName": "rae@example.com",
        "mail": None,
    }
    page = {"@odata.nextLink": "https://graph.microsoft.com/v1.0/users/delta?$skiptoken=b", "value": [user]}
    said = says("entra", orjson.dumps(page))
    assert now(said, "active") == []
    assert all("job" not in event.attributes and event.kind == "change" for event in said.events)


def _enabled_as_text() -> None:
    """ssoready/ssoready 155: Entra writes booleans as text."""
    user: dict[str, Any] = {
        "id": "3f1c",
        "accountEnabled": "False",
        "displayName": "Rae Report",
        "userPrincipalName": "rae@example.com",
    }
    said = says("entra", orjson.dumps(user))
    assert now(said, "active") == [False] or _told(said)


def _decimal_with_schema() -> None:
    """risingwavelabs/risingwave 19792: a decimal is base64, and its scale stands in the schema."""
    number: dict[str, Any] = {"type": "bytes", "field": "employee_id", "name": "org.apache.kafka.connect.data.Decimal"}
    number |= {"version": 1, "parameters": {"scale": "0", "connect.decimal.precision": "10"}}
    fields = [number, {"type": "boolean", "field": "is_active"}]
    schema = {"type": "struct", "fields": [{"type": "struct", "field": "after", "fields": fields}]}
    source: dict[str, Any] = {
        "connector": "postgresql",
        "name": "hr",
        "ts_ms": 1795950000000,
        "table": "employees",
        "lsn": 5000,
    }
    payload = {
        "op": "u",
        "after": {"employee_id": "MIE=", "is_active": False},
        "source": source,
        "ts_ms": 1795950000100,
    }
    said = says("debezium", orjson.dumps({"schema": schema, "payload": payload}))
    assert [event.subject for event in said.events] == ["12417"]
    assert now(said, "active") == [False]


def _thousands() -> None:
    """kit-sdq/TimeSheetGenerator 107: numbers lose their zeros, or gain marks, on the way."""
    said = _workday(Employee_ID="880,123")
    assert [event.anchor for event in said.events] != ["880123"], "a mark may be part of a number"
    assert now(said, "active") == [True] or _told(said)


def _bit_of_sql_server() -> None:
    """Flags in HR tables that say when somebody is *not* there: selectline-software/selectline-api 503."""
    row: dict[str, Any] = {"employee_id": "12417", "status": "Inaktiv", "work_email": "rae@example.com"}
    source: dict[str, Any] = {"connector": "sqlserver", "name": "hr", "ts_ms": 1795950000000, "table": "employees"}
    source |= {"change_lsn": "0000002a:00000d58:0003", "commit_lsn": "0000002a:00000d58:0005"}
    said = says("debezium", orjson.dumps({"op": "u", "after": row, "source": source, "ts_ms": 1795950000100}))
    assert now(said, "active") != [True]
    assert _told(said) or now(said, "active") == [], "a word of another language is told, not acted on"
    assert now(said, "active") == []


def _okta_unknown_status() -> None:
    """CDCgov/prime-simplereport 1996: statuses that nobody had thought of."""
    user: dict[str, Any] = {"id": "00uRAE", "status": "IN_REVIEW", "lastUpdated": "2026-11-29T17:00:00.000Z"}
    user |= {"profile": {"login": "rae@example.com", "employeeNumber": "880123"}, "_embedded": {"groups": []}}
    said = says("okta", orjson.dumps(user))
    assert now(said, "active") == []
    assert _told(said)


CASES: Final = (
    Case("K2", "last-day-in-the-year-203", _year_203),
    Case("K7", "future-termination-as-a-status", _future_termination),
    Case("K2", "month-first-with-time", _month_first_with_time),
    Case("K2", "odata-moment", _odata_moment),
    Case("K2", "column-in-other-case", _column_in_other_case),
    Case("K2", "status-as-a-reference", _status_with_reference),
    Case("K3", "scientific-number", _scientific),
    Case("K2", "rehired-with-an-old-end", _rehired),
    Case("K2", "end-entered-late", _past_end_entered_late),
    Case("K5", "status-in-another-field", _history_status),
    Case("K2", "second-page-is-thin", _second_page_is_thin),
    Case("K2", "enabled-as-text", _enabled_as_text),
    Case("K3", "decimal-with-schema", _decimal_with_schema),
    Case("K3", "number-with-thousands-mark", _thousands),
    Case("K2", "status-in-another-language", _bit_of_sql_server),
    Case("K2", "unknown-status-of-an-account", _okta_unknown_status),
)
