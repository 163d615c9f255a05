"""A Kafka consumer group as the source of a consumer: committed offsets, partitions that change hands."""

import logging
from collections.abc import Callable

from message_queues.clients import ports
from message_queues.message import Message
from message_queues.messaging.arguments import checked_choice
from message_queues.messaging.commits import Commits
from message_queues.messaging.consumer import ConsumerSettings, OnError
from message_queues.messaging.reading import Reading
from message_queues.messaging.workers import Workers

logger = logging.getLogger("message_queues.consumer")


class GroupSource:
    """One member's client, and how it commits."""

    def __init__(self, client: ports.Consumer, settings: ConsumerSettings) -> None:
        self._client = client
        self._settings = settings
        interval = settings.commit_interval_ms
        self._commits = Commits(client, None if interval is None else interval / 1000)

    def reading(self) -> Reading:
        settings = self._settings
        return Reading(
            self._client,
            settings.topics,
            self._commits,
            batch=settings.prefetch_count,
            automatic=settings.is_automatic,
            drain_s=settings.drain_timeout_ms / 1000,
        )

    def workers(self, handler: Callable[[Message], object], on_error: OnError) -> Workers:
        settings = self._settings
        return Workers(
            self._client,
            settings.topics,
            self._commits,
            handler,
            _checked_on_error(on_error),
            concurrency=settings.concurrency,
            prefetch=settings.prefetch_count,
            automatic=settings.is_automatic,
            drain_s=settings.drain_timeout_ms / 1000,
        )

    def partitions(self) -> list[str]:
        return [str(partition) for partition in sorted(self._client.assignment())]

    def close(self) -> None:
        self._client.close()


def _checked_on_error(on_error: OnError) -> Callable[[Message, Exception], None]:
    if callable(on_error):
        return on_error
    return _stop if checked_choice("on_error", on_error, ("stop", "skip")) == "stop" else _skip


def _stop(_: Message, error: Exception) -> None:
    raise error


def _skip(message: Message, error: Exception) -> None:
    logger.error("the handler failed on %r, which is skipped", message, exc_info=error)
