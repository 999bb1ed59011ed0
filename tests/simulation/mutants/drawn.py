"""How plans are drawn for mutants that only a certain focus shows. Each is one that ordinary seeds may have, too."""

from functools import partial
from typing import Final

from tests.simulation import focus
from tests.simulation.swarm import draw

rounds: Final = partial(draw, focus=focus.ROUNDS)
moves: Final = partial(draw, focus=focus.MOVES)
replanned: Final = partial(draw, focus=focus.REPLANNED)
replayed: Final = partial(draw, focus=focus.REPLAYED)
landing: Final = partial(draw, focus=focus.LANDING)
zombies: Final = partial(draw, focus=focus.ZOMBIES)
repeated: Final = partial(draw, focus=focus.REPEATED)
journal: Final = partial(draw, focus=focus.JOURNAL)
asked: Final = partial(draw, focus=focus.ASKED)
crowded: Final = partial(draw, focus=focus.CROWDED)
released: Final = partial(draw, focus=focus.RELEASED)
namesakes: Final = partial(draw, focus=focus.NAMESAKES)
denied: Final = partial(draw, focus=focus.DENIED_FOR_A_WHILE)
doubted: Final = partial(draw, focus=focus.DOUBTED)
meanwhile: Final = partial(draw, focus=focus.MEANWHILE)
rfc7644: Final = partial(draw, focus=focus.RFC7644)
