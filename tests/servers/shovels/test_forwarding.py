from message_queues.broker.queues.shovel_parameters import shovel_definition
from message_queues.records.properties import Properties, read_properties, write_properties
from message_queues.servers.shovels.ends import Shovelled
from message_queues.servers.shovels.forwarding import Forwarding

QUEUES: dict[str, object] = {"src-uri": "amqp://", "src-queue": "from", "dest-uri": "amqp://", "dest-queue": "to"}


def forwarded(changes: dict[str, object], properties: Properties | None = None, *, without: str = "dest-queue") -> Shovelled:
    value = {key: item for key, item in (QUEUES | changes).items() if key != without or key in changes}
    forwarding = Forwarding(shovel_definition("v", "s", value), "cluster", "amqp://a", "amqp://b")
    return forwarding.changed(Shovelled(1, "x", "k", write_properties(properties or Properties()), b"body"), 5_000_123)


def place(message: Shovelled) -> tuple[str, str]:
    return message.exchange, message.routing_key


def test_a_message_goes_where_it_went_at_its_source_unless_told_otherwise() -> None:
    assert place(forwarded({})) == ("x", "k")
    assert place(forwarded({"dest-exchange": "y"})) == ("y", "k")
    assert place(forwarded({"dest-exchange-key": "l"})) == ("x", "l")
    assert place(forwarded({"dest-queue": "to"})) == ("", "to")


def test_everything_else_stays_as_it_was() -> None:
    message = forwarded({}, Properties(headers={"f": 1.5}, priority=3))
    assert message.properties == write_properties(Properties(headers={"f": 1.5}, priority=3))
    assert (message.tag, message.body) == (1, b"body")


def test_properties_can_be_set() -> None:
    message = forwarded({"dest-publish-properties": {"delivery_mode": 2.0, "app_id": "s", "timestamp": 7}}, Properties(priority=3))
    assert read_properties(message.properties) == Properties(priority=3, delivery_mode=2, app_id="s", timestamp=7)


def test_the_way_is_told_in_a_header_the_latest_first() -> None:
    message = forwarded({"dest-add-forward-headers": True}, Properties(headers={"x-shovelled": [{"shovel-name": "before"}], "a": 1}))
    headers = read_properties(message.properties).headers or {}
    assert headers["a"] == 1
    assert headers["x-shovelled"] == [
        {
            "shovelled-by": "cluster",
            "shovel-type": "dynamic",
            "shovel-name": "s",
            "shovel-vhost": "v",
            "src-uri": "amqp://a",
            "dest-uri": "amqp://b",
            "src-queue": "from",
        },
        {"shovel-name": "before"},
    ]


def test_the_way_names_exchanges_too() -> None:
    changes: dict[str, object] = {"src-exchange": "e", "dest-exchange": "y", "dest-exchange-key": "l", "add-forward-headers": True}
    value = {"src-uri": "amqp://", "dest-uri": "amqp://"} | changes
    forwarding = Forwarding(shovel_definition("v", "s", value), "cluster", "a", "b")
    message = forwarding.changed(Shovelled(1, "x", "k", write_properties(Properties()), b""), 0)
    passed = (read_properties(message.properties).headers or {})["x-shovelled"]
    assert isinstance(passed, list)
    told = passed[0]
    assert isinstance(told, dict)
    assert [told.get(key) for key in ("src-exchange", "src-exchange-key", "src-queue")] == ["e", "", None]
    assert [told.get(key) for key in ("dest-exchange", "dest-exchange-key", "dest-queue")] == ["y", "l", None]


def test_the_time_is_told_in_seconds() -> None:
    message = forwarded({"dest-add-timestamp-header": True})
    assert read_properties(message.properties).headers == {"x-shovelled-timestamp": 5_000}
