"""Mistakes in what the sink decides: whose turn it is, what comes next, and what an answer means."""

from typing import Final

from tests.simulation.mutants.mutant import Mutant

DECIDE: Final = "streamproc/sink/decide"
LANES: Final = f"{DECIDE}/lanes.py"
PROGRESS: Final = f"{DECIDE}/progress.py"
PARKED: Final = "streamproc/sink/parked_work.py"
GATE: Final = "streamproc/sink/request_gate.py"
RECONCILER: Final = "streamproc/sink/reconciler.py"

MUTANTS: Final = (
    Mutant(
        "a write is repeated after a time-out",
        f"{DECIDE}/after_write.py",
        "            return _unknown(progress, step, exchange, target, at, seconds)\n",
        '            return After(progress, (Told("retry", exchange.request, describe(response)),), again=seconds)\n',
        "No answer looks like a refusal, and what is refused is sent again.",
    ),
    Mutant(
        "what was passed over isn't thought to be in the air",
        PROGRESS,
        "oldest = self.turn.superseded[0][0] if self.turn.superseded else self.turn.offset",
        "oldest = self.turn.offset",
        "The turn's own record is what is being sent.",
        mended="ac1ed9a",
        focus="landing",
    ),
    Mutant(
        "a request of ours without an answer is forgotten with the record",
        PROGRESS,
        "times = [until for seq, until in self.airborne.items() if seq != self.record.seq]",
        "times: list[float] = []",
        "What is desired now is read anyway.",
        mended="97962ce",
        focus="landing",
    ),
    Mutant(
        "a request of the sink before us is over when we come",
        RECONCILER,
        "Predecessor(store.until, store.acquired + executor.landed)",
        "Predecessor(store.until, store.acquired)",
        "It was fenced, so it can't write any more.",
        mended="f3892ed",
        focus="landing",
    ),
    Mutant(
        "nothing is read after the wait for what may land",
        f"{DECIDE}/after.py",
        "airborne=own, freshness=forgotten(progress))",
        "airborne=own)",
        "It was read before the wait.",
        mended="f3892ed",
        focus="landing",
    ),
    Mutant(
        "who comes back after a leaving that came to nothing is thought to be in",
        f"{DECIDE}/begin.py",
        "        held=held,\n        freshness",
        "        held=delivery.held,\n        freshness",
        "What was noted of somebody is what is known of them.",
        mended="98c5f7d",
        focus="landing",
    ),
    Mutant(
        "only who was refused is doubted",
        f"{DECIDE}/begin.py",
        "doubted = parked is not None and parked.code not in HELD and not parked.attributes",
        'doubted = parked is not None and parked.code == "refused" and not parked.attributes',
        "A refusal is the reason that one thinks of.",
        mended="fb728d2",
    ),
    Mutant(
        "who leaves before their create was answered isn't looked for",
        PROGRESS,
        "freshness = Freshness.UNKNOWN if absent else newer.freshness",
        "freshness = newer.freshness",
        "They were looked for a moment ago.",
        mended="bd01eed",
        focus="landing",
    ),
    Mutant(
        "a leaver waits for what went wrong before",
        PROGRESS,
        "return replace(newer, wait_until=None, freshness=freshness, adopting=newer.adopting or newer.taken)",
        "return replace(newer, freshness=freshness, adopting=newer.adopting or newer.taken)",
        "The target asked for a pause, and a pause is one for all.",
        mended="88ae04c",
        focus="crowded",
    ),
    Mutant(
        "a deactivation whose answer was lost is sent again",
        f"{DECIDE}/after_write.py",
        "deactivating=progress.deactivating or isinstance(step.operation, Deactivate)",
        "deactivating=progress.deactivating",
        "Whether it was applied is read anyway.",
        mended="e701cab",
        focus="landing",
    ),
    Mutant(
        "newer work is taken on board after the fate",
        RECONCILER,
        "if not progress.ending and (newer := executor.lanes.newest(turn.user)) is not None:",
        "if (newer := executor.lanes.newest(turn.user)) is not None:",
        "The newest is always what counts.",
    ),
    Mutant(
        "a group's lock is held to the end of the turn",
        RECONCILER,
        "if locked is not None and progress.underway.lock is None:",
        "if locked is not None and progress.ending:",
        "It is let go of at the end in any case.",
        mended="97962ce",
    ),
    Mutant(
        "a retry is told as passed over",
        f"{DECIDE}/fates.py",
        "        for _, older in progress.turn.superseded\n        if not older.told\n",
        "        for _, older in progress.turn.superseded\n",
        "All that a turn stands for ends with it.",
        focus="repeated",
    ),
    Mutant(
        "an older record overtakes by way of a retry",
        LANES,
        "        if turn.user not in self._lanes:\n            lane: _Lane[Work] = _Lane(pending=turn)\n",
        "        lane = self._lanes.get(turn.user)\n"
        "        if lane is None or lane.pending is None:\n"
        "            lane = lane or _Lane()\n"
        "            lane.pending = turn\n",
        "A user whose lane has nothing waiting has room for another attempt.",
    ),
    Mutant(
        "what newer work passed over in its lane is lost",
        LANES,
        "        passed += pending.superseded\n",
        "",
        "The one in flight is passed over; who remembers those that waited before it?",
    ),
    Mutant(
        "a record that is read twice is work twice",
        LANES,
        "            return  # read twice\n",
        "            pass\n",
        "A repeat changes nothing, since the target is compared first.",
        mended="6cdb8ca",
    ),
    Mutant(
        "newer work loses the older one's urgency",
        LANES,
        "superseded=passed, urgency=min(turn.urgency, lane.pending.urgency))",
        "superseded=passed)",
        "The newest record says how urgent it is.",
        mended="6cdb8ca",
        focus="crowded",
    ),
    Mutant(
        "an order about somebody in flight is lost",
        PARKED,
        "            self._later.setdefault(control.user, []).append(order)\n            return\n",
        "            return\n",
        "Who is in flight isn't set aside.",
        mended="b7b32a7",
        focus="repeated",
    ),
    Mutant(
        "what was set aside goes on though the log isn't read yet",
        PARKED,
        "if delivery is None or parked is None or not store.caught_up:",
        "if delivery is None or parked is None:",
        "Time has come for it, and the store is there.",
        mended="b7b32a7",
    ),
    Mutant(
        "nobody is woken when somebody leaves the gate",
        GATE,
        "            del self._waiting[user]\n            self._wake()\n",
        "            del self._waiting[user]\n",
        "Whoever is answered wakes the next one.",
        focus="crowded",
    ),
    Mutant(
        "a leaver of whom nothing is known isn't urgent",
        "streamproc/sink/intake.py",
        "if known is None or freshness_of(known) is not Freshness.NOTED:\n        return False",
        "if known is None or freshness_of(known) is not Freshness.NOTED:\n        return True",
        "Who has no account has nothing to lose.",
        mended="88ae04c",
    ),
    Mutant(
        "who comes back has no skills",
        "streamproc/core/fold/plan.py",
        'operations.append(Reactivate(cast("Resource", cast("dict[str, Any]", changes) | again)))',
        "operations.append(Reactivate(changes))",
        "What is held of them is what was there when they left, and only what differs is written.",
    ),
    Mutant(
        "the mass guard's window is in milliseconds",
        f"{DECIDE}/mass_guard.py",
        "return cause.origin.appended / 1000.0",
        "return float(cause.origin.appended)",
        "Times of the log are milliseconds everywhere else.",
        focus="crowded",
    ),
    Mutant(
        "what was held is let through when it is asked again",
        f"{DECIDE}/mass_guard.py",
        "        self._standings[user] = known = replace(known, seq=max(seq, known.seq))\n",
        '        if known.said != "held":\n'
        "            self._standings[user] = known = replace(known, seq=max(seq, known.seq))\n",
        "Who is held needs no note but in their delivery.",
        focus="crowded",
    ),
)
