"""A mistake that somebody tired makes, and what is known of it."""

from dataclasses import dataclass

from tests.simulation.pool import DRAW


@dataclass(frozen=True)
class Mutant:
    """In `file`, `right`, which is there once, becomes `wrong`."""

    name: str
    file: str
    right: str
    wrong: str
    why: str
    """Why somebody would write it like that."""
    mended: str = ""
    """Commits of this project that mended the same mistake."""
    unseen_by: tuple[str, ...] = ()
    """Tests that were tried, and all pass with the mistake: folders or files."""
    focus: str = ""
    """What the seeds are about that have to show it, by its name in `focus.py`; none: they are ordinary ones."""

    @property
    def draw(self) -> str:
        """How its plans are drawn: `MODULE:NAME`."""
        return f"tests.simulation.mutants.drawn:{self.focus}" if self.focus else DRAW
