"""What the commands print."""

from typing import Any

import orjson

from streamproc.demo.play import Ending, Played
from streamproc.demo.processes import Stack
from streamproc.settings import PREFIX


def step(played: Played) -> list[str]:
    """One step of the story, with the requests that went out."""
    mark = "ok  " if played.problem is None else "WRONG"
    clock = "" if played.milliseconds is None else f"  {played.milliseconds} ms from {played.since} to acknowledgement"
    lines = [f"{mark} {played.title} ({played.subject}): {played.fate}{clock}"]
    if played.reads:
        what = "read back" if played.fate == "revoked" else "what Genesys holds, or a group's id"
        lines.append(f"       {played.reads} GET: {what}")
    lines += [
        f"       {request['method']} {_short(request['path'])} → {request['status']}  {_body(request['body'])}"
        for request in played.requests
    ]
    if played.fate == "no-op":
        lines.append("       no request")
    if played.reason:
        lines.append(f"       {played.reason}")
    if played.problem:
        lines.append(f"       {played.problem}")
    return lines


def ending(end: Ending) -> list[str]:
    """The sum of the story."""
    isolated = [played for played in end.steps if played.since == "event"]
    times = sorted(
        played.milliseconds
        for played in isolated
        if played.milliseconds is not None and (not played.reads or played.fate == "revoked")
    )
    lines = [""]
    if times:
        lines.append(
            f"isolated changes: {times[len(times) // 2]} ms median, {times[-1]} ms longest, "
            "from event to acknowledgement"
        )
    if end.good:
        lines.append("Genesys holds what the story says.")
    else:
        lines += ["The story did not come out:", *(f"  {difference}" for difference in end.differences)]
        lines += [f"  {played.title}: {played.problem}" for played in end.steps if played.problem]
    return lines


def dev(running: Stack) -> list[str]:
    """Where things are, and how to send an event."""
    return [
        f"Kafka       {running.settings.kafka.bootstrap_servers}",
        f"Genesys     {running.simulator}   users: {running.simulator}/_sim/users",
        f"logs        {running.folder}",
        "For the other commands, in another shell:",
        *(
            f"  export {PREFIX}{name.upper()}={running.settings.by_name()[name]}"
            for name in ("kafka", "scim_url", "token_url", "platform_url")
        ),
        "Send a record to topic events.hris, key = subject; the README shows one. Ctrl-C stops everything.",
    ]


def _short(path: str) -> str:
    parts = path.split("/")
    return "/".join(part if len(part) < 20 else part[:8] + "…" for part in parts)


def _body(body: dict[str, Any] | None) -> str:
    if body is None:
        return ""
    if "Operations" in body:
        operations = []
        for operation in body["Operations"]:
            path = operation.get("path", "").rsplit(":", 1)[-1]
            value = orjson.dumps(operation["value"]).decode() if "value" in operation else ""
            operations.append(f"{operation['op']} {path} {value}".strip())
        return "; ".join(operations)
    names = [name.rsplit(":", 1)[-1] if name.startswith("urn:") else name for name in body if name != "schemas"]
    return "with " + ", ".join(names)
