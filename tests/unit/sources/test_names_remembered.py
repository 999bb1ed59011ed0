"""What is remembered of the names in others' objects takes little room, whatever they are called."""

import gc
import tracemalloc

from streamproc.sources import lenient_json
from streamproc.sources.lenient_json import record, spelled_in
from streamproc.sources.values import zones


def test_long_names_arent_kept() -> None:
    """Thousands of objects with names of megabytes leave nothing; those with usual ones little."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(200):
        named = {f"{number}" + "x" * 1_000_000: 1}
        assert record(named) is named
        assert spelled_in(named, "y") is None
    for number in range(5 * lenient_json.REMEMBERED):
        assert record({f"name{number}": 1, "b": 2}) == {f"name{number}": 1, "b": 2}
        assert spelled_in({f"Name{number}": 1}, f"name{number}") == f"Name{number}"
    gc.collect()  # what is only waiting to be collected isn't kept
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 3_000_000


def test_a_zone_of_any_length_is_read_at_once() -> None:
    """What has brackets within brackets without end is none."""
    for endless in ("time (" * 200_000, "GMT" * 300_000, "(" * 1_000_000, "gmt+01:00 " + "a," * 400_000):
        assert zones.zone(endless) is None
        assert not zones.looks_like_zone(endless)
