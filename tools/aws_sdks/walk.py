"""The walk of a user of SQS and SNS, by botocore of whatever version runs it: `python walk.py http://127.0.0.1:9324 NAME`.

Every AWS client that the tests know walks the same way and prints what it saw as one line of JSON. This file imports nothing of the
project: it also runs in an environment that holds a botocore of another time, which speaks the Query protocol to SQS.
"""

import base64
import json
import sys
from typing import Any

import botocore.session
from botocore.exceptions import ClientError

REGION = "eu-west-1"


def main(endpoint: str, name: str) -> None:
    session = botocore.session.get_session()
    session.set_credentials("walker", "secret")
    sqs, sns = (session.create_client(service, region_name=REGION, endpoint_url=endpoint) for service in ("sqs", "sns"))
    print(json.dumps({**one_queue(sqs, name), **fifo_queue(sqs, name), **fan_out(sqs, sns, name)}))


def one_queue(sqs: Any, name: str) -> dict[str, object]:
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "40"}, tags={"team": "orders"})["QueueUrl"]
    attributes = {
        "colour": {"DataType": "String", "StringValue": "blue"},
        "count": {"DataType": "Number", "StringValue": "42"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\x01\x02"},
    }
    sqs.send_message(QueueUrl=url, MessageBody="héllo <&> \U0001f600", MessageAttributes=attributes)
    (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"], MessageAttributeNames=["All"])["Messages"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    entries = [{"Id": str(number), "MessageBody": f"body {number}"} for number in range(10)]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    try:
        sqs.get_queue_url(QueueName=f"{name}-missing")
    except ClientError as error:
        missing = error.response["Error"]["Code"]
    return {
        "body": message["Body"],
        "colour": message["MessageAttributes"]["colour"]["StringValue"],
        "blob": base64.b64encode(message["MessageAttributes"]["blob"]["BinaryValue"]).decode(),
        "receives": [message["Attributes"]["ApproximateReceiveCount"], again["Attributes"]["ApproximateReceiveCount"]],
        "batch": len(sent["Successful"]),
        "drained": drained(sqs, url),
        "visibility": sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"],
        "tags": sqs.list_queue_tags(QueueUrl=url)["Tags"],
        "listed": sqs.list_queues(QueueNamePrefix=name)["QueueUrls"] == [url],
        "missing": missing,
    }


def drained(sqs: Any, url: str) -> list[str]:
    """The bodies of all that is in the queue, in order; it is deleted by batches."""
    bodies: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in messages]
        entries = [{"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]} for message in messages]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return sorted(bodies)


def fifo_queue(sqs: Any, name: str) -> dict[str, object]:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes=attributes)["QueueUrl"]
    sent = [sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g") for body in ("one", "two", "one")]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    return {
        "fifo": [message["Body"] for message in messages],
        "duplicate": sent[0]["MessageId"] == sent[2]["MessageId"],
        "ascending": int(sent[0]["SequenceNumber"]) < int(sent[1]["SequenceNumber"]),
        "blocked": "Messages" not in sqs.receive_message(QueueUrl=url),
    }


def fan_out(sqs: Any, sns: Any, name: str) -> dict[str, object]:
    topic = sns.create_topic(Name=name)["TopicArn"]
    urls = [sqs.create_queue(QueueName=f"{name}-{kind}")["QueueUrl"] for kind in ("raw", "wrapped")]
    for url, raw in zip(urls, ("true", "false"), strict=True):
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": raw}, ReturnSubscriptionArn=True)
    sns.publish(TopicArn=topic, Message="news", Subject="today", MessageAttributes={"kind": {"DataType": "String", "StringValue": "new"}})
    raw, wrapped = (sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MessageAttributeNames=["All"])["Messages"][0] for url in urls)
    envelope = json.loads(wrapped["Body"])
    return {
        "raw": [raw["Body"], raw["MessageAttributes"]["kind"]["StringValue"]],
        "wrapped": [envelope["Type"], envelope["Subject"], envelope["Message"], envelope["MessageAttributes"]["kind"]["Value"]],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
