"""Mistakes around the sink's transactions, its partitions' coming and going, and what a write rests on."""

from typing import Final

from tests.simulation.mutants.mutant import Mutant

STORE: Final = "streamproc/sink/delivery_store.py"
REBALANCE: Final = "streamproc/sink/rebalance.py"
CONFIRMATION: Final = "streamproc/sink/confirmation.py"
EXECUTOR: Final = "streamproc/sink/request_executor.py"
SINK: Final = "streamproc/sink/process.py"
OF_SINK: Final = ("tests/unit/sink", "tests/service/sink")

MUTANTS: Final = (
    Mutant(
        "a delivery goes with a transaction that its fate missed",
        STORE,
        "outcomes, changed, consumed)",
        "outcomes, ((key, self._deliveries[key.decode()]) for key, _ in changed), consumed)",
        "What is newest is at hand when it is sent, and a list of what it was before looks like a waste.",
        mended="398f96e",
        focus="journal",
    ),
    Mutant(
        "the offset is asked for when it is sent",
        STORE,
        "consumed = self.begin if offset is None else offset",
        "await asyncio.sleep(0)\n"
        "                consumed = self.begin if offset is None else self._committable() or offset",
        "The newest offset looks better than one of some awaits ago.",
        unseen_by=(*OF_SINK, "tests/property/sink", "tests/kafka/sink"),
    ),
    Mutant(
        "a confirmation counts from its commit",
        STORE,
        "self.confirmed = begun",
        "self.confirmed = self._ticks()",
        "The commit is what proves it, so its time seems to be the commit's.",
        mended="88ae04c",
        unseen_by=(*OF_SINK, "tests/property/sink", "tests/kafka/sink"),
        focus="zombies",
    ),
    Mutant(
        "a transaction under way confirms what was asked for since",
        STORE,
        "        for waiter in waiters:\n",
        "        waiters, self._waiters = [*waiters, *self._waiters], []\n        for waiter in waiters:\n",
        "One commit for all who wait saves a transaction.",
        mended="88ae04c",
        unseen_by=(*OF_SINK, "tests/property/sink", "tests/kafka/sink"),
    ),
    Mutant(
        "a write rests on what was read before the last transaction",
        CONFIRMATION,
        "return confirmed < rests_on or ",
        "return ",
        "A confirmation of a moment ago looks fresh enough, whatever was read since.",
        mended="88ae04c",
    ),
    Mutant(
        "a turn rests on what the turn before has read",
        STORE,
        "            self._noted[delivery.user] = self._ticks()\n",
        "",
        "What is in the store is what we know, and we had the partition then.",
        mended="c3a23da",
    ),
    Mutant(
        "a confirmation is good a thousand times too long",
        CONFIRMATION,
        " - confirmed > fresh\n",
        " - confirmed > fresh * 1000\n",
        "Most times in this project are milliseconds; ticks aren't.",
        focus="zombies",
    ),
    Mutant(
        "who waited at the gate goes out unconfirmed",
        EXECUTOR,
        "                await self._make_sure(progress, store, request.rests_on, slow)\n",
        "",
        "It was made sure a few lines above.",
        mended="b7b32a7",
        unseen_by=OF_SINK,
        focus="zombies",
    ),
    Mutant(
        "newer work that came during the confirmation is passed by",
        EXECUTOR,
        "if self.lanes.has_newer(progress.user):  # nobody would be told of it at the gate",
        "if False:",
        "The gate is told of newer work, so it seems to be asked for twice.",
        mended="b7b32a7",
        unseen_by=OF_SINK,
        focus="zombies",
    ),
    Mutant(
        "a lock that was got as newer work came is kept",
        EXECUTOR,
        "        if woken and acquired:\n            lock.release()\n",
        "",
        "Who is woken hasn't got the lock, as a rule.",
        mended="b7b32a7",
        unseen_by=OF_SINK,
    ),
    Mutant(
        "a request that was cut short keeps its place at the gate",
        EXECUTOR,
        "        except BaseException:  # the partition was taken away while the answer was under way\n"
        "            self.gate.lost()\n"
        "            raise\n",
        "        except OSError:\n            self.gate.lost()\n            raise\n",
        "Cancellation isn't an error, so nobody thinks of it.",
        mended="b7b32a7",
        unseen_by=OF_SINK,
    ),
    Mutant(
        "deliveries are read before whoever writes them is fenced",
        REBALANCE,
        "        await asyncio.gather(*(store.fence() for store in stores.values()))\n"
        "        # Clients of their own: asked within a rebalance, the subscribed one would wait for the rebalance "
        "to end. And\n"
        "        # two: one that is in a group and is assigned anew again and again falls over its own coordinator.\n"
        "        loader = self._kafka.consumer()\n"
        "        member = self._kafka.consumer(group=self._group)\n"
        "        await asyncio.gather(loader.start(), member.start())\n"
        "        try:\n"
        "            for store in stores.values():\n"
        "                await store.load(loader)\n",
        "        loader = self._kafka.consumer()\n"
        "        member = self._kafka.consumer(group=self._group)\n"
        "        await asyncio.gather(loader.start(), member.start())\n"
        "        try:\n"
        "            for store in stores.values():\n"
        "                await store.load(loader)\n"
        "            await asyncio.gather(*(store.fence() for store in stores.values()))\n",
        "Reading first keeps the other sink at work for longer.",
        unseen_by=OF_SINK,
        focus="zombies",
    ),
    Mutant(
        "the sink before is thought to have ended at its commit",
        REBALANCE,
        "store.until = ends[place]",
        "store.until = store.begin",
        "What isn't committed wasn't done, one would think.",
        mended="f3892ed",
        unseen_by=OF_SINK,
        focus="landing",
    ),
    Mutant(
        "what was handed out during the acquisition stays passed over",
        REBALANCE,
        "            self._consumer.seek(place, store.begin)\n",
        "",
        "A group's consumer begins at the committed offset by itself.",
        mended="6cdb8ca",
    ),
    Mutant(
        "a sink reads what was never committed",
        REBALANCE,
        "loader = self._kafka.consumer()",
        "loader = self._kafka.consumer(committed_only=False)",
        "Waiting for somebody's open transaction makes a rebalance slow.",
        mended="ab2f910",
        unseen_by=OF_SINK,
    ),
    Mutant(
        "who ends while a partition goes starts the next",
        REBALANCE,
        "        self._lanes.drain(partition)  # else somebody's end would start what is forgotten below\n",
        "",
        "The lanes are revoked two lines later anyway.",
        mended="a09250c",
        unseen_by=OF_SINK,
    ),
    Mutant(
        "a retry starts while its partition is let go of",
        REBALANCE,
        "        stores = [store for partition in partitions if (store := self._stores.pop(partition, None))]\n"
        "        for partition in partitions:\n"
        "            await self._forget(partition)\n",
        "        for partition in partitions:\n"
        "            await self._forget(partition)\n"
        "        stores = [store for partition in partitions if (store := self._stores.pop(partition, None))]\n",
        "First the tasks, then what they use: it looks like the safer order.",
        mended="b7b32a7",
        unseen_by=OF_SINK,
        focus="repeated",
    ),
    Mutant(
        "the mass guard begins anew with each move of partitions",
        "streamproc/sink/mass_guard.py",
        "standings = [each for store in self._stores.values() for each in store.standings.values()]",
        "standings: list[Standing] = []",
        "A new count for new partitions looks natural.",
        focus="crowded",
    ),
    Mutant(
        "what was set aside goes on before the log is read",
        SINK,
        "if not store.caught_up and position >= store.until:",
        "if not store.caught_up and position >= store.begin:",
        "What is before the committed offset was read, and the rest is new.",
    ),
    Mutant(
        "a place among the connections is lost with each partition",
        SINK,
        "        finally:\n            self._leave(task)\n        self._lanes.finish(ended)\n",
        "        finally:\n"
        "            self._tasks.pop(task, None)\n"
        "        self._busy -= 1\n"
        "        self._lanes.finish(ended)\n",
        "It is counted where the delivery ends, and nobody thinks of one that is cancelled.",
    ),
    Mutant(
        "leavers wait for a connection",
        SINK,
        "while (turn := self._lanes.take(revocations=self._busy >= self._gate.connections)) is not None:",
        "while self._busy < self._gate.connections and (turn := self._lanes.take()) is not None:",
        "As many turns as connections: the number says so itself.",
        focus="crowded",
    ),
    Mutant(
        "a transaction that took too long is good for once",
        CONFIRMATION,
        "        await store.confirm()\n        slow += 1\n",
        "        await store.confirm()\n        return slow + 1\n",
        "It was asked for a moment ago.",
        mended="fc86177",
        focus="zombies",
    ),
    Mutant(
        "what the sink before us has done ends at its commit",
        EXECUTOR,
        "if progress.leaver or progress.turn.offset >= store.until:",
        "if progress.leaver or progress.turn.offset >= store.begin:",
        "What comes after the committed offset is ours.",
        mended="f77b3a0",
        focus="landing",
    ),
)
