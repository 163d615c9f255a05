"""What clients say again and again, read once: the arguments of basic.publish, and basic.get."""

from typing import Final

from pamqp import base

from message_queues.errors import FrameError
from message_queues.protocols.amqp.methods import BadMethod, read_method

MOST_REMEMBERED: Final = 4096

targets: dict[bytes, tuple[str, str, bool, bool]] = {}
"""What the arguments of a publish say: exchange, routing key, mandatory, immediate."""
gets: dict[bytes, base.Frame] = {}


def parse_publish(method: bytes) -> tuple[str, str, bool, bool]:
    """Exchange, routing key, mandatory, immediate; raises FrameError."""
    known = targets.get(method)
    if known is not None:
        return known
    try:
        key_at = 1 + method[0]
        bits_at = key_at + 1 + method[key_at]
        bits = method[bits_at]
    except IndexError:
        bits_at = bits = -1
    if bits_at + 1 != len(method) or not method:
        raise BadMethod(bytes(2) + method)
    exchange = method[1:key_at].decode("utf-8", "surrogateescape")
    key = method[key_at + 1 : bits_at].decode("utf-8", "surrogateescape")
    if len(targets) >= MOST_REMEMBERED:
        targets.clear()
    target = targets[method] = (exchange, key, bits & 1 == 1, bits & 2 == 2)
    return target


def is_target(method: bytes) -> bool:
    """Can parse_publish read it?"""
    try:
        parse_publish(method)
    except FrameError:
        return False
    return True


def read_get(payload: bytes) -> base.Frame:
    """A basic.get; who asks for messages one by one asks the same again and again, so the method is shared."""
    method = gets.get(payload)
    if method is None:
        method = read_method(payload)
        if len(gets) >= MOST_REMEMBERED:
            gets.clear()
        gets[payload] = method
    return method
