"""The client of the management API, against a small HTTP server that answers what a test wants."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from message_queues import errors
from message_queues.clients.management import ManagementApi


class Scripted(HTTPServer):
    status = 200
    answer = b"{}"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, object, str | None]] = []


class Handler(BaseHTTPRequestHandler):
    server: Scripted

    def answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        content = json.loads(self.rfile.read(size)) if size else None
        self.server.requests.append((self.command, self.path, content, self.headers.get("Authorization")))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing on stderr."""


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def api(server: Scripted) -> ManagementApi:
    return ManagementApi("127.0.0.1", server.server_port, "guest", "secret")


def test_segments_are_escaped_and_the_user_named(server: Scripted, api: ManagementApi) -> None:
    server.answer = b'{"name": "a/b"}'
    assert api.get("queues", "/", "a/b ü", query={"columns": "name"}) == {"name": "a/b"}
    assert server.requests == [("GET", "/api/queues/%2F/a%2Fb%20%C3%BC?columns=name", None, "Basic Z3Vlc3Q6c2VjcmV0")]


def test_what_is_told_is_sent_as_json(server: Scripted, api: ManagementApi) -> None:
    server.status, server.answer = 204, b""
    api.put("vhosts", "shop")
    api.delete("vhosts", "shop")
    assert api.post("definitions", content={"queues": []}) is None
    assert [(method, path, content) for method, path, content, _ in server.requests] == [
        ("PUT", "/api/vhosts/shop", {}),
        ("DELETE", "/api/vhosts/shop", None),
        ("POST", "/api/definitions", {"queues": []}),
    ]


@pytest.mark.parametrize(
    ("status", "answer", "kind", "says"),
    [
        (401, {"error": "not_authorized", "reason": "Login failed"}, errors.NotAuthorized, "GET /api/overview: Login failed"),
        (404, {"error": "Object Not Found", "reason": "Not Found"}, errors.NotFound, "GET /api/overview: Not Found"),
        (
            400,
            {"error": "bad_request", "reason": "inequivalent arg 'durable' …"},
            errors.PreconditionFailed,
            "inequivalent arg 'durable' …",
        ),
        (400, {"error": "bad_request", "reason": {"key": "unknown"}}, errors.InvalidRequest, "unknown"),
        (503, "out of order", errors.RabbitMQError, "503 out of order"),
    ],
)
def test_a_refusal_is_an_error_of_ours_in_rabbitmqs_words(
    server: Scripted, api: ManagementApi, status: int, answer: object, kind: type[errors.MessageQueuesError], says: str
) -> None:
    server.status = status
    server.answer = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
    with pytest.raises(kind) as raised:
        api.get("overview")
    assert says in str(raised.value)


def test_what_is_not_json_is_not_the_management_api(server: Scripted, api: ManagementApi) -> None:
    server.answer = b"<html>"
    with pytest.raises(errors.Unreachable, match="with something that is not JSON"):
        api.get("overview")


def test_an_api_that_cannot_be_reached_is_named() -> None:
    with pytest.raises(errors.Unreachable, match=r"the management API at 127\.0\.0\.1:1 cannot be reached \(Connection refused\)"):
        ManagementApi("127.0.0.1", 1, "guest", "guest").get("overview")
    with pytest.raises(errors.Unreachable, match=r"nowhere\.invalid:15672 cannot be reached \(the name cannot be resolved"):
        ManagementApi("nowhere.invalid", 15672, "guest", "guest").get("overview")
