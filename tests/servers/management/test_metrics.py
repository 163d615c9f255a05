import re
import urllib.error
import urllib.request

import pytest

from tests.servers.management.management_api import Api, with_management

LINE = re.compile(r'[a-z_]+(\{[a-z_]+="(?:[^"\\]|\\.)*"(,[a-z_]+="(?:[^"\\]|\\.)*")*\})? -?[0-9][0-9.e+-]*')


def scraped(api: Api, path: str) -> list[str]:
    with urllib.request.urlopen(f"http://{api.server.addresses['prometheus'][0]}{path}", timeout=20) as response:
        assert response.headers["content-type"] == "text/plain; version=0.0.4"
        return str(response.read().decode()).splitlines()


def with_traffic(api: Api) -> None:
    api.put("/api/queues/%2F/q%22", {"durable": True})
    api.put("/api/queues/%2F/p", {"durable": True, "arguments": {"x-queue-type": "quorum"}})
    api.publish('q"', "x")
    api.publish("p", "y")
    api.publish("none", "z")


def test_every_line_is_one_of_the_text_format() -> None:
    def scenario(api: Api) -> None:
        with_traffic(api)
        with api.amqp() as connection:
            connection.channel()
            for path in ("/metrics", "/metrics/per-object", "/metrics/memory-breakdown", "/metrics/detailed?family=queue_metrics"):
                for line in scraped(api, path):
                    assert line.startswith("# ") or LINE.fullmatch(line), line

    with_management(scenario)


def test_every_metric_has_one_type_and_stands_together() -> None:
    def scenario(api: Api) -> None:
        with_traffic(api)
        for path in ("/metrics", "/metrics/per-object"):
            types = [line.split()[2] for line in scraped(api, path) if line.startswith("# TYPE")]
            assert len(types) == len(set(types))

    with_management(scenario)


def test_sums_are_those_of_all_objects() -> None:
    def scenario(api: Api) -> None:
        with_traffic(api)
        lines = scraped(api, "/metrics")
        for line in (
            "rabbitmq_queues 2",
            "rabbitmq_connections 0",
            "rabbitmq_queue_messages_ready 2",
            "rabbitmq_channel_messages_published_total 3",
            'rabbitmq_global_messages_received_total{protocol="amqp091"} 3',
            'rabbitmq_global_messages_unroutable_returned_total{protocol="amqp091"} 1',
            "rabbitmq_alarms_memory_used_watermark 0",
            "# TYPE rabbitmq_queue_messages_ready gauge",
            "# TYPE rabbitmq_build_info untyped",
        ):
            assert line in lines, line

    with_management(scenario)


def test_objects_are_told_apart() -> None:
    def scenario(api: Api) -> None:
        with_traffic(api)
        lines = scraped(api, "/metrics/per-object")
        assert 'rabbitmq_queue_messages_ready{vhost="/",queue="q\\""} 1' in lines
        assert 'rabbitmq_queue_messages_ready{vhost="/",queue="p"} 1' in lines

    with_management(scenario)


def test_details_are_those_asked_for() -> None:
    def scenario(api: Api) -> None:
        with_traffic(api)
        api.put("/api/vhosts/v")
        lines = scraped(api, "/metrics/detailed?family=queue_coarse_metrics&family=vhost_status&vhost=%2F&queue=%5Ep")
        assert 'rabbitmq_detailed_queue_messages_ready{vhost="/",queue="p"} 1' in lines
        assert not any('queue="q' in line for line in lines)
        assert 'rabbitmq_cluster_vhost_status{vhost="v"} 1' in lines
        assert not any("channel" in line for line in lines)
        assert not any("queue_messages" in line for line in scraped(api, "/metrics/detailed"))

    with_management(scenario)


def test_the_server_says_what_and_who_it_is() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/cluster-name", {"name": "mine"})
        lines = scraped(api, "/metrics")
        assert any(line.startswith('rabbitmq_build_info{rabbitmq_version="4.3.5",') for line in lines)
        assert any('rabbitmq_cluster="mine"' in line and 'rabbitmq_endpoint="aggregated"' in line for line in lines)

    with_management(scenario)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 404), ("/metrics/nope", 404), ("/metrics/detailed?queue=(", 400), ("/metrics/detailed?queue=" + "x" * 2000, 400)],
)
def test_what_cannot_be_scraped_is_refused(path: str, status: int) -> None:
    def scenario(api: Api) -> None:
        with pytest.raises(urllib.error.HTTPError) as caught:
            scraped(api, path)
        assert caught.value.code == status

    with_management(scenario)
