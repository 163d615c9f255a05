"""An Amazon SNS topic, and its subscriptions of SQS queues: one message to many queues."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from message_queues.errors import Conflict, InvalidArgument, InvalidAttributeName, InvalidParameterValue, ResourceNotFound
from message_queues.messaging.arguments import checked_choice, checked_flag
from message_queues.messaging.aws_place import AwsPlace
from message_queues.messaging.differences import argument_differences
from message_queues.messaging.sqs_attributes import (
    FIFO,
    TOPIC_ATTRIBUTES,
    AttributeRule,
    checked_topic_attributes,
    differences,
)
from message_queues.messaging.sqs_queue import SqsQueue

SUBSCRIPTION_ATTRIBUTES: Mapping[str, AttributeRule] = {
    "RawMessageDelivery": AttributeRule("bool"),
    "FilterPolicy": AttributeRule("json"),
    "FilterPolicyScope": AttributeRule("choice", choices=("MessageAttributes", "MessageBody")),
    "RedrivePolicy": AttributeRule("json"),
}


@dataclass(frozen=True, slots=True)
class SubscriptionDescription:
    """A subscription as AWS has it at one moment."""

    arn: str
    topic: str
    protocol: str
    endpoint: str
    """The ARN of the queue."""
    attributes: Mapping[str, str]


class Subscription:
    """A queue that gets what is published to a topic. Made by `MessageQueues.subscribe`."""

    def __init__(self, place: AwsPlace, topic: str, endpoint: str, arn: str) -> None:
        self._api = place.client.sns
        self.topic = topic
        self.endpoint = endpoint
        """The ARN of the queue."""
        self.arn = arn

    def describe(self) -> SubscriptionDescription:
        """As AWS has it now. Raises ResourceNotFound if it is gone."""
        found = self._api.subscription_attributes(self.arn)
        if found is None:
            raise ResourceNotFound(f"there is no subscription {self.arn!r}")
        return SubscriptionDescription(self.arn, self.topic, found.get("Protocol", "sqs"), found.get("Endpoint", self.endpoint), found)

    def delete(self) -> None:
        """Unsubscribe. A second time does nothing, as with AWS. The queue's policy keeps its statement."""
        self._api.unsubscribe(self.arn)

    def __repr__(self) -> str:
        return f"Subscription(topic={self.topic!r}, endpoint={self.endpoint!r})"


@dataclass(frozen=True, slots=True)
class SnsTopicDescription:
    """A topic as AWS has it at one moment."""

    name: str
    cluster: str
    region: str
    arn: str
    is_fifo: bool
    attributes: Mapping[str, str]
    tags: Mapping[str, str]
    subscriptions: tuple[Subscription, ...]


class SnsTopic:
    """A topic of one account in one region. Made by `MessageQueues.create_sns_topic`."""

    def __init__(self, place: AwsPlace, name: str, arn: str, on_delete: Callable[[], None]) -> None:
        self.place = place
        self._api = place.client.sns
        self._on_delete = on_delete
        self.name = name
        self.arn = arn
        self.cluster = place.name
        """The region, with the address of what is not AWS: as `cluster_name=` calls it."""

    @property
    def region(self) -> str:
        """Such as us-east-1."""
        return self.place.region

    @property
    def is_fifo(self) -> bool:
        """Whether it keeps the order of each group and drops duplicates."""
        return self.name.endswith(FIFO)

    def attributes(self) -> dict[str, str]:
        """As AWS has them now. Raises ResourceNotFound if it is gone."""
        found = self._api.attributes(self.arn)
        if found is None:
            raise ResourceNotFound(f"there is no SNS topic {self.name!r} in {self.cluster}")
        return found

    def describe(self) -> SnsTopicDescription:
        """As AWS has it now. Raises ResourceNotFound if it is gone."""
        return SnsTopicDescription(
            self.name,
            self.cluster,
            self.region,
            self.arn,
            self.is_fifo,
            self.attributes(),
            self._api.tags(self.arn),
            tuple(self.subscriptions()),
        )

    def subscriptions(self) -> list[Subscription]:
        """All of it, whoever made them. Raises ResourceNotFound."""
        return [Subscription(self.place, self.name, each.endpoint, each.arn) for each in self._api.subscriptions(self.arn)]

    def alter(self, config: Mapping[str, object]) -> None:
        """Change attributes. Raises InvalidAttributeName, InvalidAttributeValue, ResourceNotFound."""
        if "FifoTopic" in config:
            raise InvalidAttributeName("FifoTopic: a topic is made as FIFO or not, and stays so")
        changes = checked_topic_attributes(config, self.name)
        changes.pop("FifoTopic", None)
        for name, value in changes.items():
            self._api.set_attribute(self.arn, name, value)

    def delete(self) -> None:
        """Delete it with its subscriptions. A second time does nothing, as with AWS."""
        self._api.delete_topic(self.arn)
        self._on_delete()

    def subscribe(self, queue: SqsQueue, attributes: Mapping[str, str]) -> Subscription:
        """Let the queue get what is published; or find it so. Raises Conflict with each difference if it is subscribed otherwise."""
        if queue.is_fifo and not self.is_fifo:
            raise InvalidArgument(f"queue={queue.name!r} is FIFO and the topic {self.name!r} is not: only a FIFO topic can feed it")
        queue.allow(self.arn)
        arn = next((each.arn for each in self._api.subscriptions(self.arn) if each.endpoint == queue.arn), None)
        if arn is None:
            return Subscription(self.place, self.name, queue.arn, self._api.subscribe(self.arn, "sqs", queue.arn, attributes))
        found = {"RawMessageDelivery": "false", **(self._api.subscription_attributes(arn) or {})}
        differing = differences(found, attributes, SUBSCRIPTION_ATTRIBUTES)
        if differing:
            what = f"the subscription of queue {queue.name!r} to topic {self.name!r}"
            raise Conflict(f"{what} exists with other settings: {'; '.join(differing)}", differing)
        return Subscription(self.place, self.name, queue.arn, arn)

    def __repr__(self) -> str:
        return f"SnsTopic({self.name!r}, cluster={self.cluster!r})"


def subscription_attributes(
    raw: object, filter_policy: Mapping[str, object] | None, filter_scope: object, dead_letter_arn: str | None
) -> dict[str, str]:
    """What a program says of a subscription, as AWS takes it."""
    attributes = {"RawMessageDelivery": "true" if checked_flag("raw", raw) else "false"}
    scope = checked_choice("filter_scope", filter_scope, ("attributes", "body"))
    if filter_policy is not None:
        if not isinstance(filter_policy, Mapping):
            raise InvalidArgument(f"filter_policy is {type(filter_policy).__name__}: it must be a dict")
        attributes["FilterPolicy"] = AttributeRule("json").checked("filter_policy", filter_policy)
        attributes["FilterPolicyScope"] = "MessageBody" if scope == "body" else "MessageAttributes"
    if dead_letter_arn is not None:
        attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": dead_letter_arn})
    return attributes


def create(place: AwsPlace, name: str, attributes: Mapping[str, str], tags: Mapping[str, str], on_delete: Callable[[], None]) -> SnsTopic:
    """Create it as wanted, or find it so. Raises Conflict with each difference if it exists otherwise."""
    try:
        topic = SnsTopic(place, name, place.client.sns.create_topic(name, attributes, tags), on_delete)
    except InvalidParameterValue as error:
        existing = find(place, name, on_delete)
        if existing is None:
            raise
        _refuse_differences(existing, attributes, tags, (str(error),))
        raise
    _refuse_differences(topic, attributes, tags)
    return topic


def find(place: AwsPlace, name: str, on_delete: Callable[[], None]) -> SnsTopic | None:
    """The topic of that name, whoever created it: SNS has no call for it but its list."""
    arn = next((each for each in place.client.sns.topic_arns() if each.rpartition(":")[2] == name), None)
    return None if arn is None else SnsTopic(place, name, arn, on_delete)


def _refuse_differences(topic: SnsTopic, attributes: Mapping[str, str], tags: Mapping[str, str], said: tuple[str, ...] = ()) -> None:
    """Only what was asked for is compared."""
    found = differences(topic.attributes(), attributes, TOPIC_ATTRIBUTES)
    if tags:
        held = topic.place.client.sns.tags(topic.arn)
        found += tuple(f"tag {each}" for each in argument_differences({key: held[key] for key in tags if key in held}, tags))
    found = found or said
    if found:
        raise Conflict(f"SNS topic {topic.name!r} in {topic.cluster} exists with other settings: {'; '.join(found)}", found)
