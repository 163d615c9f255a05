"""`mq publish` and `mq consume`."""

import base64
import json
import sys
import uuid
from collections.abc import Collection, Iterator
from typing import Annotated

import typer

from message_queues.cli.cluster import LOCAL, Brokers, cluster
from message_queues.clients.ports import Consumer, ConsumerOptions, ProducerOptions, TopicPartition
from message_queues.errors import InvalidArgument, MessageQueuesError, MessagesLost
from message_queues.message import DeliveryFailure, Record
from message_queues.settings import assignment

FLUSH_S = 30.0
WAIT_S = 0.5
AT_ONCE = 500

Topic = Annotated[str, typer.Argument(metavar="TOPIC")]


def publish(
    topic: Topic,
    value: Annotated[str | None, typer.Argument(metavar="[VALUE]", help="Without it each line of standard input is a message.")] = None,
    key: Annotated[str | None, typer.Option(help="Messages with one key go to one partition, in order.")] = None,
    header: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Can be given more than once.")] = None,
    brokers: Brokers = LOCAL,
) -> None:
    """Publish one message, or one for each line of standard input."""
    failures: list[DeliveryFailure] = []

    def delivered(failure: DeliveryFailure | None, record: Record) -> None:
        if failure is not None:
            failures.append(failure)

    with cluster(brokers) as client:
        headers: list[tuple[str, bytes | str | None]] = [*header_pairs(header)]
        producer = client.producer(
            ProducerOptions(5.0, None, "none", True, "all", buffer_messages=100_000, buffer_bytes=1 << 28, delivery_timeout_ms=30_000)
        )
        count = 0
        for each in [value] if value is not None else lines():
            while True:
                try:
                    producer.produce(topic, each, key, -1, delivered, None, 0, headers)
                    break
                except BufferError:
                    producer.poll(WAIT_S)
            producer.poll(0)
            count += 1
        unanswered = producer.flush(FLUSH_S)
        if failures or unanswered:
            reason = f": {producer.error(failures[0])}" if failures else ""
            raise MessagesLost(f"{len(failures) + unanswered} of {count} messages were not published{reason}", len(failures) + unanswered)
    typer.echo(f"{count} published to {topic}", err=True)


def header_pairs(headers: list[str] | None) -> Iterator[tuple[str, str]]:
    for header in headers or ():
        try:
            yield assignment(header)
        except ValueError:
            raise InvalidArgument(f"--header should be NAME=VALUE, not {header!r}") from None


def lines() -> Iterator[str]:
    for line in sys.stdin:
        yield line.rstrip("\n")


class NoRebalance:
    """Nothing is kept by partition here."""

    def assigned(self, partitions: Collection[TopicPartition]) -> None: ...
    def revoked(self, partitions: Collection[TopicPartition]) -> None: ...
    def lost(self, partitions: Collection[TopicPartition]) -> None: ...
    def not_committed(self, partitions: Collection[TopicPartition], error: MessageQueuesError) -> None:
        print(f"mq consume: offsets of {len(partitions)} partitions were not committed: {error}", file=sys.stderr)


def consume(
    topic: Topic,
    group: Annotated[str | None, typer.Option(help="Read as a member of this group and commit; without it nothing is committed.")] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start at the first message where nothing is committed.")
    ] = False,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many messages.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="All of each message as one JSON object; bytes that are no text in base64.")
    ] = False,
    brokers: Brokers = LOCAL,
) -> None:
    """Print messages as they come, until Ctrl-C or --count."""
    with cluster(brokers) as client:
        start = "earliest" if from_beginning else "latest"
        consumer = client.consumer(ConsumerOptions(group or f"mq-consume-{uuid.uuid4()}", start))
        try:
            consumer.subscribe([topic], NoRebalance())
            print_messages(consumer, count, commits=group is not None, as_json=as_json)
        except KeyboardInterrupt:
            pass
        finally:
            consumer.close()


def print_messages(consumer: Consumer, count: int | None, *, commits: bool, as_json: bool) -> None:
    printed = 0
    while count is None or printed < count:
        records = consumer.fetch(AT_ONCE if count is None else min(AT_ONCE, count - printed), WAIT_S)
        for record in records:
            typer.echo(json.dumps(as_object(record)) if as_json else record.value() or b"")
        printed += len(records)
        if commits and records:
            consumer.commit(consumer.positions(), wait=True)


def as_object(record: Record) -> dict[str, object]:
    return {
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
        "timestamp": record.timestamp()[1],
        "key": as_text(record.key()),
        "value": as_text(record.value()),
        "headers": [[name, as_text(value)] for name, value in header_list(record)],
    }


def header_list(record: Record) -> list[tuple[str, bytes | None]]:
    headers = record.headers()
    return list(headers) if isinstance(headers, list) else []


def as_text(data: bytes | None) -> object:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
