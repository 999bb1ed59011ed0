"""What a worker tells to be wrong with it, and with what comes to all workers."""

from streamproc.core.records.units import Millis
from streamproc.worker.troubles import mapping_troubles, order_troubles, recovery_troubles


def test_nothing_is_folded_before_tables_are_whole() -> None:
    """Told with what is still to be read; a rebalance has some time for it."""
    assert list(recovery_troubles(0, settled=True)) == []
    (trouble,) = recovery_troubles(12, settled=False)
    assert (trouble.code, trouble.state) == ("recovering", "blind")
    assert "12 records" in trouble.reason
    assert trouble.grace > 0
    assert "partitions move" in next(recovery_troubles(0, settled=False)).reason


def test_a_mapping_waits_before_and_in_the_partitions() -> None:
    """Ordered and not on its way; in force in some partitions; told with which ones, and over when all have it."""
    assert [each.about for each in order_troubles(waits=True)] == ["order"]
    assert list(order_troubles(waits=False)) == []
    old, new = ("old", Millis(1)), ("new", Millis(2))
    assert list(mapping_troubles({})) == list(mapping_troubles({0: new, 1: new})) == []
    (trouble,) = mapping_troubles({0: old, 1: new, 2: old})
    assert "mapping new isn't in force yet: 0, 2." in trouble.reason
