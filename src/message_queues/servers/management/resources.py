"""All paths of the management API, room by room."""

from message_queues.servers.management import (
    bindings,
    channels,
    connections,
    consumers,
    definitions,
    exchanges,
    feature_flags,
    health,
    limits,
    login,
    nodes,
    overview,
    parameters,
    permissions,
    policies,
    publishing,
    queues,
    shovels,
    users,
    virtual_hosts,
)
from message_queues.servers.management.resource import Resource

RESOURCES: list[Resource] = [
    resource
    for room in (
        overview,
        nodes,
        definitions,
        parameters,
        policies,
        limits,
        login,
        connections,
        channels,
        consumers,
        exchanges,
        queues,
        publishing,
        bindings,
        virtual_hosts,
        users,
        permissions,
        feature_flags,
        health,
        shovels,
    )
    for resource in room.RESOURCES
]
