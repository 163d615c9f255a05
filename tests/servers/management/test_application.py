import gzip
import json
import socket

import pytest

from message_queues.servers.management.application import LARGEST_BODY_BYTES, accepts_json, is_accepted
from tests.servers.management.management_api import Api, with_management


def test_every_path_of_the_api_that_can_be_read_answers() -> None:
    def scenario(api: Api) -> None:
        for path in (
            "overview", "cluster-name", "nodes", f"nodes/{api.get('/api/overview').json['node']}", "extensions", "definitions",
            "all-configuration", "parameters", "global-parameters", "policies", "operator-policies", "vhost-limits", "connections",
            "channels", "consumers", "exchanges", "exchanges/%2F", "exchanges/%2F/amq.topic", "queues", "queues/detailed", "queues/%2F",
            "bindings", "bindings/%2F", "vhosts", "vhosts/%2F", "vhosts/%2F/permissions", "vhosts/%2F/topic-permissions",
            "vhosts/%2F/connections", "vhosts/%2F/channels", "users", "users/guest", "users/guest/permissions",
            "users/guest/topic-permissions", "users/without-permissions", "user-limits", "user-limits/guest", "feature-flags",
            "deprecated-features", "deprecated-features/used", "whoami", "permissions", "permissions/%2F/guest", "topic-permissions",
            "aliveness-test/%2F", "healthchecks/node", "shovels", "shovels/%2F", "auth", "config/effective", "version",
        ):  # fmt: skip
            assert api.get(f"/api/{path}").status == 200, path

    with_management(scenario)


def test_what_is_not_there_is_said_in_the_words_of_rabbitmq() -> None:
    def scenario(api: Api) -> None:
        for path in ("/api/nothing", "/api/queues/%2F/none", "/api/queues/none", "/api/vhosts/none", "/nothing", "//api/overview"):
            answer = api.get(path)
            assert answer.status == 404
            assert answer.json == {"error": "Object Not Found", "reason": "Not Found"}

    with_management(scenario)


def test_a_method_that_a_path_does_not_have_is_refused_with_those_that_it_has() -> None:
    def scenario(api: Api) -> None:
        answer = api.call("PATCH", "/api/queues")
        assert (answer.status, answer.body, answer.headers["allow"]) == (405, b"", "HEAD, GET, OPTIONS")
        assert api.get("/api/queues/%2F/q/get").headers["allow"] == "POST, OPTIONS"
        assert api.post("/api/nothing").status == 405

    with_management(scenario)


def test_options_are_told_to_everybody() -> None:
    def scenario(api: Api) -> None:
        answer = api.call("OPTIONS", "/api/queues/%2F/q", user=None)
        assert (answer.status, answer.headers["allow"]) == (200, "HEAD, GET, PUT, DELETE, OPTIONS")

    with_management(scenario)


def test_head_has_the_headers_of_get_and_no_body() -> None:
    def scenario(api: Api) -> None:
        got, head = api.get("/api/vhosts"), api.call("HEAD", "/api/vhosts")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(got.body)))
        assert head.headers["content-type"] == "application/json"

    with_management(scenario)


def test_who_does_not_take_json_is_refused() -> None:
    def scenario(api: Api) -> None:
        assert api.get("/api/queues", Accept="text/html").status == 406
        assert api.get("/api/queues", Accept="text/html, application/json;q=0.5").status == 200

    with_management(scenario)


def test_a_body_of_another_type_is_refused_where_the_type_matters() -> None:
    def scenario(api: Api) -> None:
        assert api.call("PUT", "/api/vhost-limits/%2F/max-queues", body=b'{"value": 5}', Content_Type="text/plain").status == 415
        assert api.call("PUT", "/api/queues/%2F/q", body=b'{"durable": true}', Content_Type="text/plain").status == 201

    with_management(scenario)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{not json", "not_json"),
        (b"[1]", "not_json"),
        (b'"text"', "invalid payload: the request body JSON-decoded to a string. Is the input doubly-JSON-encoded?"),
        (b"[" * 100_000, "not_json"),
        (b"\xff", "not_json"),
    ],
)
def test_a_body_that_is_no_object_is_refused(body: bytes, reason: str) -> None:
    def scenario(api: Api) -> None:
        assert api.call("PUT", "/api/exchanges/%2F/x", body=body).refusal == (400, "bad_request", reason)

    with_management(scenario)


def test_nothing_null_and_undefined_are_an_empty_object() -> None:
    def scenario(api: Api) -> None:
        for number, body in enumerate((b"", b"null", b"undefined")):
            assert api.call("PUT", f"/api/vhosts/v{number}", body=body).status == 201

    with_management(scenario)


def test_a_body_that_is_too_large_is_refused() -> None:
    def scenario(api: Api) -> None:
        body = b'{"x": "' + b"x" * LARGEST_BODY_BYTES + b'"}'
        assert api.call("PUT", "/api/vhosts/v", body=body).refusal == (400, "bad_request", "Exceeded HTTP request body size limit")
        assert api.get("/api/vhosts/v").status == 404

    with_management(scenario)


def test_an_answer_is_compressed_for_who_takes_that() -> None:
    def scenario(api: Api) -> None:
        answer = api.get("/api/overview", Accept_Encoding="gzip")
        assert answer.headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(answer.body))["product_name"] == "RabbitMQ"

    with_management(scenario)


def test_names_with_slashes_blanks_and_percent_signs_are_found() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/vhosts/a%2Fb%20c%25", {})
        api.put("/api/permissions/a%2Fb%20c%25/guest", {"configure": ".*", "write": ".*", "read": ".*"})
        assert api.put("/api/queues/a%2Fb%20c%25/q%2F%C3%A4", {"durable": True}).status == 201
        listed = api.get("/api/queues/a%2Fb%20c%25").json
        assert [(queue["vhost"], queue["name"]) for queue in listed] == [("a/b c%", "q/ä")]
        assert api.get("/api/queues/a%2Fb%20c%25/q%2F%C3%A4").json["name"] == "q/ä"

    with_management(scenario)


def test_a_page_says_where_everything_is() -> None:
    def scenario(api: Api) -> None:
        assert b"rabbitmqadmin" in api.get("/", user=None).body
        moved = api.get("/api/", user=None)
        assert (moved.status, moved.headers["location"]) == (301, "/api/index.html")
        assert b"/api/queues/:vhost/:queue" in api.get("/api/index.html", user=None).body

    with_management(scenario)


def test_no_answer_invites_pages_of_others() -> None:
    def scenario(api: Api) -> None:
        assert "access-control-allow-origin" not in api.get("/api/overview", Origin="http://elsewhere").headers

    with_management(scenario)


def test_what_is_no_http_is_hung_up_on_and_the_others_are_served() -> None:
    def scenario(api: Api) -> None:
        for nonsense in (
            b"\x00\x01\x02\x03\r\n\r\n",
            b"AMQP\x00\x00\x09\x01",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        ):
            host, port = api.server.addresses["management"][0].rsplit(":", 1)
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(nonsense)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        assert api.get("/api/whoami").status == 200

    with_management(scenario)


@pytest.mark.parametrize(("accept", "accepted"), [(None, True), ("", True), ("*/*", True), ("application/*", True), ("text/plain", False)])
def test_what_is_accepted_is_looked_up(accept: str | None, accepted: bool) -> None:
    assert accepts_json(accept) is accepted


def test_the_parameters_of_a_content_type_do_not_matter() -> None:
    assert is_accepted("Application/JSON; charset=utf-8", ("application/json",))
    assert not is_accepted(None, ("application/json",))
    assert is_accepted(None, ())
