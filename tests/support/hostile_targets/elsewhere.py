"""Answers that aren't the target's own: redirects, pages, cut and garbled ones."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import orjson

from tests.support.hostile_targets.behaviour import Behaviour
from tests.support.hostile_targets.store import Answered, Asked, Store

PAGE = b"<!doctype html><html><body>Sign in</body></html>"
HTML = {"content-type": "text/html; charset=utf-8"}
Which = Callable[[Asked], bool]


def every(_: Asked) -> bool:
    """Any request."""
    return True


def writes(asked: Asked) -> bool:
    """Whatever is to change something."""
    return asked.writes


def reads(asked: Asked) -> bool:
    """Whatever isn't."""
    return not asked.writes


def method(*methods: str) -> Which:
    """Requests of these methods."""
    return lambda asked: asked.method in methods


@dataclass
class Instead(Behaviour):
    """One and the same answer, which the store knows nothing of, the first `times` times."""

    answer: Answered
    which: Which = every
    times: int = 1_000_000

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if not self.which(asked) or self.times <= 0:
            return None
        self.times -= 1
        return self.answer


@dataclass
class Applied(Behaviour):
    """The same, but carried out: the answer is lost on the way."""

    whole = True

    answer: Answered
    which: Which = every
    times: int = 1_000_000

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if not self.which(asked) or self.times <= 0:
            return answered
        self.times -= 1
        return self.answer


def redirect(status: int, which: Which = every) -> Instead:
    """Sent elsewhere."""
    return Instead(Answered(status, b"", {"location": "https://login.example.com/x"}), which)


def page(which: Which = every, status: int = 200) -> Instead:
    """A page for people."""
    return Instead(Answered(status, PAGE, dict(HTML)), which)


@dataclass
class Truncated(Behaviour):
    """JSON that ends in the middle."""

    whole = True

    which: Which = every

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if not self.which(asked) or not isinstance(answered.body, dict):
            return answered
        return replace(answered, body=orjson.dumps(answered.body)[:-7])


@dataclass
class InArray(Behaviour):
    """Each answer inside an array."""

    whole = True

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if isinstance(answered.body, bytes):
            return answered
        return replace(answered, body=orjson.dumps([answered.body]))


@dataclass
class Silent(Behaviour):
    """What was carried out is answered by nothing but `status`."""

    whole = True

    status: int = 204
    etag: bool = False

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        if not asked.writes or answered.status not in {200, 201}:
            return answered
        headers = {"etag": answered.headers["etag"]} if self.etag and "etag" in answered.headers else {}
        return Answered(self.status, None, headers)


@dataclass
class NoEffect(Behaviour):
    """Writes are accepted, shown as they would be, and not carried out."""

    which: Which = writes
    echoes: bool = True

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if not self.which(asked) or asked.id is None:
            return None
        held = store.resources[asked.collection].get(asked.id)
        return None if held is None or not self.echoes else store.shown(asked.collection, held)
