"""CPU seconds of a bench: who is counted, and where."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.bench.cpu import process_cpu, usage

BURNED = 0.3
"""CPU seconds of each process here. Ticks are 0.01 s."""

BURN = f"""
import sys, time
while time.process_time() < {BURNED}:
    pass
print("burned", flush=True)
sys.stdin.read()
"""
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {BURN!r}], stdin=subprocess.PIPE)
sys.stdin.read()
child.communicate()
"""


@contextmanager
def burning(code: str = BURN) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has burned its seconds and lives on to the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"burned\n"
        yield process


def test_children_count_while_they_live_and_after() -> None:
    """The CPU of a child in its own session is ours while it lives, and is neither lost nor counted twice after."""
    begun = usage()
    with burning():
        living = usage() - begun
    ended = usage() - begun
    assert living.cpu + 0.02 >= BURNED
    assert living.cpu <= ended.cpu + 0.02 < 2 * BURNED
    assert living.wall < ended.wall
    assert "broker_cpu_user_s" not in ended.row()


def test_grandchildren_count_while_they_live_and_after() -> None:
    """So is the CPU of a child's child."""
    begun = usage()
    with burning(PARENT) as parent:
        assert (usage() - begun).cpu + 0.02 >= BURNED
        assert process_cpu(parent.pid) < BURNED
    assert BURNED <= (usage() - begun).cpu + 0.02 < 2 * BURNED


def test_this_process_counts() -> None:
    """What a bench burns itself is in its row, as user time."""
    begun = usage()
    while (usage() - begun).cpu < BURNED:
        pass
    row = (usage() - begun).row("part_")
    assert row["part_cpu_user_s"] + row["part_cpu_system_s"] >= BURNED
    assert row["part_wall_s"] > 0


def test_the_broker_is_apart() -> None:
    """The broker and the keeper that started it are in rows of their own, and in no other."""
    with burning(PARENT) as keeper:
        (broker,) = psutil.Process(keeper.pid).children()
        apart, together = usage(broker.pid), usage()
    assert BURNED <= apart.broker_user + apart.broker_system + 0.02 < 2 * BURNED
    assert BURNED <= together.cpu - apart.cpu + 0.02 < 2 * BURNED
    assert "broker_cpu_user_s" in apart.row()


def test_a_broker_that_has_ended_is_an_error() -> None:
    """Its time would count as ours: better no figure than a wrong one."""
    with burning() as broker:
        pass
    with pytest.raises(psutil.NoSuchProcess):
        usage(broker.pid)
