from tests.servers.management.management_api import Api, with_management


def test_an_exchange_is_declared_shown_and_deleted() -> None:
    def scenario(api: Api) -> None:
        content = {"type": "topic", "durable": True, "arguments": {"alternate-exchange": "amq.fanout"}}
        assert api.put("/api/exchanges/%2F/x", content).status == 201
        assert api.put("/api/exchanges/%2F/x", content).status == 204
        assert api.get("/api/exchanges/%2F/x").json == {
            "arguments": {"alternate-exchange": "amq.fanout"},
            "auto_delete": False,
            "durable": True,
            "incoming": [],
            "internal": False,
            "name": "x",
            "outgoing": [],
            "type": "topic",
            "user_who_performed_action": "rmq-internal",
            "vhost": "/",
        }
        assert api.delete("/api/exchanges/%2F/x").status == 204
        assert api.get("/api/exchanges/%2F/x").status == 404

    with_management(scenario)


def test_what_cannot_be_declared_is_refused_in_the_words_of_rabbitmq() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/exchanges/%2F/x", {"type": "direct", "durable": True})
        reason = "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'direct'"
        assert api.put("/api/exchanges/%2F/x", {"type": "fanout", "durable": True}).refusal == (400, "bad_request", reason)
        assert api.put("/api/exchanges/%2F/y", {"type": "odd"}).refusal == (400, "bad_request", "unknown exchange type 'odd'")
        assert api.put("/api/exchanges/%2F/amq.y", {"type": "direct"}).refusal == (401, "not_authorised", "Access refused.")
        assert api.put("/api/exchanges/none/x", {"type": "direct"}).refusal == (404, "not_found", "vhost_not_found")

    with_management(scenario)


def test_system_exchanges_stay() -> None:
    def scenario(api: Api) -> None:
        for name in ("amq.direct", "amq.default"):
            assert api.delete(f"/api/exchanges/%2F/{name}").refusal == (401, "not_authorised", "Access refused.")
        assert api.get("/api/exchanges/%2F/amq.default").json["name"] == ""

    with_management(scenario)


def test_an_exchange_in_use_is_deleted_only_without_the_condition() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/exchanges/%2F/x", {"type": "direct", "durable": True})
        api.put("/api/queues/%2F/q", {"durable": True})
        api.post("/api/bindings/%2F/e/x/q/q", {"routing_key": "k"})
        assert api.delete("/api/exchanges/%2F/x?if-unused=true").refusal == (400, "bad_request", "exchange 'x' in vhost '/' in use")
        assert api.delete("/api/exchanges/%2F/x").status == 204

    with_management(scenario)


def test_what_goes_through_an_exchange_is_counted() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", {"durable": True})
        for name in ("a", "b"):
            api.put(f"/api/queues/%2F/{name}", {"durable": True})
            api.post(f"/api/bindings/%2F/e/amq.fanout/q/{name}")
        api.publish("", "x", exchange="amq.fanout")
        stats = api.get("/api/exchanges/%2F/amq.fanout").json["message_stats"]
        assert (stats["publish_in"], stats["publish_out"]) == (1, 2)
        assert "message_stats" not in api.get("/api/exchanges/%2F/amq.topic").json

    with_management(scenario)
