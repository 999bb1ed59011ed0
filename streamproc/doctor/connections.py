"""SCIM connections: may anybody push at all, and for how long still?"""

from collections.abc import Collection, Iterator
from typing import Final

from streamproc.core.provider.connection_token import valid
from streamproc.core.provider.connections import Connections, unknown_anchor
from streamproc.core.records.connection_definition import ConnectionDefinition
from streamproc.core.records.units import Millis
from streamproc.core.shown import moment
from streamproc.doctor.line import Line

SOON: Final = 14 * 86_400_000
"""Milliseconds before the end of the last token from which on that is told."""


def judged(connections: Connections, facts: Collection[str], now: Millis) -> Iterator[Line]:
    """`facts`: those that the source `scim` gives. `now`: ms since 1970."""
    served = connections.served().values()
    wrong = [line for each in served if (line := _wrong(each, facts, now)) is not None]
    wrong += [
        Line(
            "error",
            "sources",
            f"connection {name}",
            "it is in the settings' file and was ordered as well; the file counts",
            f"remove it from the file, or streamproc connections remove {name} by somebody without that file",
        )
        for name in connections.clashing
    ]
    yield from wrong
    if not served:
        text = "there is none, so every SCIM client is refused"
        yield Line("warning", "sources", "connections", text, "streamproc connections add NAME --by ... --reason ...")
    elif not wrong:
        yield Line("ok", "sources", "connections", f"{len(served)}: {', '.join(each.name for each in served)}")


def _wrong(each: ConnectionDefinition, facts: Collection[str], now: Millis) -> Line | None:
    about = f"connection {each.name}"
    if (why := unknown_anchor(each.anchor, facts)) is not None:
        do = "name its path in [scim.attributes] of the sources' file, or take another connection with another anchor"
        return Line("error", "sources", about, f"nothing gives its anchor, so it links nobody: {why}", do)
    rotate = f"streamproc connections rotate {each.name}, and give the app the new one"
    tokens = valid(each.tokens, now)
    if not tokens:
        return Line("error", "sources", about, "no token of it is valid, so its app is refused", rotate)
    ends = [each.until for each in tokens if each.until is not None]
    if len(ends) == len(tokens) and max(ends) - now < SOON:
        return Line("warning", "sources", about, f"its last token ends at {moment(max(ends))}", rotate)
    return None
