"""A path of the management API: what it is called with, who may, and what answers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from message_queues.servers.management.answers import Answer
from message_queues.servers.management.call import Call

Handle = Callable[[Call], Answer | None]
"""None: done, nothing to say."""
Allow = Callable[[Call], None]
"""Raises Refused."""
Exists = Callable[[Call], bool]

METHODS = ("HEAD", "GET", "POST", "PUT", "DELETE", "OPTIONS")

ANY_TYPE: tuple[str, ...] = ()
JSON = ("application/json",)


@dataclass(frozen=True, slots=True)
class Resource:
    path: str
    """`/queues/:vhost/:queue`, below `/api`; parts with a colon are names."""
    allow: Allow
    get: Handle | None = None
    put: Handle | None = None
    post: Handle | None = None
    delete: Handle | None = None
    exists: Exists | None = None
    """Without it, it always does. What does not exist can be put, not got or deleted."""
    can_post_to_missing: bool = True
    missing_reason: str = ""
    """What a POST to what is missing hears from RabbitMQ 4."""
    accepts: tuple[str, ...] = ANY_TYPE
    """The content types of a body."""
    is_public: bool = False
    """Whoever calls has not logged in yet."""
    has_head: bool = True
    largest_body_bytes: int = 0
    """0: as large as any."""
    methods: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        handled = {"GET": self.get, "POST": self.post, "PUT": self.put, "DELETE": self.delete}
        handled["HEAD"] = self.get if self.has_head else None
        object.__setattr__(self, "methods", tuple(method for method in METHODS if method == "OPTIONS" or handled[method] is not None))


class Routes:
    """Finds the resource of a path; of two that fit the earlier is it."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._by_length: dict[int, list[tuple[tuple[str, ...], Resource]]] = {}
        for resource in resources:
            parts = tuple(resource.path.strip("/").split("/"))
            self._by_length.setdefault(len(parts), []).append((parts, resource))

    def find(self, parts: tuple[str, ...]) -> tuple[Resource, dict[str, str]] | None:
        for pattern, resource in self._by_length.get(len(parts), ()):
            names = match(pattern, parts)
            if names is not None:
                return resource, names
        return None


def match(pattern: tuple[str, ...], parts: tuple[str, ...]) -> dict[str, str] | None:
    names = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith(":"):
            names[wanted[1:]] = part
        elif wanted != part:
            return None
    return names
