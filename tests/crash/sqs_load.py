"""The load of the crash runs over SQS: senders and receivers that outlive their server. They speak JSON over plain HTTP: boto3 takes ten
times as long, and a kill shall hit requests on their way.
"""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from tests.crash.load import Progress, Worker

BATCH = 10
VISIBILITY_S = 3
GROUPS = 4
REQUEST_TIMEOUT_S = 30
PAUSE_S = 0.02


class Refused(AssertionError):
    """An answer that is none of success."""


class SqsConnection:
    """Requests one after the other on a connection that is kept. OSError and HTTPException when the server has gone."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=REQUEST_TIMEOUT_S)

    def ask(self, action: str, **content: object) -> dict[str, object]:
        headers = {"X-Amz-Target": f"AmazonSQS.{action}", "Content-Type": "application/x-amz-json-1.0"}
        self._connection.request("POST", "/", json.dumps(content), headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise Refused(f"{action}: {answer.status} {body[:300]!r}")
        found: dict[str, object] = json.loads(body or b"{}")
        return found

    def close(self) -> None:
        self._connection.close()


class Outliving(Worker):
    """Works on one connection after another."""

    def __init__(self, name: str, address: Callable[[], str], queue: str) -> None:
        super().__init__(name)
        self.queue_url = f"http://sqs/000000000000/{queue}"
        self.violations: list[str] = []
        self._address = address

    def work(self) -> None:
        while not self.is_done():
            connection = SqsConnection(self._address())
            try:
                self.work_on(connection)
            except (OSError, http.client.HTTPException):
                time.sleep(PAUSE_S)
            finally:
                connection.close()

    def is_done(self) -> bool:
        raise NotImplementedError

    def work_on(self, connection: SqsConnection) -> None:
        raise NotImplementedError


class Sender(Outliving):
    """Sends 0, 1, 2 … in batches, and a batch again whose answer did not come. In a FIFO queue the number is its deduplication id."""

    def __init__(self, address: Callable[[], str], queue: str, count: int) -> None:
        super().__init__(f"sender to {queue}", address, queue)
        self.accepted: dict[str, int] = {}
        """message id -> number"""
        self.progress = Progress(f"messages of {queue} accepted")
        self._is_fifo = queue.endswith(".fifo")
        self._count = count
        self._next = 0

    def is_done(self) -> bool:
        return self._next >= self._count

    def work_on(self, connection: SqsConnection) -> None:
        while not self.is_done():
            numbers = range(self._next, min(self._next + BATCH, self._count))
            answer = connection.ask("SendMessageBatch", QueueUrl=self.queue_url, Entries=[self._entry(number) for number in numbers])
            for each in entries_of(answer, "Successful"):
                self.accepted[str(each["MessageId"])] = int(str(each["Id"]))
                self.progress.add()
            if failed := entries_of(answer, "Failed"):
                raise Refused(f"{failed}")
            self._next = numbers.stop

    def _entry(self, number: int) -> dict[str, object]:
        entry: dict[str, object] = {"Id": str(number), "MessageBody": body_of(number)}
        if self._is_fifo:
            entry |= {"MessageGroupId": str(number % GROUPS), "MessageDeduplicationId": str(number)}
        return entry


class Receiver(Outliving):
    """Deletes what it receives; what was deleted in time must never come again."""

    def __init__(self, address: Callable[[], str], queue: str) -> None:
        super().__init__(f"receiver of {queue}", address, queue)
        self.seen: dict[str, int] = {}
        """message id -> number, in the order in which they were first received"""
        self.deleted: set[str] = set()
        self.progress = Progress(f"messages of {queue} received")
        self._is_over = threading.Event()

    def stop(self) -> None:
        self._is_over.set()

    def is_done(self) -> bool:
        return self._is_over.is_set()

    def work_on(self, connection: SqsConnection) -> None:
        while not self.is_done():
            self.receive_once(connection, wait_s=1)

    def receive_once(self, connection: SqsConnection, wait_s: int) -> int:
        """How many came."""
        answer = connection.ask("ReceiveMessage", QueueUrl=self.queue_url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=wait_s)
        received_at = time.monotonic()
        messages = entries_of(answer, "Messages")
        if not messages:
            return 0
        for message in messages:
            self._note(str(message["MessageId"]), str(message["Body"]))
        handles = [{"Id": str(at), "ReceiptHandle": message["ReceiptHandle"]} for at, message in enumerate(messages)]
        answer = connection.ask("DeleteMessageBatch", QueueUrl=self.queue_url, Entries=handles)
        if time.monotonic() - received_at < VISIBILITY_S - 1:
            self.deleted.update(str(messages[int(str(each["Id"]))]["MessageId"]) for each in entries_of(answer, "Successful"))
        return len(messages)

    def _note(self, message_id: str, body: str) -> None:
        number = int(body.partition(":")[0])
        if body != body_of(number):
            self.violations.append(f"{body[:60]!r} is torn or strange")
        if message_id in self.deleted:
            self.violations.append(f"{number} ({message_id}) came back after its deletion")
        if message_id not in self.seen:
            self.seen[message_id] = number
            self.progress.add()


def body_of(number: int) -> str:
    return f"{number}:" + "sixteen letters " * (number % 40)


def entries_of(answer: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    found = answer.get(name, ())
    assert isinstance(found, list | tuple)
    return found


def order_violations(seen: Mapping[str, int]) -> list[str]:
    """Of a FIFO queue: each number once, and those of a group in their order."""
    found = []
    numbers = list(seen.values())
    if len(set(numbers)) != len(numbers):
        found.append(f"{len(numbers) - len(set(numbers))} numbers are in the queue again, under another message id")
    for group in range(GROUPS):
        of_group = [number for number in numbers if number % GROUPS == group]
        found += [f"group {group}: {later} came before {earlier}" for later, earlier in itertools.pairwise(of_group) if later > earlier]
    return found
