import json
from typing import Any
from uuid import uuid4

from tests.servers.sqs.refusals import refusal
from tests.servers.sqs.sqs_server import SqsServer, running_sqs


def test_a_topic_s_life(sns: Any) -> None:
    name = f"t-{uuid4().hex}"
    arn = sns.create_topic(Name=name, Attributes={"DisplayName": "D"}, Tags=[{"Key": "a", "Value": "1"}])["TopicArn"]
    assert arn == f"arn:aws:sns:us-east-1:000000000000:{name}"
    assert sns.create_topic(Name=name)["TopicArn"] == arn
    sns.set_topic_attributes(TopicArn=arn, AttributeName="SignatureVersion", AttributeValue="2")
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (attributes["DisplayName"], attributes["SignatureVersion"]) == ("D", "2")
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    assert refusal(sns.get_topic_attributes, TopicArn=arn) == ("NotFound", "Topic does not exist", 404)


def test_names_and_attributes_are_refused_in_aws_s_words(sns: Any, topic: str) -> None:
    assert refusal(sns.create_topic, Name="a b") == ("InvalidParameter", "Invalid parameter: Topic Name", 400)
    differs = "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
    name = topic.split(":")[-1]
    assert refusal(sns.create_topic, Name=name, Attributes={"DisplayName": "x"}) == ("InvalidParameter", differs, 400)
    wrong = refusal(sns.set_topic_attributes, TopicArn=topic, AttributeName="FifoTopic", AttributeValue="false")
    assert wrong == ("InvalidParameter", "Invalid parameter: AttributeName", 400)
    elsewhere = topic.replace("us-east-1", "eu-west-1")
    for call in (sns.get_topic_attributes, sns.delete_topic, sns.list_subscriptions_by_topic):
        assert refusal(call, TopicArn=elsewhere) == ("InvalidParameter", "Invalid parameter: TopicArn", 400)


def test_lists_have_pages_of_a_hundred() -> None:
    with running_sqs() as server:
        sns = server.client(service="sns")
        arns = [sns.create_topic(Name=f"t{number}")["TopicArn"] for number in range(201)]
        pages = []
        token: dict[str, str] = {}
        while True:
            page = sns.list_topics(**token)
            pages.append([each["TopicArn"] for each in page["Topics"]])
            if "NextToken" not in page:
                break
            # What goes meanwhile makes nothing be missed.
            sns.delete_topic(TopicArn=pages[-1][0])
            token = {"NextToken": page["NextToken"]}
        assert [len(page) for page in pages] == [100, 100, 1]
        assert [arn for page in pages for arn in page] == arns
        assert server.client(service="sns", region="eu-west-1").list_topics()["Topics"] == []
        assert refusal(sns.list_topics, NextToken="x") == ("InvalidParameter", "Invalid parameter: NextToken", 400)
        topic = arns[-1]
        for number in range(101):
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:000000000000:q{number}")
        first = sns.list_subscriptions_by_topic(TopicArn=topic)
        second = sns.list_subscriptions_by_topic(TopicArn=topic, NextToken=first["NextToken"])
        assert (len(first["Subscriptions"]), len(second["Subscriptions"])) == (100, 1)
        assert len(sns.list_subscriptions(NextToken=sns.list_subscriptions()["NextToken"])["Subscriptions"]) == 1


def test_tags(sns: Any, topic: str) -> None:
    twice = [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]
    expected = ("InvalidParameter", "Invalid parameter: Duplicated keys are not allowed.", 400)
    assert refusal(sns.tag_resource, ResourceArn=topic, Tags=twice) == expected
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "k1", "Value": "v1"}, {"Key": "k2", "Value": "v2"}])
    sns.untag_resource(ResourceArn=topic, TagKeys=["k1"])
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "k2", "Value": "v2b"}])
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "k2", "Value": "v2b"}]
    missing = ("ResourceNotFound", "Resource does not exist", 404)
    for arn in (topic + "x", "no-arn"):
        assert refusal(sns.list_tags_for_resource, ResourceArn=arn) == missing
    many = [{"Key": str(number), "Value": "x"} for number in range(50)]
    assert refusal(sns.tag_resource, ResourceArn=topic, Tags=many)[0] == "TagLimitExceeded"


def test_permissions_let_other_accounts_in(server: SqsServer, sns: Any, topic: str) -> None:
    other = server.client(service="sns", access_key="999999999999")
    code, text, status = refusal(other.publish, TopicArn=topic, Message="x")
    assert (code, status) == ("AuthorizationError", 403)
    assert text.startswith(f"User: arn:aws:iam::999999999999:root is not authorized to perform: SNS:Publish on resource: {topic}")
    sns.add_permission(TopicArn=topic, Label="l", AWSAccountId=["999999999999"], ActionName=["Publish"])
    assert other.publish(TopicArn=topic, Message="x")["MessageId"]
    assert refusal(other.get_topic_attributes, TopicArn=topic)[0] == "AuthorizationError"
    sns.remove_permission(TopicArn=topic, Label="l")
    assert refusal(other.publish, TopicArn=topic, Message="x")[0] == "AuthorizationError"


def test_a_data_protection_policy_is_kept(sns: Any, topic: str) -> None:
    sns.put_data_protection_policy(ResourceArn=topic, DataProtectionPolicy='{"Name":"p"}')
    assert sns.get_data_protection_policy(ResourceArn=topic)["DataProtectionPolicy"] == '{"Name":"p"}'


def test_subscription_arns(sns: Any) -> None:
    start = "Invalid parameter: SubscriptionArn Reason: "
    for arn, text in (
        ("randomarn", f"{start}An ARN must have at least 6 elements, not 1"),
        ("arn:aws:sns:us-east-1:random", f"{start}An ARN must have at least 6 elements, not 5"),
        ("arn:aws:sns:us-east-1:000000000000:topic:random", "Invalid parameter: SubscriptionId"),
        ("", f"{start}no value for required parameter"),
    ):
        assert refusal(sns.unsubscribe, SubscriptionArn=arn) == ("InvalidParameter", text, 400)
    sns.unsubscribe(SubscriptionArn=f"arn:aws:sns:us-east-1:000000000000:topic:{uuid4()}")


def test_subscription_attributes(sns: Any, topic: str) -> None:
    endpoint = "arn:aws:sqs:us-east-1:000000000000:q"
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)["SubscriptionArn"]
    policy = json.dumps({"a": ["x"]})
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=policy)
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (attributes["FilterPolicy"], attributes["FilterPolicyScope"]) == (policy, "MessageAttributes")
    wrong = {"SubscriptionArn": arn, "AttributeName": "Fake", "AttributeValue": "x"}
    assert refusal(sns.set_subscription_attributes, **wrong) == ("InvalidParameter", "Invalid parameter: AttributeName", 400)


def test_a_subscription_is_in_its_region_alone(server: SqsServer, sns: Any, topic: str) -> None:
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:q")["SubscriptionArn"]
    west = server.client(service="sns", region="us-west-2")
    missing = ("NotFound", "Subscription does not exist", 404)
    assert refusal(west.get_subscription_attributes, SubscriptionArn=arn) == missing
    raw = {"AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
    assert refusal(west.set_subscription_attributes, SubscriptionArn=arn, **raw) == missing
    west.unsubscribe(SubscriptionArn=arn)
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["RawMessageDelivery"] == "false"
    sns.unsubscribe(SubscriptionArn=arn)
    assert refusal(sns.get_subscription_attributes, SubscriptionArn=arn) == missing


def test_what_is_not_served_says_so(sns: Any) -> None:
    code, text, _ = refusal(sns.list_platform_applications)
    assert code == "InvalidAction"
    assert text == "The action ListPlatformApplications is not served here."


def test_a_topic_and_what_subscribes_to_it_outlive_the_server(tmp_path: Any) -> None:
    with running_sqs(data=str(tmp_path)) as server:
        sns, sqs = server.client(service="sns"), server.client()
        topic = sns.create_topic(Name="t")["TopicArn"]
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:q", Attributes={"RawMessageDelivery": "true"}
        )
        sns.publish(TopicArn=topic, Message="before")
    with running_sqs(data=str(tmp_path)) as server:
        sns, sqs = server.client(service="sns"), server.client()
        url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
        sns.publish(TopicArn=topic, Message="after")
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        assert sorted(message["Body"] for message in messages) == ["after", "before"]
