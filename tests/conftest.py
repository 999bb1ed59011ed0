"""Options of the whole suite."""

import gc
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
import structlog


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kafka`: where the tests that need Kafka find it. `--long`: run those that take half a minute each, too."""
    parser.addoption("--long", action="store_true", help="also the tests that are marked as long")
    parser.addoption(
        "--secure", action="store_true", help="the embedded one with TLS, SCRAM, and no right without an ACL"
    )
    parser.addoption("--kafka", help="HOST:PORT of an empty cluster, or testcontainers; else the embedded one")


def pytest_configure(config: pytest.Config) -> None:
    """One cluster is for one test at a time: its topics are deleted in between."""
    given = config.getoption("--kafka")
    if given and given != "testcontainers" and config.getoption("numprocesses", None):
        raise pytest.UsageError("--kafka names one cluster: add -n 0, so that tests don't share it")
    if config.getoption("--secure"):  # commands end with their event loop, sooner than asyncio's goodbye on TLS
        config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")
        config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnraisableExceptionWarning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long ones are for `--long`: without a broker the contract, service and field tests show the same."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long") is not None]
    if long:
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


def pytest_collection_finish() -> None:
    """What was imported stays to the end: the collector needn't walk it again and again, a sixth of the whole time.

    It still runs, only less often: these tests make many short-lived objects and few cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


_CONFIGURE = structlog.configure


@pytest.fixture(autouse=True)
def its_own_log() -> Iterator[None]:
    """What a test sets up for the log ends with it. No logger keeps it, as a service's do from their first line on:
    else `capture_logs` in a later test would see nothing of it.
    """

    def uncached(**options: Any) -> None:
        _CONFIGURE(**{**options, "cache_logger_on_first_use": False})

    before = structlog.get_config()
    with patch.object(structlog, "configure", uncached):
        yield
    structlog.contextvars.clear_contextvars()
    _CONFIGURE(**{**before, "processors": list(before["processors"])})
