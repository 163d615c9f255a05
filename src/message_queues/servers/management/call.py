"""One call to the management API: what was asked, by whom, of which server."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from message_queues.servers.management.answers import Answer, bad_request, document, missing_keys, object_not_found
from message_queues.servers.management.listing import Item, arranged, columns_of, in_order, only, page_of

if TYPE_CHECKING:
    from message_queues.broker.access import User
    from message_queues.broker.broker import Broker
    from message_queues.broker.queues.virtual_host import VirtualHost
    from message_queues.servers.management.node import Node

DEFAULT_EXCHANGE = "amq.default"
"""How a path names the exchange whose name is empty."""
NAMED_AS_EXCHANGES = ("exchange", "source", "destination")

DOUBLY_ENCODED = "invalid payload: the request body JSON-decoded to a string. Is the input doubly-JSON-encoded?"


class Call:
    __slots__ = ("body", "headers", "method", "names", "node", "parts", "path", "peer_host", "query", "user")

    user: "User"
    """Who calls; set once the call is authorized."""

    def __init__(self, node: "Node", method: str, path: bytes, query: bytes, headers: Mapping[str, str], peer_host: str) -> None:
        self.node = node
        self.method = method
        self.path = path.decode("ascii", "replace")
        self.parts = split_path(path)
        self.query: dict[str, str] = {}
        for key, value in parse_qsl(query.decode("utf-8", "surrogateescape"), keep_blank_values=True, max_num_fields=100):
            self.query.setdefault(key, value)
        self.headers = headers
        self.peer_host = peer_host
        self.names: dict[str, str] = {}
        """What the path names: the virtual host, the queue …"""
        self.body = b""

    @property
    def broker(self) -> "Broker":
        return self.node.broker

    # What the path names

    def name(self, key: str) -> str:
        name = self.names[key]
        return "" if name == DEFAULT_EXCHANGE and key in NAMED_AS_EXCHANGES else name

    @property
    def virtual_host_name(self) -> str | None:
        """None: no particular one is meant."""
        return self.names.get("vhost") or self.headers.get("x-vhost") or None

    def virtual_host(self) -> "VirtualHost":
        """The one that the path names. Raises Refused."""
        virtual_host = self.broker.virtual_hosts.get(self.virtual_host_name or "")
        if virtual_host is None:
            raise object_not_found()
        return virtual_host

    # What the body says

    def content(self) -> dict[str, object]:
        """The body as a JSON object; nothing, `null` and `undefined` are an empty one. Raises Refused."""
        if self.body in (b"", b"null", b"undefined"):
            return {}
        try:
            decoded = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise bad_request("not_json") from error
        if isinstance(decoded, str):
            raise bad_request(DOUBLY_ENCODED)
        if not isinstance(decoded, dict):
            raise bad_request("not_json")
        return decoded

    def required(self, *keys: str) -> list[object]:
        """Values of the body that must be there. Raises Refused."""
        content = self.content()
        missing = [key for key in keys if key not in content]
        if missing:
            raise missing_keys(missing)
        return [content[key] for key in keys]

    # What is answered

    @property
    def wants_statistics(self) -> bool:
        return self.query.get("disable_stats") != "true"

    @property
    def wants_queue_totals(self) -> bool:
        return self.query.get("enable_queue_totals") == "true"

    def shown(self, item: object) -> Answer:
        columns = columns_of(self.query)
        return document(item if columns is None else only(item, columns))

    def listed(self, items: list[Item], default_sort: Sequence[str] = ("vhost", "name"), has_pages: bool = False) -> Answer:
        return document(arranged(items, self.query, default_sort, has_pages))

    def listed_in_full(self, items: list[Item], default_sort: Sequence[str], in_full: Callable[[Item], Item]) -> Answer:
        """A list with pages whose items cost: where the order does not need them in full, only those on the page are.

        `items` hold what the default order looks at, and the name.
        """
        page = page_of(self.query)
        sort = self.query.get("sort")
        if page is None or (sort and sort not in default_sort):
            return self.listed([in_full(item) for item in items], default_sort, True)
        envelope = page.cut(in_order(items, self.query, default_sort))
        shown = envelope["items"]
        assert isinstance(shown, list)
        columns = columns_of(self.query)
        full = [in_full(item) for item in shown]
        envelope["items"] = full if columns is None else [only(item, columns) for item in full]
        return document(envelope)


def split_path(path: bytes) -> tuple[str, ...]:
    """The parts between slashes, decoded one by one: `%2F` in a name is no slash of the path."""
    trimmed = path[1:-1] if len(path) > 1 and path.endswith(b"/") else path[1:]
    return tuple(unquote_to_bytes(part).decode("utf-8", "surrogateescape") for part in trimmed.split(b"/"))
