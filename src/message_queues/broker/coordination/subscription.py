"""The topics that a consumer subscribes to, out of the metadata of its JoinGroup (Kafka's ConsumerProtocolSubscription).

The coordinator carries these bytes without reading them, with one exception: it must not delete or expire offsets of topics that the
group consumes. Every version of the message begins with version 0, so only that is read:

    int16 version, int32 count, count x (int16 length, UTF-8 name)
"""

import struct

CONSUMER_PROTOCOL = "consumer"
"""The protocol type whose metadata has this form."""


def subscribed_topics(metadata: bytes) -> frozenset[str] | None:
    """None when the bytes are no subscription."""
    try:
        version, count = struct.unpack_from(">hi", metadata)
        # Each name takes two bytes at least: a claimed count is checked before it is believed.
        if version < 0 or not 0 <= count <= len(metadata) // 2:
            return None
        position = 6
        names = set()
        for _ in range(count):
            (length,) = struct.unpack_from(">h", metadata, position)
            end = position + 2 + length
            if length < 0 or end > len(metadata):
                return None
            names.add(metadata[position + 2 : end].decode())
            position = end
    except (struct.error, UnicodeDecodeError):
        return None
    return frozenset(names)
