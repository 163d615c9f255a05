import json

import pytest

from message_queues.errors import AwsError, InvalidParameterValue, ResourceNotFound
from tests.broker.sns.sns_world import ACCOUNT, BASE_URL, REGION, SnsWorld


def test_a_topic_is_created_once() -> None:
    world = SnsWorld()
    topic = world.topic("orders", DisplayName="Orders")
    assert topic.arn == f"arn:aws:sns:{REGION}:{ACCOUNT}:orders"
    assert world.topic("orders") is topic
    assert world.topic("orders", DisplayName="Orders") is topic
    assert world.topic("orders", FifoTopic="false") is topic
    for attributes in ({"DisplayName": "Others"}, {"SignatureVersion": "2"}):
        with pytest.raises(InvalidParameterValue, match="Attributes Reason: Topic already exists with different attributes"):
            world.topic("orders", **attributes)


def test_tags_of_a_topic_that_is_there_may_be_left_out_and_not_differ() -> None:
    topics = SnsWorld().topics
    tags = {"a": "1", "b": "2"}
    topic = topics.create(REGION, ACCOUNT, "t", {}, tags)
    for same in (tags, {"a": "1"}, {}):
        assert topics.create(REGION, ACCOUNT, "t", {}, same) is topic
    with pytest.raises(InvalidParameterValue, match="Invalid parameter: Tags Reason: Topic already exists with different tags"):
        topics.create(REGION, ACCOUNT, "t", {}, {**tags, "c": "3"})


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        *[(name, {}) for name in ("", "a" * 257, "test.fifo", "a b", "a:b", "é", "a\n", ".fifo")],
        ("test", {"FifoTopic": "true"}),
        ("a" * 252 + ".fifo", {"FifoTopic": "true"}),
    ],
)
def test_names(name: str, attributes: dict[str, str]) -> None:
    with pytest.raises(InvalidParameterValue, match=r"^Invalid parameter: Topic Name$"):
        SnsWorld().topics.create(REGION, ACCOUNT, name, attributes, {})


def test_the_longest_names() -> None:
    world = SnsWorld()
    world.topic("a" * 256)
    world.topic("a" * 251 + ".fifo")


def test_regions_and_accounts_are_apart() -> None:
    topics = SnsWorld().topics
    here = topics.create("us-east-1", ACCOUNT, "t", {}, {})
    there = topics.create("eu-west-1", ACCOUNT, "t", {}, {})
    assert here is not there
    assert topics.of("eu-west-1", ACCOUNT) == [there]
    assert topics.of("eu-west-1", "000000000000") == []
    assert topics.create("cn-north-1", ACCOUNT, "t", {}, {}).arn.startswith("arn:aws-cn:sns:")


def test_what_is_no_arn_or_names_no_topic() -> None:
    topics = SnsWorld().topics
    for arn, elements in (("x", 1), ("", 1), ("arn:aws:sns:us-east-1:topic", 5)):
        with pytest.raises(InvalidParameterValue) as refused:
            topics.named(arn)
        assert str(refused.value) == f"Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not {elements}"
    with pytest.raises(ResourceNotFound, match=r"^Topic does not exist$"):
        topics.named(f"arn:aws:sns:{REGION}:{ACCOUNT}:none")


def test_a_new_topic_has_aws_s_attributes() -> None:
    world = SnsWorld()
    described = world.topics.described(world.topic())
    policy = json.loads(described.pop("Policy"))
    assert policy["Id"] == "__default_policy_ID"
    assert policy["Statement"][0]["Condition"] == {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}
    assert json.loads(described.pop("EffectiveDeliveryPolicy"))["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    assert described == {
        "DisplayName": "",
        "Owner": ACCOUNT,
        "SubscriptionsConfirmed": "0",
        "SubscriptionsDeleted": "0",
        "SubscriptionsPending": "0",
        "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:orders",
    }
    fifo = world.topics.described(world.topic("orders.fifo"))
    assert (fifo["FifoTopic"], fifo["ContentBasedDeduplication"]) == ("true", "false")


def test_attributes_are_set_and_taken_back() -> None:
    world = SnsWorld()
    topic = world.topic()
    world.topics.set_attribute(topic, "DeliveryPolicy", '{"http":{"defaultHealthyRetryPolicy":{"numRetries":5}}}')
    world.topics.set_attribute(topic, "DisplayName", "Orders")
    described = world.topics.described(topic)
    assert described["DisplayName"] == "Orders"
    assert json.loads(described["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 5
    world.topics.set_attribute(topic, "DeliveryPolicy", "")
    assert "DeliveryPolicy" not in world.topics.described(topic)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("Fake", "x", "AttributeName"),
        ("FifoTopic", "false", "AttributeName"),
        ("Policy", "{", "Policy Error: null"),
        ("SignatureVersion", "3", "SignatureVersion: Invalid value [3]. Must be 1 or 2."),
        ("SignatureVersion", "", "SignatureVersion: Invalid value []. Must be 1 or 2."),
        ("TracingConfig", "Off", "TracingConfig: Invalid value [Off]. Must be PassThrough or Active."),
        ("DisplayName", "x" * 101, "DisplayName"),
        ("MaximumMessageSize", "1023", "MaximumMessageSize: Invalid value [1023]. Must be in 1024..1048576"),
        ("MaximumMessageSize", "1048577", "MaximumMessageSize: Invalid value [1048577]. Must be in 1024..1048576"),
        ("HTTPSuccessFeedbackSampleRate", "101", "HTTPSuccessFeedbackSampleRate: Invalid value [101]. Must be in 0..100"),
        ("ContentBasedDeduplication", "true", "ContentBasedDeduplication: only FIFO topics have it"),
        ("ArchivePolicy", '{"MessageRetentionPeriod":"30"}', "ArchivePolicy: only FIFO topics have it"),
    ],
)
def test_attributes_that_could_not_work_are_refused(name: str, value: str, text: str) -> None:
    world = SnsWorld()
    with pytest.raises(InvalidParameterValue) as refused:
        world.topics.set_attribute(world.topic(), name, value)
    assert str(refused.value) == f"Invalid parameter: {text}"


def test_an_archive_keeps_for_1_to_365_days() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo")
    for days in ("0", "366", "x", ""):
        with pytest.raises(InvalidParameterValue, match=r"1\.\.365"):
            world.topics.set_attribute(topic, "ArchivePolicy", json.dumps({"MessageRetentionPeriod": days}))
    world.topics.set_attribute(topic, "ArchivePolicy", '{"MessageRetentionPeriod":"365"}')
    assert topic.archive_days == 365


def test_large_messages_are_for_topics_with_few_queues() -> None:
    world = SnsWorld()
    topic = world.topic()
    world.subscribe_http(topic)
    with pytest.raises(InvalidParameterValue, match="above 256 KiB"):
        world.topics.set_attribute(topic, "MaximumMessageSize", "1048576")
    large = world.topic("large", MaximumMessageSize="1048576")
    world.subscribe(large, world.queue())
    with pytest.raises(InvalidParameterValue, match="has no http subscriptions"):
        world.subscribe(large, "http://endpoint.test/")


def test_permissions() -> None:
    world = SnsWorld()
    topic = world.topic()
    world.topics.add_permission(topic, "test", ["999999999999"], ["Publish"])
    world.topics.add_permission(topic, "more", ["999999999999", "888888888888"], ["Publish", "Subscribe"])
    one, more = json.loads(world.topics.described(topic)["Policy"])["Statement"][1:]
    assert one == {
        "Sid": "test",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
        "Action": "SNS:Publish",
        "Resource": topic.arn,
    }
    assert more["Action"] == ["SNS:Publish", "SNS:Subscribe"]
    with pytest.raises(InvalidParameterValue, match="Invalid parameter: Statement already exists"):
        world.topics.add_permission(topic, "test", ["999999999999"], ["Publish"])
    with pytest.raises(InvalidParameterValue, match="Invalid parameter: Policy statement action out of service scope!"):
        world.topics.add_permission(topic, "x", ["999999999999"], ["Fly"])
    world.topics.remove_permission(topic, "test")
    assert [each["Sid"] for each in json.loads(topic.policy)["Statement"]] == ["__default_statement_ID", "more"]


def test_fifty_tags_at_most() -> None:
    world = SnsWorld()
    topic = world.topic()
    world.topics.tag(topic, {str(number): "x" for number in range(50)})
    with pytest.raises(AwsError) as refused:
        world.topics.tag(topic, {"one more": "x"})
    assert refused.value.code == "TagLimitExceeded"
    world.topics.untag(topic, ["0", "none"])
    world.topics.tag(topic, {"one more": "x", "1": "y"})
    assert topic.tags["1"] == "y"


def test_deleting_a_topic_takes_its_subscriptions_and_files_with_it() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo", ArchivePolicy='{"MessageRetentionPeriod":"1"}')
    subscription = world.subscribe(topic, world.queue())
    world.publish(topic, group_id="g", deduplication_id="d")
    world.topics.delete(topic)
    assert world.removed == [f"/data/sns/{topic.topic_id.hex()}"]
    with pytest.raises(ResourceNotFound, match="Subscription does not exist"):
        world.topics.subscriptions.named(subscription.arn)
    assert world.topics.of(REGION, ACCOUNT) == []


def test_everything_is_there_after_a_restart_also_from_a_snapshot() -> None:
    world = SnsWorld()
    topic = world.topic("orders", DisplayName="Orders")
    world.topics.tag(topic, {"a": "1", "b": "2"})
    world.topics.untag(topic, ["a"])
    world.topics.add_permission(topic, "test", ["999999999999"], ["Publish"])
    world.topics.set_data_protection_policy(topic, '{"Name":"p"}')
    world.topics.keep_key_pair(b"certificate", b"key")
    world.topics.delete(world.topic("gone"))
    world.topics.subscriptions.unsubscribe(world.subscribe(topic, world.queue("other")))
    queue = world.subscribe(topic, world.queue(), FilterPolicy='{"a":["x"]}', RawMessageDelivery="True")
    pending = world.subscribe(topic, "http://endpoint.test/pending")
    deactivated = world.subscribe_http(topic, "http://endpoint.test/gone")
    world.topics.subscriptions.deactivate(deactivated, BASE_URL)

    replayed = world.restarted()
    from_snapshot = SnsWorld()
    from_snapshot.commit(list(world.topics.state_events()))
    for found in (replayed.topics, from_snapshot.topics):
        topic = found.named(topic.arn)
        assert found.described(topic) == world.topics.described(world.topics.named(topic.arn))
        assert found.described(topic)["SubscriptionsDeleted"] == "1"
        assert (topic.tags, topic.data_protection_policy) == ({"b": "2"}, '{"Name":"p"}')
        assert found.key_pair == (b"certificate", b"key")
        subscriptions = found.subscriptions
        for each in (queue, pending):
            assert subscriptions.named(each.arn).described() == each.described()
        assert subscriptions.confirm(topic.arn, pending.token, False, False).is_confirmed
        assert subscriptions.confirm(topic.arn, deactivated.token, False, False).arn == deactivated.arn
