"""Policies and operator policies."""

from message_queues.broker.queues.policy import Policy
from message_queues.servers.management import authorization
from message_queues.servers.management.answers import Answer, bad_request, not_found
from message_queues.servers.management.authorization import administrators, of_virtual_host, policymakers
from message_queues.servers.management.call import Call
from message_queues.servers.management.direct_methods import validated
from message_queues.servers.management.listing import Item
from message_queues.servers.management.parameters import json_of, virtual_host_exists
from message_queues.servers.management.resource import Allow, Resource


class Kind:
    """Policies or operator policies: the same paths, other permissions."""

    def __init__(self, path: str, is_operator: bool, changes: Allow, sees: Allow) -> None:
        self._is_operator = is_operator
        self.resources = [
            Resource(path, of_virtual_host, get=self.listed, exists=virtual_host_exists),
            Resource(f"{path}/:vhost", of_virtual_host, get=self.listed, exists=virtual_host_exists),
            Resource(
                f"{path}/:vhost/:name",
                lambda call: (sees if call.method in ("GET", "HEAD") else changes)(call),
                get=self.shown,
                put=self.put,
                delete=self.clear,
                exists=self.exists,
            ),
        ]

    def _all(self, call: Call) -> dict[tuple[str, str], Policy]:
        known = call.broker.virtual_hosts
        return known.operator_policies if self._is_operator else known.policies

    def listed(self, call: Call) -> Answer:
        names = authorization.entered_virtual_hosts(call)
        return call.listed([facts_of(each) for each in self._all(call).values() if each.virtual_host in names], ("priority",))

    def exists(self, call: Call) -> bool:
        return (call.name("vhost"), call.name("name")) in self._all(call)

    def shown(self, call: Call) -> Answer:
        return call.shown(facts_of(self._all(call)[call.name("vhost"), call.name("name")]))

    def put(self, call: Call) -> None:
        if call.name("vhost") not in call.broker.virtual_hosts:
            raise not_found("vhost_not_found")
        pattern, definition = call.required("pattern", "definition")
        if not isinstance(definition, dict):
            raise bad_request("definition must be an object")
        content = call.content()
        value = {"pattern": json_of(pattern), "definition": definition, "priority": json_of(content.get("priority", 0))}
        if content.get("apply-to") is not None:
            value["apply-to"] = json_of(content["apply-to"])
        with validated(escapes=not (call.node.version.is_4 or self._is_operator)):
            call.broker.virtual_hosts.set_policy(call.name("vhost"), call.name("name"), value, is_operator=self._is_operator)

    def clear(self, call: Call) -> None:
        call.broker.virtual_hosts.clear_policy(call.name("vhost"), call.name("name"), is_operator=self._is_operator)


def facts_of(policy: Policy) -> Item:
    return {
        "vhost": policy.virtual_host,
        "name": policy.name,
        "pattern": policy.pattern,
        "apply-to": policy.applies_to,
        "definition": dict(policy.definition),
        "priority": policy.priority,
    }


RESOURCES = [
    *Kind("/policies", False, policymakers, policymakers).resources,
    *Kind("/operator-policies", True, administrators, administrators).resources,
]
