"""Definitions go from here to a real RabbitMQ 3.10 and back."""

import base64
import json
import urllib.request
from typing import Any

import pytest

from tests.contract.rabbitmq.servers import RabbitMQUnderTest, running_embedded, running_rabbitmq

SHARED = {
    "users": ("name", "password_hash", "hashing_algorithm", "tags"),
    "vhosts": ("name",),
    "permissions": ("user", "vhost", "configure", "write", "read"),
    "topic_permissions": ("user", "vhost", "exchange", "write", "read"),
    "parameters": ("vhost", "component", "name", "value"),
    "policies": ("vhost", "name", "pattern", "apply-to", "definition", "priority"),
    "queues": ("name", "vhost", "durable", "auto_delete", "arguments"),
    "exchanges": ("name", "vhost", "type", "durable", "auto_delete", "internal", "arguments"),
    "bindings": ("source", "vhost", "destination", "destination_type", "routing_key", "arguments"),
}
WRITTEN = (
    ("PUT", "vhosts/shop", {"description": "of orders"}),
    ("PUT", "users/ann", {"password": "secret", "tags": "monitoring"}),
    ("PUT", "permissions/shop/ann", {"configure": "^a", "write": "", "read": ".*"}),
    ("PUT", "topic-permissions/shop/ann", {"exchange": "amq.topic", "write": "^a", "read": "^{username}"}),
    ("PUT", "permissions/shop/guest", {"configure": ".*", "write": ".*", "read": ".*"}),
    ("PUT", "vhost-limits/shop/max-queues", {"value": 40}),
    ("PUT", "policies/shop/dead", {"pattern": "^order", "definition": {"dead-letter-exchange": "x", "max-length": 5}, "priority": 3}),
    ("PUT", "operator-policies/shop/most", {"pattern": ".*", "definition": {"message-ttl": 60_000}, "apply-to": "queues"}),
    ("PUT", "exchanges/shop/x", {"type": "headers", "durable": True, "arguments": {"alternate-exchange": "amq.fanout"}}),
    ("PUT", "exchanges/shop/inner", {"type": "topic", "durable": True, "internal": True, "auto_delete": True}),
    ("PUT", "queues/shop/orders", {"durable": True, "arguments": {"x-max-length": 100, "x-overflow": "reject-publish"}}),
    ("PUT", "queues/shop/safe", {"durable": True, "arguments": {"x-queue-type": "quorum", "x-delivery-limit": 3}}),
    ("PUT", "queues/shop/history", {"durable": True, "arguments": {"x-queue-type": "stream", "x-max-age": "1h"}}),
    ("PUT", "queues/shop/passing", {"durable": False}),
    ("POST", "bindings/shop/e/x/q/orders", {"routing_key": "", "arguments": {"x-match": "all", "pages": 3, "format": "pdf"}}),
    ("POST", "bindings/shop/e/x/e/inner", {"routing_key": "any", "arguments": {}}),
    ("PUT", "parameters/shovel/shop/move", {"value": {"src-uri": "amqp://", "src-queue": "a", "dest-uri": "amqp://", "dest-queue": "b"}}),
)


def call(server: RabbitMQUnderTest, method: str, path: str, content: object = None) -> Any:
    request = urllib.request.Request(f"http://{server.management}/api/{path}", method=method)
    request.add_header("authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, None if content is None else json.dumps(content).encode(), timeout=30) as answer:
        body = answer.read()
        return json.loads(body) if body else None


def shared(document: dict[str, Any]) -> dict[str, list[str]]:
    """What every broker of the release tells of what was written: the real one has other guests, too."""
    return {
        section: sorted(
            json.dumps({key: item[key] for key in keys}, sort_keys=True) for item in document[section] if is_ours(section, item)
        )
        for section, keys in SHARED.items()
    }


def is_ours(section: str, item: dict[str, Any]) -> bool:
    return bool(item["name"] in ("ann", "shop") if section in ("users", "vhosts") else item["vhost"] == "shop")


@pytest.mark.real
def test_definitions_of_either_broker_load_in_the_other() -> None:
    with running_embedded() as ours, running_embedded() as another, running_rabbitmq() as rabbitmq:
        for method, path, content in WRITTEN:
            call(ours, method, path, content)
        document = call(ours, "GET", "definitions")
        call(rabbitmq, "POST", "definitions", document)
        theirs = call(rabbitmq, "GET", "definitions")
        assert shared(theirs) == shared(document)
        call(another, "POST", "definitions", theirs)
        assert shared(call(another, "GET", "definitions")) == shared(theirs)
