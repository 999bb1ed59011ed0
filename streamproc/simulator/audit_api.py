"""The platform's audit API: one query at once, over 14 days; another that is asked for and fetched later.

Of the answers to wrong queries only one is known, that an Action needs an EntityType; all are 400 here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from streamproc.simulator.access import Client
from streamproc.simulator.audits import SERVICES, Audited, stamp
from streamproc.simulator.errors import not_found
from streamproc.simulator.platform_api import DEFAULT_PAGE, PREFIX, guarded, page, refused, whole
from streamproc.simulator.request_pipeline import Simulator

VIEW = "audits:audit:view"
DAY = 86400
REALTIME_DAYS, LONGEST_DAYS, KEPT_DAYS = 14, 30, 365
MOST = 500
FILTERS = ("UserId", "TrusteeOrganizationId", "ClientId", "Action", "EntityType", "EntityId")


def add_routes(app: web.Application, simulator: Simulator) -> None:
    api = AuditApi(simulator)
    for method, path, handler in (
        ("GET", "audits/query/servicemapping", api.services),
        ("GET", "audits/query/realtime/servicemapping", api.services),
        ("POST", "audits/query/realtime", api.realtime),
        ("POST", "audits/query", api.begin),
        ("GET", "audits/query/{id}", api.state),
        ("GET", "audits/query/{id}/results", api.results),
    ):
        app.router.add_route(method, PREFIX + path, guarded(simulator, handler, (VIEW,)))


@dataclass(slots=True)
class Transaction:
    query: dict[str, Any]
    started: float
    found: list[Audited]
    polls: int


class AuditApi:
    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.transactions: dict[str, Transaction] = {}

    def services(self, _request: web.Request, _client: Client, _body: Any) -> Any:
        return {
            "services": [
                {
                    "name": name,
                    "entities": [{"name": kind, "actions": list(actions)} for kind, actions in kinds.items()],
                }
                for name, kinds in SERVICES.items()
            ]
        }

    def realtime(self, request: web.Request, _client: Client, body: Any) -> Any:
        found = self._found(body, kept_days=REALTIME_DAYS)
        expand = _expands(request)
        return page(request, found, lambda each: each.shown(names=expand), most=MOST, sizes=body)

    def begin(self, _request: web.Request, _client: Client, body: Any) -> Any:
        found = self._found(body, kept_days=KEPT_DAYS)
        id_ = self.simulator.around.id()
        polls = int(self.simulator.options.audit_polls)
        self.transactions[id_] = transaction = Transaction(body, self.simulator.now(), found, polls)
        return 202, _status(id_, transaction)

    def state(self, request: web.Request, _client: Client, _body: Any) -> Any:
        transaction = self._transaction(request)
        shown = _status(request.match_info["id"], transaction)
        transaction.polls -= 1
        return shown

    def results(self, request: web.Request, _client: Client, _body: Any) -> Any:
        """The cursor is opaque to clients; here it is where to go on."""
        transaction = self._transaction(request)
        if transaction.polls > 0:
            raise refused("The query has not succeeded yet.")
        size = whole(request.query, "pageSize", DEFAULT_PAGE)
        cursor = request.query.get("cursor", "0")
        if size > MOST or not cursor.isdecimal():
            raise refused(f"The page size may be {MOST} at most, and the cursor must be one that was given.")
        start, expand = int(cursor), _expands(request)
        entities = [each.shown(names=expand) for each in transaction.found[start : start + size]]
        shown = {"id": request.match_info["id"], "pageSize": size, "entities": entities}
        if start + size < len(transaction.found):
            shown["cursor"] = str(start + size)
        return shown

    def _transaction(self, request: web.Request) -> Transaction:
        transaction = self.transactions.get(request.match_info["id"])
        if transaction is None:
            raise not_found("query")
        return transaction

    def _found(self, query: Any, *, kept_days: int) -> list[Audited]:
        """Entries of the query's service within its interval, newest first unless it says ascending."""
        if not isinstance(query, dict):
            raise refused("The query must be an object.")
        start, end = _interval(query.get("interval"))
        if end - start > LONGEST_DAYS * DAY:
            raise refused(f"The interval may be {LONGEST_DAYS} days at most.")
        service = query.get("serviceName")
        if service is not None and service not in SERVICES:
            raise refused(f"There is no service {service}.")
        filters = _filters(query.get("filters"))
        now = self.simulator.now()
        start = max(start, now - kept_days * DAY)
        end = min(end, now - self.simulator.options.audit_lag_ms / 1000)
        entities = filters.pop("EntityId", [None])
        found = [
            entry
            for entity in entities
            for entry in self.simulator.audits.newest_first(entity)
            if start <= entry.at <= end
            and service in (None, entry.service)
            and all(_property(entry, name) in values for name, values in filters.items())
        ]
        return found[::-1] if _ascending(query.get("sort")) else found


def _interval(text: Any) -> tuple[float, float]:
    """ISO 8601, start/end, in UTC where no zone is told."""
    try:
        start, end = (datetime.fromisoformat(part) for part in str(text).split("/"))
    except ValueError:
        raise refused("interval must be start/end, each as in ISO 8601.") from None
    times = [each if each.tzinfo else each.replace(tzinfo=UTC) for each in (start, end)]
    if times[0] > times[1]:
        raise refused("The interval ends before it begins.")
    return times[0].timestamp(), times[1].timestamp()


def _filters(given: Any) -> dict[str, list[str | None]]:
    filters: dict[str, list[str | None]] = {}
    for each in _objects(given, "filters"):
        name, value = each.get("property"), each.get("value")
        if name not in FILTERS or not isinstance(value, str):
            raise refused(f"A filter has a property, one of {', '.join(FILTERS)}, and a value.")
        filters.setdefault(name, []).append(value)
    if "Action" in filters and "EntityType" not in filters:
        raise refused("A filter by Action needs one by EntityType.", "illegal.query")
    return filters


def _ascending(given: Any) -> bool:
    orders = [each.get("sortOrder", "") for each in _objects(given, "sort") if each.get("name") == "Timestamp"]
    return any(str(order).lower() == "ascending" for order in orders)


def _objects(given: Any, what: str) -> Iterator[dict[str, Any]]:
    if not isinstance(given or [], list) or not all(isinstance(each, dict) for each in given or []):
        raise refused(f"{what} must be a list of objects.")
    yield from given or []


def _property(entry: Audited, name: str) -> str | None:
    return {
        "UserId": entry.actor.person_id,
        "ClientId": entry.actor.client,
        "Action": entry.action,
        "EntityType": entry.entity_type,
    }.get(name)


def _status(id_: str, transaction: Transaction) -> dict[str, Any]:
    state = "Succeeded" if transaction.polls <= 0 else "Running" if transaction.polls == 1 else "Queued"
    asked: dict[str, Any] = {
        key: transaction.query[key]
        for key in ("interval", "serviceName", "filters", "sort")
        if key in transaction.query
    }
    return {"id": id_, "state": state, "startDate": stamp(transaction.started), **asked}


def _expands(request: web.Request) -> bool:
    return "user" in ",".join(request.query.getall("expand", []))
