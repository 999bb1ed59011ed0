"""Mistakes in the worker: order, commits, rounds of produce requests, and partitions that move."""

from typing import Final

from tests.simulation.mutants.mutant import Mutant

SEQUENCER: Final = "streamproc/worker/record_sequencer.py"
PRODUCER: Final = "streamproc/worker/batching_producer.py"
RESOLVE: Final = "streamproc/worker/resolve.py"
FOLD: Final = "streamproc/worker/fold.py"
MAPPINGS: Final = "streamproc/worker/mapping_store.py"
OF_WORKER: Final = ("tests/unit/worker", "tests/property/worker", "tests/service/worker")

MUTANTS: Final = (
    Mutant(
        "the offset is committed as far as it was read",
        SEQUENCER,
        "return offsets.committable() if offsets else None",
        "return offsets.reached if offsets else None",
        "Both are an offset of the tracker, and the second one moves even when nothing else does.",
        unseen_by=(*OF_WORKER, "tests/kafka/worker", "tests/kafka/test_pipeline.py"),
    ),
    Mutant(
        "a batch goes on after its partition has moved",
        SEQUENCER,
        "                if self._offsets.get(partition) is not offsets:\n                    return\n",
        "",
        "The batch was given to us, and the check is made once for all above.",
        mended="0a5a8d0",
        unseen_by=(*OF_WORKER, "tests/kafka/worker", "tests/kafka/test_pipeline.py"),
        focus="moves",
    ),
    Mutant(
        "a batch that waited for its turn is handled after its partition has moved",
        SEQUENCER,
        "            if self._offsets is here:  # else",
        "            if True:  # else",
        "Who has the lock has the turn.",
        mended="63fd2ca",
        focus="moves",
    ),
    Mutant(
        "what was left out before partitions moved is folded after",
        SEQUENCER,
        "        if self._offsets is not here or not self._app.settled():\n",
        "        if not self._app.settled():\n",
        "Whether all is settled is what counts.",
        mended="0a5a8d0 b55ef22",
        focus="moves",
    ),
    Mutant(
        "a move of partitions clears what it should replace",
        SEQUENCER,
        '        """Partitions have moved."""\n        self._offsets = {}\n',
        '        """Partitions have moved."""\n        self._offsets.clear()\n',
        "An empty dict is an empty dict.",
        mended="0a5a8d0 b55ef22",
        focus="moves",
    ),
    Mutant(
        "what was left out before a batch stays out",
        SEQUENCER,
        "if offsets.reached is not None and offsets.reached < record.offset:",
        "if False:",
        "Gaps are marks of transactions, and cost a request each.",
        mended="798b083",
        unseen_by=OF_WORKER,
    ),
    Mutant(
        "what was left out at the end stays out",
        SEQUENCER,
        "before[each] == now[each] and not self._busy(each)]",
        "before[each] is now[each] is None and not self._busy(each)]",
        "A partition of which something was read has come to its end.",
        mended="8f9337c",
        unseen_by=OF_WORKER,
    ),
    Mutant(
        "a record counts as done when it is put",
        FOLD,
        "        self._producer.put(OPERATIONS, user, value, acknowledged, partition)\n",
        "        self._producer.put(OPERATIONS, user, value, acknowledged, partition)\n        done()\n",
        "The producer repeats until the brokers have it.",
        unseen_by=(*OF_WORKER, "tests/kafka/worker", "tests/kafka/test_pipeline.py"),
    ),
    Mutant(
        "an older acknowledgement forgets what is newer",
        FOLD,
        "            if self._unacknowledged.get(user) is value:\n                del self._unacknowledged[user]\n",
        "            self._unacknowledged.pop(user, None)\n",
        "What is acknowledged isn't on its way any more.",
        unseen_by=(*OF_WORKER, "tests/kafka/worker", "tests/kafka/test_pipeline.py"),
    ),
    Mutant(
        "what was on its way is known after partitions have moved",
        FOLD,
        '        """Partitions have moved."""\n        self._unacknowledged.clear()\n',
        '        """Partitions have moved."""\n',
        "It is acknowledged in a moment, and goes away by itself.",
        mended="f3892ed",
        unseen_by=OF_WORKER,
        focus="moves",
    ),
    Mutant(
        "links on their way are known after partitions have moved",
        RESOLVE,
        '        """Partitions have moved."""\n        self._pending.clear()\n',
        '        """Partitions have moved."""\n',
        "They are acknowledged in a moment, and go away by themselves.",
        mended="f3892ed",
        unseen_by=OF_WORKER,
        focus="moves",
    ),
    Mutant(
        "a link is written with what it leads to",
        RESOLVE,
        "        self._producer.then(\n            partial(self._send_links, routed.links, raw.partition),\n"
        "            partial(self._keep, routed.links, raw.partition, done),\n        )\n",
        "        self._send_links(routed.links, raw.partition)\n"
        "        self._producer.then(partial(self._keep, routed.links, raw.partition, done))\n",
        "One round instead of two halves the time.",
        focus="rounds",
    ),
    Mutant(
        "a raw record is done before its link is",
        RESOLVE,
        "        if not routed.links:\n            self._producer.then(done)\n            return\n",
        "        self._producer.then(done)\n        if not routed.links:\n            return\n",
        "What it says is in the log by then.",
        focus="rounds",
    ),
    Mutant(
        "an older link's acknowledgement forgets the newer one",
        RESOLVE,
        "            if self._pending.get(name) is link:\n                del self._pending[name]\n",
        "            self._pending.pop(name, None)\n",
        "What is acknowledged isn't on its way any more.",
        unseen_by=OF_WORKER,
        focus="rounds",
    ),
    Mutant(
        "steps are taken after a round that began before",
        PRODUCER,
        "            then, self._then = self._then, []\n"
        "            sent: list[Any] = []\n"
        "            for (topic, partition), records in taken.items():\n"
        "                plain = ((key, value, headers) for key, value, _, headers in records)\n"
        "                sent += await send_in_batches(self._producer, topic, partition, plain)\n"
        "            await asyncio.gather(*sent)\n",
        "            sent: list[Any] = []\n"
        "            for (topic, partition), records in taken.items():\n"
        "                plain = ((key, value, headers) for key, value, _, headers in records)\n"
        "                sent += await send_in_batches(self._producer, topic, partition, plain)\n"
        "            await asyncio.gather(*sent)\n"
        "            then, self._then = self._then, []\n",
        "They are fetched where they are needed.",
        unseen_by=OF_WORKER,
        focus="rounds",
    ),
    Mutant(
        "a round counts as sent once it is on its way",
        PRODUCER,
        "            await asyncio.gather(*sent)\n            for records in taken.values():\n"
        "                for _, _, acknowledged, _ in records:\n                    acknowledged()\n"
        "                self._count -= len(records)\n",
        "            for records in taken.values():\n"
        "                for _, _, acknowledged, _ in records:\n                    acknowledged()\n"
        "                self._count -= len(records)\n"
        "            await asyncio.gather(*sent)\n",
        "An idempotent producer loses nothing.",
        unseen_by=OF_WORKER,
    ),
    Mutant(
        "the table's mapping is written with what it led to",
        MAPPINGS,
        "        self._producer.then(send, keep)\n",
        "        send()\n        self._producer.then(keep)\n",
        "What is put before goes out before.",
        mended="89deb65",
        unseen_by=OF_WORKER,
        focus="replanned",
    ),
    Mutant(
        "a partition that comes back has the mapping that it had",
        MAPPINGS,
        "        self._mappings.clear()\n        self._since.clear()\n",
        "        self._since.clear()\n",
        "Compiling a mapping is slow, and it changes seldom.",
        unseen_by=OF_WORKER,
        focus="replanned",
    ),
    Mutant(
        "a mapping on its way is in force after partitions have moved",
        MAPPINGS,
        "        self._since.clear()\n        self._pending.clear()\n",
        "        self._since.clear()\n",
        "It is acknowledged in a moment.",
        unseen_by=OF_WORKER,
        focus="replanned",
    ),
    Mutant(
        "who is planned anew is the rest of a partition that has moved",
        FOLD,
        "            if self._sequencer.assignment_epoch(raw.topic_partition) is not epoch:\n                return\n",
        "            if self._sequencer.assignment_epoch(raw.topic_partition) is None:\n                return\n",
        "A partition that is here is here.",
        unseen_by=OF_WORKER,
        focus="replanned",
    ),
    Mutant(
        "only who is in the table is planned anew",
        FOLD,
        "return list(dict.fromkeys([*self._table.keys_of(partition), *on_their_way]))",
        "return self._table.keys_of(partition)",
        "The table has everybody.",
        unseen_by=OF_WORKER,
        focus="replanned",
    ),
    Mutant(
        "the last record of a changelog wins",
        "streamproc/worker/table_recovery.py",
        "        if regresses(held, event.value):\n            regressed[key] = partition\n            continue\n",
        "",
        "That is what a changelog is.",
        focus="moves",
    ),
    Mutant(
        "a date is compared in milliseconds",
        "streamproc/worker/decide/due_dates.py",
        "if value is None or at is None or at > micros_of(now):",
        "if value is None or at is None or at > now * 1_000_000:",
        "Half of all times are milliseconds, and half aren't.",
    ),
    Mutant(
        "an order to replay is done when it is put",
        "streamproc/worker/replays.py",
        "self._producer.put(again.topic, again.key, again.value, lambda: self._done(raw), headers=again.headers)",
        "self._producer.put(again.topic, again.key, again.value, headers=again.headers)\n        self._done(raw)",
        "It was carried out.",
        unseen_by=OF_WORKER,
        focus="replayed",
    ),
    Mutant(
        "an event at the watermark is folded again",
        "streamproc/core/fold/fold.py",
        "    if record is not None and seq <= record.seq:\n        return None\n",
        "    if record is not None and seq < record.seq:\n        return None\n",
        "Off by one.",
    ),
    Mutant(
        "a round that failed counts as sent",
        PRODUCER,
        "            await asyncio.gather(*sent)\n            for",
        "            await asyncio.wait(sent) if sent else None\n            for",
        "It waits for all of them, whatever becomes of one. (And raises nothing.)",
        unseen_by=OF_WORKER,
    ),
    Mutant(
        "the newest record is the table's",
        FOLD,
        "return self._unacknowledged.get(user) or self._table.read(user, partition)",
        "return self._table.read(user, partition)",
        "What is acknowledged is in the table, and what isn't may come to nothing.",
    ),
    Mutant(
        "a link on its way isn't known",
        RESOLVE,
        "        if pending is not None:\n            return pending\n",
        "",
        "The table has all links.",
        focus="rounds",
    ),
    Mutant(
        "the last that was finished is the offset to commit",
        "streamproc/core/flow/offset_tracker.py",
        "return self._order[0] if self._order else self._reached",
        "return self._reached",
        "Records are finished in their order, as a rule.",
    ),
    Mutant(
        "what the group refused to keep counts as kept",
        "streamproc/worker/faust_bridge/kept_offsets.py",
        "        if kept:\n            self._kept.update(offsets)\n",
        "        self._kept.update(offsets)\n",
        "So does Faust.",
        mended="18bc5ffe",
        focus="moves",
    ),
    Mutant(
        "whoever asks where it is in a partition that goes falls over",
        "streamproc/adapters/kafka/reading.py",
        "    except IllegalStateError:\n        return None\n",
        "    except IllegalStateError:\n        raise\n",
        "It was assigned a moment ago.",
        mended="b8ba6fa3",
    ),
)
