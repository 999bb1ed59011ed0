"""Workday's workers in all forms, as rows of a report: with the names that custom reports mostly give their columns.

XML turned into JSON comes in several spellings: `wd:` or `{urn:com.workday/bsvc}` before names, attributes under `@…`
or `attributes`, text under `#text`, `$value` or `_value_1`, one child as an object and several as a list. `plain` makes
them one: bare names, attributes with `@`, text under `#text` only beside an ID's `@type`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from streamproc.core.records.units import Micros
from streamproc.sources.lenient_json import at, digest, items, micros, record, text, truth

_PREFIX: Final = re.compile(r"^(@?)(?:\{[^}]*\}|[A-Za-z][\w.-]*:(?=\w))?(.*)$", re.DOTALL)
_TEXT: Final = frozenset({"#text", "$value", "_value_1"})
_REFERENCE: Final = frozenset({"ID", "id", "@Descriptor", "Descriptor", "descriptor", "href"})
_WRAPPERS: Final = frozenset({"root", "Report_Data", "Envelope", "Body", "Get_Workers_Response", "Response_Data"})
_DEEPEST: Final = 40
"""Levels; deeper content isn't Workday's, and recursion needs a limit."""
_PAGE: Final = frozenset({"Response_Data", "Response_Results"})
_WORKER: Final = frozenset({"Worker_Data", "Worker_Reference"})


def bare(name: str) -> str:
    """A name without its namespace; the `@` of an attribute stays."""
    match = _PREFIX.match(name)
    return match[1] + match[2] if match else name


def plain(value: Any, depth: int = 0) -> Any:
    """One spelling for all of them."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        values = [plain(item, depth + 1) for item in value]
        return values[0] if len(values) == 1 and isinstance(values[0], dict) else values
    if not isinstance(value, dict):
        return value
    node: dict[str, Any] = {}
    for name, item in value.items():
        if name == "attributes" and isinstance(item, dict):
            node |= {f"@{bare(key)}": values for key, values in item.items()}
        elif name in _TEXT:
            node["#text"] = item
        else:
            node[bare(name)] = plain(item, depth + 1)
    if truth(node.get("@nil")):
        return None
    if "#text" in node:
        node.setdefault("@type", node.get("type"))
        return node if node["@type"] is not None else node["#text"]
    return node


def records(payload: Any, depth: int = 0) -> Iterator[Any]:
    """The rows of a report, the workers of an answer or whatever else there is, as they came."""
    if depth <= _DEEPEST and isinstance(payload, list):
        for each in payload:
            yield from records(each, depth + 1)
        return
    names = {bare(name): item for name, item in payload.items()} if isinstance(payload, dict) else {}
    workers = [item for item in items(names.get("Worker")) if _is_worker(item)]
    wrapped = [item for name, item in names.items() if name in _WRAPPERS and isinstance(item, dict) and item]
    if "Report_Entry" in names:
        yield from items(names["Report_Entry"])
    elif workers:
        yield from workers
    elif wrapped and depth <= _DEEPEST:
        for item in wrapped:
            yield from records(item, depth + 1)
    elif not _PAGE & names.keys():  # a page may hold nobody
        yield payload


def _is_worker(value: Any) -> bool:
    return isinstance(value, dict) and any(bare(name) in _WORKER for name in value)


def row(raw: Any) -> dict[str, Any]:
    """One row or worker as a row. A worker's own structure stays beside the columns, for configured paths."""
    worker = record(plain(raw))
    if not _WORKER & worker.keys():
        return {name: _described(value) for name, value in worker.items()}
    data = record(worker.get("Worker_Data"))
    ids = identifiers(worker.get("Worker_Reference"))
    status = record(at(data, "Employment_Data.Worker_Status_Data"))
    position = _position(record(data.get("Employment_Data")))
    manager = identifiers(position.get("Manager_as_of_last_detected_manager_change_Reference"))
    kind = record(position.get("Worker_Type_Reference"))
    columns = {
        "Workday_ID": ids.get("WID"),
        "Employee_ID": ids.get("Employee_ID"),
        "Contingent_Worker_ID": ids.get("Contingent_Worker_ID"),
        "Worker_ID": data.get("Worker_ID"),
        "Universal_ID": data.get("Universal_ID"),
        "User_Name": data.get("User_ID"),
        "Preferred_Name": _name(record(at(data, "Personal_Data.Name_Data"))) or worker.get("Worker_Descriptor"),
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
    return worker | status | {name: item for name, item in columns.items() if item is not None}


def _described(value: Any) -> Any:
    """What a reference stands for: a person's number, else what it is called."""
    if isinstance(value, list):
        return [_described(each) for each in value]
    if not isinstance(value, dict) or not value.keys() <= _REFERENCE:
        return value
    ids = identifiers(value)
    name = at(value, "@Descriptor|Descriptor|descriptor")
    return ids.get("Employee_ID") or ids.get("Contingent_Worker_ID") or (value if name is None else name)


def identifiers(reference: Any) -> dict[str, str]:
    """The IDs of a reference by their type."""
    pairs = (
        (text(record(id_).get("@type")), text(record(id_).get("#text"))) for id_ in items(record(reference).get("ID"))
    )
    return {kind: value for kind, value in pairs if kind and value}


def _position(employment: dict[str, Any]) -> dict[str, Any]:
    """Data of the primary position, else of that with the lowest id; version 21 has it without the job around it."""
    jobs = [record(job) for job in items(employment.get("Worker_Job_Data"))]
    primary = [job for job in jobs if truth(job.get("@Primary_Job"))] or jobs
    positions = [record(job.get("Position_Data")) for job in primary or [employment]]
    if len(positions) == 1:
        return positions[0]
    return min(positions, key=lambda job: (lowest(text(job.get("Position_ID"))), digest(job)))


def lowest(position: str | None) -> tuple[bool, int, str]:
    """Sort key of a position's id: `P-9` before `P-10`, None at the end."""
    return position is None, len(position or ""), position or ""


def _name(names: dict[str, Any]) -> str | None:
    for kind in ("Preferred_Name_Data", "Legal_Name_Data"):
        detail = record(at(names, f"{kind}.Name_Detail_Data"))
        parts = [text(detail.get(part)) for part in ("First_Name", "Last_Name")]
        name = text(detail.get("@Formatted_Name")) or " ".join(part for part in parts if part)
        if name:
            return name
    return None


def _work(contacts: Any, path: str) -> str | None:
    """The primary address or number at work; one that is marked as home is ignored."""
    best: tuple[int, str | None] = (-1, None)
    for contact in items(contacts):
        value = text(at(contact, path))
        kinds = [record(record(use).get("Type_Data")) for use in items(record(contact).get("Usage_Data"))]
        types = {kind_name for kind in kinds for kind_name in identifiers(kind.get("Type_Reference")).values()}
        rank = any(bool(truth(kind.get("@Primary"))) for kind in kinds)
        if value is not None and (not types or "WORK" in types) and rank > best[0]:
            best = (rank, value)
    return best[1]


def _organizations(data: dict[str, Any]) -> dict[str, str] | None:
    """Names of the worker's organizations by type (`SUPERVISORY`, `COST_CENTER`, …), the first of each."""
    names: dict[str, str] = {}
    for entry in items(at(data, "Organization_Data.Worker_Organization_Data")):
        organization = record(record(entry).get("Organization_Data"))
        kind = identifiers(organization.get("Organization_Type_Reference")).get("Organization_Type_ID")
        name = text(organization.get("Organization_Name"))
        if kind and name:
            names.setdefault(kind, name)
    return names or None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a worker's transaction log."""

    wid: str
    names: tuple[str, ...]
    effective: str | None
    """As written."""
    entered: Micros | None
    """µs since 1970."""
    rescinded: bool
    corrected: bool
    targets: tuple[str, ...] = ()


def log(worker: dict[str, Any]) -> list[Entry]:
    """The transaction log of a worker as `plain` gives it, oldest first, each entry once.

    `Transaction_Log_Corrected_And_Rescinded_Data` has main transactions with their corrections and rescissions, and
    when these were made. If the log has the same entry, this one counts.
    """
    data = record(worker.get("Worker_Data"))
    entries = [_entry(entry_, []) for entry_ in items(at(data, "Transaction_Log_Entry_Data.Transaction_Log_Entry"))]
    for entry_ in items(data.get("Transaction_Log_Corrected_And_Rescinded_Data")):
        for transaction in items(record(entry_).get("Corrected_Or_Rescinded_Transaction_Log_Data", entry_)):
            actions = [record(action) for action in items(record(transaction).get("Correction_Or_Rescind_Data"))]
            entries = [
                _entry(main, actions) for main in items(record(transaction).get("Main_Transaction_Data"))
            ] + entries
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry is not None:
            first.setdefault(entry.wid, entry)
    return sorted(first.values(), key=lambda entry: entry.entered or 0)  # stable: a correction stays after its entry


def _entry(raw: Any, actions: list[dict[str, Any]]) -> Entry | None:
    wid = identifiers(record(raw).get("Transaction_Log_Reference")).get("WID")
    if wid is None:
        return None
    data = record(record(raw).get("Transaction_Log_Data", raw))
    types = [record(item) for item in items(data.get("Transaction_Log_Type_Reference"))]
    names = [text(item.get("@Descriptor")) for item in types] + [
        value for item in types for kind, value in identifiers(item).items() if kind != "WID"
    ]
    targets = (identifiers(item).get("WID") for item in items(data.get("Transaction_Target_Reference")))
    moments = [micros(item.get("Transaction_Entry_Moment")) for item in (data, *actions)]
    return Entry(
        wid=wid,
        names=tuple(name for name in names if name),
        effective=text(data.get("Transaction_Effective_Moment")),
        entered=max((item for item in moments if item is not None), default=None),
        rescinded=_any("Is_Rescind_Or_Rescinded", [data]) or _any("Is_Rescind", actions),
        corrected=_any("Is_Correction_Or_Corrected", [data]) or _any("Is_Correction", actions),
        targets=tuple(target for target in targets if target),
    )


def _any(flag: str, entries: list[dict[str, Any]]) -> bool:
    return any(truth(item.get(flag)) for item in entries)
