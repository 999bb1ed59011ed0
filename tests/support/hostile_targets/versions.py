"""ETags that proxies change, that are missing, or that never fit."""

from dataclasses import dataclass, replace

from tests.support.hostile_targets.behaviour import Behaviour
from tests.support.hostile_targets.store import Answered, Asked, Store, error


@dataclass
class ChangedETag(Behaviour):
    """A proxy packs answers, and makes the ETag weak or appends how. The server knows only its own."""

    form: str

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if (etag := answered.headers.get("etag")) is None:
            return answered
        body = answered.body
        if isinstance(body, dict):
            body = {name: value for name, value in body.items() if name != "meta"}
        told = self.form.replace("5", etag.strip('"'))
        return replace(answered, body=body, headers={**answered.headers, "etag": told})


@dataclass
class NoETag(Behaviour):
    """Versions aren't told."""

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        body = answered.body
        if isinstance(body, dict):
            body = {name: value for name, value in body.items() if name != "meta"}
        return replace(answered, body=body, headers={})


@dataclass
class NeverFits(Behaviour):
    """What has If-Match is refused as a conflict, whatever it says. `always`: also what has none."""

    status: int = 412
    scim_type: str = ""
    always: bool = False
    methods: tuple[str, ...] = ("PATCH", "PUT")

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if asked.method not in self.methods or not (self.always or asked.if_match):
            return None
        return error(self.status, self.scim_type, "conflict")


@dataclass
class RestlessETag(Behaviour):
    """Each read tells another version, and none fits."""

    count: int = 0

    def before(self, asked: Asked, store: Store) -> Answered | None:
        return error(412, detail="conflict") if asked.if_match else None

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        self.count += 1
        return replace(answered, headers={**answered.headers, "etag": f'"x{self.count}"'})
