"""One of the processes that process orders: four workers, each order written to the process's own database.

Tells its parent how many it has processed in lines on its standard output, and stops in order on SIGTERM.

    python -m examples.orders.processor DATABASE orders BROKER…                       the group of a topic
    python -m examples.orders.processor DATABASE order-processing AMQP MANAGEMENT     a queue
"""

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from examples.orders.shop import PUBLISHED_AT, QUEUE, open_rabbitmq_shop, open_shop
from examples.orders.warehouse import OrderLine, ReceivedOrder, Warehouse
from message_queues import Message

WORKERS = 4
TELL_EVERY_S = 0.05


class Processor:
    """What happens to an order."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.processed = 0
        """Orders, not messages: one that comes again counts once."""
        self._warehouse = warehouse
        self._counting = threading.Lock()

    def process(self, message: Message) -> None:
        """Take the order, then acknowledge its message: a crash in between repeats an order and loses none."""
        latency_us = (time.monotonic_ns() - int(message.header(PUBLISHED_AT) or 0)) // 1000
        is_new = self._warehouse.take(received_order(message.json()), latency_us)
        message.ack()
        with self._counting:
            self.processed += is_new


def received_order(content: Any) -> ReceivedOrder:
    lines = [OrderLine(line["sku"], line["quantity"], line["price_cents"]) for line in content["lines"]]
    return ReceivedOrder(content["order_id"], content["payment"], content["total_cents"], lines)


def tell_parent(processor: Processor, must_stop: threading.Event) -> None:
    told = 0
    while not must_stop.wait(TELL_EVERY_S):
        if processor.processed != told:
            told = processor.processed
            print(told, flush=True)


def main(database: str, name: str, addresses: list[str]) -> None:
    warehouse = Warehouse(Path(database))
    processor = Processor(warehouse)
    is_queue = name == QUEUE
    with open_rabbitmq_shop(*addresses) if is_queue else open_shop(addresses) as mq:
        consumer = mq.configure_consumer(
            queue_name=name,
            consumer_type="queue" if is_queue else "group",
            concurrency=WORKERS,
            prefetch_count=50,
            commit_interval_ms=200,
        )
        signal.signal(signal.SIGTERM, lambda *_: consumer.stop())
        must_stop = threading.Event()
        teller = threading.Thread(target=tell_parent, args=(processor, must_stop), daemon=True)
        teller.start()
        try:
            consumer.run(processor.process)
        finally:
            must_stop.set()
            teller.join()
            warehouse.close()
    print(processor.processed, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
