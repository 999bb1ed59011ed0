"""The embedded broker is a broker, keeps what it is told to keep, and never outlives its process."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streamproc.embedded import EmbeddedKafkaUnavailable, broker, embedded_kafka
from tests.support.paths import REPOSITORY

PATIENCE = 60
"""s; far more than anything here takes, on a machine that has much else to do."""


async def create_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


@asynccontextmanager
async def producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    each = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="test", acks="all")
    await each.start()
    try:
        yield each
    finally:
        await each.stop()


async def committed(bootstrap: str, topic: str, count: int, group: str | None = None) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
    )
    await consumer.start()
    try:
        return [(await asyncio.wait_for(consumer.getone(), PATIENCE)).value for _ in range(count)]
    finally:
        await consumer.stop()


@contextmanager
def python(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """It doesn't outlive the test, which would wait for it for ever."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - other processes set no events
            await asyncio.sleep(0.05)


async def test_transactions_work_and_nothing_is_left() -> None:
    """A transaction's records are read once committed, an aborted one's never; after the block all is gone."""
    async with embedded_kafka() as kafka:
        await create_topic(kafka.bootstrap, "events")
        async with producer(kafka.bootstrap) as out:
            async with out.transaction():
                await out.send_and_wait("events", b"one")
            await out.begin_transaction()
            await out.send_and_wait("events", b"dropped")
            await out.abort_transaction()
            async with out.transaction():
                await out.send_and_wait("events", b"two")
        assert await committed(kafka.bootstrap, "events", 2, group="readers") == [b"one", b"two"]
        assert kafka.log.is_relative_to(kafka.data)
    assert not broker.alive(kafka.pid)
    assert not kafka.data.exists()


async def test_data_is_kept_and_locked(tmp_path: Path) -> None:
    """With a folder given, a second broker on it is refused and the next start finds the records again."""
    async with embedded_kafka(data=tmp_path / "kept") as first:
        await create_topic(first.bootstrap, "events")
        async with producer(first.bootstrap) as out, out.transaction():
            await out.send_and_wait("events", b"one")
        with pytest.raises(EmbeddedKafkaUnavailable, match=f"process {os.getpid()}, is using"):
            async with embedded_kafka(data=tmp_path / "kept"):
                pytest.fail("two brokers share a folder")
    async with embedded_kafka(data=tmp_path / "kept") as second:
        assert second.bootstrap != first.bootstrap
        async with producer(second.bootstrap) as out, out.transaction():
            await out.send_and_wait("events", b"two")
        assert await committed(second.bootstrap, "events", 2) == [b"one", b"two"]


async def test_a_killed_broker_keeps_its_data(tmp_path: Path) -> None:
    """After SIGKILL to the broker the folder can be used at once and holds what was committed.

    Committed is what can be read: after 4 of 110 kills in the milliseconds after the answer to a commit its marks
    weren't written, before the next transaction of that producer (Kafka 4.3.1).
    """
    async with embedded_kafka(data=tmp_path) as first:
        await create_topic(first.bootstrap, "events")
        async with producer(first.bootstrap) as out, out.transaction():
            await out.send_and_wait("events", b"one")
        assert await committed(first.bootstrap, "events", 1) == [b"one"]
        os.kill(first.pid, signal.SIGKILL)
        await until(lambda: not broker.alive(first.pid))
    async with embedded_kafka(data=tmp_path) as second:
        assert await committed(second.bootstrap, "events", 1) == [b"one"]


@pytest.mark.parametrize("temporary", [True, False])
async def test_no_orphan_when_the_parent_is_killed(temporary: bool, tmp_path: Path) -> None:
    """SIGKILL to the parent ends the Java process and removes a temporary folder; a given one can be used at once."""
    script = (
        "import asyncio, sys, pathlib\n"
        "from streamproc.embedded import embedded_kafka\n"
        "async def main():\n"
        "    data = pathlib.Path(sys.argv[1]) if sys.argv[1:] else None\n"
        "    async with embedded_kafka(data=data) as kafka:\n"
        "        print(kafka.pid, kafka.data, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    command = ["-c", script, *([] if temporary else [str(tmp_path)])]
    with python(*command) as parent:
        assert parent.stdout is not None
        pid, data = (await asyncio.to_thread(parent.stdout.readline)).split()
        assert broker.alive(int(pid))
        parent.kill()
    if temporary:
        await until(lambda: not broker.alive(int(pid)) and not Path(data).exists())
    else:
        async with embedded_kafka(data=tmp_path) as again:
            assert not broker.alive(int(pid))
            await create_topic(again.bootstrap, "events")


async def test_a_broker_that_is_gone_has_left_its_folder(tmp_path: Path) -> None:
    """The folder is locked by the broker itself and its process, by nobody who might outlive the two."""
    async with embedded_kafka(data=tmp_path) as kafka:
        beside = psutil.Process(kafka.pid).parent()
        assert beside is not None
        assert str(tmp_path / "lock") not in [open_file.path for open_file in beside.open_files()]
        assert str(tmp_path / "lock") in [open_file.path for open_file in psutil.Process(kafka.pid).open_files()]


async def test_no_orphan_when_the_keeper_is_killed() -> None:
    """SIGKILL to the keeper leaves the broker to its process, which still ends it and removes the folder."""
    async with embedded_kafka() as kafka:
        os.kill(psutil.Process(kafka.pid).ppid(), signal.SIGKILL)
        await create_topic(kafka.bootstrap, "events")
    await until(lambda: _ended(kafka.pid))
    assert not kafka.data.exists()


def _ended(pid: int) -> bool:
    """Whether the process is gone, or waits for whoever adopted it to take note."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@pytest.mark.long
@pytest.mark.parametrize("which", [0, 1])
async def test_a_port_taken_meanwhile_is_replaced(which: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody else binds a chosen port first, other ports are chosen."""
    choose = broker.free_ports
    with socket.socket() as rival:
        rival.bind(("127.0.0.1", 0))
        rival.listen()
        taken, calls = rival.getsockname()[1], 0

        def unlucky_once(count: int) -> list[int]:
            nonlocal calls
            calls += 1
            ports = choose(count)
            if calls == 1:
                ports[which] = taken
            return ports

        monkeypatch.setattr(broker, "free_ports", unlucky_once)
        async with embedded_kafka() as kafka:
            assert calls == 2
            await create_topic(kafka.bootstrap, "events")
    assert not kafka.data.exists()


async def test_a_failed_start_shows_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that fails or takes too long raises the log's tail and names a log that is still there."""
    with pytest.raises(EmbeddedKafkaUnavailable, match=r"ended while starting; its log is .*broker\.log[\s\S]*heap"):
        async with embedded_kafka(data=tmp_path / "small", heap_mb=1):
            pytest.fail("it started in one megabyte")
    with pytest.raises(
        EmbeddedKafkaUnavailable, match=r"did not start within 0 s; its log is .*last-failed-start\.log"
    ):
        async with embedded_kafka(start_seconds=0.01):
            pytest.fail("it started in no time")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_command_runs_a_broker_until_interrupted(number: signal.Signals, tmp_path: Path) -> None:
    """`python -m streamproc.embedded --data DIR` prints the address, serves, and ends in order when told to."""
    command = ["-m", "streamproc.embedded", "--data", str(tmp_path)]
    with python(*command) as process:
        assert process.stdout is not None
        bootstrap = (await asyncio.to_thread(process.stdout.readline)).strip()
        await create_topic(bootstrap, "events")
        process.send_signal(number)
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    async with broker._folder(tmp_path, print):
        pass
