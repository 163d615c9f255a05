import json

from message_queues.protocols.sns.envelope import (
    NOTIFICATION,
    SUBSCRIPTION_CONFIRMATION,
    UNSUBSCRIBE_CONFIRMATION,
    Envelope,
    EnvelopeAttribute,
    Signature,
)

TOPIC = "arn:aws:sns:us-west-2:123456789012:MyTopic"
SIGNATURE = Signature("1", "EXAMPLE", "http://localhost:9324/SimpleNotificationService-1.pem")
MESSAGE_ID = "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"
TIMESTAMP = "2012-05-02T00:54:06.655Z"
UNSUBSCRIBE = "http://localhost:9324/?Action=Unsubscribe&SubscriptionArn=" + TOPIC + ":1"


def notification(**fields: object) -> Envelope:
    return Envelope(NOTIFICATION, MESSAGE_ID, TOPIC, "Hello world!", TIMESTAMP, **fields)  # type: ignore[arg-type]


def test_a_notification_is_laid_out_as_aws_does_it() -> None:
    # https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html
    assert notification(subject="My First Message").json(SIGNATURE, UNSUBSCRIBE) == "\n".join(
        [
            "{",
            '  "Type" : "Notification",',
            f'  "MessageId" : "{MESSAGE_ID}",',
            f'  "TopicArn" : "{TOPIC}",',
            '  "Subject" : "My First Message",',
            '  "Message" : "Hello world!",',
            f'  "Timestamp" : "{TIMESTAMP}",',
            '  "SignatureVersion" : "1",',
            '  "Signature" : "EXAMPLE",',
            '  "SigningCertURL" : "http://localhost:9324/SimpleNotificationService-1.pem",',
            f'  "UnsubscribeURL" : "{UNSUBSCRIBE}"',
            "}",
        ]
    )


def test_attributes_come_last_with_their_types() -> None:
    attributes = (("a", EnvelopeAttribute("String", "x\n")), ("b", EnvelopeAttribute("Binary", "AgME")))
    fields = json.loads(notification(attributes=attributes).json(SIGNATURE, UNSUBSCRIBE))
    assert list(fields)[-1] == "MessageAttributes"
    assert fields["MessageAttributes"] == {"a": {"Type": "String", "Value": "x\n"}, "b": {"Type": "Binary", "Value": "AgME"}}
    assert "MessageAttributes" not in json.loads(notification().json(SIGNATURE))


def test_a_message_of_a_fifo_topic_has_a_sequence_number_and_no_signature() -> None:
    fields = json.loads(notification(sequence_number="10000000000000000000").json(None, UNSUBSCRIBE))
    assert list(fields) == ["Type", "MessageId", "SequenceNumber", "TopicArn", "Message", "Timestamp", "UnsubscribeURL"]


def test_text_stays_as_it_is() -> None:
    envelope = Envelope(NOTIFICATION, MESSAGE_ID, TOPIC, 'é "\\ / \x00 \U0001f600', TIMESTAMP)
    written = envelope.json(SIGNATURE)
    assert "é" in written
    assert "\U0001f600" in written
    assert json.loads(written)["Message"] == envelope.message


def test_a_confirmation_has_a_token_and_where_to_go() -> None:
    for kind in (SUBSCRIPTION_CONFIRMATION, UNSUBSCRIBE_CONFIRMATION):
        fields = json.loads(
            Envelope(kind, MESSAGE_ID, TOPIC, "You have chosen", TIMESTAMP, token="t", subscribe_url="http://x/").json(SIGNATURE)
        )
        assert list(fields) == [
            *("Type", "MessageId", "Token", "TopicArn", "Message", "SubscribeURL", "Timestamp"),
            *("SignatureVersion", "Signature", "SigningCertURL"),
        ]


def test_the_signature_covers_names_and_values_each_on_a_line() -> None:
    # https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html
    assert (
        notification(subject="S").text_to_sign()
        == (
            f"Message\nHello world!\nMessageId\n{MESSAGE_ID}\nSubject\nS\nTimestamp\n{TIMESTAMP}\nTopicArn\n{TOPIC}\nType\nNotification\n"
        ).encode()
    )
    assert b"Subject" not in notification().text_to_sign()
    confirmation = Envelope(SUBSCRIPTION_CONFIRMATION, MESSAGE_ID, TOPIC, "M", TIMESTAMP, token="t", subscribe_url="http://x/")
    assert (
        confirmation.text_to_sign()
        == (
            f"Message\nM\nMessageId\n{MESSAGE_ID}\nSubscribeURL\nhttp://x/\nTimestamp\n{TIMESTAMP}\nToken\nt\nTopicArn\n{TOPIC}\n"
            "Type\nSubscriptionConfirmation\n"
        ).encode()
    )
