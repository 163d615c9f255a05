"""Queues and their attributes. Quotations are from the Amazon SQS API Reference, unless it says otherwise."""

import json
from uuid import uuid4

from tests.contract.sqs.scene import Scene, code, refusal


def test_create_queue_is_idempotent(scene: Scene) -> None:
    """CreateQueue: "If you specify the name of an existing queue and provide the exact same names and values for all its attributes, the
    CreateQueue action will return the URL of the existing queue instead of creating a new one."
    """
    name = uuid4().hex
    attributes = {"DelaySeconds": "1", "VisibilityTimeout": "10"}
    url = scene.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    assert scene.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"] == url


def test_create_queue_with_another_value_is_refused(scene: Scene) -> None:
    """QueueNameExists: "A queue with this name already exists. Amazon SQS returns this error only if the request includes attributes
    whose values differ from those of the existing queue." In the Query protocol, whose names botocore tells, it is
    QueueAlreadyExists.
    """
    name = uuid4().hex
    scene.sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "1"})
    refused = refusal(scene.sqs.create_queue, QueueName=name, Attributes={"DelaySeconds": "2"})
    assert refused is not None
    assert refused.code == "QueueAlreadyExists"
    assert refused.message == "A queue already exists with the same name and a different value for attribute DelaySeconds"


def test_a_name_is_free_a_minute_after_the_deletion(scene: Scene) -> None:
    """DeleteQueue: "When you delete a queue, you must wait at least 60 seconds before creating a queue with the same name." """
    name = uuid4().hex
    url = scene.sqs.create_queue(QueueName=name)["QueueUrl"]
    scene.sqs.delete_queue(QueueUrl=url)
    assert code(scene.sqs.create_queue, QueueName=name) == "AWS.SimpleQueueService.QueueDeletedRecently"


def test_a_name_has_eighty_characters(scene: Scene) -> None:
    """CreateQueue: "A queue name can have up to 80 characters." "Valid values: alphanumeric characters, hyphens (-), and
    underscores (_)."
    """
    scene.sqs.create_queue(QueueName=f"{uuid4().hex}{'x' * 48}")
    assert code(scene.sqs.create_queue, QueueName="x" * 81) == "InvalidParameterValue"
    assert code(scene.sqs.create_queue, QueueName="a.b") == "InvalidParameterValue"


def test_the_name_of_a_fifo_queue_ends_with_fifo(scene: Scene) -> None:
    """CreateQueue: "A FIFO queue name must end with the .fifo suffix." """
    assert code(scene.sqs.create_queue, QueueName=uuid4().hex, Attributes={"FifoQueue": "true"}) == "InvalidParameterValue"


def test_a_standard_queue_has_no_fifo_in_its_name(scene: Scene) -> None:
    """CreateQueue: "If you don't specify the FifoQueue attribute, Amazon SQS creates a standard queue.", and there is a dot in the name
    of no other queue.
    """
    assert code(scene.sqs.create_queue, QueueName=f"{uuid4().hex}.fifo") == "InvalidParameterValue"


def test_values_have_their_ranges(scene: Scene) -> None:
    """CreateQueue: "DelaySeconds ... an integer from 0 to 900 seconds", "MaximumMessageSize ... from 1,024 bytes (1 KiB) up to 1,048,576
    bytes (1 MiB)", "MessageRetentionPeriod ... from 60 seconds (1 minute) to 1,209,600 seconds (14 days)",
    "ReceiveMessageWaitTimeSeconds ... from 0 to 20 (seconds)", "VisibilityTimeout ... from 0 to 43,200 (12 hours)".
    """
    beyond = {
        "DelaySeconds": "901",
        "MaximumMessageSize": "1048577",
        "MessageRetentionPeriod": "59",
        "ReceiveMessageWaitTimeSeconds": "21",
        "VisibilityTimeout": "43201",
    }
    for name, value in beyond.items():
        assert code(scene.queue, {name: value}) == "InvalidAttributeValue"
    largest = {
        "DelaySeconds": "900",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "1209600",
        "ReceiveMessageWaitTimeSeconds": "20",
        "VisibilityTimeout": "43200",
    }
    assert scene.attributes(scene.queue(largest)).items() >= largest.items()


def test_an_unknown_attribute_is_refused(scene: Scene) -> None:
    """InvalidAttributeName: "The specified attribute doesn't exist." """
    url = scene.queue()
    assert code(scene.attributes, url, "Foobar") == "InvalidAttributeName"
    assert code(scene.sqs.set_queue_attributes, QueueUrl=url, Attributes={"Foobar": "1"}) == "InvalidAttributeName"


def test_a_queue_has_its_defaults(scene: Scene) -> None:
    """CreateQueue: DelaySeconds "Default: 0", MaximumMessageSize "Default: 1,048,576 bytes (1 MiB)", MessageRetentionPeriod "Default:
    345,600 (4 days)", VisibilityTimeout "Default: 30".
    """
    told = scene.attributes(scene.queue())
    expected = {
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "VisibilityTimeout": "30",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
    }
    assert told.items() >= expected.items()
    assert told["CreatedTimestamp"].isdecimal()
    assert len(told["CreatedTimestamp"]) == len("1700000000")


def test_no_name_asks_for_no_attribute(scene: Scene) -> None:
    """GetQueueAttributes: "The AttributeNames parameter is optional, but if you don't specify values for this parameter, the request
    returns empty results."
    """
    assert "Attributes" not in scene.sqs.get_queue_attributes(QueueUrl=scene.queue())


def test_a_missing_queue_is_told_as_both_names(scene: Scene) -> None:
    """QueueDoesNotExist, in the Query protocol AWS.SimpleQueueService.NonExistentQueue: "Ensure that the QueueUrl is correct and that
    the queue has not been deleted."
    """
    assert refusal(scene.sqs.get_queue_url, QueueName=uuid4().hex) == (
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
        400,
    )


def test_queues_are_listed_in_pages(scene: Scene) -> None:
    """ListQueues, MaxResults: "You must set MaxResults to receive a value for NextToken in the response." """
    prefix = uuid4().hex
    for index in range(3):
        scene.sqs.create_queue(QueueName=f"{prefix}-{index}")
    page = scene.sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2)
    assert len(page["QueueUrls"]) == 2
    rest = scene.sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2, NextToken=page["NextToken"])
    assert len({*page["QueueUrls"], *rest["QueueUrls"]}) == 3
    assert "NextToken" not in rest


def test_a_purge_is_allowed_once_a_minute(scene: Scene) -> None:
    """PurgeQueueInProgress: "Indicates that the specified queue previously received a PurgeQueue request within the last 60 seconds (the
    time it can take to delete the messages in the queue)."
    """
    url = scene.queue()
    scene.send(url)
    scene.sqs.purge_queue(QueueUrl=url)
    assert scene.receive(url) == []
    assert code(scene.sqs.purge_queue, QueueUrl=url) == "AWS.SimpleQueueService.PurgeQueueInProgress"


def test_tags_are_added_and_taken_away(scene: Scene) -> None:
    """TagQueue: "A new tag with a key identical to that of an existing tag overwrites the existing tag." """
    url = scene.queue(tags={"a": "1", "b": "2"})
    scene.sqs.tag_queue(QueueUrl=url, Tags={"b": "3"})
    scene.sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert scene.sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "3"}


def test_a_queue_has_fifty_tags(scene: Scene) -> None:
    """TagQueue: "Adding more than 50 tags to a queue isn't recommended."; the service refuses them."""
    many = {f"key-{index}": "" for index in range(51)}
    assert code(scene.sqs.tag_queue, QueueUrl=scene.queue(), Tags=many) == "InvalidParameterValue"


def test_a_permission_is_a_statement(scene: Scene) -> None:
    """AddPermission: "When you create a queue, you have full control access rights for the queue... AddPermission generates a policy for
    you."
    """
    url = scene.queue()
    scene.sqs.add_permission(QueueUrl=url, Label="one", AWSAccountIds=["111122223333"], Actions=["SendMessage"])
    (statement,) = json.loads(scene.attributes(url, "Policy")["Policy"])["Statement"]
    assert statement["Sid"] == "one"
    assert statement["Effect"] == "Allow"
    assert statement["Action"] == "SQS:SendMessage"
    assert statement["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    scene.sqs.remove_permission(QueueUrl=url, Label="one")
    assert scene.attributes(url, "Policy") == {}


def test_a_label_names_one_permission(scene: Scene) -> None:
    """AddPermission, Label: "The unique identification of the permission you're setting"."""
    url = scene.queue()
    parameters = {"QueueUrl": url, "Label": "one", "AWSAccountIds": ["111122223333"], "Actions": ["SendMessage"]}
    scene.sqs.add_permission(**parameters)
    assert code(scene.sqs.add_permission, **parameters) == "InvalidParameterValue"
    assert code(scene.sqs.remove_permission, QueueUrl=url, Label="two") == "InvalidParameterValue"


def test_a_permission_has_seven_actions(scene: Scene) -> None:
    """AddPermission: "An Amazon SQS policy can have a maximum of seven actions per statement."; OverLimit."""
    actions = [
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    ]
    parameters = {"QueueUrl": scene.queue(), "Label": "one", "AWSAccountIds": ["111122223333"]}
    assert code(scene.sqs.add_permission, Actions=actions, **parameters) == "OverLimit"


def test_attributes_of_fifo_queues_are_theirs(scene: Scene) -> None:
    """CreateQueue: "The following attributes apply only to FIFO (first-in-first-out) queues", among them ContentBasedDeduplication."""
    assert code(scene.queue, {"ContentBasedDeduplication": "true"}) == "InvalidAttributeName"


def test_a_fifo_queue_has_its_defaults(scene: Scene) -> None:
    """Developer Guide, "High throughput for FIFO queues": DeduplicationScope queue and FifoThroughputLimit perQueue are the defaults."""
    told = scene.attributes(scene.fifo())
    expected = {
        "FifoQueue": "true",
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue",
    }
    assert told.items() >= expected.items()


def test_the_sources_of_a_dead_letter_queue_are_listed(scene: Scene) -> None:
    """ListDeadLetterSourceQueues: "Returns a list of your queues that have the RedrivePolicy queue attribute configured with a dead-
    letter queue."
    """
    dead = scene.queue()
    policy = json.dumps({"deadLetterTargetArn": scene.arn(dead), "maxReceiveCount": "3"})
    source = scene.queue({"RedrivePolicy": policy})
    assert scene.sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [source]


def test_a_dead_letter_queue_must_exist(scene: Scene) -> None:
    """SetQueueAttributes, RedrivePolicy: "deadLetterTargetArn – The Amazon Resource Name (ARN) of the dead-letter queue"."""
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:missing", "maxReceiveCount": "3"}
    url = scene.queue()
    refused = code(scene.sqs.set_queue_attributes, QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})
    assert refused in ("InvalidParameterValue", "AWS.SimpleQueueService.NonExistentQueue", "InvalidAttributeValue")


def test_a_redrive_policy_counts_to_a_thousand(scene: Scene) -> None:
    """Developer Guide, "Using dead-letter queues": maxReceiveCount from 1 to 1,000."""
    dead = scene.arn(scene.queue())
    for count in ("0", "1001"):
        policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": count})
        assert code(scene.queue, {"RedrivePolicy": policy}) in ("InvalidParameterValue", "InvalidAttributeValue")
