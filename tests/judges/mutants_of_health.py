"""Mistakes in what services say of themselves and of the sources."""

from typing import Final

from tests.judges.mutant import Mutant

SILENCE: Final = "streamproc/worker/decide/silence.py"
OF_SILENCE: Final = ("tests/property/worker/decide/test_silence.py",)
WATCH: Final = "streamproc/worker/source_watch.py"
OF_WATCH: Final = ("tests/service/worker/test_source_watch.py",)
CONDITIONS: Final = "streamproc/health/decide/conditions.py"
OF_CONDITIONS: Final = ("tests/property/health/decide/test_conditions.py",)
OVERVIEW: Final = "streamproc/health/decide/overview.py"
OF_OVERVIEW: Final = ("tests/property/health/decide/test_overview.py",)

MUTANTS: Final = (
    Mutant("a silence ends at night", SILENCE, "        start = last\n", "        start = now\n", OF_SILENCE),
    Mutant(
        "the hours beside don't count",
        SILENCE,
        "for by in (-1, 0, 1)) for hour",
        "for by in (0,)) for hour",
        OF_SILENCE,
    ),
    Mutant("a holiday makes deaf", SILENCE, "sorted(longest)[-2] * MORE", "sorted(longest)[-1] * MORE", OF_SILENCE),
    Mutant("any week teaches", SILENCE, "heard[-1] - heard[0] < WEEK", "heard[-1] - heard[0] < 0", OF_SILENCE),
    Mutant(
        "a gap counts where it begins", SILENCE, "range(begin // HOUR, end // HOUR + 1)", "[begin // HOUR]", OF_SILENCE
    ),
    Mutant("all is remembered", SILENCE, "bisect_left(heard, at - REMEMBERED) :", ":", OF_SILENCE),
    Mutant("the first of a slot is the last", WATCH, "while end - known > SECOND:", "while False:", OF_WATCH),
    Mutant("every worker watches", WATCH, "        if not self._leads():\n            return\n", "", OF_WATCH),
    Mutant("what doesn't exist is asked for", WATCH, " if topic in SAID]", "]", OF_WATCH),
    Mutant("nobody says that nobody watches", WATCH, "if self._failure is not None:\n", "if False:\n", OF_WATCH),
    Mutant("a condition counts at once", CONDITIONS, "trouble.grace * 1000", "0", OF_CONDITIONS),
    Mutant("a condition begins anew at each look", CONDITIONS, "min(before.get(key, now), now)", "now", OF_CONDITIONS),
    Mutant("blind is well", CONDITIONS, "    if not told:\n", "    if True:\n", OF_CONDITIONS),
    Mutant("a target that is down restarts sinks", CONDITIONS, "condition.code != STUCK", "False", OF_CONDITIONS),
    Mutant("the dead are as they were", OVERVIEW, "now - heard.at > SILENT", "False", OF_OVERVIEW),
    Mutant(
        "who runs beside takes a dead one's place", OVERVIEW, "started >= heard.state.at", "started >= 0", OF_OVERVIEW
    ),
    Mutant("a spare is trouble", OVERVIEW, "not (spare or seen", "not (seen", OF_OVERVIEW),
    Mutant("nobody is missed", OVERVIEW, '"unheard", service in expected', '"unheard", False', OF_OVERVIEW),
    Mutant(
        "a service can't start without the topic of states",
        "streamproc/rights.py",
        "if right.name not in spared",
        "if True",
        ("tests/unit/test_rights.py",),
    ),
    Mutant(
        "leavers whom the guard holds are no trouble",
        "streamproc/sink/troubles.py",
        'held += code == "held"',
        "held += 0",
        ("tests/unit/sink/test_troubles.py",),
    ),
)
