"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kafka`: where the tests that need Kafka find it."""
    parser.addoption("--kafka", help="HOST:PORT of an empty cluster, or testcontainers; else the embedded one")


def pytest_configure(config: pytest.Config) -> None:
    """One cluster is for one test at a time: its topics are deleted in between."""
    given = config.getoption("--kafka")
    if given and given != "testcontainers" and config.getoption("numprocesses", None):
        raise pytest.UsageError("--kafka names one cluster: add -n 0, so that tests don't share it")
