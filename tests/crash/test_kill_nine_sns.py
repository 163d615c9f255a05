"""`kill -9` under load on topics of SNS, at a moment that the seed picks: what a publisher was told is accepted reaches every queue and the
HTTP endpoint that subscribe; from a FIFO topic to a FIFO queue once and in order. Two seeds run with the quick tests, ten in all.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from tests.crash.load import PATIENCE_S, Progress, Worker
from tests.crash.server_process import ServerProcess
from tests.servers.sns.endpoint import Endpoint, running_endpoint

MESSAGES = 400
BATCH = 10
GROUPS = 4
PAUSE_S = 0.02
SEEDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.real) for seed in range(2, 10))]
RETRIES = {"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 100}}


class Publisher(Worker):
    """Publishes 0, 1, 2 … in batches, and a batch again whose answer did not come."""

    def __init__(self, sns: Any, topic: str) -> None:
        super().__init__(f"publisher to {topic}")
        self.accepted: set[int] = set()
        self.progress = Progress(f"messages of {topic} accepted")
        self._sns = sns
        self._topic = topic

    def work(self) -> None:
        for first in range(0, MESSAGES, BATCH):
            numbers = range(first, first + BATCH)
            while True:
                try:
                    self._sns.publish_batch(TopicArn=self._topic, PublishBatchRequestEntries=list(map(self._entry, numbers)))
                    break
                except BotoCoreError:
                    time.sleep(PAUSE_S)
            for number in numbers:
                self.accepted.add(number)
                self.progress.add()

    def _entry(self, number: int) -> dict[str, str]:
        entry = {"Id": str(number), "Message": str(number)}
        if self._topic.endswith(".fifo"):
            entry |= {"MessageGroupId": str(number % GROUPS), "MessageDeduplicationId": str(number)}
        return entry


class Run:
    def __init__(self, seed: int, directory: Path, endpoint: Endpoint) -> None:
        self.chance = Random(seed)
        self.server = ServerProcess(directory, protocol="sqs")
        self.endpoint = endpoint
        self.queues: dict[str, str] = {}

    def client(self, service: str) -> Any:
        address = self.server.addresses[0].removeprefix("http://")
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        config = Config(retries={"total_max_attempts": 1})
        return boto3.client(service, endpoint_url=f"http://{address}", region_name="us-east-1", config=config, **keys)

    def prepare(self) -> None:
        self.sns, self.sqs = self.client("sns"), self.client("sqs")
        standard = self.sns.create_topic(Name="events")["TopicArn"]
        fifo = self.sns.create_topic(Name="events.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
        for topic, name in ((standard, "a"), (standard, "b"), (fifo, "c.fifo"), (fifo, "d")):
            attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
            self.queues[name] = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
            arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
            raw = "false" if name == "b" else "true"
            self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": raw})
        attributes = {"RawMessageDelivery": "true", "DeliveryPolicy": json.dumps(RETRIES)}
        self.sns.subscribe(TopicArn=standard, Protocol="http", Endpoint=self.endpoint.url, Attributes=attributes)
        within_patience(lambda: self.endpoint.delivered)
        self.sns.confirm_subscription(TopicArn=standard, Token=self.endpoint.delivered[0].json["Token"])
        self.publishers = [Publisher(self.sns, topic) for topic in (standard, fifo)]

    def kill_under_load(self) -> None:
        self.endpoint.status = 503
        for publisher in self.publishers:
            publisher.start()
        self.chance.choice(self.publishers).progress.wait_for(self.chance.randrange(1, MESSAGES // 2))
        self.server.kill()
        self.server.start()
        for publisher in self.publishers:
            publisher.finish()
        self.server.kill()
        self.endpoint.status = 200
        self.server.start()

    def received(self, queue: str) -> list[int]:
        found: list[int] = []
        while messages := self.sqs.receive_message(QueueUrl=self.queues[queue], MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.queues[queue], ReceiptHandle=message["ReceiptHandle"])
                body = message["Body"] if queue != "b" else json.loads(message["Body"])["Message"]
                found.append(int(body))
        return found


def within_patience(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(PAUSE_S)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_server_hands_on_what_it_accepted(seed: int, tmp_path: Path) -> None:
    with running_endpoint() as endpoint:
        run = Run(seed, tmp_path, endpoint)
        try:
            run.server.start()
            run.prepare()
            run.kill_under_load()
            everything = set(range(MESSAGES))
            assert [publisher.accepted for publisher in run.publishers] == [everything, everything]
            for queue in ("a", "b"):
                assert set(run.received(queue)) == everything
            # A kill between the queues and the memory for duplicates may bring a batch to a standard queue again.
            assert set(run.received("d")) == everything
            found = run.received("c.fifo")
            assert sorted(found) == sorted(everything), "each once"
            for group in range(GROUPS):
                of_group = [number for number in found if number % GROUPS == group]
                assert of_group == sorted(of_group)
            within_patience(lambda: {int(each.body) for each in endpoint.of("Notification")} == everything)
            assert run.server.stop() == 0
        finally:
            run.server.end()
