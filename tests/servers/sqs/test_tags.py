from typing import Any
from uuid import uuid4

from tests.servers.sqs.refusals import refusal
from tests.servers.sqs.sqs_server import SqsServer


def test_tags_are_set_and_taken_away(server: SqsServer, sqs: Any) -> None:
    queue = sqs.create_queue(QueueName=uuid4().hex, tags={"team": "orders", "stage": "test"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=queue, Tags={"stage": "production", "cost": ""})
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"team": "orders", "stage": "production", "cost": ""}
    sqs.untag_queue(QueueUrl=queue, TagKeys=["team", "unknown"])
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"stage": "production", "cost": ""}
    answer = server.query("ListQueueTags", QueueUrl=queue)
    assert {tag.findtext("Key"): tag.findtext("Value") for tag in answer.xml.iter("Tag")} == {"stage": "production", "cost": ""}


def test_a_queue_without_tags_tells_none(sqs: Any, queue: str) -> None:
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=queue)


def test_tags_have_their_limits(sqs: Any, queue: str) -> None:
    assert refusal(sqs.tag_queue, QueueUrl=queue, Tags={}) == ("MissingParameter", "The request must contain the parameter Tags.", 400)
    many = {f"key-{index}": "value" for index in range(51)}
    too_many = ("InvalidParameterValue", f"Too many tags added for queue {queue.rpartition('/')[2]}.", 400)
    assert refusal(sqs.tag_queue, QueueUrl=queue, Tags=many) == too_many
    assert refusal(sqs.untag_queue, QueueUrl=queue, TagKeys=[]) == (
        "InvalidParameterValue",
        "Tag keys must be between 1 and 128 characters in length.",
        400,
    )
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=queue)
