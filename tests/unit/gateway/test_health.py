"""Health: steady under load, told when the brokers are gone, and asked once for all who want to know."""

import asyncio

from streamproc.gateway.health import OFTEN, STEADY, Health


class Brokers:
    """They answer `well` once they are let; `asked`: how often."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.well = True
        self.asked = 0
        self.let = asyncio.Event()
        self.let.set()

    async def ask(self) -> bool:
        """Like the brokers."""
        self.asked += 1
        await self.let.wait()
        return self.well


async def test_many_who_ask_are_one_question() -> None:
    """All wait for the first answer, none is told no meanwhile, and later ones have it at once."""
    brokers = Brokers()
    health = Health(brokers.ask, lambda: brokers.now)
    brokers.let.clear()
    waiting = [asyncio.create_task(health.well()) for _ in range(50)]
    await asyncio.sleep(0)
    brokers.let.set()
    assert set(await asyncio.gather(*waiting)) == {True}
    assert brokers.asked == 1
    brokers.now += OFTEN
    brokers.let.clear()
    assert [await health.well() for _ in range(50)] == [True] * 50, "while the next question is open"
    await asyncio.sleep(0)
    assert brokers.asked == 2
    brokers.let.set()


async def test_one_question_that_fails_isnt_a_broker_that_is_gone() -> None:
    """Only when there was no answer for some seconds; and the first one afterwards counts at once."""
    brokers = Brokers()
    health = Health(brokers.ask, lambda: brokers.now)
    assert await health.well()
    brokers.well = False
    for _ in range(int(STEADY / OFTEN) - 1):
        brokers.now += OFTEN
        assert await health.well()
        await asyncio.sleep(0)
    brokers.now += OFTEN
    assert not await health.well()
    assert not await health.well()
    brokers.now += OFTEN
    brokers.well = True
    assert await health.well()
