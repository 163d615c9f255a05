"""Load for an AMQP broker with pika's BlockingConnection, as most programs use it: what such a program gets. Prints one line of JSON.

python -m benchmarks.pika_load confirm --address 127.0.0.1:5672 --queue bench-0 --messages 5000
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

BODY = b"b" * 100


def publish(channel: BlockingChannel, queue: str, messages: int) -> None:
    properties = pika.BasicProperties(delivery_mode=2)
    for _ in range(messages):
        channel.basic_publish("", queue, BODY, properties)
    # Answered after all of it.
    channel.queue_declare(queue, passive=True)


def confirm(channel: BlockingChannel, queue: str, messages: int) -> None:
    channel.confirm_delivery()
    publish(channel, queue, messages)


def consume(channel: BlockingChannel, queue: str, messages: int) -> None:
    """With acknowledgements, 500 in flight."""
    left = messages

    def take(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        nonlocal left
        channel.basic_ack(method.delivery_tag)
        left -= 1
        if not left:
            channel.stop_consuming()

    channel.basic_qos(prefetch_count=500)
    channel.basic_consume(queue, take)
    channel.start_consuming()


LOADS: dict[str, Callable[[BlockingChannel, str, int], None]] = {"publish": publish, "confirm": confirm, "consume": consume}


def main() -> int:
    parser = argparse.ArgumentParser(description="Load for an AMQP broker with pika.")
    parser.add_argument("load", choices=LOADS)
    parser.add_argument("--address", required=True)
    parser.add_argument("--queue", required=True, help="must exist")
    parser.add_argument("--messages", type=int, default=5000)
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    try:
        connection = pika.BlockingConnection(pika.ConnectionParameters(host, int(port), heartbeat=0))
        channel = connection.channel()
        started = time.perf_counter()
        LOADS[options.load](channel, options.queue, options.messages)
        elapsed_s = time.perf_counter() - started
        connection.close()
    except (AMQPError, OSError) as error:
        print(f"pika_load: {error!r}", file=sys.stderr)
        return 1
    print(json.dumps({"messages": options.messages, "per_second": options.messages / elapsed_s}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
