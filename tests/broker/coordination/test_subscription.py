import random
import struct

import pytest

from message_queues.broker.coordination.subscription import subscribed_topics
from tests.broker.coordination.world import subscription


def test_the_topics_are_read() -> None:
    assert subscribed_topics(subscription("orders", "payments")) == frozenset({"orders", "payments"})
    assert subscribed_topics(subscription()) == frozenset()


def test_later_versions_begin_alike() -> None:
    version_3 = struct.pack(">h", 3) + subscription("orders")[2:] + struct.pack(">iih", 0, 7, -1)
    assert subscribed_topics(version_3) == frozenset({"orders"})


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"\x00",
        b"\x00\x00\x00\x00\x00",
        struct.pack(">hi", -1, 0),
        struct.pack(">hi", 0, -1),
        struct.pack(">hi", 0, 0x7FFFFFFF),
        struct.pack(">hih", 0, 1, 5) + b"abc",
        struct.pack(">hih", 0, 1, -1),
        struct.pack(">hih", 0, 1, 2) + b"\xff\xff",
        subscription("orders")[:9],
    ],
)
def test_bytes_that_are_no_subscription_give_none(metadata: bytes) -> None:
    assert subscribed_topics(metadata) is None


def test_no_bytes_make_it_raise() -> None:
    dice = random.Random(848)
    whole = subscription("orders", "payments", "größe")
    for _ in range(2000):
        broken = bytearray(whole[: dice.randint(0, len(whole))])
        for _ in range(dice.randint(0, 3)):
            if broken:
                broken[dice.randrange(len(broken))] = dice.randrange(256)
        subscribed_topics(bytes(broken))
