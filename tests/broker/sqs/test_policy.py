import json

import pytest

from message_queues.broker.sqs.policy import read_policy, with_permission, without_permission
from message_queues.errors import InvalidAttributeValue, InvalidParameterValue, OverLimit

ARN = "arn:aws:sqs:eu-west-1:000000000000:q"
OTHER = "111111111111"
TOPIC = "arn:aws:sns:eu-west-1:000000000000:topic"
SNS = "sns.amazonaws.com"


def policy(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(**changes: object) -> dict[str, object]:
    return {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": ARN, **changes}


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": OTHER}, True),
        ({"AWS": [f"arn:aws:iam::{OTHER}:root"]}, True),
        ({"AWS": [f"arn:aws:iam::{OTHER}:user/me"]}, True),
        ({"AWS": "222222222222"}, None),
        ({"Service": SNS}, None),
    ],
)
def test_a_statement_is_about_its_principals(principal: object, allowed: bool | None) -> None:
    assert read_policy(policy(allow(Principal=principal))).verdict(OTHER, "SendMessage") is allowed


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("sqs:SendMessage", True),
        ("SQS:sendmessage", True),
        (["sqs:ReceiveMessage", "SQS:Send*"], True),
        ("*", True),
        ("sqs:*", True),
        ("sqs:ReceiveMessage", None),
        ([], None),
    ],
)
def test_a_statement_is_about_its_actions(action: object, allowed: bool | None) -> None:
    assert read_policy(policy(allow(Action=action))).verdict(OTHER, "SendMessage") is allowed


def test_an_action_includes_its_batch() -> None:
    assert read_policy(policy(allow())).verdict(OTHER, "SendMessageBatch") is True


def test_a_denial_wins() -> None:
    document = policy(allow(), allow(Effect="Deny", Principal={"AWS": OTHER}))
    assert read_policy(document).verdict(OTHER, "SendMessage") is False
    assert read_policy(document).verdict("222222222222", "SendMessage") is True


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"ArnEquals": {"aws:SourceArn": TOPIC}}, True),
        ({"ArnLike": {"AWS:SourceArn": "arn:aws:sns:*:*:top*"}}, True),
        ({"ArnEquals": {"aws:SourceArn": [TOPIC + "2", TOPIC]}}, True),
        ({"StringEquals": {"aws:SourceArn": TOPIC + "2"}}, None),
        ({"StringNotEquals": {"aws:SourceArn": TOPIC + "2"}}, True),
        ({"StringEquals": {"aws:SourceAccount": "000000000000"}}, True),
        ({"StringLike": {"aws:SourceAccount": "1*"}}, None),
        ({"ArnEquals": {"aws:SourceArn": TOPIC}, "StringEquals": {"aws:SourceAccount": "1"}}, None),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01"}}, None),
        ({"StringEquals": {"aws:SourceVpce": "vpce"}}, None),
    ],
)
def test_all_conditions_must_hold_and_be_understood(condition: object, allowed: bool | None) -> None:
    document = policy(allow(Principal={"Service": SNS}, Condition=condition))
    assert read_policy(document).verdict("000000000000", "SendMessage", TOPIC, SNS) is allowed


def test_what_a_statement_excludes_it_is_not_about() -> None:
    excluding: dict[str, object] = {"Effect": "Allow", "NotPrincipal": {"AWS": OTHER}, "NotAction": "sqs:DeleteMessage"}
    found = read_policy(policy(excluding))
    assert found.verdict(OTHER, "SendMessage") is None
    assert found.verdict("222222222222", "SendMessage") is True
    assert found.verdict("222222222222", "DeleteMessage") is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"Statement": "x"}', policy({"Effect": "Perhaps"}), policy(allow(Condition="x"))])
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(InvalidAttributeValue, match="Invalid value for the parameter Policy"):
        read_policy(text)


def test_a_permission_is_a_statement() -> None:
    text = with_permission("", ARN, "label", [OTHER], ["SendMessage", "ReceiveMessage"])
    assert json.loads(text) == {
        "Version": "2008-10-17",
        "Id": f"{ARN}/SQSDefaultPolicy",
        "Statement": [
            {
                "Sid": "label",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
                "Action": ["SQS:SendMessage", "SQS:ReceiveMessage"],
                "Resource": ARN,
            }
        ],
    }
    assert read_policy(text).verdict(OTHER, "ReceiveMessage") is True
    assert without_permission(text, ARN, "label") == ""


def test_a_label_is_there_once_and_must_be_there_to_go() -> None:
    text = with_permission("", ARN, "label", [OTHER], ["*"])
    with pytest.raises(InvalidParameterValue, match="Already exists"):
        with_permission(text, ARN, "label", [OTHER], ["*"])
    with pytest.raises(InvalidParameterValue, match="can't find label"):
        without_permission(text, ARN, "other")


def test_a_permission_has_seven_actions_at_most_and_none_of_the_owners() -> None:
    with pytest.raises(OverLimit, match="8 Actions were found, maximum allowed is 7"):
        with_permission("", ARN, "label", [OTHER], ["SendMessage"] * 8)
    with pytest.raises(InvalidParameterValue, match="Only the queue owner is allowed to invoke this action"):
        with_permission("", ARN, "label", [OTHER], ["DeleteQueue"])
    with pytest.raises(InvalidParameterValue, match="Unable to verify"):
        with_permission("", ARN, "label", ["me"], ["SendMessage"])
