from tests.servers.management.management_api import Api, with_management

DURABLE = {"durable": True}


def test_a_queue_is_declared_shown_and_deleted() -> None:
    def scenario(api: Api) -> None:
        assert api.put("/api/queues/%2F/q", {"durable": True, "arguments": {"x-message-ttl": 60000}}).status == 201
        assert api.put("/api/queues/%2F/q", {"durable": "true", "arguments": {"x-message-ttl": 60000}}).status == 204
        queue = api.get("/api/queues/%2F/q").json
        shown = {key: queue[key] for key in ("name", "vhost", "type", "durable", "auto_delete", "exclusive", "state")}
        assert shown == {
            "name": "q",
            "vhost": "/",
            "type": "classic",
            "durable": True,
            "auto_delete": False,
            "exclusive": False,
            "state": "running",
        }
        assert queue["arguments"]["x-message-ttl"] == 60000
        assert "message_stats" not in queue
        assert api.delete("/api/queues/%2F/q").status == 204
        assert api.get("/api/queues/%2F/q").status == 404

    with_management(scenario)


def test_another_declaration_is_refused_in_the_words_of_rabbitmq() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", {"durable": True, "arguments": {"x-message-ttl": 60000}})
        refusal = api.put("/api/queues/%2F/q", {"durable": True, "arguments": {"x-message-ttl": 5}}).refusal
        reason = "inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received '5' but current is '60000'"
        assert refusal == (400, "bad_request", reason)
        assert api.put("/api/queues/%2F/r", {"durable": "maybe"}).refusal == (400, "bad_request", ["not_boolean", "maybe"])
        assert api.put("/api/queues/%2F/amq.x", DURABLE).refusal == (401, "not_authorised", "Access refused.")
        assert api.put("/api/queues/none/q", DURABLE).refusal == (404, "not_found", "vhost_not_found")
        reason = "queue should be less than 255 bytes, actually was 256\n"
        assert api.put(f"/api/queues/%2F/{'x' * 256}", DURABLE).refusal == (400, "bad_request", reason)
        reason = "Node rabbit@nowhere is not a cluster member"
        assert api.put("/api/queues/%2F/n", DURABLE | {"node": "rabbit@nowhere"}).refusal == (400, "bad_request", reason)

    with_management(scenario)


def test_transient_queues_are_refused_since_4_3() -> None:
    def refused(api: Api) -> None:
        status, _, reason = api.put("/api/queues/%2F/q", {"durable": False}).refusal
        assert status == 400
        assert reason.startswith("Feature `transient_nonexcl_queues` is deprecated.")

    def allowed(api: Api) -> None:
        assert api.put("/api/queues/%2F/q", {"durable": False}).status == 201

    with_management(refused)
    with_management(allowed, rabbitmq_version="4.2")


def test_lengths_and_counters_of_a_queue_are_shown() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", DURABLE)
        for payload in ("one", "two", "three"):
            assert api.publish("q", payload, delivery_mode=2).json == {"routed": True}
        api.messages("q", "ack_requeue_false", count=1)
        queue = api.get("/api/queues/%2F/q").json
        assert (queue["messages"], queue["messages_ready"], queue["messages_unacknowledged"]) == (2, 2, 0)
        assert (queue["message_bytes"], queue["message_bytes_ready"], queue["messages_persistent"]) == (8, 8, 2)
        assert (queue["message_stats"]["publish"], queue["message_stats"]["get_no_ack"]) == (3, 1)
        assert queue["message_stats"]["publish_details"] == {"rate": 0.0}
        assert queue["messages_details"] == {"rate": 0.0}

    with_management(scenario)


def test_consumers_are_shown_with_the_queue() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", DURABLE)
        with api.amqp() as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=7)
            channel.basic_consume("q", lambda *_: None, consumer_tag="tag", arguments={"x-priority": 5})
            queue = api.get("/api/queues/%2F/q").json
            (consumer,) = queue["consumer_details"]
            assert (consumer["consumer_tag"], consumer["prefetch_count"], consumer["ack_required"]) == ("tag", 7, True)
            assert consumer["arguments"] == {"x-priority": 5}
            assert consumer["queue"] == {"name": "q", "vhost": "/"}
            assert consumer["channel_details"]["number"] == 1
            assert queue["consumers"] == 1
            assert [each["consumer_tag"] for each in api.get("/api/consumers/%2F").json] == ["tag"]

    with_management(scenario)


def test_an_exclusive_queue_says_whose_it_is_and_is_locked() -> None:
    def scenario(api: Api) -> None:
        with api.amqp() as connection:
            name = connection.channel().queue_declare("", exclusive=True).method.queue
            queue = api.get(f"/api/queues/%2F/{name}").json
            assert queue["exclusive"] is True
            assert queue["owner_pid_details"]["peer_host"] == "127.0.0.1"
            status, _, reason = api.delete(f"/api/queues/%2F/{name}").refusal
            assert status == 400
            assert reason.startswith(f"cannot obtain exclusive access to locked queue '{name}' in vhost '/'.")

    with_management(scenario)


def test_the_list_of_queues_has_pages_columns_and_an_order() -> None:
    def scenario(api: Api) -> None:
        for number in range(5):
            api.put(f"/api/queues/%2F/q{number}", DURABLE)
        api.publish("q3", "x")
        page = api.get("/api/queues?page=2&page_size=2&columns=name").json
        assert (page["items"], page["total_count"], page["page_count"]) == ([{"name": "q2"}, {"name": "q3"}], 5, 3)
        busiest = api.get("/api/queues?sort=messages&sort_reverse=true&page=1&page_size=1&columns=name,messages").json
        assert busiest["items"] == [{"name": "q3", "messages": 1}]
        refusal = api.get("/api/queues?page=9&page_size=2").refusal
        assert refusal == (400, "page_out_of_range", "Page out of range, page: 9 page size: 2, len: 5")

    with_management(scenario)


def test_statistics_can_be_left_away() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", DURABLE)
        api.publish("q", "x")
        (queue,) = api.get("/api/queues?disable_stats=true").json
        assert "messages" not in queue
        (queue,) = api.get("/api/queues?disable_stats=true&enable_queue_totals=true").json
        assert (queue["messages"], queue["messages_ready"]) == (1, 1)

    with_management(scenario)


def test_a_queue_is_purged() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", DURABLE)
        api.publish("q", "x")
        assert api.delete("/api/queues/%2F/q/contents").status == 204
        assert api.get("/api/queues/%2F/q").json["messages"] == 0
        assert api.delete("/api/queues/%2F/none/contents").status == 404

    with_management(scenario)


def test_a_queue_is_deleted_only_if_it_is_empty_and_unused() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", DURABLE)
        api.publish("q", "x")
        assert api.delete("/api/queues/%2F/q?if-empty=true").refusal == (400, "bad_request", "queue 'q' in vhost '/' not empty")
        with api.amqp() as connection:
            connection.channel().basic_consume("q", lambda *_: None)
            assert api.delete("/api/queues/%2F/q?if-unused=true").refusal == (400, "bad_request", "queue 'q' in vhost '/' in use")
        assert api.delete("/api/queues/%2F/q").status == 204

    with_management(scenario)


def test_quorum_queues_and_streams_name_their_only_member() -> None:
    def scenario(api: Api) -> None:
        node = api.get("/api/overview").json["node"]
        for kind in ("quorum", "stream"):
            api.put(f"/api/queues/%2F/{kind}", DURABLE | {"arguments": {"x-queue-type": kind}})
            queue = api.get(f"/api/queues/%2F/{kind}").json
            assert (queue["type"], queue["leader"], queue["members"], queue["online"]) == (kind, node, [node], [node])
        assert api.get("/api/queues/quorum/%2F/quorum/status").json[0]["Raft State"] == "leader"

    with_management(scenario)


def test_an_unknown_action_is_refused() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", DURABLE)
        assert api.post("/api/queues/%2F/q/actions", {"action": "nope"}).refusal == (400, "bad_request", ["unknown", "nope"])
        assert api.post("/api/queues/%2F/q/actions").refusal == (400, "bad_request", "[{key_missing,action}]")
        assert api.post("/api/queues/%2F/none/actions", {"action": "x"}).refusal == (404, "not_found", "queue_not_found")

    with_management(scenario)


def test_samples_of_a_queue_are_shown() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", DURABLE)
        api.publish("q", "x")
        query = "lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5"
        queue = api.get(f"/api/queues/%2F/q?{query}").json
        details = queue["message_stats"]["publish_details"]
        assert len(details["samples"]) == len(queue["messages_details"]["samples"]) == 13
        assert set(details) == {"rate", "samples", "avg_rate", "avg"}
        assert api.get("/api/queues/%2F/q?lengths_age=60&lengths_incr=0").status == 400

    with_management(scenario)
