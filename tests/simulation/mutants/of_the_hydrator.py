"""Mistakes in the hydrator: notifications, answers, cursors, and the offsets of a partition."""

from typing import Final

from tests.simulation.mutants.mutant import Mutant

HYDRATOR: Final = "streamproc/hydrator/process.py"
FETCHER: Final = "streamproc/hydrator/fetcher.py"
QUEUE: Final = "streamproc/hydrator/decide/fetch_queue.py"
SYNC: Final = "streamproc/hydrator/sync.py"
OF_HYDRATOR: Final = ("tests/property/hydrator", "tests/service/hydrator")

MUTANTS: Final = (
    Mutant(
        "a partition that comes back goes on where it was",
        HYDRATOR,
        "            self._offsets.pop(partition, None)\n            self._committed.pop(partition, None)\n",
        "            self._committed.pop(partition, None)\n",
        "What was read was read.",
        unseen_by=OF_HYDRATOR,
        focus="asked",
    ),
    Mutant(
        "a notification is done before its answer is in the log",
        FETCHER,
        "            await self.append(self.record(fetch.subject, answer.body, answer.read_at, kinds[answer.status]))\n"
        "            self._count(answer.status)\n            self._finish(fetch)\n",
        "            self._finish(fetch)\n"
        "            await self.append(self.record(fetch.subject, answer.body, answer.read_at, kinds[answer.status]))\n"
        "            self._count(answer.status)\n",
        "The next fetch of the subject needn't wait for the brokers.",
        focus="asked",
    ),
    Mutant(
        "a rejection is done before it is told",
        HYDRATOR,
        "            await self._fetchers[source].append(rejection(record, problems, partial=rest_done))\n"
        "            self._held -= _size(record)\n            self._finish(partition, record.offset)\n",
        "            self._held -= _size(record)\n            self._finish(partition, record.offset)\n"
        "            await self._fetchers[source].append(rejection(record, problems, partial=rest_done))\n",
        "It is given up, so nothing more comes of it.",
        unseen_by=OF_HYDRATOR,
        focus="asked",
    ),
    Mutant(
        "an answer of before the notification is good enough",
        FETCHER,
        "if answer.read_at < fetch.fresh_from:",
        "if answer.read_at < 0:",
        "A directory answers with what it has now.",
        focus="asked",
    ),
    Mutant(
        "a notification's time is compared in the wrong unit",
        HYDRATOR,
        "had = min(Micros(record.timestamp * 1000), ",
        "had = min(Micros(record.timestamp), ",
        "One is milliseconds, the other one isn't.",
        mended="9c34d61 b6fc9ec",
        unseen_by=OF_HYDRATOR,
        focus="asked",
    ),
    Mutant(
        "a fetch under way answers what comes meanwhile",
        QUEUE,
        "            subject.waiting.append((ticket, request))\n",
        "            (subject.waiting if subject.fetching is None else subject.fetching).append((ticket, request))\n",
        "One fetch for all of them saves the limit.",
        focus="asked",
    ),
    Mutant(
        "the first of several requests says how new an answer has to be",
        QUEUE,
        "fetch = Fetch(name, max(request.at for _, request in subject.waiting), subject.urgent)",
        "fetch = Fetch(name, subject.waiting[0][1].at, subject.urgent)",
        "They are about the same change, as a rule.",
        focus="asked",
    ),
    Mutant(
        "the cursor moves before the page is in the log",
        SYNC,
        "            digest_ = await self._append_page(page, read_at, counts)\n",
        "            if page.next_page:\n"
        "                await self._cursors.save(replace(cursor, place=page.next_page, read=read_at))\n"
        "            digest_ = await self._append_page(page, read_at, counts)\n",
        "The next place is known, and a slow page needn't be read again.",
        focus="asked",
    ),
    Mutant(
        "a later page doesn't override an earlier one",
        SYNC,
        "read_at = max(page.read_at, Micros(cursor.read + 1))",
        "read_at = page.read_at",
        "The directory says when it was read.",
        focus="asked",
    ),
    Mutant(
        "the missing are looked for in a round that began in the middle",
        SYNC,
        "            if from_start and not page.next_page:\n",
        "            if cursor.full and not page.next_page:\n",
        "A full round is one of everybody.",
        focus="asked",
    ),
)
