"""The command line: one word per process or task. Exit codes: 0 done, 1 found something wrong, 2 used wrongly."""

import asyncio
import importlib
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import click

from streamproc import __version__, compose, telemetry
from streamproc.adapters.event_loop import Loop
from streamproc.adapters.kafka.log import KafkaError
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.adapters.kafka.trouble import without_tracebacks
from streamproc.cli import findings, identities, loops, parked, parse, rejected, topics
from streamproc.cli import reconcile as reconciled
from streamproc.cli.options import JSON, KAFKA, kafka_option, say
from streamproc.cli.screen import complain, harmless_errors, install, put, put_json, put_lines
from streamproc.core.errors import MappingError, SettingsError, StreamprocError
from streamproc.demo import report
from streamproc.demo.acts import play_acts
from streamproc.demo.play import Played, scoped
from streamproc.demo.processes import ProcessFailedError, Stack, stack
from streamproc.embedded import EmbeddedKafkaUnavailable, embedded_kafka
from streamproc.settings import DIRECTORIES, Settings, load_settings
from streamproc.simulator.options import SimulatorOptions

_PARENT = click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input ends.")

LATE: Final = ("connections", "seed", "mapping", "archive", "replay", "report", "doctor", "status")
"""Commands each in the module of its name, imported when asked for: no service loads pyarrow, which most of them do."""


class Commands(click.Group):
    """A group that imports a command of `LATE` when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, those of `LATE` too."""
        return sorted([*super().list_commands(ctx), *LATE])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name; None: there is none."""
        if name not in LATE:
            return super().get_command(ctx, name)
        command = getattr(importlib.import_module(f"streamproc.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """With errors that do a terminal no harm."""
        with harmless_errors():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """With errors that do a terminal no harm."""
        with harmless_errors():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def cli() -> None:
    """HR and identity change events on Kafka become the fewest SCIM calls that make Genesys Cloud agree."""


@cli.command(epilog="Example: streamproc demo --json")
@kafka_option("An existing, empty cluster instead of the embedded one.")
@JSON
def demo(kafka: str | None, as_json: bool) -> None:
    """Start everything, play a story of hires, moves and leavers, check what Genesys holds."""
    sys.exit(_run(_demo(kafka, as_json=as_json)))


@cli.command(epilog="Example: streamproc dev --data ./data")
@kafka_option("An existing cluster instead of the embedded one.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Keep Kafka's data here.")
def dev(kafka: str | None, data: Path | None) -> None:
    """Start everything and stay up, to send events to by hand."""
    _run(_dev(kafka, data))


@cli.command(epilog="Example: STREAMPROC_KAFKA=kafka:9092 streamproc worker")
@KAFKA
@_PARENT
def worker(kafka: str | None, with_parent: bool) -> None:
    """Resolve and fold events (a Faust worker). Start as many as there are partitions."""
    _serve("worker", compose.run_worker, with_parent, kafka=kafka)


@cli.group(invoke_without_command=True, epilog="Example: STREAMPROC_KAFKA=kafka:9092 streamproc sink")
@KAFKA
@_PARENT
@click.pass_context
def sink(context: click.Context, kafka: str | None, with_parent: bool) -> None:
    """Deliver operations to Genesys Cloud. Start as many as there are partitions; `pause` and `resume` are for all."""
    if context.invoked_subcommand is None:
        _serve("sink", compose.run_sink, with_parent, kafka=kafka)


sink.add_command(parked.pause_or_resume("pause"))
sink.add_command(parked.pause_or_resume("resume"))
cli.add_command(parked.held)
cli.add_command(parked.parked)
cli.add_command(loops.loops)
cli.add_command(rejected.rejected)
cli.add_command(findings.findings)
cli.add_command(identities.identities)


@cli.command(epilog="Example: STREAMPROC_KAFKA=kafka:9092 STREAMPROC_OKTA_HOOK_SECRET=... streamproc gateway")
@KAFKA
@_PARENT
def gateway(kafka: str | None, with_parent: bool) -> None:
    """Take in what sources send by HTTP: hooks, events, Security Event Tokens."""
    _serve("gateway", compose.run_gateway, with_parent, kafka=kafka)


@cli.command(epilog="Example: STREAMPROC_OKTA_URL=https://acme.okta.com STREAMPROC_OKTA_TOKEN=... streamproc hydrator")
@KAFKA
@_PARENT
def hydrator(kafka: str | None, with_parent: bool) -> None:
    """Fetch whom notifications name from Okta, Entra, PingOne, Workday and an HR vendor; synchronise on a schedule."""
    _serve("hydrator", compose.run_hydrator, with_parent, kafka=kafka)


@cli.command(epilog="Example: streamproc sync okta --full")
@click.argument("source", type=click.Choice(DIRECTORIES))
@click.option("--full", is_flag=True, help="Everybody, not only what changed since the last time.")
@KAFKA
@JSON
def sync(source: str, full: bool, kafka: str | None, as_json: bool) -> None:
    """Ask a directory for everybody, or for what changed; goes on where it was cut short. 1: somebody was given up."""
    settings = load_settings(kafka=kafka)
    telemetry.configure("error", json=settings.observability.log_json, service="sync")
    counts = _run(compose.run_sync(settings, source, full=full, say=say))
    if as_json:
        put_json(counts)
    sys.exit(1 if counts.given_up else 0)


@cli.command(epilog="Example: streamproc reconcile --once --json")
@click.option("--once", is_flag=True, help="One round over everybody, and a table at its end. 1: something disagrees.")
@click.option("--user", help="Look at this user ID alone, once.")
@KAFKA
@JSON
@_PARENT
def reconcile(once: bool, user: str | None, kafka: str | None, as_json: bool, with_parent: bool) -> None:
    """Compare what Genesys Cloud holds with what is desired; what disagrees is told, and repaired by the sink.

    Without --once or --user it goes on for ever. One such process is enough.
    """
    if not once and user is None:
        _serve("reconcile", compose.run_reconcile, with_parent, kafka=kafka)
        return
    settings = load_settings(kafka=kafka)
    telemetry.configure("error", json=settings.observability.log_json, service="reconcile")
    summary = _run(compose.reconcile_once(settings, user, say))
    sys.exit(reconciled.printed(summary, user, as_json=as_json))


cli.add_command(parse.parse)


@cli.command(epilog="Example: streamproc simulator --port 8080 --rate-limit 300")
@click.option("--host", default="127.0.0.1", show_default=True, help="Anything but loopback opens the test API too.")
@click.option("--port", default=8080, show_default=True, help="0 takes a free one.")
@click.option("--rate-limit", default=0, show_default=True, help="Requests a minute per token; 0: no limit.")
@click.option("--latency-ms", default=0.0, show_default=True, help="Of each request.")
@click.option("--client-id", default="demo", show_default=True)
@click.option("--client-secret", default="demo", show_default=True)
@_PARENT
def simulator(
    host: str, port: int, rate_limit: int, latency_ms: float, client_id: str, client_secret: str, with_parent: bool
) -> None:
    """Stand-ins for Genesys Cloud (OAuth, SCIM), Okta, Graph, PingOne, Workday, HR vendors; /_sim/ is for tests."""
    settings = load_settings()
    telemetry.configure(settings.observability.log_level, json=settings.observability.log_json, service="simulator")
    options = SimulatorOptions(
        rate_limit=rate_limit,
        latency_ms=latency_ms,
        client_id=client_id,
        client_secret=client_secret,
        allow_remote=host != "127.0.0.1",
    )

    def announcing(ready: Callable[[str], None]) -> Callable[[str], None]:
        def announce(free_port: str) -> None:
            say(f"http://{host}:{free_port}")
            ready(free_port)

        return announce

    try:
        _run(
            compose.until_signal(
                lambda ready: compose.run_simulator(host, port, options, announcing(ready)),
                "simulator",
                with_parent=with_parent,
            )
        )
    except OSError as error:
        raise SettingsError(f"--host {host} --port {port} can't be used: {error.strerror}") from error


cli.add_command(topics.topics)
cli.add_command(topics.settings)


async def _demo(kafka: str | None, *, as_json: bool) -> int:
    def say(line: str) -> None:
        put(line, err=as_json)

    def told(played: Played) -> None:
        for line in report.step(played):
            say(line)

    async with _stack(kafka, None, say, scoped) as running:
        ending = await play_acts(running, say, told)
    if as_json:
        put_json(ending.as_json())
    else:
        put_lines(report.ending(ending))
    return 0 if ending.good else 1


async def _dev(kafka: str | None, data: Path | None) -> None:
    async def serve(ready: Callable[[], None]) -> None:
        async with _stack(kafka, data, put) as running:
            put_lines(report.dev(running))
            ready()
            await running.watch(put)

    telemetry.configure("warning", json=False, service="dev")
    await compose.until_signal(serve, "dev")


@asynccontextmanager
async def _stack(
    kafka: str | None,
    data: Path | None,
    say: Callable[[str], None],
    changed: Callable[[Settings, Path], Settings] = lambda settings, _: settings,
) -> AsyncIterator[Stack]:
    async with AsyncExitStack() as exit_stack:
        if kafka is None:
            broker = await exit_stack.enter_async_context(embedded_kafka(data=data, progress=say))
            kafka = broker.bootstrap
        folder = Path(exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="streamproc-")))
        settings = changed(load_settings(kafka=kafka), folder)
        running = await exit_stack.enter_async_context(stack(settings, folder))
        say("starting worker and sink ...")
        await ensure_topics(settings.kafka)
        await running.start("worker", "sink")
        yield running


def _serve(
    name: str, service: Callable[..., Coroutine[Any, Any, None]], with_parent: bool, **overrides: object
) -> None:
    settings: Settings = load_settings(**overrides)
    telemetry.configure(settings.observability.log_level, json=settings.observability.log_json, service=name)
    without_tracebacks()
    _run(compose.until_signal(lambda ready: service(settings, ready), name, with_parent=with_parent))


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(main)


def main() -> None:
    """The entry point. Our own errors end as one line; anything else is a bug and keeps its traceback."""
    os.umask(0o077)  # whatever a command writes is for its owner alone: archives, tables, logs of the demo
    install()
    telemetry.configure_command()
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # where no log is set up, the line says it all
    try:
        cli()
    except (StreamprocError, EmbeddedKafkaUnavailable, ProcessFailedError) as error:
        complain(error, lines=not isinstance(error, StreamprocError))
        sys.exit(2 if isinstance(error, SettingsError | MappingError) else 1)
    except KafkaError as error:
        complain(f"Kafka: {type(error).__name__}: {error}")
        sys.exit(1)
