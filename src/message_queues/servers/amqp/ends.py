"""The two ends of a client's socket, and what RabbitMQ calls a connection after them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ends:
    peer_host: str = ""
    peer_port: int = 0
    host: str = ""
    port: int = 0

    @classmethod
    def of(cls, peer: Any, own: Any) -> "Ends":
        """Of what a transport says of `peername` and `sockname`: anything but an address of the internet stays empty."""
        return cls(*host_and_port(peer), *host_and_port(own))

    def __str__(self) -> str:
        """ "127.0.0.1:50000 -> 127.0.0.1:5672"."""
        return f"{shown(self.peer_host)}:{self.peer_port} -> {shown(self.host)}:{self.port}"


def host_and_port(address: Any) -> tuple[str, int]:
    return (address[0], address[1]) if isinstance(address, tuple) and len(address) >= 2 else ("", 0)


def shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
