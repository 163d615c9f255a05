"""AMQP methods called over HTTP: declare, bind, delete, purge, with the permissions that AMQP asks for and RabbitMQ's answers to failures.

Publishing and getting go through what RabbitMQ calls a direct channel, and fail in other words than the rest.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from message_queues.errors import AccessRefused, MessageQueuesError, NotAllowed, NotAuthorized, NotFound, StorageError
from message_queues.servers.error_map import amqp_code
from message_queues.servers.management.answers import bad_request, not_authorised, not_found
from message_queues.servers.management.call import Call

CONFIGURE = "configure"
WRITE = "write"
READ = "read"

REFUSED = "Access refused."


@contextmanager
def direct_method() -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except NotFound as error:
        raise not_found(str(error)) from error
    except (NotAuthorized, NotAllowed) as error:
        raise not_authorised(REFUSED) from error
    except MessageQueuesError as error:
        raise bad_request(str(error)) from error


@contextmanager
def direct_channel(*, tells_kind: bool) -> Iterator[None]:
    """`tells_kind`: what is not found or refused has a status of its own; else everything is a bad request."""
    try:
        yield
    except StorageError:
        raise
    except MessageQueuesError as error:
        code = amqp_code(error)
        text = str(error) if code.closes_connection else f"{code.name} - {error}"
        if tells_kind and isinstance(error, NotFound):
            raise not_found(text) from error
        if tells_kind and isinstance(error, AccessRefused):
            raise not_authorised(text) from error
        raise bad_request(f"{code.number} {text}") from error


def check_exchange(call: Call, virtual_host: str, name: str, permission: str) -> None:
    """Raises AccessRefused."""
    call.broker.access.check(call.user, virtual_host, "exchange", name, permission)


def check_queue(call: Call, virtual_host: str, name: str, permission: str) -> None:
    """Raises AccessRefused."""
    call.broker.access.check(call.user, virtual_host, "queue", name, permission)


def check_opens(call: Call, virtual_host: str) -> None:
    """A direct channel is opened in the virtual host: administrators without permissions there may not. Raises Refused."""
    if not call.broker.access.has_permissions(call.user.name, virtual_host):
        raise not_authorised(REFUSED)


@contextmanager
def validated(*, escapes: bool = False) -> Iterator[None]:
    """What is refused is a bad request, said as it stands; RabbitMQ 3 escapes some of it for HTML."""
    try:
        yield
    except StorageError:
        raise
    except MessageQueuesError as error:
        said = str(error)
        raise bad_request(said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") if escapes else said) from error
