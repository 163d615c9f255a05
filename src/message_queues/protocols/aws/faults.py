"""What an AWS service refuses, as it is told to the client."""

from typing import Final

from message_queues.errors import MessageQueuesError

CLIENT_ERROR: Final = 400
UNKNOWN_OPERATION: Final = "UnknownOperationException"


class AwsFault(MessageQueuesError):
    """An answer that is an error.

    `code` is its name in JSON (`QueueDoesNotExist`), `query_code` that in Query's XML, where it differs
    (`AWS.SimpleQueueService.NonExistentQueue`). `status` is HTTP's; `is_sender` says whose fault it is.
    """

    def __init__(self, code: str, message: str, status: int = CLIENT_ERROR, query_code: str | None = None, is_sender: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.query_code = query_code or code
        self.is_sender = is_sender


def malformed_input(message: str) -> AwsFault:
    """A request whose parts do not fit together. AWS's words, as far as they are known, begin the message."""
    return AwsFault("SerializationException", message, query_code="MalformedInput")


def malformed_query_string(reason: str) -> AwsFault:
    """SQS, Common Errors: "MalformedQueryString: The query string contains a syntax error. HTTP Status Code: 404"."""
    return AwsFault("MalformedQueryString", f"The query string contains a syntax error: {reason}", status=404)


def missing_parameter(name: str) -> AwsFault:
    return AwsFault("MissingRequiredParameterException", f"The request must contain the parameter {name}.", query_code="MissingParameter")


def invalid_action(action: str) -> AwsFault:
    """SQS, Common Errors: "InvalidAction: The action or operation requested is invalid. Verify that the action is typed correctly."."""
    return AwsFault(UNKNOWN_OPERATION, f"The action {action[:128]} is not valid for this endpoint.", query_code="InvalidAction")


def missing_action() -> AwsFault:
    """Query without an action. AWS answers `<UnknownOperationException/>` and 404, as it does for any path that it does not know."""
    return AwsFault(UNKNOWN_OPERATION, "The request must contain the parameter Action.", status=404)
