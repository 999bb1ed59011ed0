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
    draw: str = DRAW
    """How the plans are drawn that have to show it: `MODULE:NAME`."""
