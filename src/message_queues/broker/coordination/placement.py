"""Which node coordinates a group or a transactional id.

Kafka hashes the key to a partition of `__consumer_offsets` (`__transaction_state`), and that partition's leader is the coordinator.
Here the partitions are led by the nodes in turn.
"""

from collections.abc import Sequence
from functools import lru_cache

LONGEST_REMEMBERED = 256
"""Names that are longer are nobody's group; to remember thousands of them would cost more than to hash them."""


def java_hash_code(text: str) -> int:
    """Java's String.hashCode: s[0]*31^(n-1) + ... + s[n-1] over UTF-16 code units, in 32 bits with sign."""
    return _remembered(text) if len(text) <= LONGEST_REMEMBERED else _hash_code(text)


@lru_cache(maxsize=16_384)
def _remembered(text: str) -> int:
    return _hash_code(text)


def _hash_code(text: str) -> int:
    code = 0
    if text.isascii():
        for byte in text.encode("ascii"):
            code = code * 31 + byte & 0xFFFFFFFF
    else:
        units = text.encode("utf-16-be", "surrogatepass")
        for position in range(0, len(units), 2):
            code = code * 31 + (units[position] << 8 | units[position + 1]) & 0xFFFFFFFF
    return code - 0x1_0000_0000 if code & 0x8000_0000 else code


def coordinator_partition(key: str, partitions: int) -> int:
    code = java_hash_code(key)
    # Kafka's Utils.abs: the smallest int has no positive, and counts as 0.
    return 0 if code == -0x8000_0000 else abs(code) % partitions


def coordinator_node(key: str, node_ids: Sequence[int], partitions: int) -> int:
    return node_ids[coordinator_partition(key, partitions) % len(node_ids)]
