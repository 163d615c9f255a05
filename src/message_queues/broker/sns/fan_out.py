"""From a topic to its subscriptions.

A queue gets its message in the same turn, and so in the same group commit that the publisher waits for. What a queue does not take (it is
gone, its policy does not let the topic in, the message is too large) is a client-side error: AWS does not try again, and neither is it
tried here. Endpoints of other protocols than sqs, http and https take nothing here: what was for them is a dead letter.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from message_queues.broker.sns.delivery_policy import DEFAULT, effective
from message_queues.broker.sns.filter_policy import Filtered
from message_queues.broker.sns.http_deliveries import HttpDeliveries, StoredDelivery
from message_queues.broker.sns.message import Notification
from message_queues.broker.sns.ports import Confirmation, Letters, SnsHome, TargetQueue
from message_queues.broker.sns.subscription import HTTP, Subscription
from message_queues.broker.sns.topic import Topic
from message_queues.broker.sqs.message import MessageAttribute, NewMessage
from message_queues.errors import MessageQueuesError

logger = logging.getLogger(__name__)

SENDER_ID: Final = "AIDAIT2UOQQY3AUEKVGXU"
"""SNS's in SQS, whose messages tell who sent them."""

SNS_SERVICE: Final = "sns.amazonaws.com"
"""Who sends, in a queue's policy."""

MOST_RAW_ATTRIBUTES: Final = 10
"""SQS takes no more; a raw message with more is not delivered."""


class _DeadLetter(msgspec.Struct, frozen=True, array_like=True):
    body: bytes
    attributes: tuple[MessageAttribute, ...]
    group_id: str | None
    deduplication_id: str | None


_read_dead_letter: Final = msgspec.msgpack.Decoder(_DeadLetter).decode


class _Texts:
    """What one message is to the protocols: each text, and its envelope, is made once."""

    def __init__(self, notification: Notification, letters: Letters) -> None:
        self._notification = notification
        self._letters = letters
        self._filtered: dict[str, Filtered] = {}
        self._envelopes: dict[str, Callable[[str], str]] = {}

    def filtered(self, protocol: str) -> Filtered:
        text = self._notification.message.text_for(protocol)
        found = self._filtered.get(text)
        if found is None:
            found = self._filtered[text] = Filtered(self._notification.message.attributes, text)
        return found

    def body(self, subscription: Subscription) -> bytes:
        text = self._notification.message.text_for(subscription.protocol)
        if not subscription.settings.is_raw:
            envelope = self._envelopes.get(text)
            if envelope is None:
                envelope = self._envelopes[text] = self._letters.notification(self._notification, text)
            text = envelope(subscription.arn)
        return text.encode("utf-8", "surrogatepass")


class FanOut:
    def __init__(self, home: SnsHome, find: Callable[[str], Subscription | None]) -> None:
        self._home = home
        self._find = find
        self.http = HttpDeliveries(home, self._give_up)
        self.letters: Letters

    def notify(self, topic: Topic, notification: Notification, subscriptions: Iterable[Subscription]) -> None:
        texts = _Texts(notification, self.letters)
        for subscription in subscriptions:
            policy = subscription.settings.filter_policy
            if policy is not None and not policy.matches(texts.filtered(subscription.protocol)):
                continue
            if subscription.protocol == "sqs":
                self._to_queue(topic, subscription, notification, texts)
            elif subscription.protocol in HTTP:
                self._by_http(topic, subscription, notification, texts)
            else:
                reason = f"this server delivers nothing by {subscription.protocol}"
                self._refused(topic, subscription, notification, texts, reason)

    def confirm(self, topic: Topic, subscription: Subscription, confirmation: Confirmation) -> None:
        """Sends the endpoint a token."""
        body = self.letters.confirmation(confirmation).encode()
        if subscription.protocol == "sqs":
            queue = self._home.find_queue(subscription.endpoint)
            if queue is not None and lets_in(queue, topic.arn):
                queue.send(NewMessage(body=body, sender_id=SENDER_ID))
        elif subscription.protocol in HTTP:
            headers = _headers(confirmation.kind, confirmation.message_id, topic.arn)
            if confirmation.kind != "SubscriptionConfirmation":
                headers.append(("x-amz-sns-subscription-arn", subscription.arn))
            self._send(topic, subscription, headers, body, None)

    # SQS

    def _to_queue(self, topic: Topic, subscription: Subscription, notification: Notification, texts: _Texts) -> None:
        queue = self._home.find_queue(subscription.endpoint)
        body = texts.body(subscription)
        attributes = _attributes(subscription, notification)
        refusal = None
        if queue is None:
            refusal = "The specified queue does not exist."
        elif not lets_in(queue, topic.arn):
            refusal = "The queue's policy does not let the topic in."
        elif len(attributes) > MOST_RAW_ATTRIBUTES:
            refusal = f"SQS takes {MOST_RAW_ATTRIBUTES} attributes, and a raw message has {len(attributes)}."
        elif len(body) + _size_of(attributes) > queue.settings.maximum_message_size:
            refusal = "One or more parameters are invalid. Reason: Message must be shorter than the queue's MaximumMessageSize."
        if queue is not None and refusal is None:
            group_id, deduplication_id = _group_of(topic, queue.settings.is_fifo, notification)
            new = self._new_message(body, attributes, group_id, deduplication_id, notification.message.trace_header)
            try:
                queue.send(new)
            except MessageQueuesError as error:
                # One queue's trouble is not that of the others, which have the message by now.
                refusal = str(error)
        if refusal is not None:
            self._refused(topic, subscription, notification, texts, refusal)

    def _new_message(
        self,
        body: bytes,
        attributes: Sequence[MessageAttribute],
        group_id: str | None,
        deduplication_id: str | None,
        trace_header: str | None = None,
    ) -> NewMessage:
        return NewMessage(
            body=body,
            attributes=tuple(attributes),
            md5_of_attributes=self.letters.md5_of_attributes(attributes) if attributes else None,
            group_id=group_id,
            deduplication_id=deduplication_id,
            trace_header=trace_header,
            sender_id=SENDER_ID,
        )

    # HTTP

    def _by_http(self, topic: Topic, subscription: Subscription, notification: Notification, texts: _Texts) -> None:
        headers = _headers("Notification", notification.message_id, topic.arn)
        headers.append(("x-amz-sns-subscription-arn", subscription.arn))
        if subscription.settings.is_raw:
            headers.append(("x-amz-sns-rawdelivery", "true"))
        body = texts.body(subscription)
        self._send(topic, subscription, headers, body, _dead_letter(topic, subscription, notification, body))

    def _send(
        self, topic: Topic, subscription: Subscription, headers: list[tuple[str, str]], body: bytes, dead_letter: bytes | None
    ) -> None:
        policy = effective(topic.delivery_policy, subscription.settings.delivery)
        retries = policy.healthy_retry_policy or DEFAULT.healthy_retry_policy
        receives = policy.throttle_policy.max_receives_per_second if policy.throttle_policy is not None else None
        content_type = policy.request_policy.header_content_type if policy.request_policy is not None else None
        assert retries is not None
        self.http.add(
            StoredDelivery(
                endpoint=subscription.endpoint,
                headers=[("Content-Type", content_type or "text/plain; charset=UTF-8"), *headers],
                body=body,
                delays_ms=retries.delays_ms(),
                gap_ms=1000 // receives if receives else 0,
                subscription_arn=subscription.arn if dead_letter is not None else None,
                dead_letter=dead_letter or b"",
            )
        )

    # Dead letters

    def _refused(self, topic: Topic, subscription: Subscription, notification: Notification, texts: _Texts, reason: str) -> None:
        told = {"subscription": subscription.arn, "endpoint": subscription.endpoint, "reason": reason}
        logger.warning("a message could not be delivered", extra=told)
        if subscription.settings.dead_letter_arn is not None:
            self._give_up(subscription.arn, _dead_letter(topic, subscription, notification, texts.body(subscription)), reason)

    def _give_up(self, subscription_arn: str, dead_letter: bytes, reason: str) -> None:
        """Into the subscription's dead letter queue, if it has one that takes it."""
        subscription = self._find(subscription_arn)
        arn = subscription.settings.dead_letter_arn if subscription is not None else None
        if subscription is None or arn is None:
            return
        queue = self._home.find_queue(arn)
        if queue is None or not lets_in(queue, subscription.topic_arn):
            told = {"subscription": subscription_arn, "queue": arn, "reason": reason}
            logger.error("a dead letter is lost: its queue is gone or does not let the topic in", extra=told)
            return
        letter = _read_dead_letter(dead_letter)
        attributes = letter.attributes[:MOST_RAW_ATTRIBUTES]
        is_fifo = queue.settings.is_fifo
        group_id, deduplication_id = (letter.group_id, letter.deduplication_id) if is_fifo else (None, None)
        queue.send(self._new_message(letter.body, attributes, group_id, deduplication_id))


def lets_in(queue: TargetQueue, topic_arn: str) -> bool:
    """Whether the queue's policy lets the topic send to it.

    AWS asks for a statement that allows it even in one account. Here a queue without any policy takes what comes from its own account.
    """
    policy, account = queue.settings.policy, topic_arn.split(":")[4]
    if policy is None:
        return queue.arn.split(":")[4] == account
    return policy.verdict(account, "SendMessage", topic_arn, SNS_SERVICE) is True


def _headers(kind: str, message_id: str, topic_arn: str) -> list[tuple[str, str]]:
    return [("x-amz-sns-message-type", kind), ("x-amz-sns-message-id", message_id), ("x-amz-sns-topic-arn", topic_arn)]


def _attributes(subscription: Subscription, notification: Notification) -> tuple[MessageAttribute, ...]:
    """Those of the queue's message: in an envelope they stand in its body."""
    return notification.message.attributes if subscription.settings.is_raw else ()


def _size_of(attributes: Iterable[MessageAttribute]) -> int:
    return sum(len(name.encode()) + len(data_type.encode()) + len(value) for name, data_type, value in attributes)


def _group_of(topic: Topic, is_fifo_queue: bool, notification: Notification) -> tuple[str | None, str | None]:
    """Group and deduplication id of the queue's message. A standard queue gets the group of a standard topic, for fair queues, alone."""
    if is_fifo_queue:
        return notification.message.group_id, notification.deduplication_id
    return (None if topic.is_fifo else notification.message.group_id), None


def _dead_letter(topic: Topic, subscription: Subscription, notification: Notification, body: bytes) -> bytes:
    attributes = _attributes(subscription, notification)
    return msgspec.msgpack.encode(_DeadLetter(body, attributes, notification.message.group_id, notification.deduplication_id))
