"""Runtime parameters and global parameters of RabbitMQ: named JSON values of components, kept and listed; who acts on them is told.

Policies, operator policies and the limits of virtual hosts are parameters too; they are set through `VirtualHosts`, which checks them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from message_queues.broker.event import Event
from message_queues.broker.queues.events import Json, ParameterCleared, ParameterSet
from message_queues.broker.queues.shovel_parameters import shovel_errors
from message_queues.errors import InvalidArgument

POLICY: Final = "policy"
OPERATOR_POLICY: Final = "operator_policy"
LIMITS: Final = "vhost-limits"
OWN_COMPONENTS: Final = frozenset({POLICY, OPERATOR_POLICY, LIMITS})
"""Listed as policies and limits, not as parameters."""
COMPONENTS: Final = frozenset({"shovel", "federation-upstream", "federation-upstream-set"})


class UnknownComponent(InvalidArgument):
    """No such component; the message is RabbitMQ's."""


@dataclass(frozen=True, slots=True)
class Parameter:
    component: str
    virtual_host: str
    name: str
    value: Json


class Parameters:
    def __init__(self, commit: Callable[[list[Event]], None]) -> None:
        self.on_change: list[Callable[[], None]] = []
        """Called after each change of a runtime parameter."""
        self.globals: dict[str, Json] = {}
        self._commit = commit
        self._values: dict[tuple[str, str, str], Json] = {}
        """(component, virtual host, name) -> value"""

    # Runtime parameters

    def all(self) -> Iterator[Parameter]:
        """Those of components of their own."""
        for (component, virtual_host, name), value in list(self._values.items()):
            if component not in OWN_COMPONENTS:
                yield Parameter(component, virtual_host, name, value)

    def of(self, component: str) -> Iterator[Parameter]:
        for (each, virtual_host, name), value in list(self._values.items()):
            if each == component:
                yield Parameter(component, virtual_host, name, value)

    def get(self, virtual_host: str, component: str, name: str) -> Json:
        return self._values.get((component, virtual_host, name))

    def set(
        self, virtual_host: str, component: str, name: str, value: Json, user: str = "", may_open: Callable[[str], bool] = lambda name: True
    ) -> None:
        """Raises UnknownComponent, or InvalidArgument for what the component does not take."""
        if component not in COMPONENTS:
            raise UnknownComponent(f"Validation failed\n\ncomponent {component} not found\n")
        if component == "shovel":
            errors = shovel_errors(name, value, user, may_open)
            if errors:
                raise InvalidArgument("Validation failed\n\n" + "\n".join(errors) + "\n")
        self.put(virtual_host, component, name, value)

    def put(self, virtual_host: str, component: str, name: str, value: Json) -> None:
        """The value is checked already."""
        self._commit([ParameterSet(component=component, name=name, value=msgspec.json.encode(value), virtual_host=virtual_host)])

    def clear(self, virtual_host: str, component: str, name: str) -> bool:
        """False: there was none such."""
        if (component, virtual_host, name) not in self._values:
            return False
        self._commit([ParameterCleared(component=component, name=name, virtual_host=virtual_host)])
        return True

    def clear_all_of(self, virtual_host: str) -> None:
        """The virtual host is deleted."""
        gone = [key for key in self._values if key[1] == virtual_host]
        if gone:
            self._commit([ParameterCleared(component=component, name=name, virtual_host=host) for component, host, name in gone])

    # Global ones

    def global_value(self, name: str) -> Json:
        return self.globals.get(name)

    def set_global(self, name: str, value: Json) -> None:
        self._commit([ParameterSet(component="global", name=name, value=msgspec.json.encode(value))])

    def clear_global(self, name: str) -> bool:
        if name not in self.globals:
            return False
        self._commit([ParameterCleared(component="global", name=name)])
        return True

    # What has happened

    def apply_set(self, event: ParameterSet) -> None:
        if event.virtual_host is None:
            self.globals[event.name] = msgspec.json.decode(event.value)
            return
        self._values[event.component, event.virtual_host, event.name] = msgspec.json.decode(event.value)
        self._changed()

    def apply_cleared(self, event: ParameterCleared) -> None:
        if event.virtual_host is None:
            self.globals.pop(event.name, None)
            return
        self._values.pop((event.component, event.virtual_host, event.name), None)
        self._changed()

    def state_events(self) -> Iterator[Event]:
        for name, value in self.globals.items():
            yield ParameterSet(component="global", name=name, value=msgspec.json.encode(value))
        for (component, virtual_host, name), value in self._values.items():
            yield ParameterSet(component=component, name=name, value=msgspec.json.encode(value), virtual_host=virtual_host)

    def _changed(self) -> None:
        for changed in tuple(self.on_change):
            changed()
