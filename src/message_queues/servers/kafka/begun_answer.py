"""An answer that waits for something: its coroutine runs up to its first wait at once, in the turn in which the request came.

Requests of a connection take effect in their order that way, whether their handlers wait or not; and one that has nothing to wait for is
answered without a task.
"""

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any

from message_queues.protocols.kafka.message import Message


class BegunAnswer:
    """What a task has to await: the rest of the answer."""

    __slots__ = ("_steps", "_waits_for")

    def __init__(self, steps: Generator[Any, Any, Message], waits_for: object) -> None:
        self._steps = steps
        self._waits_for = waits_for

    @classmethod
    def begin(cls, answer: Awaitable[Message]) -> "Message | BegunAnswer":
        """The answer itself, if it waits for nothing. Raises what the handler raises."""
        steps = answer.__await__()
        try:
            waits_for = steps.send(None)
        except StopIteration as finished:
            return _message(finished)
        return cls(steps, waits_for)

    def __await__(self) -> Generator[Any, Any, Message]:
        waits_for = self._waits_for
        while True:
            go_on: Callable[[], object]
            try:
                go_on = partial(self._steps.send, (yield waits_for))
            except BaseException as error:
                # Cancelled, or what it waited for has failed: the handler has to hear of it.
                go_on = partial(self._steps.throw, error)
            try:
                waits_for = go_on()
            except StopIteration as finished:
                return _message(finished)


def _message(finished: StopIteration) -> Message:
    message = finished.value
    assert isinstance(message, Message)
    return message
