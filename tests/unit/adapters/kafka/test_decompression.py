"""A batch that was compressed can't become more than there is room for."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import codec
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from streamproc.adapters.kafka import decompression, unreadable
from streamproc.adapters.kafka.decompression import MOST, TooMuchError

unreadable.install()
CODECS: dict[str, tuple[Callable[[Any], bytes], Callable[[Any], bytes], int]] = {
    "gzip": (codec.gzip_encode, decompression.gzip, DefaultRecordBatch.CODEC_GZIP),
    "snappy": (codec.snappy_encode, decompression.snappy, DefaultRecordBatch.CODEC_SNAPPY),
    "lz4": (codec.lz4_encode, decompression.lz4, DefaultRecordBatch.CODEC_LZ4),
    "zstd": (codec.zstd_encode, decompression.zstd, DefaultRecordBatch.CODEC_ZSTD),
}
EACH = pytest.mark.parametrize("name", CODECS)


@EACH
@given(content=st.binary(min_size=1) | st.integers(1, 300_000).map(lambda size: b"ab" * size))
def test_what_was_compressed_comes_out_again(name: str, content: bytes) -> None:
    """Whatever the codec, and however well it compressed."""
    encode, decode, _ = CODECS[name]
    assert decode(memoryview(encode(content))) == content


@EACH
def test_what_is_no_such_stream_is_an_error(name: str) -> None:
    """The codec's own."""
    decode = CODECS[name][1]
    for garbage in (b"", b"x" * 100, CODECS[name][0](b"a" * 1000)[:-3]):
        with pytest.raises(Exception, match=r"."):
            decode(garbage)


@EACH
def test_a_bomb_isnt_unpacked(name: str) -> None:
    """It becomes no more than the bound, and is told; read from a batch as a consumer reads it."""
    *_, number = CODECS[name]
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=number, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=4 * MOST,
    )  # fmt: skip
    builder.append(0, timestamp=0, key=b"k", value=bytes(2 * MOST), headers=[])
    packed = bytes(builder.build())
    tracemalloc.start()
    try:
        batch = DefaultRecordBatch(bytearray(packed))
        with pytest.raises(TooMuchError, match="more than"):
            list(batch)
        assert tracemalloc.get_traced_memory()[1] < 3 * MOST
    finally:
        tracemalloc.stop()
