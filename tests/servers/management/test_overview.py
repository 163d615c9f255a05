import json
from http.client import HTTPConnection

import pytest

from tests.servers.management.management_api import Api, with_management


@pytest.mark.parametrize(("version", "text"), [("3.10", "3.10.8"), ("4.3", "4.3.5")])
def test_the_overview_tells_version_listeners_and_totals(version: str, text: str) -> None:
    def scenario(api: Api) -> None:
        api.put("/api/vhosts/v")
        overview = api.get("/api/overview").json
        assert overview["rabbitmq_version"] == overview["management_version"] == text
        assert [listener["protocol"] for listener in overview["listeners"]] == ["amqp", "http", "http/prometheus"]
        assert overview["listeners"][0]["port"] == api.amqp_port
        assert overview["object_totals"] == {"channels": 0, "connections": 0, "consumers": 0, "exchanges": 14, "queues": 0}
        assert overview["queue_totals"]["messages"] == 0
        assert {each["name"] for each in overview["exchange_types"]} >= {"direct", "fanout", "topic", "headers", "x-delayed-message"}

    with_management(scenario, rabbitmq_version=version)


def test_totals_count_what_connections_and_calls_do() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", {"durable": True})
        with api.amqp() as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish("", "q", b"x")
            overview = api.get("/api/overview").json
            assert (overview["object_totals"]["connections"], overview["object_totals"]["channels"]) == (1, 1)
            assert (overview["message_stats"]["publish"], overview["message_stats"]["confirm"]) == (1, 1)
        api.publish("q", "y")
        overview = api.get("/api/overview").json
        assert overview["message_stats"]["publish"] == 2
        assert overview["queue_totals"]["messages_ready"] == 2
        assert overview["churn_rates"]["connection_created"] == 1
        assert overview["churn_rates"]["queue_created"] == 1
        assert api.get("/api/vhosts/%2F").json["message_stats"]["publish"] == 2

    with_management(scenario)


def test_rates_are_those_of_the_brokers_clock() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", {"durable": True})
        for _ in range(10):
            api.publish("q", "x")
        advance(api, 5_000)
        assert api.get("/api/queues/%2F/q").json["message_stats"]["publish_details"]["rate"] == 2.0
        assert api.get("/api/overview").json["message_stats"]["publish_details"]["rate"] == 2.0
        assert api.get("/api/vhosts/%2F").json["messages_details"]["rate"] == 2.0
        advance(api, 5_000)
        assert api.get("/api/queues/%2F/q").json["message_stats"]["publish_details"]["rate"] == 0.0

    with_management(scenario, clock="manual")


def advance(api: Api, ms: int) -> None:
    connection = HTTPConnection(api.server.addresses["clock"][0], timeout=20)
    connection.request("POST", "/clock", json.dumps({"advance_ms": ms}))
    assert connection.getresponse().status == 200
    connection.close()


def test_somebody_who_is_no_monitor_sees_the_sum_of_their_virtual_hosts() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/vhosts/v")
        for name in ("%2F", "v"):
            api.put(f"/api/permissions/{name}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
            api.put(f"/api/queues/{name}/q", {"durable": True})
        api.put("/api/users/man", {"password": "p", "tags": "management"})
        api.put("/api/permissions/v/man", {"configure": ".*", "write": ".*", "read": ".*"})
        api.publish("q", "x")
        overview = api.get("/api/overview", "man:p").json
        assert (overview["queue_totals"]["messages"], overview["object_totals"]["queues"]) == (0, 1)
        assert "listeners" not in overview
        assert api.get("/api/overview").json["queue_totals"]["messages"] == 1

    with_management(scenario)


def test_the_cluster_has_a_name_that_can_be_changed() -> None:
    def scenario(api: Api) -> None:
        assert api.get("/api/cluster-name").json["name"].startswith("rabbit@")
        assert api.put("/api/cluster-name", {"name": "mine"}).status == 204
        assert api.get("/api/cluster-name").json == {"name": "mine"}
        assert api.get("/api/overview").json["cluster_name"] == "mine"
        assert api.put("/api/cluster-name").refusal == (400, "bad_request", "[{key_missing,name}]")

    with_management(scenario)


def test_who_calls_is_told() -> None:
    def scenario(api: Api) -> None:
        assert api.get("/api/whoami").json == {"name": "guest", "tags": ["administrator"], "is_internal_user": True}
        assert api.get("/api/version").json == "4.3.5"

    with_management(scenario)
