"""Both wire formats. Quotations are from the Amazon SQS Developer Guide, "Making Query API requests" and "AWS JSON protocol"."""

from uuid import uuid4

from tests.contract.sqs.scene import Scene


def test_an_error_is_told_in_json(scene: Scene) -> None:
    """ "__type": the service's name of the error; the header x-amzn-query-error has that of the Query protocol (awsQueryCompatible)."""
    status, headers, told = scene.json("GetQueueUrl", QueueName=uuid4().hex)
    assert status == 400
    assert told == {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "The specified queue does not exist."}
    assert headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert headers["content-type"] == "application/x-amz-json-1.0"


def test_an_error_is_told_in_xml(scene: Scene) -> None:
    """ErrorResponse: Error with Type, Code, Message; RequestId."""
    status, root = scene.query("GetQueueUrl", QueueName=uuid4().hex)
    assert status == 400
    assert root.tag == "ErrorResponse"
    assert root.findtext("Error/Type") == "Sender"
    assert root.findtext("Error/Code") == "AWS.SimpleQueueService.NonExistentQueue"
    assert root.findtext("Error/Message") == "The specified queue does not exist for this wsdl version."
    assert root.findtext("RequestId")


def test_a_message_goes_through_xml(scene: Scene) -> None:
    """The documents are SendMessageResponse and ReceiveMessageResponse."""
    url = scene.queue()
    parameters = {
        "MessageAttribute__1__Name": "a",
        "MessageAttribute__1__Value__DataType": "String",
        "MessageAttribute__1__Value__StringValue": "<b>",
    }
    status, root = scene.query("SendMessage", QueueUrl=url, MessageBody="h\u00e9llo <&>", **parameters)
    assert status == 200
    assert root.findtext("SendMessageResult/MessageId")
    _, root = scene.query("ReceiveMessage", QueueUrl=url, MessageAttributeName__1="All", AttributeName__1="All")
    assert root.findtext("ReceiveMessageResult/Message/Body") == "h\u00e9llo <&>"
    assert root.findtext("ReceiveMessageResult/Message/MessageAttribute/Name") == "a"
    assert root.findtext("ReceiveMessageResult/Message/MessageAttribute/Value/StringValue") == "<b>"
    names = {element.findtext("Name") for element in root.iter("Attribute")}
    assert names == {"ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp"}


def test_a_queue_can_be_asked_at_its_own_address(scene: Scene) -> None:
    """A POST to the path of the queue needs no QueueUrl."""
    url = scene.queue()
    path = "/" + url.split("/", 3)[3]
    status, _ = scene.query("SendMessage", path, MessageBody="x")
    assert status == 200
    assert scene.bodies(url) == ["x"]


def test_every_answer_has_a_request_id(scene: Scene) -> None:
    """The header x-amzn-RequestId."""
    _, headers, _ = scene.json("ListQueues")
    assert headers["x-amzn-requestid"]


def test_an_action_that_is_none_is_refused(scene: Scene) -> None:
    """Common Errors, InvalidAction: the action or operation requested is invalid."""
    status, root = scene.query("FooBar")
    assert status == 400
    assert root.findtext("Error/Code") == "InvalidAction"
