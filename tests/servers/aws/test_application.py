import http.client
import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.servers.sqs.refusals import received
from tests.servers.sqs.sqs_server import ACCOUNT, SqsServer, eventually, running_sqs

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def server() -> Iterator[SqsServer]:
    with running_sqs() as running:
        yield running


@pytest.fixture
def queue(server: SqsServer) -> str:
    url: str = server.client().create_queue(QueueName=uuid4().hex)["QueueUrl"]
    return url


def path(queue: str) -> str:
    return "/" + queue.split("/", 3)[3]


def raw(server: SqsServer, *pieces: bytes) -> http.client.HTTPResponse:
    host, port = server.address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    for piece in pieces:
        connection.sendall(piece)
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response


# What is asked for


def test_every_answer_has_an_id_of_its_own(server: SqsServer, queue: str) -> None:
    answers = [
        server.json("ListQueues"),
        server.json("Unknown"),
        server.query("ListQueues"),
        server.query("Unknown"),
        server.ask("GET", "/"),
        server.ask("GET", path(queue)),
        server.ask("PUT", "/"),
    ]
    ids = {answer.headers["x-amzn-requestid"] for answer in answers}
    assert len(ids) == len(answers)
    assert all(map(UUID.fullmatch, ids))


def test_a_get_of_the_root_changes_nothing(server: SqsServer) -> None:
    assert server.ask("GET", "/").json == {"services": {"sqs": "running", "sns": "running"}}
    assert server.ask("HEAD", "/").status == 200
    assert server.ask("HEAD", "/").body == b""


def test_a_queue_can_be_asked_at_its_own_address(server: SqsServer, queue: str) -> None:
    assert server.ask("GET", f"{path(queue)}?Action=SendMessage&MessageBody=foobar").status == 200
    answer = server.query("ReceiveMessage", path(queue))
    assert answer.text("ReceiveMessageResult/Message/Body") == "foobar"
    assert server.ask("GET", f"{path(queue)}?Action=SendMessage").text("Error/Message") == (
        "The request must contain the parameter MessageBody."
    )


def test_the_parameter_counts_before_the_address(server: SqsServer, queue: str) -> None:
    other = server.client().create_queue(QueueName=uuid4().hex)["QueueUrl"]
    answer = server.query("GetQueueAttributes", path(queue), QueueUrl=other, AttributeName__1="QueueArn")
    assert answer.text("GetQueueAttributesResult/Attribute/Value").endswith(other.rpartition("/")[2])


def test_json_is_spoken_at_the_address_of_a_queue_too(server: SqsServer, queue: str) -> None:
    headers = {"X-Amz-Target": "AmazonSQS.ReceiveMessage", "Content-Type": "application/x-amz-json-1.0"}
    answer = server.ask("POST", path(queue), json.dumps({"QueueUrl": queue}).encode(), headers)
    assert (answer.status, answer.json) == (200, {})


@pytest.mark.parametrize("action", ["CreateQueue", "ListQueues", "FooBar"])
def test_an_action_that_is_none_of_a_queues_is_refused_at_its_address(server: SqsServer, queue: str, action: str) -> None:
    answer = server.ask("GET", f"{path(queue)}?Action={action}&QueueName=other&Version=2012-11-05")
    assert answer.status == 400
    assert answer.text("Error/Code") == "InvalidAction"
    assert answer.text("Error/Type") == "Sender"
    assert answer.text("Error/Message") == f"The action {action} is not valid for this endpoint."


def test_an_address_without_an_action_is_an_unknown_operation(server: SqsServer, queue: str) -> None:
    for accept in ("*/*", "application/json"):
        answer = server.ask("GET", path(queue), headers={"Accept": accept})
        assert (answer.status, answer.body.strip()) == (404, b"<UnknownOperationException/>")


def test_an_unknown_action_is_refused(server: SqsServer) -> None:
    answer = server.json("FooBar")
    assert answer.status == 400
    assert answer.json["__type"] == "com.amazon.coral.service#UnknownOperationException"
    answer = server.ask("POST", "/", b"{}", {"X-Amz-Target": "DynamoDB_20120810.ListTables"})
    assert answer.json["__type"] == "com.amazon.coral.service#UnknownOperationException"
    answer = server.ask("POST", "/", b"")
    assert (answer.status, answer.body.strip()) == (404, b"<UnknownOperationException/>")


def test_json_that_is_none_is_refused(server: SqsServer) -> None:
    for body in (b"{", b"[]", b'{"QueueName": 1}', b"\xff", b"null"):
        answer = server.ask("POST", "/", body, {"X-Amz-Target": "AmazonSQS.CreateQueue"})
        assert answer.status == 400
        assert answer.json["__type"].endswith(("#SerializationException", "#MissingRequiredParameterException"))
        assert answer.headers["content-type"] == "application/x-amz-json-1.0"


def test_other_methods_are_none(server: SqsServer) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        answer = server.ask(method, "/")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")


# Bodies


def test_a_body_comes_in_pieces_or_chunks(server: SqsServer, queue: str) -> None:
    body = json.dumps({"QueueUrl": queue, "MessageBody": "x" * 300_000}).encode()
    head = f"POST / HTTP/1.1\r\nHost: {server.address}\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n".encode()
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    assert raw(server, head, length, body[:10], body[10:100_000], body[100_000:]).status == 200
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:1000], body[1000:])) + b"0\r\n\r\n"
    assert raw(server, head, b"Transfer-Encoding: chunked\r\n\r\n", chunks).status == 200
    assert [len(message["Body"]) for message in received(server.client(), queue, MaxNumberOfMessages=10)] == [300_000, 300_000]


def test_who_expects_to_be_told_to_continue_is_told(server: SqsServer, queue: str) -> None:
    # As botocore before 1.31 and the SDK for .NET do.
    body = json.dumps({"QueueUrl": queue, "MessageBody": "x"}).encode()
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            f"POST / HTTP/1.1\r\nHost: {server.address}\r\nX-Amz-Target: AmazonSQS.SendMessage\r\nExpect: 100-continue\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(body)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_body_that_is_too_large_is_not_read(server: SqsServer) -> None:
    head = f"POST / HTTP/1.1\r\nHost: {server.address}\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n".encode()
    response = raw(server, head, b"Content-Length: 99999999\r\n\r\n")
    assert response.status == 413
    assert json.loads(response.read())["__type"] == "com.amazon.coral.service#RequestEntityTooLarge"
    assert response.getheader("connection") == "close"


def test_a_chunked_body_that_becomes_too_large_is_not_read() -> None:
    with running_sqs(max_request_bytes=100_000) as server:
        head = f"POST / HTTP/1.1\r\nHost: {server.address}\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n".encode()
        chunk = b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000)
        response = raw(server, head, b"Transfer-Encoding: chunked\r\n\r\n", chunk, chunk)
        assert response.status == 413


# Who asks


def test_without_credentials_every_signature_and_none_is_accepted(server: SqsServer) -> None:
    assert server.ask("POST", "/", b"Action=ListQueues").status == 200
    assert server.client(access_key="anything", secret="whatever").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_who_asks_who_he_is_is_told(server: SqsServer) -> None:
    told = server.client(access_key="111122223333", service="sts").get_caller_identity()
    assert (told["Account"], told["Arn"]) == ("111122223333", "arn:aws:iam::111122223333:root")
    assert server.client(service="sts").get_caller_identity()["Account"] == ACCOUNT
    answer = server.ask("POST", "/", b"Action=AssumeRole&Version=2011-06-15")
    assert answer.text("Error/Code") == "InvalidAction"


def test_a_request_without_a_region_is_for_the_region_of_its_host_or_the_default() -> None:
    with running_sqs(aws_region="eu-north-1", aws_account="123456789012") as server:

        def arn(host: str) -> str:
            body = b"Action=GetQueueAttributes&AttributeName.1=QueueArn&QueueUrl=q"
            assert server.ask("POST", "/", b"Action=CreateQueue&QueueName=q", {"Host": host}).status == 200
            return server.ask("POST", "/", body, {"Host": host}).text("GetQueueAttributesResult/Attribute/Value")

        assert arn("localhost:9324") == "arn:aws:sqs:eu-north-1:123456789012:q"
        assert arn("sqs.us-west-2.localhost:9324") == "arn:aws:sqs:us-west-2:123456789012:q"
        assert arn("ap-south-1.queue.localhost") == "arn:aws:sqs:ap-south-1:123456789012:q"


@pytest.fixture(scope="module")
def guarded() -> Iterator[SqsServer]:
    with running_sqs(aws_credentials={"AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "111122223333": "other"}) as running:
        yield running


def test_who_knows_the_secret_is_let_in(guarded: SqsServer) -> None:
    sqs = guarded.client(access_key="AKIDEXAMPLE", secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="h\u00e9llo")
    assert len(received(sqs, url)) == 1
    assert url.split("/")[-2] == ACCOUNT
    other = guarded.client(access_key="111122223333", secret="other")
    assert other.create_queue(QueueName="q")["QueueUrl"].split("/")[-2] == "111122223333"


@pytest.mark.parametrize(
    ("access_key", "secret", "code"),
    [("AKIDEXAMPLE", "wrong", "SignatureDoesNotMatch"), ("AKIDNOBODY", "x", "InvalidClientTokenId")],
)
def test_who_does_not_know_it_is_not(guarded: SqsServer, access_key: str, secret: str, code: str) -> None:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as refused:
        guarded.client(access_key=access_key, secret=secret).list_queues()
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_request_without_a_signature_is_not_let_in(guarded: SqsServer) -> None:
    answer = guarded.ask("POST", "/", b"Action=ListQueues&Version=2012-11-05")
    assert answer.status == 403
    assert answer.text("Error/Code") == "MissingAuthenticationToken"


# Stopping


def test_a_server_that_stops_answers_who_waits() -> None:
    with ThreadPoolExecutor() as pool:
        with running_sqs() as server:
            sqs = server.client()
            url = sqs.create_queue(QueueName="q")["QueueUrl"]
            waiting = [pool.submit(received, sqs, url, WaitTimeSeconds=20) for _ in range(5)]
            eventually(lambda: server.waiting == 5)
        assert [each.result(20) for each in waiting] == [[]] * 5


def test_what_was_sent_is_there_after_a_restart(tmp_path: Any) -> None:
    with running_sqs(data=str(tmp_path)) as server:
        sqs = server.client()
        url = sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "7"}, tags={"a": "b"})["QueueUrl"]
        for body in "ab":
            sqs.send_message(QueueUrl=url, MessageBody=body)
        (first,) = received(sqs, url)
    with running_sqs(data=str(tmp_path)) as server:
        sqs = server.client()
        url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
        assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"] == {"VisibilityTimeout": "7"}
        assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
        assert len(received(sqs, url, MaxNumberOfMessages=10)) == 1
        sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
        server.advance(31)
        assert len(received(sqs, url, MaxNumberOfMessages=10)) == 1
