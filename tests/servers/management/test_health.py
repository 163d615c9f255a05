import subprocess
from pathlib import Path

import pytest

from message_queues.broker.alarms import DISK
from tests.servers.management.management_api import Api, with_management

CHECKS = "/api/health/checks"
OK = {"status": "ok"}


def test_a_healthy_server_says_so() -> None:
    def scenario(api: Api) -> None:
        for check in (
            "alarms",
            "local-alarms",
            "virtual-hosts",
            "is-in-service",
            "below-node-connection-limit",
            "ready-to-serve-clients",
            "reached-target-cluster-size",
            "metadata-store/initialized",
            "metadata-store/initialized/with-data",
            "certificate-expiration/1/days",
            "quorum-queues-without-elected-leaders/all-vhosts/",
            "quorum-queues-without-elected-leaders/vhost/%2F/pattern/.*",
        ):
            assert api.get(f"{CHECKS}/{check}").json == OK, check
        assert api.get(f"{CHECKS}/node-is-quorum-critical").json == OK | {"reason": "single node cluster"}
        assert api.get("/api/healthchecks/node").json == OK

    with_management(scenario)


def test_a_port_that_nobody_listens_on_is_missing() -> None:
    def scenario(api: Api) -> None:
        assert api.get(f"{CHECKS}/port-listener/{api.amqp_port}").json == OK | {"port": api.amqp_port}
        missing = api.get(f"{CHECKS}/port-listener/1")
        assert missing.status == 503
        assert (missing.json["status"], missing.json["reason"], missing.json["missing"]) == ("failed", "No active listener", 1)
        assert api.amqp_port in missing.json["ports"]
        assert api.get(f"{CHECKS}/port-listener/x").refusal == (400, "bad_request", "Invalid port")

    with_management(scenario)


def test_protocols_have_many_names() -> None:
    def scenario(api: Api) -> None:
        for name in ("amqp", "AMQP091", "amqp1.0", "http", "amqp,management"):
            assert api.get(f"{CHECKS}/protocol-listener/{name}").json["status"] == "ok"
        missing = api.get(f"{CHECKS}/protocol-listener/mqtt,amqp").json
        assert (missing["status"], missing["missing"]) == ("failed", ["mqtt"])

    with_management(scenario)


def test_before_version_4_one_protocol_is_asked_for() -> None:
    def scenario(api: Api) -> None:
        assert api.get(f"{CHECKS}/protocol-listener/amqp091").json == OK | {"protocol": "amqp"}
        assert api.get(f"{CHECKS}/protocol-listener/mqtt").json["missing"] == "mqtt"

    with_management(scenario, rabbitmq_version="3.13")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("x/days", "Invalid expiration value."),
        ("1/eons", "Time unit not recognised. Supported units: days, weeks, months, years."),
    ],
)
def test_a_wrong_time_of_expiration_is_refused(path: str, reason: str) -> None:
    def scenario(api: Api) -> None:
        assert api.get(f"{CHECKS}/certificate-expiration/{path}").refusal == (400, "bad_request", reason)

    with_management(scenario)


def test_alarms_fail_the_check() -> None:
    def scenario(api: Api) -> None:
        api.server.broker.alarms.active = frozenset({DISK})
        failed = api.get(f"{CHECKS}/local-alarms")
        assert failed.status == 503
        node = api.get("/api/overview").json["node"]
        expected = {"status": "failed", "reason": "There are alarms in effect on the node", "alarms": [{"node": node, "resource": "disk"}]}
        assert failed.json == expected

    with_management(scenario)


def test_before_version_4_the_aliveness_test_sends_a_message_through_a_queue() -> None:
    def scenario(api: Api) -> None:
        assert api.get("/api/aliveness-test/%2F").json == OK
        queue = api.get("/api/queues/%2F/aliveness-test").json
        assert (queue["messages"], queue["message_stats"]["publish"], queue["message_stats"]["get_no_ack"]) == (0, 1, 1)
        assert api.get("/api/aliveness-test/none").status == 404

    with_management(scenario, rabbitmq_version="3.10")


def test_since_version_4_the_aliveness_test_leaves_nothing_behind() -> None:
    def scenario(api: Api) -> None:
        assert api.get("/api/aliveness-test/%2F").json == OK
        assert api.get("/api/queues").json == []

    with_management(scenario)


def test_a_certificate_that_ends_soon_fails_the_check(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    make_certificate(certificate, key)

    def scenario(api: Api) -> None:
        assert api.get(f"{CHECKS}/certificate-expiration/1/days").json == OK
        failed = api.get(f"{CHECKS}/certificate-expiration/2/months")
        assert (failed.status, failed.json["reason"]) == (503, "Certificates expiring")
        assert failed.json["expired"][0]["protocol"] == "amqp/ssl"

    with_management(scenario, amqps_port=0, tls_certificate=str(certificate), tls_key=str(key))


def make_certificate(certificate: Path, key: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
