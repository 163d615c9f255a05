"""The management API: what each call is answered, and what a refusal says.

Numbers that count bytes, rates or time are compared by their type, everything else as it is. What a real RabbitMQ tells only when its
statistics have come (every five seconds) is asked for until it is there.
"""

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from pamqp.commands import Basic

from tests.contract.rabbitmq.scene import Scene, path
from tests.contract.recorded_answers import RecordedAnswers
from tests.patience import eventually

EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}
OF_A_RUN = {"node", "cluster_name", "password_hash", "connection_name", "peer_host", "timestamp", "slave_nodes", "idle_since"}
OF_A_RUN |= {"leader", "members", "online", "user_who_performed_action", "cluster_state"}
TOLD_AS_THEY_ARE = {"arguments", "definition", "value", "properties", "priority", "message_count", "payload_bytes", "tags"}
TOLD_AS_THEY_ARE |= {"messages", "messages_ready", "messages_unacknowledged", "consumers", "page", "page_count", "page_size", "limits"}
TOLD_AS_THEY_ARE |= {
    "total_count",
    "item_count",
    "filtered_count",
    "prefetch_count",
    "consumer_count",
    "publish",
    "ack",
    "deliver_get",
    "get",
}
OF_AN_IMPLEMENTATION: tuple[str, ...] = (
    "backing_queue_status",
    "garbage_collection",
    "recoverable_slaves",
    "reductions",
    "storage_version",
)
OF_AN_IMPLEMENTATION += ("messages_details", "messages_ready_details", "messages_unacknowledged_details")
HASH_OF_ARGUMENTS = re.compile(r"~[A-Za-z0-9_-]{6}(?![A-Za-z0-9_-])")


def plain(value: Any, key: str = "", as_it_is: bool = False) -> Any:
    as_it_is = as_it_is or key in TOLD_AS_THEY_ARE
    if key in OF_A_RUN and value not in ("", None):
        return f"<{key}>"
    if isinstance(value, dict):
        return {name: plain(each, name, as_it_is) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each, key, as_it_is) for each in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and not as_it_is:
        return "<number>"
    return value


class Api:
    """The calls of one test: `api.put("vhosts/x")`; each is kept with its answer."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.said: list[Any] = []
        self.user = ("guest", "guest")

    def ask(self, method: str, where: str, content: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        status, location, body = self.answer(method, where, content, headers)
        shown: dict[str, Any] = {"status": status} | ({"location": location} if location else {}) | ({} if body == "" else {"body": body})
        told = json.dumps([f"{method} {urllib.parse.unquote(where)}", self.scene.plain_json(shown)])
        self.said.append(self.scene.plain_json(json.loads(HASH_OF_ARGUMENTS.sub("~<hash>", told))))
        return body

    def answer(self, method: str, where: str, content: Any = None, headers: Mapping[str, str] | None = None) -> tuple[int, str, Any]:
        request = urllib.request.Request(f"http://{self.scene.server.management}/api/{where}", method=method)
        if self.user != ("", ""):
            request.add_header("Authorization", "Basic " + base64.b64encode(":".join(self.user).encode()).decode())
        if content is not None:
            request.data = content if isinstance(content, bytes) else json.dumps(content).encode()
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                status, found, text = response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            status, found, text = error.code, error.headers, error.read()
        body = plain(json.loads(text)) if text[:1] in (b'"', b"{", b"[") else text.decode()
        return status, urllib.parse.unquote(found.get("Location", "")).replace(f"http://{self.scene.server.management}", ""), body

    def get(self, where: str) -> Any:
        return self.ask("GET", where)

    def put(self, where: str, content: Any = None) -> Any:
        return self.ask("PUT", where, {} if content is None else content)

    def post(self, where: str, content: Any = None) -> Any:
        return self.ask("POST", where, {} if content is None else content)

    def delete(self, where: str) -> Any:
        return self.ask("DELETE", where)

    def soon(self, where: str, is_there: Callable[[Any], bool]) -> Any:
        """Asked until the statistics have come; said once."""
        eventually(lambda: is_there(self.answer("GET", where)[2]))
        return self.get(where)


@pytest.fixture
def api(scene: Scene) -> Api:
    return Api(scene)


@pytest.fixture
def shop(scene: Scene, api: Api) -> Iterator[str]:
    """A virtual host of the test's own."""
    name = scene.name("shop")
    api.answer("PUT", path("vhosts", name), {})
    yield name
    api.user = ("guest", "guest")
    api.answer("DELETE", path("vhosts", name))


@pytest.fixture
def ann(scene: Scene, api: Api) -> Iterator[str]:
    """A user of the test's own, who may nothing."""
    name = scene.name("ann")
    api.answer("PUT", path("users", name), {"password": "secret", "tags": ""})
    yield name
    api.user = ("guest", "guest")
    api.answer("DELETE", path("users", name))


def test_a_virtual_host_from_its_creation_to_its_end(scene: Scene, api: Api, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.name("vhost")
    where = path("vhosts", name)
    api.get(where)
    api.put(where, {"description": "of orders", "tags": "a,b"})
    api.put(where, {"description": "of orders", "tags": "a,b"})
    api.get(where)
    api.get(where + "/permissions")
    api.get(where + "/topic-permissions")
    api.get(path("exchanges", name))
    api.get(path("queues", name))
    api.get(path("bindings", name))
    api.delete(where)
    api.delete(where)
    rabbitmq_says(api.said)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"x"', b'{"tracing": true}', b'{"tracing": "maybe"}', b'{"description": 5}', b'{"tags": 5}'], ids=str
)
def test_what_a_virtual_host_is_created_with(scene: Scene, api: Api, rabbitmq_says: RecordedAnswers, content: bytes) -> None:
    where = path("vhosts", scene.name("vhost"))
    api.ask("PUT", where, content)
    api.get(where)
    api.answer("DELETE", where)
    rabbitmq_says(api.said)


def test_a_user_from_creation_to_end(scene: Scene, api: Api, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.name("user")
    where = path("users", name)
    api.get(where)
    api.put(where, {"password": "secret", "tags": "monitoring,own"})
    api.get(where)
    api.put(where, {"password": "other", "tags": "management"})
    api.get(where)
    api.get(where + "/permissions")
    api.get(where + "/topic-permissions")
    api.delete(where)
    api.get(where)
    api.delete(where)
    rabbitmq_says(api.said)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"tags": ""},
        {"password": "x"},
        {"password": "", "tags": ""},
        {"password_hash": "", "tags": ""},
        {"password_hash": "not base64", "tags": ""},
        {"password_hash": "2lmoth8l4H0DViLaK9Fxi6l9ds8=", "tags": "a"},
        {"password_hash": "2lmoth8l4H0DViLaK9Fxi6l9ds8=", "hashing_algorithm": "rabbit_password_hashing_md5", "tags": "a"},
        {"password_hash": "2lmoth8l4H0DViLaK9Fxi6l9ds8=", "hashing_algorithm": "nonsense", "tags": "a"},
        {"password": "x", "password_hash": "eA==", "tags": ""},
        {"password": "x", "tags": ["a", "b"]},
        {"password": "x", "tags": 5},
        {"password": 5, "tags": ""},
    ],
    ids=str,
)
def test_what_a_user_is_created_with(scene: Scene, api: Api, rabbitmq_says: RecordedAnswers, content: Any) -> None:
    where = path("users", scene.name("user"))
    api.put(where, content)
    api.get(where)
    api.answer("DELETE", where)
    rabbitmq_says(api.said)


def test_several_users_are_deleted_at_once(scene: Scene, api: Api, rabbitmq_says: RecordedAnswers) -> None:
    names = [scene.name(stem) for stem in ("ann", "bob")]
    for name in names:
        api.put(path("users", name), {"password": "x", "tags": ""})
    api.post("users/bulk-delete", {"users": names})
    api.post("users/bulk-delete", {})
    for name in names:
        api.get(path("users", name))
    rabbitmq_says(api.said)


def test_permissions(scene: Scene, api: Api, shop: str, ann: str, rabbitmq_says: RecordedAnswers) -> None:
    where = path("permissions", shop, ann)
    api.get(where)
    api.put(where, {"configure": "^a", "write": "", "read": ".*"})
    api.get(where)
    api.get(path("users", ann, "permissions"))
    api.put(where, {"configure": "^a", "write": "b", "read": ".*"})
    api.get(where)
    api.put(where, {"configure": "^a", "write": ""})
    api.put(where, {"configure": "(", "write": "", "read": ""})
    api.put(path("permissions", shop, scene.name("nobody")), EVERYTHING)
    api.put(path("permissions", scene.name("nowhere"), ann), EVERYTHING)
    api.delete(where)
    api.delete(where)
    rabbitmq_says(api.said)


def test_topic_permissions(scene: Scene, api: Api, shop: str, ann: str, rabbitmq_says: RecordedAnswers) -> None:
    where = path("topic-permissions", shop, ann)
    api.get(where)
    api.put(where, {"exchange": "amq.topic", "write": "^a", "read": "^{username}"})
    api.put(where, {"exchange": "other", "write": "^b", "read": ""})
    api.get(path("users", ann, "topic-permissions"))
    api.put(where, {"exchange": "amq.topic", "write": "^a"})
    api.put(where, {"write": "^a", "read": ""})
    api.put(where, {"exchange": "amq.topic", "write": "[", "read": ""})
    api.put(path("topic-permissions", shop, scene.name("nobody")), {"exchange": "x", "write": "", "read": ""})
    api.delete(where)
    api.delete(where)
    api.get(path("users", ann, "topic-permissions"))
    rabbitmq_says(api.said)


def test_an_exchange_from_its_declaration_to_its_end(scene: Scene, api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    where = path("exchanges", shop, "x")
    api.get(where)
    api.put(where, {"type": "topic", "durable": True, "arguments": {"alternate-exchange": "amq.fanout"}})
    api.put(where, {"type": "topic", "durable": True, "arguments": {"alternate-exchange": "amq.fanout"}})
    api.put(where, {"type": "direct"})
    api.get(where)
    api.put(path("exchanges", shop, "inner"), {"type": "fanout", "internal": True, "auto_delete": True, "durable": False})
    api.get(path("exchanges", shop) + "?columns=name,type,durable,internal,auto_delete,arguments,user_who_performed_action,policy")
    api.get(where + "/bindings/source")
    api.get(where + "/bindings/destination")
    api.delete(where)
    api.delete(where)
    rabbitmq_says(api.said)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"type": "x-no-such-type"},
        {"type": "direct", "durable": "true"},
        {"type": "direct", "durable": "maybe"},
        {"type": "direct", "durable": 1},
        {"type": "direct", "arguments": []},
        {"type": "direct", "arguments": "none"},
        {"type": "direct", "arguments": {"alternate-exchange": 5}},
        {"type": "x-consistent-hash", "arguments": {"hash-header": "h"}},
        {"type": "direct", "unknown": 5},
    ],
    ids=str,
)
def test_what_an_exchange_is_declared_with(api: Api, shop: str, rabbitmq_says: RecordedAnswers, content: Any) -> None:
    api.put(path("exchanges", shop, "x"), content)
    api.get(path("exchanges", shop, "x"))
    rabbitmq_says(api.said)


def test_exchanges_that_nobody_may_change(api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    api.put(path("exchanges", shop, "amq.mine"), {"type": "direct"})
    api.put(path("exchanges", shop, "amq.direct"), {"type": "direct"})
    api.put(path("exchanges", shop, "amq.direct"), {"type": "fanout"})
    api.delete(path("exchanges", shop, "amq.direct"))
    api.delete(path("exchanges", shop, "amq.default"))
    api.get(path("exchanges", shop, "amq.default"))
    api.get(path("exchanges", shop, "amq.topic"))
    rabbitmq_says(api.said)


def test_exchanges_that_are_deleted_if_unused(api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    for name in ("used", "unused"):
        api.put(path("exchanges", shop, name), {"type": "direct"})
    api.put(path("queues", shop, "q"))
    api.post(path("bindings", shop, "e", "used", "q", "q"))
    api.delete(path("exchanges", shop, "used") + "?if-unused=true")
    api.delete(path("exchanges", shop, "unused") + "?if-unused=true")
    api.delete(path("queues", shop, "q") + "?if-unused=true&if-empty=true")
    rabbitmq_says(api.said)


@pytest.mark.parametrize(
    "content",
    [
        {"durable": True, "arguments": {"x-max-length": 10, "x-overflow": "reject-publish"}},
        {"durable": False, "auto_delete": True},
        {"durable": True, "arguments": {"x-queue-type": "quorum"}},
        {"durable": True, "arguments": {"x-queue-type": "stream"}},
    ],
    ids=str,
)
def test_a_queue_from_its_declaration_to_its_end(api: Api, shop: str, rabbitmq_says: RecordedAnswers, content: Any) -> None:
    columns = "?columns=name,vhost,type,durable,auto_delete,exclusive,arguments,state,policy,operator_policy,effective_policy_definition"
    where = path("queues", shop, "q")
    api.get(where)
    api.put(where, content)
    api.put(where, content)
    api.put(where, {**content, "arguments": {**content.get("arguments", {}), "x-max-length": 11}})
    api.soon(where + columns, lambda body: "state" in body)
    api.get(where + "/bindings")
    api.delete(where)
    api.delete(where)
    api.get(where)
    rabbitmq_says(api.said)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"durable": "false"},
        {"durable": "maybe"},
        {"durable": 5},
        {"arguments": []},
        {"arguments": 5},
        {"arguments": {"x-message-ttl": -1}},
        {"arguments": {"x-queue-type": "nonsense"}},
        {"durable": False, "arguments": {"x-queue-type": "quorum"}},
        {"exclusive": True},
        {"node": "nowhere@nowhere"},
    ],
    ids=str,
)
def test_what_a_queue_is_declared_with(api: Api, shop: str, rabbitmq_says: RecordedAnswers, content: Any) -> None:
    where = path("queues", shop, "q")
    api.put(where, content)
    api.get(where + "?columns=name,durable,exclusive,auto_delete,arguments")
    rabbitmq_says(api.said)


def test_reserved_names_of_queues(api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    api.put(path("queues", shop, "amq.mine"))
    api.put(path("queues", shop, "x" * 256))
    api.put(path("exchanges", shop, "x" * 256), {"type": "direct"})
    rabbitmq_says(api.said)


def test_all_that_is_told_of_a_queue(scene: Scene, api: Api, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.name("queue")
    where = path("queues", "/", name)
    api.put(where, {"durable": True, "arguments": {"x-max-priority": 3}})
    needed = {"messages"} | ({"backing_queue_status"} if scene.server.kind == "rabbitmq" else set())
    told = api.soon(where, lambda body: needed <= set(body))
    api.delete(where)
    rabbitmq_says({key: value for key, value in scene.plain_json(told).items() if not key.startswith(OF_AN_IMPLEMENTATION)})


def test_a_queue_with_messages_and_a_consumer(scene: Scene, api: Api, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.queue()
    scene.client.send(1, Basic.Qos(prefetch_count=2))
    scene.client.expect(1, Basic.QosOk)
    for body in (b"one", b"two", b"three"):
        scene.client.publish(1, "", name, body)
    scene.ask(Basic.Consume(queue=name, consumer_tag="tag", arguments={"x-priority": 4}))
    keys = "name,exclusive,messages,messages_ready,messages_unacknowledged,consumers,consumer_details"
    where = path("queues", "/", name)
    said = api.soon(where, lambda body: body.get("consumer_details") and body.get("messages_unacknowledged") == 2)
    rabbitmq_says(
        scene.plain_json(
            {key: without(said[key], "channel_details") if key == "consumer_details" else said[key] for key in keys.split(",")}
        )
    )
    rabbitmq_says(sorted(said["consumer_details"][0]["channel_details"]))


def without(items: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in item.items() if key not in keys} for item in items]


def test_bindings(api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    api.put(path("queues", shop, "q"))
    pair = path("bindings", shop, "e", "amq.topic", "q", "q")
    api.post(pair)
    api.post(pair, {"routing_key": "a.b"})
    api.post(pair, {"routing_key": "a.b", "arguments": {"x": 1, "y": "z"}})
    api.post(pair, {"routing_key": "a~b/c %"})
    api.post(pair, {"routing_key": "", "arguments": {"x": True}})
    for binding in api.get(pair):
        api.get(pair + "/" + path(binding["properties_key"]))
    api.post(path("bindings", shop, "e", "amq.topic", "e", "amq.fanout"), {"routing_key": "k"})
    api.get(path("bindings", shop, "e", "amq.topic", "e", "amq.fanout"))
    api.get(path("exchanges", shop, "amq.topic", "bindings", "source"))
    api.get(path("exchanges", shop, "amq.fanout", "bindings", "destination"))
    api.get(path("queues", shop, "q", "bindings"))
    api.delete(pair + "/a.b")
    api.delete(pair + "/a.b")
    api.get(pair + "/a.b")
    api.delete(pair + "/" + path("~nonsense"))
    rabbitmq_says(api.said)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"routing_key": 5}', b'{"arguments": []}', b'{"arguments": 5}', b"{"], ids=str)
def test_what_is_bound_with(api: Api, shop: str, rabbitmq_says: RecordedAnswers, content: bytes) -> None:
    api.put(path("queues", shop, "q"))
    api.ask("POST", path("bindings", shop, "e", "amq.topic", "q", "q"), content)
    api.get(path("bindings", shop, "e", "amq.topic", "q", "q"))
    rabbitmq_says(api.said)


def test_bindings_of_what_is_missing(api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    api.put(path("queues", shop, "q"))
    api.post(path("bindings", shop, "e", "missing", "q", "q"))
    api.post(path("bindings", shop, "e", "amq.topic", "q", "missing"))
    api.post(path("bindings", shop, "e", "amq.topic", "e", "missing"))
    api.post(path("bindings", shop, "e", "amq.default", "q", "q"))
    api.get(path("bindings", shop, "e", "missing", "q", "q"))
    api.get(path("bindings", shop, "e", "amq.default", "q", "q"))
    api.get(path("bindings", shop, "x", "amq.topic", "q", "q"))
    rabbitmq_says(api.said)


@pytest.mark.parametrize("kind", ["policies", "operator-policies"])
def test_policies(api: Api, shop: str, rabbitmq_says: RecordedAnswers, kind: str) -> None:
    where = path(kind, shop, "p")
    api.get(where)
    api.put(where, {"pattern": "^q", "definition": {"max-length": 5, "message-ttl": 60_000}, "priority": 3, "apply-to": "queues"})
    api.get(where)
    api.put(where, {"pattern": "^o", "definition": {"max-length": 6}})
    api.get(path(kind, shop))
    api.delete(where)
    api.delete(where)
    rabbitmq_says(api.said)


@pytest.mark.parametrize("kind", ["policies", "operator-policies"])
@pytest.mark.parametrize(
    "content",
    [
        {},
        {"pattern": "^q"},
        {"pattern": "(", "definition": {"max-length": 5}},
        {"pattern": "^q", "definition": {}},
        {"pattern": "^q", "definition": []},
        {"pattern": "^q", "definition": {"nonsense": 5}},
        {"pattern": "^q", "definition": {"max-length": -5}},
        {"pattern": "^q", "definition": {"max-length": "5"}},
        {"pattern": "^q", "definition": {"overflow": "nonsense"}},
        {"pattern": "^q", "definition": {"max-length": 5}, "apply-to": "nonsense"},
        {"pattern": "^q", "definition": {"max-length": 5}, "priority": "high"},
        {"pattern": 5, "definition": {"max-length": 5}},
        {"pattern": "^q", "definition": {"dead-letter-exchange": "x"}},
        {"pattern": "^q", "definition": {"max-length": 5}, "unknown": 1},
    ],
    ids=str,
)
def test_what_a_policy_is_made_with(api: Api, shop: str, rabbitmq_says: RecordedAnswers, kind: str, content: Any) -> None:
    api.put(path(kind, shop, "p"), content)
    rabbitmq_says(api.said)


def test_what_policies_do_to_a_queue(api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    api.put(path("queues", shop, "q"), {"arguments": {"x-max-length": 100}})
    api.put(path("policies", shop, "p"), {"pattern": "^q", "definition": {"max-length": 50, "message-ttl": 1000}, "apply-to": "queues"})
    api.put(path("policies", shop, "stronger"), {"pattern": "q", "definition": {"max-length": 60, "expires": 90_000}, "priority": 1})
    api.put(path("operator-policies", shop, "o"), {"pattern": ".*", "definition": {"max-length": 40, "expires": 80_000}})
    where = path("queues", shop, "q") + "?columns=policy,operator_policy,effective_policy_definition"
    api.soon(where, lambda body: "operator_policy" in body and body["effective_policy_definition"] != [])
    rabbitmq_says(api.said)


def test_parameters(scene: Scene, api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.name("global")
    api.get(path("parameters", "shovel", shop))
    api.get(path("parameters", "nonsense", shop))
    api.put(path("parameters", "nonsense", shop, "p"), {"value": 5})
    api.put(path("parameters", "shovel", shop, "p"), {"value": {}})
    api.put(path("parameters", "shovel", shop, "p"), {})
    api.get(path("parameters", "shovel", shop, "p"))
    api.delete(path("parameters", "shovel", shop, "p"))
    where = path("global-parameters", name)
    api.get(where)
    api.put(where, {"value": {"a": [1, "b", None, True]}})
    api.get(where)
    api.put(where, {"value": 5})
    api.put(where, {})
    api.get(where)
    api.delete(where)
    api.delete(where)
    rabbitmq_says(api.said)


def test_limits_of_virtual_hosts(scene: Scene, api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    api.get(path("vhost-limits", shop))
    api.put(path("vhost-limits", shop, "max-queues"), {"value": 1})
    api.put(path("vhost-limits", shop, "max-connections"), {"value": -1})
    api.put(path("vhost-limits", shop, "nonsense"), {"value": 1})
    api.put(path("vhost-limits", shop, "max-queues"), {"value": "1"})
    api.put(path("vhost-limits", shop, "max-queues"), {})
    api.put(path("vhost-limits", scene.name("nowhere"), "max-queues"), {"value": 1})
    api.get(path("vhost-limits", shop))
    api.put(path("queues", shop, "one"))
    api.put(path("queues", shop, "two"))
    api.delete(path("vhost-limits", shop, "max-queues"))
    api.delete(path("vhost-limits", shop, "max-queues"))
    api.get(path("vhost-limits", shop))
    rabbitmq_says(api.said)


def test_limits_of_users(scene: Scene, api: Api, ann: str, rabbitmq_says: RecordedAnswers) -> None:
    api.get(path("user-limits", ann))
    api.put(path("user-limits", ann, "max-channels"), {"value": 5})
    api.put(path("user-limits", ann, "max-connections"), {"value": -1})
    api.put(path("user-limits", ann, "nonsense"), {"value": 1})
    api.put(path("user-limits", ann, "max-channels"), {"value": "1"})
    api.put(path("user-limits", scene.name("nobody"), "max-channels"), {"value": 1})
    api.get(path("user-limits", ann))
    api.delete(path("user-limits", ann, "max-channels"))
    api.get(path("user-limits", ann))
    rabbitmq_says(api.said)


PUBLISHED = {"properties": {}, "routing_key": "q", "payload": "hello", "payload_encoding": "string"}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"routing_key": "missing"},
        {"payload": "aGVsbG8=", "payload_encoding": "base64"},
        {"payload": "/wA=", "payload_encoding": "base64"},
        {"payload": "not base64!", "payload_encoding": "base64"},
        {"payload_encoding": "nonsense"},
        {"payload": 5},
        {"properties": {"delivery_mode": 2, "priority": 3, "headers": {"a": 1, "b": "c", "d": [True, 1.5, None]}, "content_type": "t"}},
        {"properties": {"message_id": "m", "timestamp": 1700000000, "type": "t", "app_id": "a", "user_id": "guest", "cluster_id": "c"}},
        {"properties": {"correlation_id": "x", "reply_to": "y", "expiration": "60000", "content_encoding": "z"}},
        {"properties": {"user_id": "other"}},
        {"properties": {"expiration": "soon"}},
        {"properties": {"delivery_mode": "two"}},
        {"properties": {"unknown": 5}},
        {"properties": {"headers": []}},
        {"properties": 5},
        {"properties": None},
        {"routing_key": None},
        {"payload_encoding": None},
    ],
    ids=str,
)
def test_what_is_published_and_got(api: Api, shop: str, rabbitmq_says: RecordedAnswers, changed: dict[str, Any]) -> None:
    api.answer("PUT", path("permissions", shop, "guest"), EVERYTHING)
    api.put(path("queues", shop, "q"))
    content = {key: value for key, value in {**PUBLISHED, **changed}.items() if value is not None}
    api.post(path("exchanges", shop, "amq.default", "publish"), content)
    got = {"count": 5, "ackmode": "ack_requeue_false", "encoding": "auto"}
    if "delivery_mode" not in str(changed) or changed["properties"]["delivery_mode"] != "two":
        api.post(path("queues", shop, "q", "get"), got)
    rabbitmq_says(api.said)


@pytest.mark.parametrize("mode", ["ack_requeue_true", "ack_requeue_false", "reject_requeue_true", "reject_requeue_false", "nonsense"])
def test_ways_of_getting(api: Api, shop: str, rabbitmq_says: RecordedAnswers, mode: str) -> None:
    api.put(path("queues", shop, "q"))
    for body in ("one", "two", "three"):
        api.post(path("exchanges", shop, "amq.default", "publish"), {**PUBLISHED, "payload": body})
    where = path("queues", shop, "q", "get")
    api.post(where, {"count": 2, "ackmode": mode, "encoding": "auto"})
    api.post(where, {"count": 9, "ackmode": "ack_requeue_false", "encoding": "auto"})
    api.post(where, {"count": 9, "ackmode": "ack_requeue_false", "encoding": "auto"})
    rabbitmq_says(api.said)


@pytest.mark.parametrize(
    "changed",
    [
        {"count": None},
        {"count": "2"},
        {"count": -1},
        {"count": 0},
        {"count": "two"},
        {"ackmode": None},
        {"encoding": None},
        {"encoding": "base64"},
        {"encoding": "nonsense"},
        {"truncate": 2},
        {"truncate": "2"},
        {"truncate": "two"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_what_getting_takes(api: Api, shop: str, rabbitmq_says: RecordedAnswers, changed: dict[str, Any]) -> None:
    api.put(path("queues", shop, "q"))
    api.post(path("exchanges", shop, "amq.default", "publish"), PUBLISHED)
    content = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto", **changed}
    api.post(path("queues", shop, "q", "get"), {key: value for key, value in content.items() if value is not None})
    rabbitmq_says(api.said)


def test_purging(api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    api.put(path("queues", shop, "q"))
    api.post(path("exchanges", shop, "amq.default", "publish"), PUBLISHED)
    api.delete(path("queues", shop, "q", "contents"))
    api.post(path("queues", shop, "q", "get"), {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"})
    api.delete(path("queues", shop, "missing", "contents"))
    api.get(path("queues", shop, "q", "contents"))
    api.post(path("queues", shop, "q", "actions"), {"action": "nonsense"})
    api.post(path("exchanges", shop, "missing", "publish"), PUBLISHED)
    api.post(path("queues", shop, "missing", "get"), {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"})
    rabbitmq_says(api.said)


def test_definitions_of_a_virtual_host(api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    document = {
        "queues": [{"name": "q", "durable": True, "auto_delete": False, "arguments": {"x-max-length": 5}}],
        "exchanges": [{"name": "x", "type": "topic", "durable": True, "auto_delete": False, "internal": False, "arguments": {}}],
        "bindings": [{"source": "x", "destination": "q", "destination_type": "queue", "routing_key": "a.#", "arguments": {}}],
        "policies": [{"name": "p", "pattern": "^q", "apply-to": "queues", "definition": {"max-length": 4}, "priority": 1}],
    }
    where = path("definitions", shop)
    api.post(where, document)
    api.get(where)
    api.get(path("exchanges", shop, "x") + "?columns=name,type,durable")
    rabbitmq_says(api.said)


def test_definitions_that_are_not_taken(scene: Scene, api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    where = path("definitions", shop)
    api.ask("POST", where, b"{")
    api.ask("POST", where, b"[]")
    api.ask("POST", where, {"nonsense": 5})
    api.ask("POST", path("definitions", scene.name("nowhere")), {})
    api.ask("GET", path("definitions", scene.name("nowhere")))
    api.ask("PUT", where, {})
    rabbitmq_says(api.said)


def test_who_brings_a_virtual_host_may_use_it(scene: Scene, api: Api, rabbitmq_says: RecordedAnswers) -> None:
    open_one, shut = scene.name("open"), scene.name("shut")
    permissions = [{"user": "guest", "vhost": shut, "configure": "", "write": "", "read": ""}]
    api.ask("POST", "definitions", {"vhosts": [{"name": open_one}, {"name": shut}], "permissions": permissions})
    for name in (open_one, shut):
        api.get(path("vhosts", name, "permissions"))
        api.delete(path("vhosts", name))
    rabbitmq_says(api.said)


def test_the_sections_of_all_definitions(api: Api, shop: str, rabbitmq_says: RecordedAnswers) -> None:
    _, _, document = api.answer("GET", "definitions")
    users = [user for user in document["users"] if user["name"] == "guest"]
    rabbitmq_says([sorted(document), sorted(users[0]), sorted(document["vhosts"][0]), sorted(document["permissions"][0])])


def test_who_am_i(api: Api, ann: str, rabbitmq_says: RecordedAnswers) -> None:
    api.get("whoami")
    api.user = (ann, "secret")
    api.get("whoami")
    rabbitmq_says(api.said)


@pytest.mark.parametrize("tags", ["", "management", "policymaker", "monitoring", "administrator"])
def test_what_tags_let_a_user_see(scene: Scene, api: Api, shop: str, ann: str, rabbitmq_says: RecordedAnswers, tags: str) -> None:
    api.answer("PUT", path("users", ann), {"password": "secret", "tags": tags})
    api.user = (ann, "secret")
    asked = ["overview", "nodes", "users", "whoami", "vhosts", "connections", "policies", "definitions", "permissions", "global-parameters"]
    asked += [path(kind, shop) for kind in ("queues", "exchanges", "bindings", "policies", "vhosts", "vhost-limits")]
    asked += [path("queues", shop, "q"), path("aliveness-test", shop), "nonsense"]
    said = []
    for where in asked:
        status, _, body = api.answer("GET", where)
        refusal = body if status >= 400 else "<answer>"
        said.append([scene.plain_json(urllib.parse.unquote(where)), status, scene.plain_json(refusal)])
    rabbitmq_says(said)


def test_a_user_who_may_not_do_it(scene: Scene, api: Api, shop: str, ann: str, rabbitmq_says: RecordedAnswers) -> None:
    api.answer("PUT", path("users", ann), {"password": "secret", "tags": "management"})
    api.answer("PUT", path("permissions", shop, ann), {"configure": "^mine", "write": "^mine", "read": "^mine"})
    api.answer("PUT", path("queues", shop, "q"), {})
    api.user = (ann, "secret")
    api.put(path("queues", shop, "mine"))
    api.put(path("queues", shop, "other"))
    api.put(path("exchanges", shop, "other"), {"type": "direct"})
    api.delete(path("queues", shop, "q"))
    api.delete(path("queues", shop, "q", "contents"))
    api.post(path("bindings", shop, "e", "amq.topic", "q", "mine"))
    api.post(path("exchanges", shop, "amq.topic", "publish"), PUBLISHED)
    api.post(path("queues", shop, "q", "get"), {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"})
    api.put(path("policies", shop, "p"), {"pattern": "", "definition": {"max-length": 1}})
    api.put(path("vhosts", scene.name("vhost")))
    api.put(path("users", scene.name("user")), {"password": "x", "tags": ""})
    rabbitmq_says(api.said)


@pytest.mark.parametrize("credentials", [("", ""), ("guest", "wrong"), ("nobody", "x"), ("guest", "")], ids=str)
def test_callers_who_are_not_let_in(api: Api, rabbitmq_says: RecordedAnswers, credentials: tuple[str, str]) -> None:
    api.user = credentials
    api.get("whoami")
    api.get("vhosts/nowhere")
    api.delete("whoami")
    api.get("nonsense")
    rabbitmq_says(api.said)


CALLS_THAT_LEAD_NOWHERE = """
POST overview
DELETE nodes
PUT whoami
PATCH queues
POST vhosts/%2F
POST users
PUT queues/%2F
DELETE bindings/%2F
GET exchanges/%2F/x/publish
POST queues/%2F/x
HEAD whoami
OPTIONS whoami
POST nonsense
GET queues/nowhere
GET queues/%2F/missing
GET exchanges/nowhere/x
GET channels/missing
GET connections/missing
DELETE connections/missing
GET nodes/missing
GET users/missing
GET policies/nowhere
GET parameters/missing
GET consumers/nowhere
GET bindings/nowhere
GET vhosts/nowhere/connections
GET vhosts/nowhere/permissions
GET health/checks/nonsense
""".strip().splitlines()


@pytest.mark.parametrize("call", CALLS_THAT_LEAD_NOWHERE)
def test_calls_that_lead_nowhere(api: Api, rabbitmq_says: RecordedAnswers, call: str) -> None:
    method, where = call.split(" ")
    api.ask(method, where)
    rabbitmq_says(api.said)


@pytest.mark.parametrize("name", ["aliveness-test/%2F", "aliveness-test/nowhere", "health/checks/alarms", "health/checks/local-alarms"])
def test_whether_it_is_alive(api: Api, rabbitmq_says: RecordedAnswers, name: str) -> None:
    api.get(name)
    rabbitmq_says(api.said)


HEALTH_CHECKS = [
    "node-is-mirror-sync-critical",
    "node-is-quorum-critical",
    "virtual-hosts",
    "port-listener/1",
    "port-listener/none",
    "certificate-expiration/1/days",
    "certificate-expiration/1/nonsense",
    "certificate-expiration/x/days",
    "protocol-listener/amqp",
    "protocol-listener/nonsense",
]


@pytest.mark.parametrize("name", HEALTH_CHECKS)
def test_health_checks(api: Api, rabbitmq_says: RecordedAnswers, name: str) -> None:
    status, _, body = api.answer("GET", f"health/checks/{name}")
    if isinstance(body, dict):
        # Which ports and protocols there are is the matter of each server.
        body = {key: value if key in ("status", "reason", "error", "missing") else "<list>" for key, value in body.items()}
    rabbitmq_says([status, body])


@pytest.mark.parametrize(
    "query",
    [
        "sort=name",
        "sort=name&sort_reverse=true",
        "sort=arguments.x-max-length",
        "sort=nonsense",
        "page=1&page_size=2",
        "page=2&page_size=2",
        "page=3&page_size=2",
        "page=9&page_size=2",
        "page=0",
        "page=one",
        "page=1&page_size=501",
        "page=1&page_size=0",
        "page=1",
        "page=1&name=b",
        "page=1&name=^(a|c)&use_regex=true",
        "page=1&name=^a&use_regex=false",
        "page=1&name=(&use_regex=true",
        "page=1&page_size=2&sort=name&sort_reverse=true",
        "page=1&columns=name,arguments.x-max-length",
        "columns=nonsense",
        "columns=",
    ],
)
def test_lists_that_are_arranged(api: Api, shop: str, rabbitmq_says: RecordedAnswers, query: str) -> None:
    for number, name in enumerate(("abc", "b", "cab", "d")):
        api.answer("PUT", path("queues", shop, name), {"arguments": {"x-max-length": 10 - number}})
    columns = "" if "columns" in query else "&columns=name"
    api.get(f"{path('queues', shop)}?{query.replace('^', '%5E').replace('|', '%7C')}{columns}")
    rabbitmq_says(api.said)


def keys(value: Any) -> Any:
    """The keys inside, recursively; lists by their first item."""
    if isinstance(value, dict):
        return {key: keys(each) for key, each in value.items()}
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    return "nothing" if value in ("", None) else type(value).__name__


def test_all_that_is_told_of_a_connection_and_its_channel(scene: Scene, api: Api, rabbitmq_says: RecordedAnswers) -> None:
    client = scene.connect()
    client.open_channel()
    port = client.socket.getsockname()[1]

    def name() -> str:
        _, _, connections = api.answer("GET", "connections?columns=name,state")
        return next((each["name"] for each in connections if f":{port} ->" in each["name"] and "state" in each), "")

    mine = eventually(name)
    connection = api.answer("GET", path("connections", mine))[2]
    channel_path = path("channels", f"{mine} (1)")
    connection = {key: value for key, value in connection.items() if not key.startswith(OF_AN_IMPLEMENTATION)}
    rabbitmq_says(keys({**connection, "client_properties": {}}))
    channel = api.soon(channel_path, lambda body: isinstance(body, dict) and "state" in body and "idle_since" in body)
    rabbitmq_says(keys({key: value for key, value in channel.items() if not key.startswith(OF_AN_IMPLEMENTATION)}))


def test_lists_of_the_server_itself(api: Api, rabbitmq_says: RecordedAnswers) -> None:
    for where in ("extensions", "federation-links", "auth/attempts/nonsense"):
        api.get(where)
    api.put("cluster-name", {})
    rabbitmq_says(api.said)
