"""Which thing a name means, over all the clusters that a program has named.

A name is looked up among things of one kind (a topic is never taken for an exchange of the same name); of several that carry it, the
program names the cluster. Things that the program created or declared come first; only if there is none are the clusters asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from message_queues.errors import AmbiguousName, NotFound
from message_queues.messaging.arguments import did_you_mean

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Named(Generic[Thing]):
    """One thing that a name may mean."""

    kind: str
    name: str
    cluster: str
    thing: Thing

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} on cluster {self.cluster!r}"


class Names(Generic[Thing]):
    """The things of one kind, by cluster and name."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._named: dict[tuple[str, str], Named[Thing]] = {}

    def add(self, cluster: str, name: str, thing: Thing) -> None:
        """Remember it; what had the same name on the same cluster is replaced."""
        self._named[cluster, name] = Named(self.kind, name, cluster, thing)

    def forget(self, cluster: str, name: str) -> None:
        """It is gone, or was never there."""
        self._named.pop((cluster, name), None)

    def get(self, cluster: str, name: str) -> Thing | None:
        """The one of that name on that cluster."""
        named = self._named.get((cluster, name))
        return None if named is None else named.thing

    def candidates(self, name: str, cluster: str | None = None) -> list[Named[Thing]]:
        """All that the name may mean, on one cluster or any."""
        return [each for each in self._named.values() if each.name == name and cluster in (None, each.cluster)]

    def everything(self) -> list[Named[Thing]]:
        """All of them."""
        return list(self._named.values())


def the_only(argument: str, name: str, candidates: Iterable[Named[Thing]], known: Iterable[str], remedy: str) -> Thing:
    """The thing that a name means. Raises NotFound with the nearest known name, AmbiguousName with every candidate."""
    found = list(candidates)
    if len(found) == 1:
        return found[0].thing
    if not found:
        raise NotFound(f"{argument}={name!r}: nothing has that name{did_you_mean(name, known) or '; ' + remedy}")
    listed = tuple(str(each) for each in found)
    raise AmbiguousName(f"{argument}={name!r} may mean {' or '.join(listed)}: say which with cluster_name=", listed)
