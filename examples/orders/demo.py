"""A shop's orders through the server, three times: is every order processed, and how often twice?

Starts `mq serve` with three Kafka nodes and the protocols of RabbitMQ, SQS and SNS as a process of its own. First 100,000 orders go through
a Kafka topic and the server is killed in the middle (`topic_demo.py`); then half as many through a RabbitMQ exchange and queue, and one of
their consumers is killed (`queue_demo.py`); then a fortieth through an SNS topic to two SQS queues, and the server is killed once more
(`fan_out_demo.py`). The exit code is 0 if all held.

    python -m examples.orders.demo [--orders 100000] [--rate 10000] [--seed 1]
"""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from examples.orders.broker_process import BrokerFailed, BrokerProcess
from examples.orders.fan_out_demo import FanOutDemo
from examples.orders.order import Plan
from examples.orders.queue_demo import QueueDemo
from examples.orders.screen import Screen
from examples.orders.shop import NODES
from examples.orders.tally import DemoFailed
from examples.orders.topic_demo import TopicDemo
from message_queues.errors import MessageQueuesError


def run(plan: Plan, directory: Path) -> bool:
    """All parts on one server; whether all held."""
    screen = Screen(("acknowledged", "processed"), plan.orders)
    broker = BrokerProcess(directory, NODES)
    try:
        ready_s = broker.start()
        screen.say(f"mq serve listens at {', '.join(broker.kafka)} for Kafka's clients (process {broker.pid}, after {ready_s:.2f} s)")
        topic_held = TopicDemo(plan, broker, directory, screen).run()
        screen.say(f"\nthe same server listens at {broker.amqp} for RabbitMQ's clients (process {broker.pid})")
        half = Plan(max(1, plan.orders // 2), plan.rate, plan.seed)
        queue_held = QueueDemo(half, broker, directory, Screen(("confirmed", "processed"), half.orders)).run()
        screen.say(f"\nthe same server listens at {broker.sqs} for clients of SQS and SNS (process {broker.pid})")
        few = Plan(max(1, plan.orders // 40), max(1, plan.rate // 4), plan.seed)
        fan_out_held = FanOutDemo(few, broker, Screen(("accepted", "in both"), few.orders)).run()
        return topic_held and queue_held and fan_out_held
    except (DemoFailed, BrokerFailed, MessageQueuesError) as error:
        screen.say(f"the demo failed: {error}")
        return False
    finally:
        broker.stop()


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Orders through Kafka, RabbitMQ and SQS, with the broker and a consumer killed in the middle."
    )
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=10_000, help="orders published per second")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # Clients say that a killed server refuses connections; here that is meant.
    logging.getLogger("message_queues").setLevel(logging.CRITICAL)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="orders-demo-") as directory:
        held = run(Plan(arguments.orders, arguments.rate, arguments.seed), Path(directory))
    print(f"It took {time.monotonic() - started:.0f} s.")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
