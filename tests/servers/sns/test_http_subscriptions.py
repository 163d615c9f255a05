import base64
import json
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.servers.sns.endpoint import Delivered, Endpoint, running_endpoint
from tests.servers.sqs.refusals import refusal
from tests.servers.sqs.sqs_server import SqsServer, eventually, running_sqs


def visit(server: SqsServer, url: str) -> int:
    parts = urlsplit(url)
    return server.ask("GET", f"{parts.path}?{parts.query}").status


def confirmed(server: SqsServer, sns: Any, topic: str, endpoint: Endpoint, **attributes: str) -> str:
    answer = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url, Attributes=attributes, ReturnSubscriptionArn=True)
    eventually(lambda: endpoint.of("SubscriptionConfirmation"))
    assert visit(server, endpoint.of("SubscriptionConfirmation")[-1].json["SubscribeURL"]) == 200
    arn: str = answer["SubscriptionArn"]
    return arn


def verify(server: SqsServer, delivered: Delivered, *names: str) -> None:
    body = delivered.json
    certificate = server.ask("GET", urlsplit(body["SigningCertURL"]).path).body
    key = x509.load_pem_x509_certificate(certificate).public_key()
    assert isinstance(key, RSAPublicKey)
    text = "".join(f"{name}\n{body[name]}\n" for name in names).encode()
    key.verify(base64.b64decode(body["Signature"]), text, padding.PKCS1v15(), hashes.SHA1())


def test_an_endpoint_confirms_by_visiting_the_url(server: SqsServer, sns: Any, topic: str, endpoint: Endpoint) -> None:
    answer = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    assert answer["SubscriptionArn"] == "pending confirmation"
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    eventually(lambda: endpoint.delivered)
    (asked,) = endpoint.delivered
    assert asked.headers["content-type"] == "text/plain; charset=UTF-8"
    assert asked.headers["user-agent"] == "Amazon Simple Notification Service Agent"
    assert asked.headers["accept-encoding"] == "gzip,deflate"
    assert asked.headers["x-amz-sns-message-id"] == asked.json["MessageId"]
    verify(server, asked, "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    url = asked.json["SubscribeURL"]
    assert url == f"{server.endpoint}/?Action=ConfirmSubscription&TopicArn={topic}&Token={asked.json['Token']}"
    assert visit(server, url) == 200
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=listed["SubscriptionArn"])["Attributes"]
    assert (attributes["PendingConfirmation"], attributes["ConfirmationWasAuthenticated"]) == ("false", "false")


def test_an_endpoint_gets_messages_that_it_can_verify(server: SqsServer, sns: Any, topic: str, endpoint: Endpoint) -> None:
    arn = confirmed(server, sns, topic, endpoint)
    published = sns.publish(TopicArn=topic, Message="hello")
    eventually(lambda: endpoint.of("Notification"))
    (delivered,) = endpoint.of("Notification")
    assert delivered.path == "/hook"
    assert delivered.headers["x-amz-sns-subscription-arn"] == arn
    assert delivered.headers["x-amz-sns-topic-arn"] == topic
    assert delivered.json["MessageId"] == published["MessageId"] == delivered.headers["x-amz-sns-message-id"]
    verify(server, delivered, "Message", "MessageId", "Timestamp", "TopicArn", "Type")


def test_a_raw_message_comes_as_it_is(server: SqsServer, sns: Any, topic: str, endpoint: Endpoint) -> None:
    policy = '{"requestPolicy":{"headerContentType":"application/json"}}'
    confirmed(server, sns, topic, endpoint, RawMessageDelivery="true", DeliveryPolicy=policy)
    sns.publish(TopicArn=topic, Message='{"a":"é"}')
    eventually(lambda: endpoint.of("Notification"))
    (delivered,) = endpoint.of("Notification")
    assert delivered.body == '{"a":"é"}'.encode()
    assert delivered.headers["content-type"] == "application/json"
    assert delivered.headers["x-amz-sns-rawdelivery"] == "true"


def test_a_token_by_api(sns: Any, topic: str, endpoint: Endpoint) -> None:
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    eventually(lambda: endpoint.delivered)
    token = endpoint.delivered[0].json["Token"]
    assert refusal(sns.confirm_subscription, TopicArn=topic, Token="randomtoken") == ("InvalidParameter", "Invalid token", 400)
    assert refusal(sns.confirm_subscription, TopicArn=topic, Token="0" * 288) == ("InvalidParameter", "Invalid parameter: Token", 400)
    assert refusal(sns.confirm_subscription, TopicArn=topic + "x", Token=token) == ("InvalidParameter", "Invalid parameter: Topic", 400)
    arn = sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"]
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["ConfirmationWasAuthenticated"] == "true"


def test_unsubscribing_by_url_needs_a_signature_if_that_was_asked_for(server: SqsServer, sns: Any, topic: str, endpoint: Endpoint) -> None:
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    eventually(lambda: endpoint.delivered)
    token = endpoint.delivered[0].json["Token"]
    unsigned = f"/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}&AuthenticateOnUnsubscribe=true"
    assert server.ask("GET", unsigned).status == 403
    arn = sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")["SubscriptionArn"]
    assert server.ask("GET", f"/?Action=Unsubscribe&SubscriptionArn={arn}").status == 403
    sns.unsubscribe(SubscriptionArn=arn)
    assert refusal(sns.get_subscription_attributes, SubscriptionArn=arn) == ("NotFound", "Subscription does not exist", 404)
    sns.unsubscribe(SubscriptionArn=arn)


def test_an_endpoint_that_is_down_is_tried_again(server: SqsServer, sns: Any, topic: str, endpoint: Endpoint) -> None:
    confirmed(server, sns, topic, endpoint)
    deliveries = server.server.broker.sns.subscriptions.fan_out.http
    for status in (500, 429):
        endpoint.status = status
        sns.publish(TopicArn=topic, Message="hello")
        eventually(lambda: endpoint.of("Notification"))
        eventually(lambda: deliveries.waiting)
        endpoint.status = 200
        server.advance(20)
        eventually(lambda: len(endpoint.of("Notification")) == 2)
        eventually(lambda: not len(deliveries))
        endpoint.delivered.clear()


def test_what_cannot_be_delivered_is_a_dead_letter(server: SqsServer, sns: Any, sqs: Any, topic: str, endpoint: Endpoint) -> None:
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    confirmed(server, sns, topic, endpoint, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn}))
    endpoint.status = 404
    sns.publish(TopicArn=topic, Message="hello")
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert json.loads(messages[0]["Body"])["Message"] == "hello"
    assert len(endpoint.of("Notification")) == 1


def test_with_credentials_an_endpoint_needs_none(endpoint: Endpoint) -> None:
    with running_sqs(aws_credentials={"AKIDEXAMPLE": "secret"}, clock="system") as server:
        sns = server.client(service="sns", access_key="AKIDEXAMPLE", secret="secret")
        topic = sns.create_topic(Name="t")["TopicArn"]
        confirmed(server, sns, topic, endpoint)
        assert server.ask("GET", f"/?Action=Publish&TopicArn={topic}&Message=x").status == 403
        sns.publish(TopicArn=topic, Message="hello")
        eventually(lambda: endpoint.of("Notification"))
        assert visit(server, endpoint.of("Notification")[0].json["UnsubscribeURL"]) == 200
        eventually(lambda: endpoint.of("UnsubscribeConfirmation"))


def test_what_waits_for_an_endpoint_outlives_the_server(tmp_path: Any) -> None:
    with running_endpoint() as endpoint:
        with running_sqs(data=str(tmp_path)) as server:
            sns = server.client(service="sns")
            topic = sns.create_topic(Name="t")["TopicArn"]
            confirmed(server, sns, topic, endpoint)
            endpoint.status = 503
            sns.publish(TopicArn=topic, Message="hello")
            eventually(lambda: endpoint.of("Notification"))
            deliveries = server.server.broker.sns.subscriptions.fan_out.http
            eventually(lambda: deliveries.waiting)
            first = endpoint.of("Notification")[0]
        endpoint.status = 200
        with running_sqs(data=str(tmp_path)) as server:
            server.advance(3600)
            eventually(lambda: len(endpoint.of("Notification")) == 2)
            assert endpoint.of("Notification")[1].body == first.body
            # The certificate is the same: what was signed before the restart is verified.
            verify(server, first, "Message", "MessageId", "Timestamp", "TopicArn", "Type")
