"""AMQP URIs as shovels have them (https://www.rabbitmq.com/docs/uri-spec): amqp://user:password@host:port/vhost?heartbeat=5.

As in RabbitMQ a URI without a host means this server, one without a path the virtual host "/", and "amqp://host/" the one whose name is
empty. Errors are Erlang terms, because RabbitMQ shows them so.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from message_queues.broker.queues.erlang_terms import quoted
from message_queues.errors import InvalidArgument

URI = re.compile(r"(?P<scheme>[^:]*):(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?", re.DOTALL)

HOST_PORT = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<host>[^:]*))(?::(?P<port>.*))?")

INTEGERS = ("channel_max", "frame_max", "heartbeat", "connection_timeout", "depth")

FROM_ELSEWHERE = ("username", "host", "port", "virtual_host", "ssl_options", "auth_mechanisms", "client_properties", "socket_options")
"""What a query cannot set."""


class InvalidUri(InvalidArgument):
    """Its text is the Erlang term that RabbitMQ shows."""


@dataclass(frozen=True, slots=True)
class AmqpUri:
    is_tls: bool
    host: str | None
    """None: this server."""
    port: int | None
    user: str | None
    password: str | None
    virtual_host: str
    query: dict[str, str] = field(default_factory=dict)


def parse_amqp_uri(text: str) -> AmqpUri:
    """Raises InvalidUri."""
    try:
        return _parse(text)
    except ValueError as error:
        raise InvalidUri(f"{{{error},{quoted(text)}}}") from error


def _parse(text: str) -> AmqpUri:
    found = URI.fullmatch(text)
    if found is None:
        raise ValueError("{unable_to_parse_uri,no_scheme}")
    scheme = found["scheme"].lower()
    user_info, _, host_port = (found["authority"] or "").rpartition("@")
    host, port = _host_and_port(host_port, text)
    if scheme not in ("amqp", "amqps"):
        raise ValueError(f"{{unexpected_uri_scheme,{quoted(scheme)}}}")
    if port is not None and not 0 < port <= 65535:
        raise ValueError(f"{{port_out_of_range,{port}}}")
    virtual_host = _virtual_host(found["path"])
    if host is None and port is not None:
        raise ValueError("port_requires_host")
    user, separator, password = user_info.partition(":")
    return AmqpUri(
        scheme == "amqps",
        host,
        port,
        _unescaped(user) if user_info else None,
        _unescaped(password) if separator else None,
        virtual_host,
        _query(found["query"] or ""),
    )


def _host_and_port(host_port: str, text: str) -> tuple[str | None, int | None]:
    found = HOST_PORT.fullmatch(host_port)
    port = found["port"] if found is not None else None
    if found is None or (port is not None and not (port.isascii() and port.removeprefix("-").isdigit())):
        raise ValueError(f"{{unable_to_parse_uri,{{malformed_uri,{quoted(text)},badarg}}}}")
    host = found["v6"] if found["v6"] is not None else _unescaped(found["host"])
    return host or None, None if port is None else int(port)


def _virtual_host(path: str) -> str:
    if not path:
        return "/"
    name = path.removeprefix("/")
    if "/" in name:
        raise ValueError(f"{{invalid_vhost,{quoted(name)}}}")
    return _unescaped(name)


def _query(query: str) -> dict[str, str]:
    told = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
    for name, value in told.items():
        if name in INTEGERS and not (value.isascii() and value.removeprefix("-").isdigit()):
            raise ValueError(f"{{invalid_amqp_params_parameter,{name},{quoted(value)},[],{{not_an_integer,{quoted(value)}}}}}")
        if name in FROM_ELSEWHERE:
            raise ValueError(
                f"{{invalid_amqp_params_parameter,{name},{quoted(value)},[],{{parameter_unconfigurable_in_query,{name},{quoted(value)}}}}}"
            )
    return told


def _unescaped(text: str) -> str:
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise ValueError(f"{{invalid_entitiy,{quoted(text)}}}")
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def without_credentials(text: str) -> str:
    """The URI as it may be shown: without user, password and query."""
    found = URI.fullmatch(text)
    if found is None:
        return text
    authority = found["authority"] or ""
    return f"{found['scheme']}://{authority.rpartition('@')[2]}{found['path']}"
