"""When a change that goes to and fro is taken for a fight."""

from msgspec import Struct


class LoopLimits(Struct, frozen=True):
    """`rounds`: writes that count within `window` seconds, after which no more is made; 0: none count."""

    rounds: int = 3
    window: float = 3600.0
