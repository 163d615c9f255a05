"""What SNS sends to endpoints, written and signed."""

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from message_queues.broker.sns.message import Notification
from message_queues.broker.sns.ports import Confirmation
from message_queues.broker.sqs.message import MessageAttribute
from message_queues.protocols.sns.envelope import NOTIFICATION, Envelope, EnvelopeAttribute, Signature
from message_queues.protocols.sqs.checksums import md5_of_attributes

if TYPE_CHECKING:
    from message_queues.broker.clock import Clock
    from message_queues.broker.sns.topics import SnsTopics
    from message_queues.protocols.sns.signing import KeyPair, Signer


class SnsLetters:
    """Makes the key and its certificate when the first message is to be signed; they are kept with the topics."""

    def __init__(self, topics: "SnsTopics", clock: "Clock") -> None:
        self._topics = topics
        self._clock = clock
        self._signer: Signer | None = None
        self._certificate_path = ""

    def notification(self, notification: Notification, text: str) -> Callable[[str], str]:
        message = notification.message
        envelope = Envelope(
            kind=NOTIFICATION,
            message_id=notification.message_id,
            topic_arn=notification.topic_arn,
            message=text,
            timestamp=timestamp(notification.timestamp_ms),
            subject=message.subject,
            sequence_number=notification.sequence_number,
            attributes=tuple((attribute.name, _envelope_attribute(attribute)) for attribute in message.attributes),
        )
        signature = None
        if notification.sequence_number is None:
            signature = self._signature(envelope, notification.signature_version, notification.base_url)
        return lambda arn: envelope.json(signature, unsubscribe_url(notification.base_url, arn))

    def confirmation(self, confirmation: Confirmation) -> str:
        envelope = Envelope(
            kind=confirmation.kind,
            message_id=confirmation.message_id,
            topic_arn=confirmation.topic_arn,
            message=confirmation.text,
            timestamp=timestamp(confirmation.timestamp_ms),
            token=confirmation.token,
            subscribe_url=subscribe_url(confirmation),
        )
        return envelope.json(self._signature(envelope, confirmation.signature_version, confirmation.base_url))

    def md5_of_attributes(self, attributes: Sequence[MessageAttribute]) -> str:
        return md5_of_attributes(attributes)

    def certificate(self, path: str) -> bytes | None:
        """What is served at the SigningCertURL with this path, as PEM."""
        pair = self._kept_pair()
        return pair.certificate if pair is not None and path == f"/{pair.file_name}" else None

    def _signature(self, envelope: Envelope, version: str, base_url: str) -> Signature:
        signer = self._signer or self._made_signer()
        return Signature(version, signer.sign(envelope.text_to_sign(), version), f"{base_url}{self._certificate_path}")

    def _made_signer(self) -> "Signer":
        # Whoever publishes to raw subscriptions alone does not wait for these imports, nor for a key.
        from message_queues.protocols.sns.signing import Signer, make_key_pair

        pair = self._kept_pair()
        if pair is None:
            pair = make_key_pair(datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC))
            self._topics.keep_key_pair(pair.certificate, pair.private_key)
        self._signer = signer = Signer(pair)
        self._certificate_path = f"/{pair.file_name}"
        return signer

    def _kept_pair(self) -> "KeyPair | None":
        from message_queues.protocols.sns.signing import KeyPair

        return None if self._topics.key_pair is None else KeyPair(*self._topics.key_pair)


def timestamp(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def unsubscribe_url(base_url: str, subscription_arn: str) -> str:
    return f"{base_url}/?Action=Unsubscribe&SubscriptionArn={quote(subscription_arn, ':')}"


def subscribe_url(confirmation: Confirmation) -> str:
    topic_arn = quote(confirmation.topic_arn, ":")
    return f"{confirmation.base_url}/?Action=ConfirmSubscription&TopicArn={topic_arn}&Token={confirmation.token}"


def _envelope_attribute(attribute: MessageAttribute) -> EnvelopeAttribute:
    if attribute.data_type.startswith("Binary"):
        return EnvelopeAttribute(attribute.data_type, base64.b64encode(attribute.value).decode())
    return EnvelopeAttribute(attribute.data_type, attribute.value.decode("utf-8", "surrogatepass"))
