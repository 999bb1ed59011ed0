"""docker/ against the code: nothing there is run here, so what can be compared is compared."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from prometheus_client.metrics import MetricWrapperBase

from streamproc import telemetry
from streamproc.cli.main import cli
from streamproc.embedded.artifacts import KAFKA_VERSION, server_properties
from streamproc.settings import FIELDS, PREFIX, load_settings
from tests.support.paths import REPOSITORY

DOCKER = REPOSITORY / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "streamproc"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")

ELSEWHERE = {
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "controller.quorum.voters",
    "log.dirs",
}
"""Settings of Kafka that say where it runs: a container isn't this machine."""
SMALL = {
    "broker.session.timeout.ms",
    "broker.heartbeat.interval.ms",
    "num.network.threads",
    "num.io.threads",
    "log.cleaner.dedupe.buffer.size",
}
"""Settings by which the embedded broker starts faster and stays small."""


def test_every_process_is_there() -> None:
    """Each service that runs for long has its container, under the name of its command."""
    assert set(OURS) == {"gateway", "worker", "sink", "reconcile", "simulator"}
    for name in OURS:
        assert SERVICES[name]["command"][0] == name


@pytest.mark.parametrize("name", OURS)
def test_commands_are_real(name: str) -> None:
    """The command line accepts each container's command, options and all."""
    word, *rest = SERVICES[name]["command"]
    with cli.commands[word].make_context(word, rest):
        pass


@pytest.mark.parametrize("name", OURS)
def test_variables_are_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each container's environment is accepted as settings: names, types and limits."""
    image = dict(re.findall(rf"({PREFIX}\w+)=(\S+)", DOCKERFILE))
    environment = SERVICES[name].get("environment", {})
    for variable in [variable for variable in os.environ if variable.startswith(PREFIX)]:
        monkeypatch.delenv(variable)
    for variable, value in (image | environment).items():
        assert variable.removeprefix(PREFIX).lower() in FIELDS
        assert isinstance(value, str)
        monkeypatch.setenv(variable, value)
    loaded = load_settings()
    assert str(loaded.worker.data) == image["STREAMPROC_DATA"]


def test_addresses_are_those_of_the_other_containers() -> None:
    """A service is pointed at Kafka where it listens, and the sink at the simulator, in whose network it is."""
    for name in ("gateway", "worker", "sink"):
        kafka = SERVICES[name]["environment"]["STREAMPROC_KAFKA"]
        assert kafka in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    command = SERVICES["simulator"]["command"]
    assert SERVICES["sink"]["network_mode"] == "service:simulator"
    environment = SERVICES["sink"]["environment"]
    address = f"http://127.0.0.1:{command[command.index('--port') + 1]}"
    assert environment["STREAMPROC_SCIM_URL"] == f"{address}/api/v2/scim/v2"
    assert environment["STREAMPROC_TOKEN_URL"] == f"{address}/oauth/token"


def test_services_wait_for_what_has_a_health_check() -> None:
    """A dependency on health needs a check of health."""
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[other]


def test_ports_are_published_on_loopback_only() -> None:
    """Neither an open Kafka nor the simulator's test API is offered to the network."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_kafka_is_configured_as_the_embedded_broker_is() -> None:
    """The same version and settings as the broker on which everything was tried, but for places and sizes."""
    text = server_properties(Path("/data"), broker_port=1, controller_port=2)
    embedded = dict(line.split("=", 1) for line in text.splitlines())
    variables = {f"KAFKA_{name.upper().replace('.', '_')}": name for name in embedded}
    environment = SERVICES["kafka"]["environment"]
    assert set(environment) <= set(variables)
    told = {variables[variable]: value for variable, value in environment.items()}
    assert set(told) >= ELSEWHERE
    assert {name: value for name, value in told.items() if name not in ELSEWHERE} == {
        name: value for name, value in embedded.items() if name not in ELSEWHERE | SMALL
    }
    assert SERVICES["kafka"]["image"].startswith(f"apache/kafka:{KAFKA_VERSION}@sha256:")


def test_the_image_runs_the_command_line_without_privileges() -> None:
    """The entry point is the command line, started by a user that isn't root, on a supported Python."""
    lines = DOCKERFILE.splitlines()
    assert 'ENTRYPOINT ["streamproc"]' in lines
    assert lines.index("USER streamproc") < lines.index('ENTRYPOINT ["streamproc"]')
    allowed = (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for name in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in name.split():
            assert (DOCKER.parent / source).exists()
            assert f"!{source}" in allowed


def test_images_of_others_are_named_by_digest() -> None:
    """A tag can be moved to another image; a digest is the image."""
    images = [service["image"] for service in SERVICES.values() if service["image"] != "streamproc"]
    for image in [*images, *re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)]:
        assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", image), image
    assert re.search(r"^FROM python:3\.11\.", DOCKERFILE, re.MULTILINE)


def test_the_image_is_made_of_files_whose_sums_are_here() -> None:
    """Each dependency, and what builds the package, is locked with hashes, in the range that pyproject.toml gives."""
    lock = (DOCKER / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert DOCKERFILE.count("pip install") == 2
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert "--no-index --no-deps --no-build-isolation ." in DOCKERFILE
    pinned = re.compile(r"^([a-z][\w.-]*)==(\S+)(?: ;[^\\\n]*)? \\\n +--hash=sha256:[0-9a-f]{64}\b", re.MULTILINE)
    locked = dict(pinned.findall(lock))
    assert len(locked) == len(re.findall(r"^[a-z]", lock, re.MULTILINE))
    wanted = tomllib.loads((DOCKER.parent / "pyproject.toml").read_text(encoding="utf-8"))
    for text in [*wanted["project"]["dependencies"], *wanted["build-system"]["requires"]]:
        requirement = Requirement(text)
        assert locked[requirement.name.lower().replace("_", "-")] in requirement.specifier, text


def test_the_dashboard_shows_metrics_that_are_there() -> None:
    """Every panel asks for metrics that a service has, and every metric has a panel."""
    dashboard = json.loads((DOCKER / "grafana" / "streamproc.json").read_text(encoding="utf-8"))
    asked = {
        re.sub(r"_bucket$", "", name)
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"streamproc_\w+", target["expr"])
    }
    there = [each for each in vars(telemetry).values() if isinstance(each, MetricWrapperBase)]
    assert asked == {each._name + ("_total" if each._type == "counter" else "") for each in there}


def test_alarms_are_about_metrics_and_codes_that_are_there() -> None:
    """An alarm about a metric or a code that nobody has would never come; each is explained beside the others."""
    (group,) = yaml.safe_load((DOCKER / "alarms.yaml").read_text(encoding="utf-8"))["groups"]
    there = {each._name for each in vars(telemetry).values() if isinstance(each, MetricWrapperBase)}
    codes = (REPOSITORY / "streamproc" / "health" / "README.md").read_text(encoding="utf-8")
    told = (DOCKER / "README.md").read_text(encoding="utf-8").split("### Alarms\n")[1]
    for rule in group["rules"]:
        assert {name.removesuffix("_total") for name in re.findall(r"streamproc_\w+", rule["expr"])} <= there
        for code in "|".join(re.findall(r'code!?~?="?([\w|]+)"', rule["expr"])).split("|"):
            assert f"| `{code}` |" in codes or not code
        assert rule["alert"] in told
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_prometheus_asks_services_that_answer() -> None:
    """Each target is a container whose environment turns the metrics on, at that port, or one in its network."""
    asked = yaml.safe_load((DOCKER / "prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"][0]
    for target in asked["static_configs"][0]["targets"]:
        host, port = target.split(":")
        (name,) = [
            each
            for each in OURS
            if SERVICES[each].get("network_mode", f"service:{each}") == f"service:{host}"
            and SERVICES[each].get("environment", {}).get("STREAMPROC_METRICS", "").endswith(f":{port}")
        ]
        assert f"http://127.0.0.1:{port}/healthz" in SERVICES[name]["healthcheck"]["test"][-1]


def test_mounted_files_are_there() -> None:
    """What the containers of others are given exists."""
    for name in ("prometheus", "grafana"):
        for volume in SERVICES[name]["volumes"]:
            assert (DOCKER / volume.split(":")[0]).is_file()
