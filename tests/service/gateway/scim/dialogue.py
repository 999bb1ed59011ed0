"""Dialogues of identity providers with a service, as files: what a client sends, and what it has to be told.

A step has `send` (`METHOD URL`), perhaps a `body`, a `status`, and of the answer what matters: `has` is part of it, and
`lacks` are names that it mustn't have. `keep` gives a part of the answer a name, which later steps write as `{name}`.
"""

import json
from pathlib import Path
from typing import Any, Protocol

from streamproc.gateway.scim.answer import Answer

FOLDER = Path(__file__).parent / "dialogues"


class Client(Protocol):
    """Somebody who speaks SCIM to one gateway."""

    async def send(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        """A request to a path below the root, or to a whole one."""
        ...


def dialogue(name: str) -> list[dict[str, Any]]:
    """The steps of a file."""
    steps: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text())
    return steps


async def play(steps: list[dict[str, Any]], *clients: Client) -> dict[str, str]:
    """Each step is answered as it says, by one client after the other. Returns what was kept."""
    kept: dict[str, str] = {}
    for number, written in enumerate(steps, 1):
        step = _filled(written, kept)
        method, _, url = step["send"].partition(" ")
        headers = {} if "if_match" not in step else {"if_match": step["if_match"]}
        answer = await clients[number % len(clients)].send(method, url, step.get("body"), **headers)
        body = json.loads(answer.content() or b"null")
        where = f"step {number}: {step['send']}: {answer.status} {body}"
        assert answer.status == step["status"], where
        if "has" in step:
            assert contains(body, step["has"]), where
        for name in step.get("lacks", ()):
            assert name not in body, where
        if answer.status == 204:
            assert answer.body is None, where
        if answer.status >= 400:
            assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"], where
            assert body["status"] == str(answer.status), where
        if answer.status == 201:
            assert answer.headers["Location"] == body["meta"]["location"], where
            assert answer.headers["ETag"] == body["meta"]["version"], where
        for name, path in step.get("keep", {}).items():
            kept[name] = at(body, path)
    return kept


def contains(found: Any, part: Any) -> bool:
    """Whether all of the part is there: of objects some names, of lists each element in its place."""
    if isinstance(part, dict):
        return isinstance(found, dict) and all(
            name in found and contains(found[name], each) for name, each in part.items()
        )
    if isinstance(part, list):
        return isinstance(found, list) and len(found) == len(part) and all(map(contains, found, part))
    return type(found) is type(part) and bool(found == part)


def at(found: Any, path: str) -> Any:
    """`Resources.0.id`."""
    for name in path.split("."):
        found = found[int(name)] if isinstance(found, list) else found[name]
    return found


def _filled(value: Any, kept: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, each in kept.items():
            value = value.replace("{" + name + "}", each)
        return value
    if isinstance(value, dict):
        return {name: _filled(each, kept) for name, each in value.items()}
    return [_filled(each, kept) for each in value] if isinstance(value, list) else value
