"""Every case, module by module."""

from typing import Final

from tests.field import directories, hooks
from tests.field.case import Case

CASES: Final[tuple[Case, ...]] = (*directories.CASES, *hooks.CASES)
