"""Where things are in this checkout."""

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[2]
PAYLOADS: Final = REPOSITORY / "tests" / "fixtures"
"""What sources send, one folder a source."""
