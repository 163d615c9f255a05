from typing import Any
from urllib.parse import quote

from tests.servers.sqs.refusals import received
from tests.servers.sqs.sqs_server import Answer, SqsServer

JSON = {"Accept": "application/json"}


def messages(server: SqsServer, queue: str, more: str = "") -> list[dict[str, Any]]:
    answer = server.ask("GET", f"/_aws/sqs/messages?QueueUrl={quote(queue)}{more}", headers=JSON)
    assert answer.status == 200
    told: list[dict[str, Any]] = answer.json.get("Messages", [])
    return told


def test_a_message_that_is_looked_at_is_not_received(server: SqsServer, sqs: Any, queue: str) -> None:
    assert messages(server, queue) == []
    sent = sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    for _ in range(2):
        (message,) = messages(server, queue)
        assert message["MessageId"] == sent["MessageId"]
        assert message["Body"] == "x"
        assert message["Attributes"]["ApproximateReceiveCount"] == "0"
        assert message["MessageAttributes"] == {"a": {"DataType": "String", "StringValue": "b"}}
    assert len(received(sqs, queue)) == 1


def test_messages_are_shown_as_xml_too(server: SqsServer, sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    answer: Answer = server.ask("GET", f"/_aws/sqs/messages?QueueUrl={quote(queue)}")
    assert answer.text("ReceiveMessageResult/Message/Body") == "x"
    account, name = queue.split("/")[-2:]
    assert server.ask("GET", f"/_aws/sqs/messages/us-east-1/{account}/{name}").text("ReceiveMessageResult/Message/Body") == "x"


def test_what_is_invisible_or_delayed_is_shown_on_demand(server: SqsServer, sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="in flight")
    assert len(received(sqs, queue)) == 1
    sqs.send_message(QueueUrl=queue, MessageBody="delayed", DelaySeconds=10)
    assert messages(server, queue) == []
    (invisible,) = messages(server, queue, "&ShowInvisible=true")
    assert (invisible["Body"], invisible["Attributes"]["IsVisible"]) == ("in flight", "false")
    (delayed,) = messages(server, queue, "&ShowDelayed=true")
    assert (delayed["Body"], delayed["Attributes"]["IsDelayed"]) == ("delayed", "true")


def test_it_is_explained_why_nothing_comes(server: SqsServer, sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    assert len(received(sqs, queue)) == 1
    told = server.ask("GET", f"/_aws/sqs/explain?QueueUrl={quote(queue)}").json
    assert (told["visible"], told["not_visible"], told["delayed"]) == (0, 1, 0)
    assert told["queue"].endswith(queue.rpartition("/")[2])
    assert told["reasons"]


def test_what_is_not_there_is_told_as_aws_tells(server: SqsServer) -> None:
    answer = server.ask("GET", "/_aws/sqs/messages?QueueUrl=nothing", headers=JSON)
    assert (answer.status, answer.json["__type"]) == (400, "com.amazonaws.sqs#QueueDoesNotExist")
    answer = server.ask("GET", "/_aws/sqs/messages")
    assert answer.text("Error/Code") == "AWS.SimpleQueueService.NonExistentQueue"
    assert server.ask("GET", "/_aws/sqs/nothing").status == 404
