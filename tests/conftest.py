"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kafka`: where the tests that need Kafka find it."""
    parser.addoption("--kafka", help="HOST:PORT of an empty cluster, or testcontainers; else the embedded one")
