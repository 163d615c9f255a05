import json
from pathlib import Path

import pytest

from message_queues.servers.management.definitions import form_fields
from tests.servers.management.management_api import Api, with_management

KIND = "Content-Type: application/json"
FORM = "multipart/form-data; boundary=B"


def form(*parts: tuple[str, str]) -> bytes:
    lines = [f"--B\r\nContent-Disposition: form-data; {named}\r\n{KIND}\r\n\r\n{content}\r\n" for named, content in parts]
    return ("".join(lines) + "--B--\r\n").encode()


def test_definitions_of_one_server_make_another_the_same() -> None:
    kept: dict[str, object] = {}

    def first(api: Api) -> None:
        api.put("/api/vhosts/v")
        api.put("/api/users/u", {"password": "p", "tags": "management"})
        api.put("/api/permissions/v/guest", {"configure": ".*", "write": ".*", "read": ".*"})
        api.put("/api/queues/v/q", {"durable": True, "arguments": {"x-queue-type": "quorum"}})
        api.put("/api/exchanges/v/x", {"type": "topic", "durable": True})
        api.post("/api/bindings/v/e/x/q/q", {"routing_key": "a.#", "arguments": {"n": 1}})
        api.put("/api/policies/v/p", {"pattern": "^q", "definition": {"max-length": 10}})
        kept.update(api.get("/api/definitions").json)

    def second(api: Api) -> None:
        assert api.post("/api/definitions", kept).status == 204
        assert api.get("/api/definitions").json == kept
        assert api.get("/api/whoami", "u:p").status == 200
        assert api.post("/api/definitions", kept).status == 204

    with_management(first)
    with_management(second)


def test_what_was_uploaded_is_there_after_a_restart(tmp_path: Path) -> None:
    def upload(api: Api) -> None:
        queue = {"name": "q", "vhost": "v", "durable": True, "auto_delete": False, "arguments": {}}
        api.post("/api/definitions", {"vhosts": [{"name": "v"}], "queues": [queue]})

    def look(api: Api) -> None:
        assert [queue["name"] for queue in api.get("/api/queues/v").json] == ["q"]

    with_management(upload, data=str(tmp_path))
    with_management(look, data=str(tmp_path))


def test_definitions_of_one_virtual_host_go_into_another() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/vhosts/v")
        api.put("/api/queues/%2F/q", {"durable": True})
        definitions = api.get("/api/definitions/%2F").json
        assert "vhost" not in definitions["queues"][0]
        assert api.post("/api/definitions/v", definitions).status == 204
        assert [queue["name"] for queue in api.get("/api/queues/v").json] == ["q"]

    with_management(scenario)


def test_a_browser_sends_the_file_as_a_form() -> None:
    def scenario(api: Api) -> None:
        file = ('name="file"; filename="d.json"', json.dumps({"vhosts": [{"name": "v"}]}))
        assert api.call("POST", "/api/definitions", body=form(file), Content_Type=FORM).status == 204
        assert api.get("/api/vhosts/v").status == 200
        body = form(file, ('name="redirect"', "/here"))
        answer = api.call("POST", "/api/definitions", body=body, Content_Type=FORM)
        assert (answer.status, answer.headers["location"]) == (303, "/here")

    with_management(scenario)


@pytest.mark.parametrize("body", [b"{x", b"[]", b'"x"'])
def test_what_are_no_definitions_is_refused(body: bytes) -> None:
    def scenario(api: Api) -> None:
        assert api.call("POST", "/api/definitions", body=body).refusal == (400, "bad_request", "failed_to_parse_json")

    with_management(scenario)


def test_definitions_that_contradict_themselves_change_nothing() -> None:
    def scenario(api: Api) -> None:
        queue = {"name": "q", "vhost": "none", "durable": True, "auto_delete": False, "arguments": {}}
        assert api.post("/api/definitions", {"queues": [queue]}).status == 400
        assert api.get("/api/queues").json == []

    with_management(scenario)


def test_a_virtual_host_that_is_not_there_is_said_as_rabbitmq_says_it() -> None:
    def scenario(api: Api) -> None:
        assert api.get("/api/definitions/none").refusal == (400, "bad_request", "vhost_not_found")
        assert api.post("/api/definitions/none").refusal == (404, "not_found", "vhost_not_found")

    with_management(scenario)


def test_definitions_are_saved_under_a_name() -> None:
    def scenario(api: Api) -> None:
        answer = api.get("/api/definitions?download=my_file-1.json")
        assert answer.headers["content-disposition"] == "attachment; filename=my_file-1.json"
        assert "content-disposition" not in api.get("/api/definitions?download=a%0d%0ab").headers

    with_management(scenario)


def test_a_mark_of_the_byte_order_is_passed_over() -> None:
    def scenario(api: Api) -> None:
        assert api.call("POST", "/api/definitions", body=b'\xef\xbb\xbf{"vhosts": [{"name": "v"}]}').status == 204

    with_management(scenario)


def test_what_is_no_form_has_no_fields() -> None:
    for content_type in (FORM, "multipart/form-data", "multipart/form-data; boundary="):
        assert form_fields(content_type, b"nonsense") == {}
