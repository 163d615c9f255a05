"""Retention: every `log.retention.check.interval.ms` each log drops the segments that are too old or too much.

A sweep goes over the partitions a few at a time, so that ten thousand of them never hold up the loop.
"""

import logging
from collections.abc import Callable, Iterator

from message_queues.broker.clock import Timers
from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.logs.partition import Partition
from message_queues.errors import StorageError

logger = logging.getLogger(__name__)

PARTITIONS_AT_A_TIME = 32


class RetentionSweep:
    def __init__(self, timers: Timers, config: BrokerConfig, partitions: Callable[[], Iterator[Partition]]) -> None:
        self._timers = timers
        self._config = config
        self._partitions = partitions
        self._remaining: list[Partition] = []

    def start(self) -> None:
        self._timers.after(self._config.int("log.retention.check.interval.ms"), self._begin)

    def _begin(self) -> None:
        self._remaining = list(self._partitions())
        self._go_on()

    def _go_on(self) -> None:
        now_ms = self._timers.clock.now_ms()
        expiration_ms = self._config.int("producer.id.expiration.ms")
        for _ in range(min(PARTITIONS_AT_A_TIME, len(self._remaining))):
            partition = self._remaining.pop()
            try:
                partition.apply_retention(now_ms, expiration_ms)
            except StorageError as error:
                # Reported once here and at every use; the others go on.
                logger.warning("retention skipped", extra={"partition": repr(partition), "error": str(error)})
        if self._remaining:
            self._timers.after(0, self._go_on)
        else:
            self.start()
