"""Okta: the Users API, the System Log, and an event hook that names users without their values.

developer.okta.com: reference/core-okta-api, api/users, api/system-log, concepts/event-hooks, reference/rate-limits.
"""

import math
from datetime import datetime
from typing import Any, ClassVar

from aiohttp import web

from streamproc.simulator.directories import filters, systemlog
from streamproc.simulator.directories.base import Directory, Refused, answered, limit_of
from streamproc.simulator.directories.people import Change, Entry, Values, stamp

_IS_STATUS = frozenset({"active", "status"})

# `filter` accepts a short list of attributes, `search` any.
_FILTER: filters.Rules = {
    **dict.fromkeys(("status", "id", "profile.login", "profile.email"), filters.EQUAL),
    **dict.fromkeys(("profile.firstName", "profile.lastName"), filters.EQUAL),
    "lastUpdated": filters.EQUAL | filters.ORDER,
}
_SEARCH: filters.Rules = {
    **dict.fromkeys(("lastUpdated", "created", "statusChanged"), filters.EQUAL | filters.ORDER),
    "*": filters.EQUAL | {"sw"},
}
_LOG: filters.Rules = {"*": filters.EQUAL | {"sw"}}

_ERRORS = {400: "E0000031", 401: "E0000011", 404: "E0000007", 429: "E0000047"}
_TIMEOUT_S = 3.0


class Okta(Directory):
    name: ClassVar[str] = "okta"

    def reset(self) -> None:
        super().reset()
        self.log: list[dict[str, Any]] = []
        self._window, self._count = 0, 0

    def add_routes(self, app: web.Application) -> None:
        self.route(app, "GET", "/api/v1/users", self._list)
        self.route(app, "GET", "/api/v1/users/{id}", self._get)
        self.route(app, "GET", "/api/v1/users/{id}/groups", self._groups)
        self.route(app, "GET", "/api/v1/apps/{app}", self._application)
        self.route(app, "GET", "/api/v1/apps/{app}/users/{id}", self._of_application)
        self.route(app, "GET", "/api/v1/logs", self._logs)

    def new_id(self) -> str:
        return "00u" + self.site.around.uuid().hex[:17]

    # Requests

    def admit(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme not in ("SSWS", "Bearer") or token != self.options.okta_token:
            raise Refused(401, "Invalid token provided")
        if (minute := int(self.site.around.now() // 60)) != self._window:
            self._window, self._count = minute, 0
        self._count += 1
        if self._count > self.options.okta_rate_limit:
            raise Refused(429, "API call exceeded rate limit due to too many requests.")

    def problem(self, status: int, message: str) -> Any:
        code = _ERRORS.get(status, "E0000009")
        return {"errorCode": code, "errorSummary": message, "errorLink": code, "errorId": "oae1", "errorCauses": []}

    def stamped(self, response: web.Response) -> web.Response:
        """Okta sends the moment at which its limit resets, and no Retry-After."""
        limit = self.options.okta_rate_limit
        left = 0 if response.status == 429 else max(0, limit - self._count)
        after = response.headers.popall("Retry-After", [])
        reset = self.site.around.now() + int(after[0]) if after else self.site.around.now() // 60 * 60 + 60
        response.headers["X-Rate-Limit-Limit"] = str(limit)
        response.headers["X-Rate-Limit-Remaining"] = str(left)
        response.headers["X-Rate-Limit-Reset"] = str(math.ceil(reset))
        return response

    def _found(self, request: web.Request) -> Entry:
        key = request.match_info["id"]
        for entry in self.living():
            if key in (entry.id, entry.values.get("userName")):
                return entry
        raise Refused(404, f"Not found: Resource not found: {key} (User)")

    async def _get(self, request: web.Request) -> web.Response:
        return answered(_user(self._found(request)))

    async def _groups(self, request: web.Request) -> web.Response:
        names = self._found(request).values.get("groups", [])
        everyone = {"id": systemlog.group_id("Everyone"), "type": "BUILT_IN", "profile": {"name": "Everyone"}}
        own = [{"id": systemlog.group_id(name), "type": "OKTA_GROUP", "profile": {"name": name}} for name in names]
        return answered([everyone, *own])

    async def _application(self, request: web.Request) -> web.Response:
        app = request.match_info["app"]
        if app != self.options.application:
            raise Refused(404, f"Not found: Resource not found: {app} (AppInstance)")
        return answered({"id": app, "name": "genesys", "label": "Genesys Cloud", "status": "ACTIVE"})

    async def _of_application(self, request: web.Request) -> web.Response:
        """A user of the application. Whoever isn't assigned is 404 in the same words as an application that isn't."""
        await self._application(request)
        entry = self._found(request)
        if not self.in_application(_holding(entry.values)):
            raise Refused(404, f"Not found: Resource not found: {entry.id} (AppUser)")
        scope = "USER" if entry.values.get("assigned") else "GROUP"
        return answered({"id": entry.id, "created": stamp(entry.created), "scope": scope, "status": "PROVISIONED"})

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        limit = limit_of(request, 200, self.options.page_size)
        text, rules = (query["search"], _SEARCH) if "search" in query else (query.get("filter"), _FILTER)
        # Without a filter the deactivated aren't listed.
        test = (lambda user: user["status"] != "DEPROVISIONED") if text is None else _compiled(text, rules)
        after = _cursor(request)
        users = [entry for entry in self.living() if entry.number > after and test(_user(entry))]
        page = users[:limit]
        more = page[-1].number if len(users) > limit else None
        return _page(request, [_user(entry) for entry in page], more)

    async def _logs(self, request: web.Request) -> web.Response:
        """With `until`: up to there. Without it: polling, where every page has a next link."""
        query, after = request.query, _cursor(request)
        limit = limit_of(request, 1000, self.options.page_size)
        since, until = (_moment(query, name) for name in ("since", "until"))
        test = _compiled(query["filter"], _LOG) if "filter" in query else lambda _: True
        numbered = [
            (number, event)
            for number, event in enumerate(self.log, 1)
            if (since is None or datetime.fromisoformat(event["published"]) >= since)
            and (until is None or datetime.fromisoformat(event["published"]) < until)
            and test(event)
        ]
        if query.get("sortOrder") == "DESCENDING":
            numbered.reverse()
            numbered = [pair for pair in numbered if not after or pair[0] < after]
        else:
            numbered = [pair for pair in numbered if pair[0] > after]
        page = numbered[:limit]
        more = page[-1][0] if len(numbered) > limit else None
        if until is None and query.get("sortOrder") != "DESCENDING":
            more = page[-1][0] if page else after
        return _page(request, [event for _, event in page], more)

    # Hooks

    def announce(self, change: Change) -> None:
        was, is_ = (self.in_application(_holding(values)) for values in (change.before, change.entry.values))
        application = self.options.application if was != is_ else None
        events = systemlog.events(change, self.site.around.id, application, assigned=is_)
        self.log += events
        hooked = [event for event in events if event["eventType"] != systemlog.NEVER_HOOKED]
        if hooked and self.options.gateway:
            about = [[event["eventType"], change.entry.id] for event in hooked]
            self.site.hooks.start(self.deliver(about, lambda: self._send(hooked, about)))

    async def _send(self, events: list[dict[str, Any]], about: Any) -> None:
        """Once, and once more after 5xx or no answer; then the hook never gets the event."""
        content = {
            "eventType": "com.okta.event_hook",
            "eventTypeVersion": "1.0",
            "cloudEventsVersion": "0.1",
            "contentType": "application/json",
            "source": "https://example.okta.com/api/v1/eventHooks/who00000000000000000",
            "eventId": self.site.around.id(),
            "eventTime": stamp(self.now()),
            "data": {"events": events},
        }
        for _ in range(2):
            status = await self.post(content, about, _TIMEOUT_S)
            if 0 < status < 500:
                return

    async def verify(self) -> bool:
        """The one-time challenge with which Okta verifies a hook's endpoint."""
        challenge = self.site.around.uuid().hex
        headers = {"x-okta-verification-challenge": challenge, **(self.options.hook_headers or {}).get("okta", {})}
        url = f"{self.options.gateway}/v1/okta"
        status, _, body = await self.site.hooks.ask("GET", url, None, headers, timeout_s=_TIMEOUT_S)
        return status == 200 and challenge.encode() in body


def _user(entry: Entry) -> dict[str, Any]:
    values = entry.values
    profile = {attribute: values[field] for attribute, field in systemlog.PROFILE.items() if field in values}
    at = max((at for name, (_, at) in entry.changed.items() if name in _IS_STATUS), default=entry.created)
    return {
        "id": entry.id,
        "status": systemlog.status(values),
        "created": stamp(entry.created),
        "activated": None,
        "statusChanged": stamp(at),
        "lastLogin": None,
        # Joining a group doesn't update the user, and an assignment neither.
        "lastUpdated": stamp(entry.last_change(but=frozenset({"groups", "assigned"}))),
        "passwordChanged": None,
        "transitioningToStatus": None,
        "type": {"id": "oty00000000000000000"},
        "profile": {"mobilePhone": None, "secondEmail": None, **profile, **values.get("custom", {})},
        "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
        "_links": {"self": {"href": f"https://example.okta.com/api/v1/users/{entry.id}"}},
    }


def _holding(values: Values) -> Values:
    """What somebody is assigned by: deactivation takes assignments away."""
    return values if values and systemlog.status(values) != "DEPROVISIONED" else {}


def _compiled(text: str, rules: filters.Rules) -> filters.Test:
    try:
        return filters.compiled(text, rules)
    except ValueError:
        raise Refused(400, "Invalid search criteria.") from None


def _moment(query: Any, name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(query[name]) if name in query else None
    except ValueError:
        moment = None
    if name in query and (moment is None or moment.tzinfo is None):
        raise Refused(400, f"{name} is not a timestamp")
    return moment


def _cursor(request: web.Request) -> int:
    after = request.query.get("after", "0")
    if not after.isascii() or not after.isdigit():
        raise Refused(400, "Invalid after")
    return int(after)


def _page(request: web.Request, content: list[Any], more: int | None) -> web.Response:
    """Okta sends two Link headers, not one with two links."""
    response = answered(content)
    response.headers.add("Link", f'<{request.url}>; rel="self"')
    if more is not None:
        response.headers.add("Link", f'<{request.url.update_query(after=str(more))}>; rel="next"')
    return response
