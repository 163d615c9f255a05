"""What SNS sends to endpoints: the JSON around a message, and the text that its signature covers.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

NOTIFICATION: Final = "Notification"
SUBSCRIPTION_CONFIRMATION: Final = "SubscriptionConfirmation"
UNSUBSCRIBE_CONFIRMATION: Final = "UnsubscribeConfirmation"

SIGNED_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION_CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    UNSUBSCRIBE_CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


class EnvelopeAttribute(NamedTuple):
    data_type: str
    value: str
    """Of binary ones: Base64."""


class Signature(NamedTuple):
    version: str
    """"1" is SHA1withRSA, "2" SHA256withRSA."""
    signature: str
    """Base64."""
    certificate_url: str


@dataclass(frozen=True, slots=True)
class Envelope:
    kind: str
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    """ISO 8601 with milliseconds, in UTC."""
    subject: str | None = None
    sequence_number: str | None = None
    """Of FIFO topics, whose messages have no signature."""
    token: str | None = None
    subscribe_url: str | None = None
    attributes: tuple[tuple[str, EnvelopeAttribute], ...] = ()

    def _fields(self) -> dict[str, str | None]:
        return {
            "Type": self.kind,
            "MessageId": self.message_id,
            "Token": self.token,
            "SequenceNumber": self.sequence_number,
            "TopicArn": self.topic_arn,
            "Subject": self.subject,
            "Message": self.message,
            "SubscribeURL": self.subscribe_url,
            "Timestamp": self.timestamp,
        }

    def text_to_sign(self) -> bytes:
        """Name and value of each of the fields that there are, each on a line of its own."""
        fields = self._fields()
        lines = ((name, fields[name]) for name in SIGNED_FIELDS[self.kind])
        return "".join(f"{name}\n{value}\n" for name, value in lines if value is not None).encode("utf-8", "surrogatepass")

    def json(self, signature: Signature | None, unsubscribe_url: str | None = None) -> str:
        """Laid out as AWS does it: the fields in this order, each only where it has a value."""
        fields = self._fields()
        if signature is not None:
            fields["SignatureVersion"], fields["Signature"], fields["SigningCertURL"] = signature
        fields["UnsubscribeURL"] = unsubscribe_url
        members = [f"  {_quoted(name)} : {_quoted(value)}" for name, value in fields.items() if value is not None]
        if self.attributes:
            attributes = ",\n".join(
                f'    {_quoted(name)} : {{"Type":{_quoted(attribute.data_type)},"Value":{_quoted(attribute.value)}}}'
                for name, attribute in self.attributes
            )
            members.append(f'  "MessageAttributes" : {{\n{attributes}\n  }}')
        return "{\n" + ",\n".join(members) + "\n}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
