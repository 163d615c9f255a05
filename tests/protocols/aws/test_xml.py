"""Answers in XML. None is ever read: there is nothing to expand an entity."""

import ast
from pathlib import Path
from xml.etree import ElementTree

import pytest

import message_queues
from message_queues.protocols.aws.faults import AwsFault, missing_action
from message_queues.protocols.aws.xml import ResponseWriter, escaped, fault_document
from message_queues.protocols.sqs.requests import Message, MessageAttributeValue, ReceiveMessageResponse

NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"


def test_an_answer_is_the_document_that_aws_sends() -> None:
    attribute = MessageAttributeValue(string_value="b", data_type="String")
    message = Message("id-1", "handle", "md5", "<a>\r\n", {"SenderId": "1"}, "md5", {"x": attribute})
    document = ResponseWriter("ReceiveMessage", ReceiveMessageResponse, NAMESPACE).write(ReceiveMessageResponse([message]), "request-1")
    assert document.decode() == (
        f'<?xml version="1.0"?><ReceiveMessageResponse xmlns="{NAMESPACE}"><ReceiveMessageResult><Message><MessageId>id-1</MessageId>'
        "<ReceiptHandle>handle</ReceiptHandle><MD5OfBody>md5</MD5OfBody><Body>&lt;a&gt;&#xD;\n</Body>"
        "<Attribute><Name>SenderId</Name><Value>1</Value></Attribute><MD5OfMessageAttributes>md5</MD5OfMessageAttributes>"
        "<MessageAttribute><Name>x</Name><Value><StringValue>b</StringValue><DataType>String</DataType></Value></MessageAttribute>"
        "</Message></ReceiveMessageResult><ResponseMetadata><RequestId>request-1</RequestId></ResponseMetadata></ReceiveMessageResponse>"
    )


@pytest.mark.parametrize("response", [None, ReceiveMessageResponse(), ReceiveMessageResponse([])])
def test_a_result_without_content_is_one_element(response: ReceiveMessageResponse | None) -> None:
    document = ResponseWriter("ReceiveMessage", ReceiveMessageResponse, NAMESPACE).write(response, "r")
    assert b"<ReceiveMessageResult/><ResponseMetadata>" in document


def test_an_action_without_result_has_no_element_for_it() -> None:
    assert b"Result" not in ResponseWriter("DeleteQueue", None, NAMESPACE).write(None, "r")


def test_an_error_is_the_document_that_aws_sends() -> None:
    fault = AwsFault("QueueDoesNotExist", "No <queue>", query_code="AWS.SimpleQueueService.NonExistentQueue")
    assert fault_document(fault, NAMESPACE, "request-1").decode() == (
        f'<?xml version="1.0"?><ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type>'
        "<Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>No &lt;queue&gt;</Message><Detail/></Error>"
        "<RequestId>request-1</RequestId></ErrorResponse>"
    )
    ours = AwsFault("InternalFailure", "", 500, is_sender=False)
    assert b"<Type>Receiver</Type>" in fault_document(ours, NAMESPACE, "r")


def test_a_request_without_action_is_answered_as_any_unknown_path() -> None:
    assert missing_action().status == 404
    assert fault_document(missing_action(), NAMESPACE, "r") == b"<UnknownOperationException/>\n"


@pytest.mark.parametrize("text", ["a\tb\nc", "<&>\"'", "\r", "\x85\u2028", "🎉ü", " ", "]]>"])
def test_what_xml_can_hold_comes_back(text: str) -> None:
    assert (ElementTree.fromstring(f"<a>{escaped(text)}</a>").text or "") == text


@pytest.mark.parametrize("text", ["\0", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_what_xml_cannot_hold_is_replaced(text: str) -> None:
    assert escaped(f"a{text}b") == "a\ufffdb"


def test_no_xml_is_read_anywhere() -> None:
    """So that nothing in a request can name an entity, a DTD or another file."""
    package = Path(message_queues.__file__).parent
    folders = ("protocols/aws", "protocols/sqs", "protocols/sns", "servers/aws", "servers/sqs", "servers/sns", "broker/sqs", "broker/sns")
    files = [file for folder in folders for file in (package / folder).glob("*.py")]
    assert len(files) > 10
    imported = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    assert not imported & {"xml", "lxml", "pyexpat", "defusedxml", "xmltodict"}
