"""All attacks: each module of this folder that has `PARTS`."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from tests.attack.part import Part


def _found() -> Iterator[Part]:
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in {"__init__", "__main__", "part", "parts"} and not path.stem.startswith("test_"):
            yield from getattr(import_module(f"tests.attack.{path.stem}"), "PARTS", ())


PARTS: Final[tuple[Part, ...]] = tuple(_found())
