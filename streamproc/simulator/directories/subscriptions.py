"""Microsoft Graph's change notifications: who is subscribed, the handshake, and what is sent until it is accepted.

learn.microsoft.com/graph: api/subscription-post-subscriptions, change-notifications-delivery-webhooks.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from aiohttp import web

from streamproc.simulator.directories.base import Directory, Refused, answered, json_content
from streamproc.simulator.directories.people import Change, Values, apart
from streamproc.simulator.surroundings import Surroundings

_LONGEST = timedelta(minutes=41_760)  # of a subscription to users
_HANDSHAKE_S, _TIMEOUT_S, _GIVE_UP_S, _LONGEST_PAUSE_S = 10.0, 3.0, 4 * 3600, 10.0


@dataclass(slots=True)
class Subscription:
    id: str
    content: dict[str, Any]
    expires: datetime

    def resource(self) -> dict[str, Any]:
        names = ("notificationUrl", "lifecycleNotificationUrl", "changeType", "resource")
        resource = {name: self.content.get(name) for name in names}
        return {"id": self.id, **resource, "clientState": None, "expirationDateTime": stamp(self.expires)}


class Subscriptions:
    def __init__(self, directory: Directory, around: Surroundings) -> None:
        self.directory = directory
        self._around = around
        self.tenant = self._around.id()
        self._made: dict[str, Subscription] = {}

    def clear(self) -> None:
        self._made.clear()

    async def subscribe(self, request: web.Request) -> web.Response:
        content = json_content(await request.read())
        kinds = str(content.get("changeType", "")).split(",")
        if not set(kinds) <= {"updated", "deleted"} or str(content.get("resource")).strip("/") != "users":
            raise Refused(400, "Only users can be subscribed to here, and only updated and deleted.")
        state = content.get("clientState")
        if not isinstance(state, str) or not 0 < len(state) <= 128:
            raise Refused(400, "clientState must have 1 to 128 characters.")
        expires = _expiry(content, self.directory.now())
        urls = [content.get("notificationUrl"), content.get("lifecycleNotificationUrl")]
        if not isinstance(urls[0], str):
            raise Refused(400, "notificationUrl is missing.")
        for url in filter(None, urls):
            await self._shake_hands(url)
        subscription = Subscription(self._around.id(), content, expires)
        self._made[subscription.id] = subscription
        return answered(subscription.resource(), 201)

    async def _shake_hands(self, url: str) -> None:
        token = f"Validation: Testing client application reachability for subscription Request-Id: {self._around.id()}"
        validation = f"{url}{'&' if '?' in url else '?'}validationToken={quote(token, safe='')}"
        status, kind, body = await self.directory.site.hooks.ask(
            "POST", validation, b"", {"Content-Type": "text/plain; charset=utf-8"}, timeout_s=_HANDSHAKE_S
        )
        self.directory.site.hooks.note(self.directory.name, about="validation", url=url, status=status)
        if (status, kind, body.decode(errors="replace")) != (200, "text/plain", token):
            raise Refused(400, "Subscription validation request failed.")

    def _alive(self, request: web.Request) -> Subscription:
        subscription = self._made.get(request.match_info["id"])
        if subscription is None or subscription.expires <= self.directory.now():
            raise Refused(404, "The object was not found.")
        return subscription

    async def every(self, _request: web.Request) -> web.Response:
        now = self.directory.now()
        alive = [subscription.resource() for subscription in self._made.values() if subscription.expires > now]
        return answered({"value": alive})

    async def get(self, request: web.Request) -> web.Response:
        return answered(self._alive(request).resource())

    async def renew(self, request: web.Request) -> web.Response:
        subscription = self._alive(request)
        subscription.expires = _expiry(json_content(await request.read()), self.directory.now())
        return answered(subscription.resource())

    async def unsubscribe(self, request: web.Request) -> web.Response:
        del self._made[self._alive(request).id]
        return web.Response(status=204)

    # Notifications

    def announce(self, change: Change) -> None:
        """A create, a soft delete and a restore are `updated`; only a purge is `deleted`. Groups aren't the user's."""
        kind = "deleted" if change.kind == "purged" else "updated"
        if change.kind == "updated" and apart(change.fields):
            return
        for subscription in self._made.values():
            if subscription.expires > change.at and kind in subscription.content["changeType"].split(","):
                self.directory.site.hooks.start(self._notify(subscription, change, kind))

    async def _notify(self, to: Subscription, change: Change, kind: str) -> None:
        where = f"Users/{change.entry.id}"
        data: Values = {"@odata.type": "#Microsoft.Graph.User", "@odata.id": where, "id": change.entry.id}
        if self.directory.options.notification_details:
            data |= {"organizationId": self.tenant, "eventTime": stamp(change.at), "sequenceNumber": change.entry.seq}
        item = {
            "subscriptionId": to.id,
            "subscriptionExpirationDateTime": stamp(to.expires),
            "clientState": to.content["clientState"],
            "tenantId": self.tenant,
            "changeType": kind,
            "resource": where,
            "resourceData": data,
        }
        about = [[kind, change.entry.id]]

        async def send() -> None:
            """Until it is accepted, for at most four hours, after longer and longer pauses."""
            pause, spent = self.directory.options.retry_s, 0.0
            while to.id in self._made and spent < _GIVE_UP_S:
                url, content = to.content["notificationUrl"], {"value": [item]}
                status = await self.directory.site.hooks.post(
                    self.directory.name, url, content, {}, about=about, timeout_s=_TIMEOUT_S
                )
                if 200 <= status < 300:
                    return
                await asyncio.sleep(pause)
                pause, spent = min(pause * 2, _LONGEST_PAUSE_S), spent + pause

        await self.directory.deliver(about, send)


def stamp(moment: datetime) -> str:
    """Seven digits, as .NET writes them."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def _expiry(content: dict[str, Any], now: datetime) -> datetime:
    try:
        expires = datetime.fromisoformat(content["expirationDateTime"])
    except (KeyError, TypeError, ValueError):
        raise Refused(400, "expirationDateTime is missing or not a timestamp.") from None
    if expires.tzinfo is None or not now < expires <= now + _LONGEST:
        raise Refused(400, "expirationDateTime must lie ahead, at most 41760 minutes.")
    return expires
