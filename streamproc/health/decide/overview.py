"""How all services are, from the newest state of each that was heard of.

Rule 1: who was heard of last more than `SILENT` ago, and didn't say that it stops, is silent: killed, cut off, or not
scheduled. Silence is wrong whatever was said last.
Rule 2: whoever takes its place ends that: another of the same service that was started later. So a restart under
another name leaves nothing behind. Nor is anybody missed for longer than a day where others do the work.
Rule 3: a service that has to be there and of which nobody is heard is wrong as well.
Rule 4: who starts is wrong only while nobody of its service works: there may be more of them than partitions.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from streamproc.core.records.service_state import ServiceState, State
from streamproc.core.records.units import Millis

SILENT: Final = 30_000
"""ms; three states are missing then."""

MISSED: Final = 86_400_000
"""ms for which somebody who is silent is missed, while others of the service work."""

Seen: TypeAlias = State | Literal["silent", "unheard"]


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest of one instance. `at`: when the brokers had it, ms since 1970."""

    state: ServiceState
    at: Millis


@dataclass(frozen=True, slots=True)
class Row:
    """One instance, or a service of which nobody was heard (`said` None)."""

    service: str
    seen: Seen
    wrong: bool
    said: ServiceState | None = None
    at: Millis | None = None


def overview(heard: Iterable[Heard], services: Collection[str], expected: Collection[str], now: Millis) -> list[Row]:
    """A row for each instance that matters, by service, and for each service without one. `services`: all there are.

    `expected`: those that have to be there.
    """
    by_service: dict[str, list[Heard]] = {service: [] for service in services}
    for each in heard:
        by_service.setdefault(each.state.service, []).append(each)
    rows: list[Row] = []
    for service, instances in by_service.items():
        left = [each for each in instances if not _replaced(each, instances)]
        live = [each for each in left if _seen(each, now) not in {"silent", "stopped"}]
        works = any(_seen(each, now) != "starting" for each in live)
        for each in sorted(left, key=lambda one: one.state.instance):
            seen = _seen(each, now)
            if seen == "silent" and live and now - each.at > MISSED:
                continue
            failed = seen == "stopped" and bool(each.state.conditions)
            missed = seen == "stopped" and service in expected and not live
            if seen != "stopped" or failed or not live:
                spare = seen == "starting" and works
                wrong = failed or missed or not (spare or seen in {"ok", "stopped"})
                rows.append(Row(service, seen, wrong, each.state, each.at))
        if not left:
            rows.append(Row(service, "unheard", service in expected))
    return rows


def _seen(heard: Heard, now: Millis) -> Seen:
    if heard.state.state == "stopped":
        return "stopped"
    return "silent" if now - heard.at > SILENT else heard.state.state


def _replaced(heard: Heard, instances: Iterable[Heard]) -> bool:
    """Rule 2. Who still speaks is replaced by nobody."""
    return any(
        other.state.started >= heard.state.at and other.state.instance != heard.state.instance for other in instances
    )
