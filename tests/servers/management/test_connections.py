from urllib.parse import quote

import pika
import pika.exceptions
import pytest

from tests.servers.management.management_api import Api, with_management


def test_a_connection_is_shown() -> None:
    def scenario(api: Api) -> None:
        with api.amqp(client_properties={"connection_name": "mine"}) as connection:
            connection.channel()
            (shown,) = api.get("/api/connections").json
            assert (shown["user"], shown["vhost"], shown["state"], shown["channels"]) == ("guest", "/", "running", 1)
            assert (shown["user_provided_name"], shown["client_properties"]["connection_name"]) == ("mine", "mine")
            assert (shown["port"], shown["protocol"], shown["ssl"], shown["type"]) == (api.amqp_port, "AMQP 0-9-1", False, "network")
            assert shown["recv_oct"] > 100
            assert shown["name"] == f"127.0.0.1:{shown['peer_port']} -> 127.0.0.1:{api.amqp_port}"
            assert api.get(f"/api/connections/{quote(shown['name'], '')}").json["name"] == shown["name"]
            node = api.get("/api/overview").json["node"]
            tracked = {"name": shown["name"], "vhost": "/", "user": "guest", "node": node}
            assert api.get("/api/connections/username/guest").json == [tracked]
            assert api.get(f"/api/connections/{quote(shown['name'], '')}/sessions").json == []

    with_management(scenario)


def test_a_closed_connection_hears_the_reason() -> None:
    def scenario(api: Api) -> None:
        with api.amqp() as connection:
            name = quote(api.get("/api/connections").json[0]["name"], "")
            assert api.delete(f"/api/connections/{name}", X_Reason="because").status == 204
            with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="320, 'CONNECTION_FORCED - because'"):
                connection.process_data_events(5)

    with_management(scenario)


def test_all_connections_of_a_user_are_closed() -> None:
    def scenario(api: Api) -> None:
        with api.amqp() as connection:
            assert api.delete("/api/connections/username/nobody").status == 204
            assert len(api.get("/api/connections").json) == 1
            assert api.delete("/api/connections/username/guest").status == 204
            with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="Closed via management plugin"):
                connection.process_data_events(5)

    with_management(scenario)


def test_channels_are_shown() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", {"durable": True})
        with api.amqp() as connection:
            publishing, consuming, quiet = connection.channel(), connection.channel(), connection.channel()
            publishing.confirm_delivery()
            publishing.basic_publish("", "q", b"x")
            consuming.basic_qos(prefetch_count=5)
            consuming.basic_consume("q", lambda *_: None, consumer_tag="tag")
            quiet.tx_select()
            connection.process_data_events(0)
            channels = {channel["number"]: channel for channel in api.get("/api/channels").json}
            assert (channels[1]["confirm"], channels[2]["prefetch_count"], channels[3]["transactional"]) == (True, 5, True)
            assert (channels[1]["message_stats"]["publish"], channels[1]["message_stats"]["confirm"]) == (1, 1)
            assert "deliver" not in channels[1]["message_stats"]
            assert (channels[2]["message_stats"]["deliver"], channels[2]["messages_unacknowledged"]) == (1, 1)
            assert "message_stats" not in channels[3]
            path = f"/api/channels/{quote(channels[2]['name'], '')}"
            assert [consumer["consumer_tag"] for consumer in api.get(path).json["consumer_details"]] == ["tag"]
            connection_path = f"/api/connections/{quote(channels[1]['connection_details']['name'], '')}"
            assert [channel["number"] for channel in api.get(f"{connection_path}/channels").json] == [1, 2, 3]
            assert len(api.get("/api/vhosts/%2F/channels?page=1&page_size=2").json["items"]) == 2

    with_management(scenario)


def test_who_is_not_connected_is_not_found() -> None:
    def scenario(api: Api) -> None:
        for path in ("connections/x", "connections/x/channels", "channels/x"):
            assert api.get(f"/api/{path}").status == 404
        assert api.delete("/api/connections/x").status == 404

    with_management(scenario)
