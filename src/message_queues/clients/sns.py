"""Amazon SNS through boto3: topics, subscriptions, publishing in batches."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from message_queues.clients.aws_errors import as_ours
from message_queues.clients.aws_ports import OutgoingMessage, Refused, Sent, SubscriptionState
from message_queues.clients.sqs import MakeClient, in_order, wire_attributes
from message_queues.errors import ResourceNotFound


class Sns:
    """The topics of one account in one region."""

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

    def _pages(self, call: str, items: str, **parameters: Any) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        while True:
            answer = self._ask(call, **parameters)
            found += answer.get(items, [])
            if not answer.get("NextToken"):
                return found
            parameters["NextToken"] = answer["NextToken"]

    def create_topic(self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> str:
        more: dict[str, Any] = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}
        if attributes:
            more["Attributes"] = dict(attributes)
        return str(self._ask("create_topic", Name=name, **more)["TopicArn"])

    def topic_arns(self) -> list[str]:
        return [each["TopicArn"] for each in self._pages("list_topics", "Topics")]

    def attributes(self, arn: str) -> dict[str, str] | None:
        try:
            return dict(self._ask("get_topic_attributes", TopicArn=arn)["Attributes"])
        except ResourceNotFound:
            return None

    def set_attribute(self, arn: str, name: str, value: str) -> None:
        self._ask("set_topic_attributes", TopicArn=arn, AttributeName=name, AttributeValue=value)

    def tags(self, arn: str) -> dict[str, str]:
        return {each["Key"]: each["Value"] for each in self._ask("list_tags_for_resource", ResourceArn=arn).get("Tags", ())}

    def delete_topic(self, arn: str) -> None:
        self._ask("delete_topic", TopicArn=arn)

    def subscribe(self, arn: str, protocol: str, endpoint: str, attributes: Mapping[str, str]) -> str:
        answer = self._ask(
            "subscribe", TopicArn=arn, Protocol=protocol, Endpoint=endpoint, Attributes=dict(attributes), ReturnSubscriptionArn=True
        )
        return str(answer["SubscriptionArn"])

    def subscriptions(self, arn: str) -> list[SubscriptionState]:
        listed = self._pages("list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)
        return [SubscriptionState(each["SubscriptionArn"], each["Protocol"], each["Endpoint"]) for each in listed]

    def subscription_attributes(self, arn: str) -> dict[str, str] | None:
        try:
            return dict(self._ask("get_subscription_attributes", SubscriptionArn=arn)["Attributes"])
        except ResourceNotFound:
            return None

    def set_subscription_attribute(self, arn: str, name: str, value: str) -> None:
        self._ask("set_subscription_attributes", SubscriptionArn=arn, AttributeName=name, AttributeValue=value)

    def unsubscribe(self, arn: str) -> None:
        self._ask("unsubscribe", SubscriptionArn=arn)

    def sender(self, arn: str, at_once: int) -> "TopicSender":
        return TopicSender(self._make(at_once, False), arn)

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()


class TopicSender:
    """Publishes batches to one topic."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def send(self, batch: Sequence[OutgoingMessage]) -> Sequence[Sent | Refused]:
        entries = [_entry(str(number), message) for number, message in enumerate(batch)]
        with as_ours(self._client.meta.endpoint_url):
            answer = self._client.publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=entries)
        return in_order(answer, len(entries))

    def close(self) -> None:
        self._client.close()


def _entry(entry_id: str, message: OutgoingMessage) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": entry_id, "Message": message.body}
    if message.attributes:
        entry["MessageAttributes"] = wire_attributes(message.attributes)
    if message.group_id is not None:
        entry["MessageGroupId"] = message.group_id
    if message.deduplication_id is not None:
        entry["MessageDeduplicationId"] = message.deduplication_id
    return entry
