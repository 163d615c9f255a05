"""What is declared, bound and deleted in a virtual host, and what of it outlives the server."""

from collections.abc import Callable
from pathlib import Path

import pytest

from message_queues.broker.queues.bindings import EXCHANGE, QUEUE, Binding
from message_queues.broker.queues.declarations import ExchangeSpec, QueueSpec
from message_queues.broker.queues.virtual_host import REFUSED, ROUTED, UNROUTABLE
from message_queues.errors import (
    AccessRefused,
    ExchangeNotFound,
    InternalFailure,
    MessageQueuesError,
    PreconditionFailed,
    QueueNotFound,
    ResourceLocked,
)
from message_queues.records.field_table import Byte, FieldTable
from tests.broker.queues.broker_world import PERSISTENT, BrokerWorld

CONNECTION, ANOTHER = object(), object()


@pytest.fixture
def world(tmp_path: Path) -> BrokerWorld:
    return BrokerWorld(tmp_path)


def refusal(call: Callable[[], object], kind: type[MessageQueuesError]) -> str:
    with pytest.raises(kind) as refused:
        call()
    return str(refused.value)


def test_a_new_virtual_host_has_the_exchanges_of_amqp(world: BrokerWorld) -> None:
    kinds = {name: exchange.kind for name, exchange in world.host.exchanges.items()}
    assert kinds["amq.topic"] == "topic"
    assert kinds["amq.match"] == "headers"
    assert kinds[""] == "direct"


def test_the_default_exchange_reaches_every_queue_by_its_name(world: BrokerWorld) -> None:
    world.host.declare_queue(QueueSpec("orders"), None)
    assert world.publish("", "orders") == ROUTED
    assert world.publish("", "nobody") == UNROUTABLE
    assert world.bodies("orders") == [b"body"]


def test_a_full_queue_that_refuses_is_told_to_the_publisher(world: BrokerWorld) -> None:
    world.host.declare_queue(QueueSpec("small", arguments={"x-max-length": 1, "x-overflow": "reject-publish"}), None)
    assert [world.publish("", "small"), world.publish("", "small")] == [ROUTED, ROUTED | REFUSED]


def test_what_is_durable_outlives_a_crash_and_what_is_not_does_not(world: BrokerWorld) -> None:
    host = world.host
    host.declare_exchange(ExchangeSpec("kept", "topic"))
    host.declare_exchange(ExchangeSpec("lost", "topic", is_durable=False))
    host.declare_queue(QueueSpec("kept", arguments={"x-max-length": Byte(5)}), None)
    host.declare_queue(QueueSpec("mine", is_durable=False, is_exclusive=True), CONNECTION)
    for source, queue in (("kept", "kept"), ("lost", "kept"), ("kept", "mine")):
        host.bind(Binding(source, queue, QUEUE, "a.#"), CONNECTION)
    world.publish("kept", "a.b", b"stays", PERSISTENT)
    world.publish("kept", "a.b", b"goes")
    world.turn()
    world.crash()
    host = world.host
    assert set(host.queues) == {"kept"}
    assert "kept" in host.exchanges
    assert "lost" not in host.exchanges
    assert list(host.bindings) == [Binding("kept", "kept", QUEUE, "a.#")]
    assert host.queues["kept"].arguments == {"x-max-length": 5, "x-queue-type": "classic"}
    assert type(host.queues["kept"].arguments["x-max-length"]) is Byte
    assert world.bodies("kept") == [b"stays"]


def test_a_snapshot_holds_the_whole_topology(world: BrokerWorld) -> None:
    world.host.declare_exchange(ExchangeSpec("orders", "topic"))
    world.host.declare_queue(QueueSpec("all"), None)
    world.host.bind(Binding("orders", "all", QUEUE, "#", {"why": "so"}))
    world.broker.virtual_hosts.put("other", description="another", tags=["a"])
    world.restart()
    world.restart()
    assert list(world.host.bindings) == [Binding("orders", "all", QUEUE, "#", {"why": "so"})]
    assert world.broker.virtual_hosts["other"].tags == ("a",)


def test_files_of_a_deleted_queue_go(world: BrokerWorld) -> None:
    queue = world.host.declare_queue(QueueSpec("gone"), None)
    for _ in range(30):
        world.publish("", "gone", properties=PERSISTENT)
    world.turn()
    place = world.directory / "queues" / queue.queue_id.hex()
    assert place.exists()
    assert world.host.delete_queue("gone") == 30
    world.turn()
    assert not place.exists()
    assert world.host.delete_queue("gone") == 0


def test_files_that_a_crash_left_of_a_deleted_queue_go_with_the_next_start(world: BrokerWorld) -> None:
    left = world.directory / "queues" / ("ab" * 16)
    left.mkdir()
    world.turn()
    world.restart()
    assert not left.exists()


def test_an_exclusive_queue_is_its_connections_alone_and_goes_with_it(world: BrokerWorld) -> None:
    world.host.declare_queue(QueueSpec("mine", is_exclusive=True), CONNECTION)
    said = refusal(lambda: world.host.queue("mine", ANOTHER), ResourceLocked)
    assert said.startswith("cannot obtain exclusive access to locked queue 'mine' in vhost '/'. It could be originally declared on another")
    world.host.connection_closed(ANOTHER)
    assert "mine" in world.host.queues
    world.host.connection_closed(CONNECTION)
    assert "mine" not in world.host.queues


def test_auto_delete_exchanges_go_with_their_last_binding_and_stay_gone(world: BrokerWorld) -> None:
    host = world.host
    host.declare_exchange(ExchangeSpec("passing", "fanout", is_auto_delete=True))
    host.declare_exchange(ExchangeSpec("chained", "fanout", is_auto_delete=True))
    host.declare_queue(QueueSpec("queue"), None)
    host.bind(Binding("chained", "passing", EXCHANGE, ""))
    host.bind(Binding("passing", "queue", QUEUE, ""))
    host.delete_queue("queue")
    assert "passing" not in host.exchanges
    assert "chained" not in host.exchanges
    world.restart()
    assert "passing" not in world.host.exchanges


def test_a_queue_that_nobody_uses_expires(world: BrokerWorld) -> None:
    world.host.declare_queue(QueueSpec("idle", arguments={"x-expires": 1000}), None)
    world.pass_time(999)
    assert "idle" in world.host.queues
    world.pass_time(1)
    assert "idle" not in world.host.queues
    world.crash()
    assert "idle" not in world.host.queues


def test_dead_letters_travel_between_queues(world: BrokerWorld) -> None:
    world.host.declare_queue(QueueSpec("dead"), None)
    world.host.declare_queue(
        QueueSpec("work", arguments={"x-message-ttl": 50, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}), None
    )
    world.publish("", "work", b"late", PERSISTENT)
    world.turn()
    world.pass_time(50)
    assert world.bodies("dead") == [b"late"]


def test_what_cannot_be_declared(world: BrokerWorld) -> None:
    host = world.host
    assert refusal(lambda: host.declare_exchange(ExchangeSpec("x", "odd")), PreconditionFailed) == "unknown exchange type 'odd'"
    assert "contains reserved prefix 'amq.*'" in refusal(lambda: host.declare_exchange(ExchangeSpec("amq.x")), AccessRefused)
    assert "contains reserved prefix 'amq.*'" in refusal(lambda: host.declare_queue(QueueSpec("amq.q"), None), AccessRefused)
    quorum: FieldTable = {"x-queue-type": "quorum"}
    for spec, what in (
        (QueueSpec("q", is_exclusive=True, arguments=quorum), "exclusive-owner"),
        (QueueSpec("q", is_auto_delete=True, arguments=quorum), "auto-delete"),
    ):
        said = refusal(lambda spec=spec: host.declare_queue(spec, CONNECTION), PreconditionFailed)  # type: ignore[misc]
        assert said == f"invalid property '{what}' for queue 'q' in vhost '/'"


def test_transient_queues_are_refused_since_4_3_alone(tmp_path: Path) -> None:
    newest, older = BrokerWorld(tmp_path / "4.3"), BrokerWorld(tmp_path / "4.2", "4.2")
    said = refusal(lambda: newest.host.declare_queue(QueueSpec("q", is_durable=False), None), InternalFailure)
    assert said.startswith("Feature `transient_nonexcl_queues` is deprecated.")
    assert not older.host.declare_queue(QueueSpec("q", is_durable=False), None).is_durable
    quorum = QueueSpec("quorum", is_durable=False, arguments={"x-queue-type": "quorum"})
    said = refusal(lambda: older.host.declare_queue(quorum, None), PreconditionFailed)
    assert said == "invalid property 'non-durable' for queue 'quorum' in vhost '/'"


def test_what_is_declared_again_must_be_the_same(world: BrokerWorld) -> None:
    host = world.host
    host.declare_exchange(ExchangeSpec("x", "topic"))
    host.declare_queue(QueueSpec("q", arguments={"x-max-length": 10}), None)
    assert refusal(lambda: host.declare_exchange(ExchangeSpec("x", "direct")), PreconditionFailed) == (
        "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'direct' but current is 'topic'"
    )
    assert refusal(lambda: host.declare_queue(QueueSpec("q"), None), PreconditionFailed) == (
        "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received none but current is the value '10' of type 'signedint'"
    )
    assert host.declare_queue(QueueSpec("q", arguments={"x-max-length": Byte(10)}), None) is host.queues["q"]
    assert "received 'true' but current is 'false'" in refusal(
        lambda: host.declare_queue(QueueSpec("q", is_auto_delete=True, arguments={"x-max-length": 10}), None), PreconditionFailed
    )


def test_deleting_asks_for_what_it_was_told_to_ask(world: BrokerWorld) -> None:
    host = world.host
    host.declare_exchange(ExchangeSpec("x", "fanout"))
    host.declare_queue(QueueSpec("q"), None)
    host.bind(Binding("x", "q", QUEUE, ""))
    world.publish("", "q")
    assert refusal(lambda: host.delete_exchange("x", if_unused=True), PreconditionFailed) == "exchange 'x' in vhost '/' in use"
    assert refusal(lambda: host.delete_queue("q", if_empty=True), PreconditionFailed) == "queue 'q' in vhost '/' not empty"
    assert host.purge_queue("q") == 1
    host.delete_queue("q", if_empty=True)
    host.delete_exchange("x", if_unused=True)
    assert refusal(lambda: host.exchange("x"), ExchangeNotFound) == "no exchange 'x' in vhost '/'"
    assert refusal(lambda: host.queue("q", None), QueueNotFound) == "no queue 'q' in vhost '/'"


def test_the_default_exchange_cannot_be_bound(world: BrokerWorld) -> None:
    world.host.declare_queue(QueueSpec("q"), None)
    for call in (world.host.bind, world.host.unbind):
        said = refusal(lambda call=call: call(Binding("", "q", QUEUE, "q")), AccessRefused)  # type: ignore[misc]
        assert said == "operation not permitted on the default exchange"


def test_a_virtual_host_takes_no_more_queues_than_its_limit(world: BrokerWorld) -> None:
    world.broker.virtual_hosts.set_limit("/", "max-queues", 1)
    world.host.declare_queue(QueueSpec("one"), None)
    said = refusal(lambda: world.host.declare_queue(QueueSpec("two"), None), PreconditionFailed)
    assert said == "cannot declare queue 'two': queue limit in vhost '/' (1) is reached"
    world.broker.virtual_hosts.clear_limit("/", "max-queues")
    world.host.declare_queue(QueueSpec("two"), None)


def test_the_default_type_is_that_of_the_virtual_host_where_it_can_be(world: BrokerWorld) -> None:
    world.broker.virtual_hosts.put("/", default_queue_type="quorum")
    assert world.host.declare_queue(QueueSpec("q"), None).kind == "quorum"
    assert world.host.declare_queue(QueueSpec("mine", is_exclusive=True), CONNECTION).kind == "classic"


def test_a_policy_governs_queues_and_exchanges_at_once_and_after_a_restart(world: BrokerWorld) -> None:
    host = world.host
    host.declare_queue(QueueSpec("q", arguments={"x-max-length": 5}), None)
    host.declare_exchange(ExchangeSpec("x"))
    for _ in range(4):
        world.publish("", "q")
    world.broker.virtual_hosts.set_policy("/", "short", {"pattern": "^q$", "definition": {"max-length": 2}})
    world.broker.virtual_hosts.set_policy("/", "alternate", {"pattern": "^x$", "definition": {"alternate-exchange": "amq.fanout"}})
    assert host.queues["q"].message_count == 2
    assert host.exchanges["x"].alternate_exchange == "amq.fanout"
    assert host.policies_of(host.queues["q"]).policy == "short"
    world.restart()
    assert world.host.queues["q"].settings.max_length == 2
    assert world.host.exchanges["x"].policy == "alternate"
    world.broker.virtual_hosts.clear_policy("/", "short")
    assert world.host.queues["q"].settings.max_length == 5


def test_an_exclusive_queue_is_never_durable(world: BrokerWorld) -> None:
    queue = world.host.declare_queue(QueueSpec("mine", is_durable=True, is_exclusive=True), CONNECTION)
    assert not queue.is_durable
    assert world.host.declare_queue(QueueSpec("mine", is_durable=False, is_exclusive=True), CONNECTION) is queue


def test_the_default_type_of_a_virtual_host_is_an_argument_of_its_queues(tmp_path: Path) -> None:
    for release, of_plain, of_exclusive in (
        ("3.10", {"x-queue-type": "quorum"}, {}),
        ("3.13", {"x-queue-type": "quorum"}, {"x-queue-type": "classic"}),
        ("4.3", {"x-queue-type": "quorum"}, {"x-queue-type": "classic"}),
    ):
        world = BrokerWorld(tmp_path / release, release)
        world.broker.virtual_hosts.put("/", default_queue_type="quorum")
        assert world.host.declare_queue(QueueSpec("plain"), None).arguments == of_plain
        assert world.host.declare_queue(QueueSpec("mine", is_exclusive=True), CONNECTION).arguments == of_exclusive
        assert (world.host.queues["plain"].kind, world.host.queues["mine"].kind) == ("quorum", "classic")


def test_only_classic_queues_are_named_by_the_server(world: BrokerWorld) -> None:
    spec = QueueSpec("amq.gen-1", arguments={"x-queue-type": "quorum"}, is_named_by_server=True)
    said = refusal(lambda: world.host.declare_queue(spec, None), PreconditionFailed)
    assert said == "Cannot declare a server-named queue for type rabbit_quorum_queue"


def test_a_name_of_the_server_is_not_declared_by_a_client(world: BrokerWorld) -> None:
    world.host.declare_queue(QueueSpec("amq.gen-1", is_named_by_server=True), None)
    assert "contains reserved prefix 'amq.*'" in refusal(lambda: world.host.declare_queue(QueueSpec("amq.gen-1"), None), AccessRefused)
