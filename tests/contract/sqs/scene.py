"""A client of SQS and the queues of one test."""

import json
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"
CONFIG = Config(retries={"total_max_attempts": 1}, read_timeout=40)


class Refusal(NamedTuple):
    code: str
    """As the Query protocol has it."""
    message: str
    status: int


class Scene:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.sqs: Any = boto3.client(
            "sqs", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test", config=CONFIG
        )

    def queue(self, attributes: dict[str, str] | None = None, **more: Any) -> str:
        """The URL of a new one."""
        suffix = ".fifo" if attributes and "FifoQueue" in attributes else ""
        url: str = self.sqs.create_queue(QueueName=f"q-{uuid4().hex}{suffix}", Attributes=attributes or {}, **more)["QueueUrl"]
        return url

    def fifo(self, **attributes: str) -> str:
        return self.queue({"FifoQueue": "true", **attributes})

    def attributes(self, url: str, *names: str) -> dict[str, str]:
        told: dict[str, str] = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names) or ["All"]).get("Attributes", {})
        return told

    def arn(self, url: str) -> str:
        return self.attributes(url, "QueueArn")["QueueArn"]

    def send(self, url: str, body: str = "x", **more: Any) -> dict[str, Any]:
        sent: dict[str, Any] = self.sqs.send_message(QueueUrl=url, MessageBody=body, **more)
        return sent

    def send_to_group(self, url: str, group: str, *bodies: str) -> None:
        for body in bodies:
            self.send(url, body, MessageGroupId=group, MessageDeduplicationId=uuid4().hex)

    def receive(self, url: str, count: int = 10, **more: Any) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count, **more).get("Messages", [])
        return messages

    def bodies(self, url: str, count: int = 10, **more: Any) -> list[str]:
        return [message["Body"] for message in self.receive(url, count, **more)]

    def query(self, action: str, path: str = "/", **parameters: object) -> tuple[int, ET.Element]:
        """By the Query protocol: status, and the answer without namespaces. Dots in names are written as double underscores."""
        form = {"Action": action, "Version": "2012-11-05"} | {name.replace("__", "."): value for name, value in parameters.items()}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/sqs/aws4_request, SignedHeaders=host, Signature=0",
        }
        status, _, body = self.http(path, urlencode(form).encode(), headers)
        root = ET.fromstring(body)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return status, root

    def json(self, action: str, **parameters: object) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and answer."""
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AmazonSQS.{action}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/sqs/aws4_request, SignedHeaders=host, Signature=0",
        }
        status, told, body = self.http("/", json.dumps(parameters).encode(), headers)
        return status, told, json.loads(body)

    def http(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(self.endpoint + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=40) as response:
                return response.status, {name.lower(): value for name, value in response.headers.items()}, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


def refusal(call: Callable[..., Any], *arguments: Any, **parameters: Any) -> Refusal | None:
    """None if it was not refused."""
    try:
        call(*arguments, **parameters)
    except ClientError as error:
        told = error.response
        return Refusal(told["Error"]["Code"], told["Error"]["Message"], told["ResponseMetadata"]["HTTPStatusCode"])
    return None


def code(call: Callable[..., Any], *arguments: Any, **parameters: Any) -> str | None:
    refused = refusal(call, *arguments, **parameters)
    return refused.code if refused else None


def let_pass(seconds: float) -> None:
    """Other servers have no clock that could be moved."""
    time.sleep(seconds)
