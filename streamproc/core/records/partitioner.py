"""Which partition a key belongs to: Kafka's default, murmur2."""

from struct import unpack_from


def partition_of(key: bytes, partitions: int) -> int:
    """Where a record of this key goes, as every Kafka client's default has it: its murmur2 without the sign."""
    length, factor, mask = len(key), 0x5BD1E995, 0xFFFFFFFF
    words, rest = divmod(length, 4)
    hashed = 0x9747B28C ^ length
    for word in unpack_from(f"<{words}I", key):
        mixed = word * factor & mask
        hashed = (hashed * factor ^ (mixed ^ mixed >> 24) * factor) & mask
    if rest:
        hashed = (hashed ^ int.from_bytes(key[-rest:], "little")) * factor & mask
    hashed = (hashed ^ hashed >> 13) * factor & mask
    return ((hashed ^ hashed >> 15) & 0x7FFFFFFF) % partitions
