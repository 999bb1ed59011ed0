"""What modules log, whatever the process has set up for its own log before: a logger that was used keeps that."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

import structlog
from structlog.testing import LogCapture


@contextmanager
def logged(*modules: ModuleType) -> Iterator[list[Any]]:
    """Lines of these modules, each of which has its logger as `log`."""
    capture = LogCapture()
    logger = structlog.wrap_logger(
        structlog.ReturnLogger(), processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(0)
    )
    with ExitStack() as stack:
        for module in modules:
            stack.enter_context(patch.object(module, "log", logger))
        yield capture.entries
