"""Values: dataclasses that nobody may assign to, as mypy sees to.

At run time `frozen` would make each constructor take three to eight times as long, and folding an event calls nine.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - what mypy is to take it for
else:
    import dataclasses

    def dataclass(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """As `dataclasses.dataclass` makes it, with the same hash, but for the check."""
        return dataclasses.dataclass(slots=slots, unsafe_hash=frozen)
