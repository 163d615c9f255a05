"""What the tests of SQS say more than once."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.", 400)


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, str, int]:
    """Code, message and status."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    response = refused.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def received(sqs: Any, queue: str, **parameters: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = sqs.receive_message(QueueUrl=queue, **parameters).get("Messages", [])
    return messages
