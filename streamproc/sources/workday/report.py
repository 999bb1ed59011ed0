"""Workers as Workday tells them, all as rows of a report: the names that custom reports mostly give their columns.

XML turned into JSON comes in several spellings: `wd:` or `{urn:com.workday/bsvc}` before names, attributes under `@…`
or `attributes`, text under `#text`, `$value` or `_value_1`, one child as an object and several as a list. After `plain`
there is one: bare names, attributes with `@`, text under `#text` only where an ID's `@type` stands beside it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from streamproc.sources.lenient_json import at, digest, items, micros, record, text, truth

_PREFIX: Final = re.compile(r"^(@?)(?:\{[^}]*\}|[A-Za-z][\w.-]*:(?=\w))?(.*)$", re.DOTALL)
_TEXT: Final = frozenset({"#text", "$value", "_value_1"})
_WRAPPERS: Final = frozenset({"root", "Report_Data", "Envelope", "Body", "Get_Workers_Response", "Response_Data"})
_DEEPEST: Final = 40
"""Levels; what lies deeper isn't Workday's, and recursion has an end."""
_PAGE: Final = frozenset({"Response_Data", "Response_Results"})
_WORKER: Final = frozenset({"Worker_Data", "Worker_Reference"})


def bare(name: str) -> str:
    """A name without its namespace; the `@` of an attribute stays."""
    found = _PREFIX.match(name)
    return found[1] + found[2] if found else name


def plain(value: Any, depth: int = 0) -> Any:
    """One spelling for all of them."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        each = [plain(one, depth + 1) for one in value]
        return each[0] if len(each) == 1 and isinstance(each[0], dict) else each
    if not isinstance(value, dict):
        return value
    whole: dict[str, Any] = {}
    for name, one in value.items():
        if name == "attributes" and isinstance(one, dict):
            whole |= {f"@{bare(key)}": each for key, each in one.items()}
        elif name in _TEXT:
            whole["#text"] = one
        else:
            whole[bare(name)] = plain(one, depth + 1)
    if truth(whole.get("@nil")):
        return None
    if "#text" in whole:
        whole.setdefault("@type", whole.get("type"))
        return whole if whole["@type"] is not None else whole["#text"]
    return whole


def records(payload: Any, depth: int = 0) -> Iterator[Any]:
    """The rows of a report, the workers of an answer or whatever else there is, as they came."""
    if depth <= _DEEPEST and isinstance(payload, list):
        for each in payload:
            yield from records(each, depth + 1)
        return
    names = {bare(name): one for name, one in payload.items()} if isinstance(payload, dict) else {}
    workers = [one for one in items(names.get("Worker")) if _is_worker(one)]
    wrapped = [one for name, one in names.items() if name in _WRAPPERS and isinstance(one, dict) and one]
    if "Report_Entry" in names:
        yield from items(names["Report_Entry"])
    elif workers:
        yield from workers
    elif wrapped and depth <= _DEEPEST:
        for one in wrapped:
            yield from records(one, depth + 1)
    elif not _PAGE & names.keys():  # a page may hold nobody
        yield payload


def _is_worker(value: Any) -> bool:
    return isinstance(value, dict) and any(bare(name) in _WORKER for name in value)


def row(raw: Any) -> dict[str, Any]:
    """One row or worker as a row. A worker's own structure stays beside it, for paths that are configured."""
    whole = record(plain(raw))
    if not _WORKER & whole.keys():
        return whole
    data = record(whole.get("Worker_Data"))
    ids = identifiers(whole.get("Worker_Reference"))
    status = record(at(data, "Employment_Data.Worker_Status_Data"))
    position = _position(record(data.get("Employment_Data")))
    manager = identifiers(position.get("Manager_as_of_last_detected_manager_change_Reference"))
    kind = record(position.get("Worker_Type_Reference"))
    told = {
        "Workday_ID": ids.get("WID"),
        "Employee_ID": ids.get("Employee_ID"),
        "Contingent_Worker_ID": ids.get("Contingent_Worker_ID"),
        "Worker_ID": data.get("Worker_ID"),
        "Universal_ID": data.get("Universal_ID"),
        "User_Name": data.get("User_ID"),
        "Preferred_Name": _name(record(at(data, "Personal_Data.Name_Data"))) or whole.get("Worker_Descriptor"),
        "Email_Address": _work(at(data, "Personal_Data.Contact_Data.Email_Address_Data"), "Email_Address"),
        "Phone": _work(
            at(data, "Personal_Data.Contact_Data.Phone_Data"), "@E164_Formatted_Phone|@International_Formatted_Phone"
        ),
        "Title": at(position, "Business_Title|Position_Title"),
        "Location": at(position, "Business_Site_Summary_Data.Name"),
        "Mgr_ID": manager.get("Employee_ID") or manager.get("Contingent_Worker_ID"),
        "Worker_Type": kind.get("@Descriptor") or next(iter(identifiers(kind).values()), None),
        "Organization": _organizations(data),
        "Last_Day_Of_Work": status.get("Termination_Last_Day_of_Work"),
    }
    return whole | status | {name: one for name, one in told.items() if one is not None}


def identifiers(reference: Any) -> dict[str, str]:
    """The IDs of a reference by their type."""
    found = (
        (text(record(one).get("@type")), text(record(one).get("#text"))) for one in items(record(reference).get("ID"))
    )
    return {kind: value for kind, value in found if kind and value}


def _position(employment: dict[str, Any]) -> dict[str, Any]:
    """The primary position's data, else that of the lowest id; version 21 has it without the job around it."""
    jobs = [record(one) for one in items(employment.get("Worker_Job_Data"))]
    primary = [one for one in jobs if truth(one.get("@Primary_Job"))] or jobs
    positions = [record(one.get("Position_Data")) for one in primary or [employment]]
    if len(positions) == 1:
        return positions[0]
    return min(positions, key=lambda one: (lowest(text(one.get("Position_ID"))), digest(one)))


def lowest(position: str | None) -> tuple[bool, int, str]:
    """By which ids of positions are sorted: `P-9` before `P-10`, none at the end."""
    return position is None, len(position or ""), position or ""


def _name(names: dict[str, Any]) -> str | None:
    for each in ("Preferred_Name_Data", "Legal_Name_Data"):
        detail = record(at(names, f"{each}.Name_Detail_Data"))
        parts = [text(detail.get(part)) for part in ("First_Name", "Last_Name")]
        said = text(detail.get("@Formatted_Name")) or " ".join(part for part in parts if part)
        if said:
            return said
    return None


def _work(contacts: Any, path: str) -> str | None:
    """The primary address or number at work; what is marked as home isn't taken."""
    best: tuple[int, str | None] = (-1, None)
    for each in items(contacts):
        value = text(at(each, path))
        kinds = [record(record(use).get("Type_Data")) for use in items(record(each).get("Usage_Data"))]
        types = {one for kind in kinds for one in identifiers(kind.get("Type_Reference")).values()}
        rank = any(bool(truth(kind.get("@Primary"))) for kind in kinds)
        if value is not None and (not types or "WORK" in types) and rank > best[0]:
            best = (rank, value)
    return best[1]


def _organizations(data: dict[str, Any]) -> dict[str, str] | None:
    """Names of the worker's organizations by type (`SUPERVISORY`, `COST_CENTER`, …), the first of each."""
    found: dict[str, str] = {}
    for each in items(at(data, "Organization_Data.Worker_Organization_Data")):
        one = record(record(each).get("Organization_Data"))
        kind = identifiers(one.get("Organization_Type_Reference")).get("Organization_Type_ID")
        name = text(one.get("Organization_Name"))
        if kind and name:
            found.setdefault(kind, name)
    return found or None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a worker's transaction log. `entered`: µs since 1970. `effective`: as written."""

    wid: str
    names: tuple[str, ...]
    effective: str | None
    entered: int | None
    rescinded: bool
    corrected: bool
    targets: tuple[str, ...] = ()


def log(worker: dict[str, Any]) -> list[Entry]:
    """The transaction log of a worker as `plain` gives it, oldest first, each entry once.

    `Transaction_Log_Corrected_And_Rescinded_Data` holds main transactions and, beside them, what was done to them and
    when: these are the entries to believe, if the log has them too.
    """
    data = record(worker.get("Worker_Data"))
    found = [_entry(each, []) for each in items(at(data, "Transaction_Log_Entry_Data.Transaction_Log_Entry"))]
    for each in items(data.get("Transaction_Log_Corrected_And_Rescinded_Data")):
        for one in items(record(each).get("Corrected_Or_Rescinded_Transaction_Log_Data", each)):
            done = [record(what) for what in items(record(one).get("Correction_Or_Rescind_Data"))]
            found = [_entry(main, done) for main in items(record(one).get("Main_Transaction_Data"))] + found
    first: dict[str, Entry] = {}
    for entry in found:
        if entry is not None:
            first.setdefault(entry.wid, entry)
    return sorted(first.values(), key=lambda each: each.entered or 0)  # stable: a correction after what it corrects


def _entry(raw: Any, done: list[dict[str, Any]]) -> Entry | None:
    wid = identifiers(record(raw).get("Transaction_Log_Reference")).get("WID")
    if wid is None:
        return None
    said = record(record(raw).get("Transaction_Log_Data", raw))
    types = [record(each) for each in items(said.get("Transaction_Log_Type_Reference"))]
    names = [text(each.get("@Descriptor")) for each in types] + [
        value for each in types for kind, value in identifiers(each).items() if kind != "WID"
    ]
    targets = (identifiers(each).get("WID") for each in items(said.get("Transaction_Target_Reference")))
    moments = [micros(each.get("Transaction_Entry_Moment")) for each in (said, *done)]
    return Entry(
        wid=wid,
        names=tuple(name for name in names if name),
        effective=text(said.get("Transaction_Effective_Moment")),
        entered=max((each for each in moments if each is not None), default=None),
        rescinded=_any("Is_Rescind_Or_Rescinded", [said]) or _any("Is_Rescind", done),
        corrected=_any("Is_Correction_Or_Corrected", [said]) or _any("Is_Correction", done),
        targets=tuple(target for target in targets if target),
    )


def _any(flag: str, said: list[dict[str, Any]]) -> bool:
    return any(truth(each.get(flag)) for each in said)
