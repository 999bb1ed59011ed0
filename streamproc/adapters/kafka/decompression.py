"""Decompression of batches, bounded: a batch of 2 MiB may be made to become gigabytes, and brokers don't look.

What would become more than `MOST` bytes can't be read, and is told as such (`unreadable.py`). It replaces the four
decoders that aiokafka 0.14.0 has looked up in its modules of records, compiled or not.
"""

import struct
import zlib
from collections.abc import Callable
from typing import Any, Final

import cramjam
from aiokafka.codec import _detect_xerial_stream
from aiokafka.record import default_records, legacy_records

MOST: Final = 64 * 1024 * 1024
"""Bytes of a batch's records. Brokers take 2 MiB of them, compressed, and text is seldom ten times as long."""
FIRST: Final = 64 * 1024
"""Bytes of the first buffer that is tried."""
XERIAL: Final = 16
"""Bytes before the blocks of xerial's snappy."""


class TooMuchError(ValueError):
    """It would become more than `MOST` bytes."""

    def __init__(self) -> None:
        super().__init__(f"decompressed it has more than {MOST} bytes")


def install() -> None:
    """For all consumers of this process."""
    decoders = {"gzip_decode": gzip, "snappy_decode": snappy, "lz4_decode": lz4, "zstd_decode": zstd}
    for batches in (default_records.DefaultRecordBatch, legacy_records.LegacyRecordBatch):
        module = __import__(batches.__module__, fromlist=["*"])
        for name, decoder in decoders.items():
            if hasattr(module, name):
                setattr(module, name, decoder)


def gzip(payload: Any) -> bytes:
    """Raises TooMuchError, or zlib.error."""
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    content = stream.decompress(payload, MOST)
    if stream.unconsumed_tail or not stream.eof:
        if len(content) >= MOST:
            raise TooMuchError
        raise zlib.error("incomplete or truncated stream")
    return content


def zstd(payload: Any) -> bytes:
    """Raises TooMuchError, or cramjam.DecompressionError."""
    return _grown(cramjam.zstd.decompress_into, payload)


def lz4(payload: Any) -> bytes:
    """The same."""
    return _grown(cramjam.lz4.decompress_into, payload)


def snappy(payload: Any) -> bytes:
    """The same; raises struct.error, too."""
    if not _detect_xerial_stream(payload):
        return _block(payload, MOST)
    blocks, at, room = memoryview(payload)[XERIAL:], 0, MOST
    parts: list[bytes] = []
    while at < len(blocks):
        (size,) = struct.unpack_from("!I", blocks, at)
        parts.append(_block(blocks[at + 4 : at + 4 + size], room))
        at, room = at + 4 + size, room - len(parts[-1])
    return b"".join(parts)


def _block(payload: Any, most: int) -> bytes:
    if cramjam.snappy.decompress_raw_len(payload) > most:
        raise TooMuchError
    return bytes(cramjam.snappy.decompress_raw(payload))


def _grown(decompress: Callable[[Any, bytearray], int], payload: Any) -> bytes:
    """Into a buffer that grows until it is large enough."""
    size = max(FIRST, 8 * len(payload))
    while True:
        buffer = bytearray(min(size, MOST))
        try:
            return bytes(memoryview(buffer)[: decompress(payload, buffer)])
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error):
                raise
            if size >= MOST:
                raise TooMuchError from error
            size *= 8
