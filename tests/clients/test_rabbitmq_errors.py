import socket

import pika.exceptions
import pytest
from pika.adapters.utils import connection_workflow

from message_queues import errors
from message_queues.clients.rabbitmq_errors import error_of, error_of_reply

AT = "127.0.0.1:5672"


@pytest.mark.parametrize(
    ("code", "text", "kind", "says"),
    [
        (404, "NOT_FOUND - no queue 'q' in vhost '/'", errors.QueueNotFound, "no queue 'q' in vhost '/'"),
        (404, "NOT_FOUND - no exchange 'x' in vhost '/'", errors.ExchangeNotFound, "no exchange 'x' in vhost '/'"),
        (404, "NOT_FOUND - no binding", errors.NotFound, "no binding"),
        (403, "ACCESS_REFUSED - access to queue 'q' refused", errors.AccessRefused, "access to queue 'q' refused"),
        (405, "RESOURCE_LOCKED - cannot obtain", errors.ResourceLocked, "cannot obtain"),
        (406, "PRECONDITION_FAILED - unknown delivery tag 1", errors.PreconditionFailed, "unknown delivery tag 1"),
        (320, "CONNECTION_FORCED - shutdown", errors.ConnectionForced, "shutdown"),
        (530, "NOT_ALLOWED - vhost nope not found", errors.VirtualHostNotFound, "vhost nope not found"),
        (530, "NOT_ALLOWED - attempt to reuse consumer tag", errors.NotAllowed, "attempt to reuse consumer tag"),
        (541, "INTERNAL_ERROR", errors.InternalFailure, "INTERNAL_ERROR"),
    ],
)
def test_a_reply_code_is_an_error_of_ours_in_rabbitmqs_words(
    code: int, text: str, kind: type[errors.MessageQueuesError], says: str
) -> None:
    error = error_of_reply(code, text)
    assert type(error) is kind
    assert str(error) == says
    closed = error_of(pika.exceptions.ChannelClosedByBroker(code, text), AT)
    assert (type(closed), str(closed)) == (kind, says)


def test_a_code_without_a_class_keeps_its_number() -> None:
    error = error_of_reply(599, "NEW_CODE - what")
    assert isinstance(error, errors.RabbitMQError)
    assert (str(error), error.code) == ("what", 599)


def test_pikas_guesses_at_a_refused_handshake_are_what_the_broker_said() -> None:
    said = repr(pika.exceptions.ConnectionClosedByBroker(403, "ACCESS_REFUSED - Login was refused"))
    error = error_of(pika.exceptions.ProbableAuthenticationError(said), AT)
    assert isinstance(error, errors.NotAuthorized)
    assert str(error) == "Login was refused"
    guessed = error_of(pika.exceptions.ProbableAuthenticationError("StreamLostError: EOF"), AT)
    assert isinstance(guessed, errors.NotAuthorized)
    assert str(guessed) == "127.0.0.1:5672 refuses the user name or the password"


def test_what_keeps_a_connection_from_being_made_is_named_with_its_address() -> None:
    refused = connection_workflow.AMQPConnectorSocketConnectError(ConnectionRefusedError(111, "Connection refused"))
    wrapped = pika.exceptions.AMQPConnectionError(connection_workflow.AMQPConnectionWorkflowFailed([refused]))
    assert str(error_of(wrapped, AT)) == "127.0.0.1:5672 (Connection refused)"
    unknown = error_of(socket.gaierror(-2, "Name or service not known"), "nowhere:5672")
    assert isinstance(unknown, errors.Unreachable)
    assert str(unknown) == "nowhere:5672 (the name cannot be resolved: Name or service not known)"
