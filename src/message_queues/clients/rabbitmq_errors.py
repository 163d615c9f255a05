"""What RabbitMQ and pika report, as our errors: reply codes of AMQP 0-9-1, and what went wrong with a connection."""

import re
import socket
from collections.abc import Callable, Mapping

import pika.exceptions
from pika.adapters.utils import connection_workflow

from message_queues import errors

_GUESSES = (pika.exceptions.ProbableAuthenticationError, pika.exceptions.ProbableAccessDeniedError)

_BY_CODE: Mapping[int, Callable[[str], errors.MessageQueuesError]] = {
    311: errors.ContentTooLarge,
    313: errors.NoConsumers,
    320: errors.ConnectionForced,
    402: errors.InvalidPath,
    403: errors.AccessRefused,
    405: errors.ResourceLocked,
    406: errors.PreconditionFailed,
    501: errors.FrameError,
    502: errors.SyntaxRefused,
    503: errors.CommandInvalid,
    504: errors.ChannelError,
    505: errors.UnexpectedFrame,
    506: errors.ResourceError,
    530: errors.NotAllowed,
    540: errors.NotImplementedByBroker,
    541: errors.InternalFailure,
}

_SAID_BY_BROKER = re.compile(r"\((\d+)\) ['\"](.*)['\"]", re.DOTALL)
"""In pika's guesses at why a handshake was ended, which are texts."""
_CODE_NAME = re.compile(r"[A-Z]+(_[A-Z]+)* - ")


def error_of_reply(code: int, text: str) -> errors.MessageQueuesError:
    """A connection or channel that the broker closed with this code and text."""
    said = _CODE_NAME.sub("", text, count=1)
    if code == 404:
        if said.startswith("no queue"):
            return errors.QueueNotFound(said)
        return errors.ExchangeNotFound(said) if said.startswith("no exchange") else errors.NotFound(said)
    if code == 530 and "vhost" in said and "not found" in said:
        return errors.VirtualHostNotFound(said)
    made = _BY_CODE.get(code)
    return errors.RabbitMQError(said, code) if made is None else made(said)


def error_of(error: BaseException, address: str) -> errors.MessageQueuesError:
    """What pika says of a connection to `address`, or of a channel on it."""
    cause = _innermost(error)
    if isinstance(cause, pika.exceptions.ChannelClosedByBroker | pika.exceptions.ConnectionClosedByBroker):
        made = error_of_reply(cause.reply_code, cause.reply_text)
        made.add_note(address)
        return made
    said = _SAID_BY_BROKER.search(str(cause)) if isinstance(cause, _GUESSES) else None
    if said is not None:
        return error_of_reply(int(said.group(1)), said.group(2))
    if isinstance(cause, pika.exceptions.ProbableAuthenticationError | pika.exceptions.AuthenticationError):
        return errors.NotAuthorized(f"{address} refuses the user name or the password")
    if isinstance(cause, pika.exceptions.ProbableAccessDeniedError):
        return errors.NotAuthorized(f"{address} refuses access to the virtual host")
    if isinstance(cause, pika.exceptions.IncompatibleProtocolError):
        return errors.Unreachable(f"{address} (does not speak AMQP 0-9-1: {cause})")
    return errors.Unreachable(f"{address} ({_words(cause)})")


def _innermost(error: BaseException) -> BaseException:
    """pika wraps: a workflow failure holds the attempts, an attempt its exception."""
    while True:
        inner: object = None
        if isinstance(error, connection_workflow.AMQPConnectionWorkflowFailed):
            inner = error.exceptions[-1] if error.exceptions else None
        elif isinstance(error, connection_workflow.AMQPConnectorException):
            inner = getattr(error, "exception", None) or (error.args[0] if error.args else None)
        elif isinstance(error, pika.exceptions.AMQPConnectionError) and error.args and isinstance(error.args[0], BaseException):
            inner = error.args[0]
        if not isinstance(inner, BaseException):
            return error
        error = inner


def _words(cause: BaseException) -> str:
    if isinstance(cause, socket.gaierror):
        return f"the name cannot be resolved: {cause.strerror}"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    text = str(cause) or type(cause).__name__
    return text if len(text) <= 300 else text[:300] + "…"
