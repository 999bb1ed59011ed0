"""CPU seconds of everything that belongs to a bench, beside wall seconds.

Counted are user and system time of all threads, ended ones too, of
- this process;
- its descendants that live, in whatever session they are: worker, sink, gateway, simulator, bare loops, pools;
- its descendants that have ended: whoever waited for them has their time, and each did whose own ending was waited for.
The broker (Java and the keeper that started it) is counted apart. Not counted are processes that others started, such
as a cluster elsewhere, and what the kernel does for nobody in particular.

This process and ended children are exact to microseconds, each live descendant to the kernel's tick (10 ms).
"""

import resource
import time
from dataclasses import astuple, dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds: since some moment where `usage` returned it, of a stretch where two of these were subtracted."""

    wall: float = 0.0
    user: float = 0.0
    system: float = 0.0
    broker_user: float = 0.0
    broker_system: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, begun: "Usage") -> "Usage":
        return Usage(*(end - start for end, start in zip(astuple(self), astuple(begun), strict=True)))

    @property
    def cpu(self) -> float:
        """User and system, without the broker's."""
        return self.user + self.system

    def row(self, prefix: str = "") -> dict[str, float]:
        """Figures for the bench's table; the broker's where it had one."""
        row = {"wall_s": self.wall, "cpu_user_s": self.user, "cpu_system_s": self.system}
        if self.broker_user or self.broker_system:
            row |= {"broker_cpu_user_s": self.broker_user, "broker_cpu_system_s": self.broker_system}
        return {prefix + name: round(seconds, 2) for name, seconds in row.items()}


def usage(broker: int | None = None) -> Usage:
    """What has been used until now. `broker`: process id of the embedded broker, if there is one.

    Raises psutil.NoSuchProcess where that broker has ended: its time is then no longer to be told from ours.
    """
    keeper = None if broker is None else psutil.Process(broker).ppid()
    me = psutil.Process()
    while True:
        descendants = me.children(recursive=True)
        try:
            ours = [_times(process) for process in descendants if process.pid not in {broker, keeper}]
            theirs = [_times(process) for process in descendants if process.pid in {broker, keeper}]
        except psutil.NoSuchProcess:
            continue
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        if me.children(recursive=True) == descendants:  # else one has ended, and counts twice or not at all
            break
    ours += [(times.ru_utime, times.ru_stime) for times in own]
    return Usage(
        time.perf_counter(),
        sum(user for user, _ in ours),
        sum(system for _, system in ours),
        sum(user for user, _ in theirs),
        sum(system for _, system in theirs),
    )


def process_cpu(pid: int) -> float:
    """User and system seconds of one process, and of its children that have ended. Raises psutil.NoSuchProcess."""
    return sum(_times(psutil.Process(pid)))


def _times(process: psutil.Process) -> tuple[float, float]:
    times = process.cpu_times()
    return times.user + times.children_user, times.system + times.children_system
