"""Where a key's records go: exactly where every other Kafka client puts them."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streamproc.core.records.partitioner import partition_of

HASHES = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]
"""Key and murmur2, from UtilsTest of Kafka's own Java client."""


@pytest.mark.parametrize(("key", "hashed"), HASHES)
def test_a_key_goes_where_the_java_client_puts_it(key: bytes, hashed: int) -> None:
    """With as many partitions as there are positive numbers, the partition is the hash without its sign."""
    assert partition_of(key, 2**31) == hashed & 0x7FFFFFFF


@given(key=st.binary(max_size=64), partitions=st.integers(1, 500))
def test_a_key_goes_where_aiokafka_puts_it(key: bytes, partitions: int) -> None:
    """Of any length and any bytes, none among them."""
    every = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, every, every)
