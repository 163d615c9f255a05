"""`mq sqs`: list, describe, purge, delete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypeAlias

import typer

from message_queues.cli.cluster import expected_failures, show
from message_queues.clients.connect import AwsAddress, connect_aws
from message_queues.errors import QueueDoesNotExist
from message_queues.messaging.arguments import checked_url, did_you_mean
from message_queues.messaging.aws_place import AwsPlace, place_name
from message_queues.messaging.sqs_attributes import checked_queue_name, checked_region
from message_queues.messaging.sqs_queue import SqsQueue, find

AWS = "aws"
LOCAL = "http://127.0.0.1:9324"

sqs = typer.Typer(no_args_is_help=True, help="Queues of Amazon SQS, or of what speaks its protocol.")

Endpoint: TypeAlias = Annotated[
    str, typer.Option("--sqs", envvar="MQ_SQS", metavar="URL", help="Where it speaks SQS; `aws` is AWS itself, with boto3's configuration.")
]
Region: TypeAlias = Annotated[str, typer.Option(envvar=["MQ_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"])]
QueueName = Annotated[str, typer.Argument(metavar="QUEUE")]


@contextmanager
def place(url: str, region: str) -> Iterator[AwsPlace]:
    """The region there; an expected failure becomes one line and exit code 1."""
    with expected_failures():
        endpoint = None if url == AWS else checked_url("--sqs", url)
        # Our own server lets everybody in who says a name.
        keys = None if endpoint is None or "AWS_ACCESS_KEY_ID" in os.environ else ("mq", "mq")
        client = connect_aws(AwsAddress(checked_region("--region", region), endpoint, keys=keys))
        try:
            yield AwsPlace(place_name(region, endpoint), region, client)
        finally:
            client.close()


def queue(where: AwsPlace, name: str) -> SqsQueue:
    found = find(where, checked_queue_name("queue", name), lambda: None)
    if found is None:
        known = [url.rpartition("/")[2] for url in where.client.sqs.queue_urls("")]
        raise QueueDoesNotExist(f"there is no queue {name!r} in {where.name}{did_you_mean(name, known)}")
    return found


@sqs.command("list")
def list_queues(prefix: Annotated[str, typer.Argument()] = "", sqs_: Endpoint = LOCAL, region: Region = "us-east-1") -> None:
    """Queues whose names begin with PREFIX: messages that can be received, in flight, delayed."""
    with place(sqs_, region) as where:
        urls = sorted(where.client.sqs.queue_urls(prefix), key=_name)
        queues = [SqsQueue(where, _name(url), url, lambda: None) for url in urls]
        show(["queue", "visible", "in flight", "delayed"], [(each.name, *each.counts()) for each in queues])


def _name(url: str) -> str:
    return url.rpartition("/")[2]


@sqs.command()
def describe(name: QueueName, sqs_: Endpoint = LOCAL, region: Region = "us-east-1") -> None:
    """What it is, what it holds, its attributes and tags."""
    with place(sqs_, region) as where:
        found = queue(where, name).describe()
        kind = "fifo" if found.is_fifo else "standard"
        show(["queue", "type", "visible", "in flight", "delayed", "arn"], [(found.name, kind, *found.counts, found.arn)])
        show(["attribute", "value"], sorted(found.attributes.items()))
        if found.tags:
            show(["tag", "value"], sorted(found.tags.items()))


@sqs.command()
def purge(name: QueueName, sqs_: Endpoint = LOCAL, region: Region = "us-east-1") -> None:
    """Drop all messages, also those in flight."""
    with place(sqs_, region) as where:
        queue(where, name).purge()


@sqs.command()
def delete(name: QueueName, sqs_: Endpoint = LOCAL, region: Region = "us-east-1") -> None:
    """Delete a queue and all its messages."""
    with place(sqs_, region) as where:
        queue(where, name).delete()
