import base64

import pytest

from tests.servers.management.management_api import Api, with_management

MESSAGE = {"routing_key": "q", "properties": {}, "payload": "hello", "payload_encoding": "string"}
TO_DEFAULT = "/api/exchanges/%2F/amq.default/publish"
GET = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}


def with_queue(api: Api) -> None:
    api.put("/api/queues/%2F/q", {"durable": True})


def test_a_message_is_published_and_looked_at() -> None:
    def scenario(api: Api) -> None:
        with_queue(api)
        assert api.post(TO_DEFAULT, MESSAGE).json == {"routed": True}
        assert api.messages("q") == [
            {
                "payload_bytes": 5,
                "redelivered": False,
                "exchange": "",
                "routing_key": "q",
                "message_count": 0,
                "properties": [],
                "payload": "hello",
                "payload_encoding": "string",
            }
        ]
        assert api.messages("q")[0]["redelivered"] is True

    with_management(scenario)


def test_a_message_that_no_queue_takes_says_so() -> None:
    def scenario(api: Api) -> None:
        assert api.publish("none", "x").json == {"routed": False}
        assert api.get("/api/overview").json["message_stats"]["return_unroutable"] == 1

    with_management(scenario)


def test_properties_come_back_as_they_were() -> None:
    properties = {
        "content_type": "text/plain",
        "content_encoding": "utf-8",
        "headers": {"h": 1, "l": ["a", 2.5], "t": {"k": True}},
        "delivery_mode": 2,
        "priority": 3,
        "correlation_id": "c",
        "reply_to": "r",
        "expiration": "60000",
        "message_id": "m",
        "timestamp": 123,
        "type": "t",
        "user_id": "guest",
        "app_id": "a",
        "cluster_id": "i",
    }

    def scenario(api: Api) -> None:
        with_queue(api)
        assert api.post(TO_DEFAULT, MESSAGE | {"properties": properties}).json == {"routed": True}
        assert api.messages("q")[0]["properties"] == properties

    with_management(scenario)


def test_bytes_travel_as_base64() -> None:
    encoded = base64.b64encode(b"\xff\xfe").decode()

    def scenario(api: Api) -> None:
        with_queue(api)
        api.post(TO_DEFAULT, MESSAGE | {"payload": encoded, "payload_encoding": "base64"})
        api.post(TO_DEFAULT, MESSAGE)
        assert [(each["payload"], each["payload_encoding"]) for each in api.messages("q")] == [(encoded, "base64"), ("hello", "string")]
        assert [each["payload"] for each in api.messages("q", encoding="base64")] == [encoded, base64.b64encode(b"hello").decode()]

    with_management(scenario)


def test_long_payloads_are_cut_on_request() -> None:
    def scenario(api: Api) -> None:
        with_queue(api)
        api.publish("q", "hello")
        (message,) = api.messages("q", truncate=2)
        assert (message["payload"], message["payload_bytes"]) == ("he", 5)

    with_management(scenario)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"payload": 5}, "payload_not_string"),
        ({"payload_encoding": "hex"}, ["unsupported_encoding", "hex"]),
        ({"payload": "%%", "payload_encoding": "base64"}, ["not_base64", "%%"]),
        ({"properties": {"delivery_mode": "2"}}, ["not_int", "delivery_mode"]),
        ({"properties": {"content_type": 5}}, ["not_string", "content_type"]),
        ({"properties": {"headers": {"x": None}}}, "null_not_allowed"),
        (
            {"properties": {"user_id": "other"}},
            "406 PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'",
        ),
        ({"properties": {"expiration": "soon"}}, "406 PRECONDITION_FAILED - invalid expiration 'soon': no_integer"),
    ],
)
def test_what_cannot_be_published_is_refused(change: dict[str, object], reason: object) -> None:
    def scenario(api: Api) -> None:
        assert api.post(TO_DEFAULT, MESSAGE | change).refusal == (400, "bad_request", reason)

    with_management(scenario)


def test_missing_parts_of_a_message_are_listed() -> None:
    def scenario(api: Api) -> None:
        reason = "[{key_missing,routing_key},\n {key_missing,properties},\n {key_missing,payload_encoding}]"
        assert api.post(TO_DEFAULT, {"payload": "x"}).refusal == (400, "bad_request", reason)
        reason = "[{key_missing,ackmode},{key_missing,encoding}]"
        with_queue(api)
        assert api.post("/api/queues/%2F/q/get", {"count": 1}).refusal == (400, "bad_request", reason)

    with_management(scenario)


def test_an_exchange_that_takes_nothing_from_clients_refuses() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/exchanges/%2F/x", {"type": "direct", "durable": True, "internal": True})
        reason = "403 ACCESS_REFUSED - cannot publish to internal exchange 'x' in vhost '/'"
        assert api.post("/api/exchanges/%2F/x/publish", MESSAGE).refusal == (400, "bad_request", reason)

    with_management(scenario)


def test_what_does_not_exist_is_said_as_the_version_says_it() -> None:
    def now(api: Api) -> None:
        assert api.post("/api/exchanges/%2F/none/publish", MESSAGE).refusal == (404, "not_found", "exchange_not_found")
        assert api.post("/api/exchanges/none/x/publish", MESSAGE).refusal == (404, "not_found", "vhost_not_found")
        assert api.post("/api/queues/%2F/none/get", GET).refusal == (404, "not_found", "queue_not_found")

    def before(api: Api) -> None:
        reason = "404 NOT_FOUND - no exchange 'none' in vhost '/'"
        assert api.post("/api/exchanges/%2F/none/publish", MESSAGE).refusal == (400, "bad_request", reason)
        assert api.post("/api/queues/%2F/none/get", GET).refusal == (404, "not_found", "NOT_FOUND - no queue 'none' in vhost '/'")

    with_management(now)
    with_management(before, rabbitmq_version="3.13")


def test_a_full_queue_refuses() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", {"durable": True, "arguments": {"x-max-length": 1, "x-overflow": "reject-publish"}})
        api.publish("q", "x")
        assert api.publish("q", "x").refusal == (400, "bad_request", "rejected Unable to publish message. Check queue limits.")

    with_management(scenario)


def test_carbon_copies_reach_their_queues() -> None:
    def scenario(api: Api) -> None:
        for name in ("q", "copy", "blind"):
            api.put(f"/api/queues/%2F/{name}", {"durable": True})
        api.publish("q", "x", headers={"CC": ["copy"], "BCC": ["blind"]})
        assert api.messages("q")[0]["properties"] == {"headers": {"CC": ["copy"]}}
        assert len(api.messages("copy")) == len(api.messages("blind")) == 1

    with_management(scenario)


def test_messages_are_requeued_rejected_or_gone_as_asked() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", {"durable": True, "arguments": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}})
        api.put("/api/queues/%2F/dead", {"durable": True})
        for payload in ("a", "b", "c"):
            api.publish("q", payload)
        assert [each["payload"] for each in api.messages("q", "ack_requeue_true", 2)] == ["a", "b"]
        assert [each["payload"] for each in api.messages("q", "reject_requeue_true", 2)] == ["a", "b"]
        assert [each["payload"] for each in api.messages("q", "ack_requeue_false", 1)] == ["a"]
        assert [each["payload"] for each in api.messages("q", "reject_requeue_false", 1)] == ["b"]
        assert [each["payload"] for each in api.messages("q")] == ["c"]
        assert [each["payload"] for each in api.messages("dead")] == ["b"]

    with_management(scenario)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"encoding": "x"}, "Unsupported encoding. Please use auto or base64."),
        (
            {"ackmode": "x"},
            "Invalid ackmode value: x. Valid values are: ack_requeue_true, ack_requeue_false, reject_requeue_true, reject_requeue_false",
        ),
        ({"count": "x"}, ["not_integer", "x"]),
    ],
)
def test_what_cannot_be_got_is_refused(change: dict[str, object], reason: object) -> None:
    def scenario(api: Api) -> None:
        with_queue(api)
        assert api.post("/api/queues/%2F/q/get", GET | change).refusal == (400, "bad_request", reason)

    with_management(scenario)


def test_messages_of_a_stream_are_not_got() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/s", {"durable": True, "arguments": {"x-queue-type": "stream"}})
        reason = "540 basic.get not supported by stream queues queue 's' in vhost '/'"
        assert api.post("/api/queues/%2F/s/get", GET).refusal == (400, "bad_request", reason)

    with_management(scenario)


def test_what_was_published_is_stored_before_it_is_said() -> None:
    def scenario(api: Api) -> None:
        with_queue(api)
        with api.amqp() as connection:
            channel = connection.channel()
            received: list[bytes] = []
            channel.basic_consume("q", lambda *delivered: received.append(delivered[3]), auto_ack=True)
            api.publish("q", "hello")
            connection.process_data_events(5)
            assert received == [b"hello"]

    with_management(scenario)
