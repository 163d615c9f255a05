"""Amazon SQS through boto3: orders, sending in batches, receiving."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

from message_queues.clients.aws_errors import as_ours, refusal
from message_queues.clients.aws_ports import Attribute, Attributes, OutgoingMessage, ReceivedMessage, Refused, Sent
from message_queues.clients.interruption import Interruption
from message_queues.errors import Closed, MessageQueuesError, QueueDoesNotExist

MakeClient: TypeAlias = Callable[[int, bool], Any]
"""A boto3 client for so many threads, which tries again by itself or not."""


class Sqs:
    """The queues of one account in one region."""

    def __init__(self, make: MakeClient) -> None:
        self._make = make

    @cached_property
    def _client(self) -> Any:
        return self._make(10, True)

    def _ask(self, call: str, **parameters: Any) -> dict[str, Any]:
        client = self._client
        with as_ours(client.meta.endpoint_url):
            answer: dict[str, Any] = getattr(client, call)(**parameters)
            return answer

    def create_queue(self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> str:
        more = {"tags": dict(tags)} if tags else {}
        return str(self._ask("create_queue", QueueName=name, Attributes=dict(attributes), **more)["QueueUrl"])

    def queue_url(self, name: str) -> str | None:
        try:
            return str(self._ask("get_queue_url", QueueName=name)["QueueUrl"])
        except QueueDoesNotExist:
            return None

    def queue_urls(self, prefix: str) -> list[str]:
        found: list[str] = []
        more = {"QueueNamePrefix": prefix} if prefix else {}
        while True:
            answer = self._ask("list_queues", MaxResults=1000, **more)
            found += answer.get("QueueUrls", [])
            if not answer.get("NextToken"):
                return found
            more["NextToken"] = answer["NextToken"]

    def attributes(self, url: str) -> dict[str, str]:
        return dict(self._ask("get_queue_attributes", QueueUrl=url, AttributeNames=["All"]).get("Attributes", {}))

    def set_attributes(self, url: str, changes: Mapping[str, str]) -> None:
        self._ask("set_queue_attributes", QueueUrl=url, Attributes=dict(changes))

    def tags(self, url: str) -> dict[str, str]:
        return dict(self._ask("list_queue_tags", QueueUrl=url).get("Tags", {}))

    def tag(self, url: str, tags: Mapping[str, str]) -> None:
        self._ask("tag_queue", QueueUrl=url, Tags=dict(tags))

    def purge(self, url: str) -> None:
        self._ask("purge_queue", QueueUrl=url)

    def delete_queue(self, url: str) -> None:
        self._ask("delete_queue", QueueUrl=url)

    def sender(self, url: str, at_once: int) -> "QueueSender":
        return QueueSender(self._make(at_once, False), url)

    def receiver(self, url: str, at_once: int) -> "QueueReceiver":
        return QueueReceiver(self._make, url, at_once)

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()


class QueueSender:
    """Sends batches to one queue."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, batch: Sequence[OutgoingMessage]) -> Sequence[Sent | Refused]:
        entries = [_entry(str(number), message) for number, message in enumerate(batch)]
        with as_ours(self._client.meta.endpoint_url):
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return in_order(answer, len(entries))

    def close(self) -> None:
        self._client.close()


def _entry(entry_id: str, message: OutgoingMessage) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": entry_id, "MessageBody": message.body}
    if message.attributes:
        entry["MessageAttributes"] = wire_attributes(message.attributes)
    if message.group_id is not None:
        entry["MessageGroupId"] = message.group_id
    if message.deduplication_id is not None:
        entry["MessageDeduplicationId"] = message.deduplication_id
    if message.delay_s is not None:
        entry["DelaySeconds"] = message.delay_s
    return entry


def wire_attributes(attributes: Attributes) -> dict[str, dict[str, object]]:
    """As boto3 takes them."""
    return {
        name: {"DataType": each.data_type, "BinaryValue" if isinstance(each.value, bytes) else "StringValue": each.value}
        for name, each in attributes.items()
    }


def in_order(answer: Mapping[str, Any], count: int) -> list[Sent | Refused]:
    """The answers to entries whose ids are 0, 1, 2 …; SQS and SNS sort them into two lists."""
    outcomes: dict[str, Sent | Refused] = {
        each["Id"]: Sent(each["MessageId"], each.get("SequenceNumber") or None) for each in answer.get("Successful", ())
    }
    outcomes.update((each["Id"], refusal(each)) for each in answer.get("Failed", ()))
    unanswered = Refused(MessageQueuesError("the answer to the batch does not mention this message"), is_final=False)
    return [outcomes.get(str(number), unanswered) for number in range(count)]


class QueueReceiver:
    """Reads one queue. Polls and orders have connections of their own: interrupting a poll interrupts no order."""

    def __init__(self, make: MakeClient, url: str, at_once: int) -> None:
        self._poller = make(at_once, False)
        # Deletions and changes of visibility, each with as many threads.
        self._client = make(2 * at_once, False)
        self._url = url
        self._interruption = Interruption(self._poller)

    def receive(self, count: int, wait_s: int, attempt_id: str | None) -> Sequence[ReceivedMessage]:
        more = {} if attempt_id is None else {"ReceiveRequestAttemptId": attempt_id}
        try:
            with as_ours(self._poller.meta.endpoint_url):
                answer = self._poller.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=count,
                    WaitTimeSeconds=wait_s,
                    MessageSystemAttributeNames=["All"],
                    MessageAttributeNames=["All"],
                    **more,
                )
        except MessageQueuesError as error:
            if self._interruption.is_over:
                raise Closed("the poll was interrupted") from error
            raise
        return [_received(each) for each in answer.get("Messages", ())]

    def delete(self, receipt_handles: Sequence[str]) -> Sequence[Refused | None]:
        entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(receipt_handles)]
        with as_ours(self._client.meta.endpoint_url):
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        return _refusals(answer, len(entries))

    def change_visibility(self, changes: Sequence[tuple[str, int]]) -> Sequence[Refused | None]:
        entries = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds} for number, (handle, seconds) in enumerate(changes)
        ]
        with as_ours(self._client.meta.endpoint_url):
            answer = self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        return _refusals(answer, len(entries))

    def interrupt(self) -> None:
        self._interruption.begin()

    def close(self) -> None:
        self._interruption.begin()
        self._poller.close()
        self._client.close()


def _received(message: Mapping[str, Any]) -> ReceivedMessage:
    return ReceivedMessage(
        message["MessageId"],
        message["ReceiptHandle"],
        message["Body"],
        {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
        message.get("Attributes", {}),
    )


def _attribute(value: Mapping[str, Any]) -> Attribute:
    data_type = str(value["DataType"])
    return Attribute(data_type, value["BinaryValue"] if data_type.partition(".")[0] == "Binary" else value.get("StringValue", ""))


def _refusals(answer: Mapping[str, Any], count: int) -> list[Refused | None]:
    found: list[Refused | None] = [None] * count
    for each in answer.get("Failed", ()):
        found[int(each["Id"])] = refusal(each)
    return found
