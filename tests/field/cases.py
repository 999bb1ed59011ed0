"""Every case, module by module."""

from typing import Final

from tests.field import hooks, pipelines
from tests.field.case import Case

CASES: Final[tuple[Case, ...]] = (*hooks.CASES, *pipelines.CASES)
