import json

import pytest

from message_queues.broker.sqs.queue_settings import (
    QueueSettings,
    RedriveAllowPolicy,
    RedrivePolicy,
    check_together,
    checked_attributes,
    compared_attributes,
    settings_of,
)
from message_queues.errors import InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue

ARN = "arn:aws:sqs:eu-west-1:000000000000:dead"


def test_without_attributes_all_is_at_its_default() -> None:
    assert settings_of({}, is_fifo=False) == QueueSettings()
    assert (QueueSettings().visibility_timeout_s, QueueSettings().retention_s) == (30, 345_600)


def test_attributes_mean_what_they_say() -> None:
    attributes = {
        "VisibilityTimeout": "0",
        "DelaySeconds": "900",
        "MaximumMessageSize": "1024",
        "MessageRetentionPeriod": "60",
        "ReceiveMessageWaitTimeSeconds": "20",
        "ContentBasedDeduplication": "true",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": ARN, "maxReceiveCount": "1000"}),
        "RedriveAllowPolicy": json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [ARN]}),
    }
    settings = settings_of(checked_attributes(attributes, is_fifo=True), is_fifo=True)
    assert settings == QueueSettings(
        is_fifo=True,
        visibility_timeout_s=0,
        delay_s=900,
        maximum_message_size=1024,
        retention_s=60,
        wait_s=20,
        content_based_deduplication=True,
        deduplication_scope="messageGroup",
        throughput_limit="perMessageGroupId",
        redrive=RedrivePolicy(ARN, 1000),
        allow=RedriveAllowPolicy("byQueue", (ARN,)),
    )
    assert settings.is_high_throughput


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("VisibilityTimeout", 0, 43_200),
        ("DelaySeconds", 0, 900),
        ("MaximumMessageSize", 1024, 1_048_576),
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
    ],
)
def test_numbers_have_their_ranges(name: str, least: int, most: int) -> None:
    for good in (str(least), str(most)):
        assert checked_attributes({name: good}, is_fifo=False) == {name: good}
    for bad in (str(least - 1), str(most + 1), "", "x", "1.5", " 60", "1_000", "٣٠", "9" * 30):
        with pytest.raises(InvalidAttributeValue, match=f"Invalid value for the parameter {name}."):
            checked_attributes({name: bad}, is_fifo=False)


def test_unknown_attributes_are_refused() -> None:
    for name in ("Visibility", "QueueArn", "ApproximateNumberOfMessages", "All"):
        with pytest.raises(InvalidAttributeName, match=f"Unknown Attribute {name}."):
            checked_attributes({name: "1"}, is_fifo=True)


def test_what_is_of_fifo_queues_is_refused_elsewhere() -> None:
    with pytest.raises(InvalidAttributeName, match="Unknown Attribute ContentBasedDeduplication"):
        checked_attributes({"ContentBasedDeduplication": "true"}, is_fifo=False)
    with pytest.raises(InvalidAttributeName, match="You can specify the DeduplicationScope only when FifoQueue is set to true"):
        checked_attributes({"DeduplicationScope": "queue"}, is_fifo=False)


def test_a_limit_per_group_needs_deduplication_per_group() -> None:
    with pytest.raises(InvalidAttributeValue, match="perMessageGroupId"):
        check_together({"FifoThroughputLimit": "perMessageGroupId"})
    check_together({"FifoThroughputLimit": "perMessageGroupId", "DeduplicationScope": "messageGroup"})


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (json.dumps({"deadLetterTargetArn": ARN}), "mandatory attribute: maxReceiveCount"),
        (json.dumps({"maxReceiveCount": 1}), "mandatory attribute: deadLetterTargetArn"),
        (json.dumps({"deadLetterTargetArn": ARN, "maxReceiveCount": 0}), "Invalid value for maxReceiveCount: 0"),
        (json.dumps({"deadLetterTargetArn": ARN, "maxReceiveCount": 1001}), "valid values are from 1 to 1000 both inclusive"),
        (json.dumps({"deadLetterTargetArn": ARN, "maxReceiveCount": "many"}), "Invalid value for maxReceiveCount: many"),
        (json.dumps({"deadLetterTargetArn": ARN, "maxReceiveCount": True}), "Invalid value for maxReceiveCount: True"),
        (json.dumps({"deadLetterTargetArn": ARN, "maxReceiveCount": 1, "more": 1}), "Found: more"),
    ],
)
def test_redrive_policies_are_checked(policy: str, reason: str) -> None:
    with pytest.raises(InvalidParameterValue, match=reason):
        checked_attributes({"RedrivePolicy": policy}, is_fifo=False)


@pytest.mark.parametrize("text", ["x", "[]", "1", json.dumps("{}")])
def test_a_redrive_policy_is_a_json_map(text: str) -> None:
    told = "Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map."
    with pytest.raises(InvalidAttributeValue, match=told):
        checked_attributes({"RedrivePolicy": text}, is_fifo=False)


@pytest.mark.parametrize(
    "policy",
    [
        {"redrivePermission": "some"},
        {},
        {"redrivePermission": "byQueue"},
        {"redrivePermission": "byQueue", "sourceQueueArns": []},
        {"redrivePermission": "byQueue", "sourceQueueArns": [ARN] * 11},
        {"redrivePermission": "byQueue", "sourceQueueArns": ARN},
        {"redrivePermission": "denyAll", "sourceQueueArns": [ARN]},
    ],
)
def test_redrive_allow_policies_are_checked(policy: object) -> None:
    with pytest.raises(InvalidParameterValue, match="redrive allow policy"):
        checked_attributes({"RedriveAllowPolicy": json.dumps(policy)}, is_fifo=False)


def test_who_may_send_dead_letters_is_said_by_the_allow_policy() -> None:
    assert RedriveAllowPolicy().allows(ARN)
    assert not RedriveAllowPolicy("denyAll").allows(ARN)
    assert RedriveAllowPolicy("byQueue", (ARN,)).allows(ARN)
    assert not RedriveAllowPolicy("byQueue", (ARN + "2",)).allows(ARN)


def test_an_empty_document_takes_it_away() -> None:
    assert checked_attributes({"Policy": "", "RedrivePolicy": ""}, is_fifo=False) == {"Policy": "", "RedrivePolicy": ""}
    assert settings_of({"RedrivePolicy": ""}, is_fifo=False).redrive is None


def test_two_kinds_of_encryption_exclude_each_other() -> None:
    with pytest.raises(InvalidAttributeValue, match="one type of server-side encryption"):
        checked_attributes({"KmsMasterKeyId": "alias/mine", "SqsManagedSseEnabled": "true"}, is_fifo=False)


def test_the_same_documents_are_the_same_however_they_are_written() -> None:
    one = json.dumps({"deadLetterTargetArn": ARN, "maxReceiveCount": 3})
    two = json.dumps({"maxReceiveCount": "3", "deadLetterTargetArn": ARN}, indent=2)
    assert compared_attributes({"RedrivePolicy": one}, is_fifo=False) == compared_attributes({"RedrivePolicy": two}, is_fifo=False)
