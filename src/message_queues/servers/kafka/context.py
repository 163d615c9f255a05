"""What a handler knows beside the request: who asks, which version they speak, and which node they asked."""

from dataclasses import dataclass

from message_queues.broker.broker import Broker

OMITTED_OPERATIONS = -0x80000000
"""Authorized operations when the client did not ask for them (KIP-430)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a node can be dialled."""

    node_id: int
    host: str
    port: int
    rack: str | None = None


class RequestContext:
    __slots__ = ("api_version", "broker", "client_host", "client_id", "endpoints", "node_id")

    def __init__(
        self, broker: Broker, node_id: int, api_version: int, client_id: str | None, client_host: str, endpoints: tuple[Endpoint, ...]
    ) -> None:
        self.broker = broker
        self.node_id = node_id
        self.api_version = api_version
        self.client_id = client_id
        self.client_host = client_host
        self.endpoints = endpoints
        """All nodes, at the address that this client dialled (invariant 10)."""


def operations(*codes: int) -> int:
    """The bit field of ACL operations by their codes (KIP-430)."""
    return sum(1 << code for code in codes)


# Without ACLs everyone may do all that the resource knows.
TOPIC_OPERATIONS = operations(3, 4, 5, 6, 7, 8, 10, 11)
CLUSTER_OPERATIONS = operations(5, 7, 8, 9, 10, 11, 12)
