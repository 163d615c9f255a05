import pytest

from tests.servers.management.management_api import Api, with_management


def test_a_virtual_host_is_created_changed_and_deleted() -> None:
    def scenario(api: Api) -> None:
        content = {"description": "d", "tags": "a, b", "default_queue_type": "quorum", "tracing": True}
        assert api.put("/api/vhosts/v", content).status == 201
        host = api.get("/api/vhosts/v").json
        assert (host["name"], host["description"], host["tags"], host["tracing"]) == ("v", "d", ["a", "b"], True)
        assert (host["default_queue_type"], host["protected_from_deletion"]) == ("quorum", False)
        assert host["metadata"] == {"description": "d", "tags": ["a", "b"], "default_queue_type": "quorum"}
        assert api.put("/api/vhosts/v", {"tags": ["c"]}).status == 204
        assert api.get("/api/vhosts/v").json["tags"] == ["c"]
        assert [each["name"] for each in api.get("/api/vhosts").json] == ["/", "v"]
        assert api.delete("/api/vhosts/v").status == 204
        assert api.delete("/api/vhosts/v").status == 404

    with_management(scenario)


def test_the_default_queue_type_is_that_of_its_queues() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/vhosts/v", {"default_queue_type": "quorum"})
        api.put("/api/permissions/v/guest", {"configure": ".*", "write": ".*", "read": ".*"})
        api.put("/api/queues/v/q", {"durable": True})
        assert api.get("/api/queues/v/q").json["type"] == "quorum"

    with_management(scenario)


@pytest.mark.parametrize("content", [{"default_queue_type": "odd"}, {"tracing": "maybe"}, {"tags": 5}])
def test_what_no_virtual_host_can_be_is_refused(content: dict[str, object]) -> None:
    def scenario(api: Api) -> None:
        assert api.put("/api/vhosts/v", content).status == 400
        assert api.get("/api/vhosts/v").status == 404

    with_management(scenario)


def test_a_protected_virtual_host_stays() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/vhosts/v")
        assert api.post("/api/vhosts/v/deletion/protection").status == 204
        assert api.get("/api/vhosts/v").json["protected_from_deletion"] is True
        reason = "Refusing to delete virtual host 'v' because it is protected from deletion"
        assert api.delete("/api/vhosts/v").refusal == (412, "precondition_failed", reason)
        assert api.delete("/api/vhosts/v/deletion/protection").status == 204
        assert api.delete("/api/vhosts/v").status == 204
        assert api.post("/api/vhosts/none/deletion/protection").status == 404

    with_management(scenario)


def test_virtual_hosts_run_on_the_only_node() -> None:
    def scenario(api: Api) -> None:
        node = api.get("/api/overview").json["node"]
        assert api.post(f"/api/vhosts/%2F/start/{node}").status == 204
        assert api.post("/api/vhosts/%2F/start/x").refusal == (400, "bad_request", "Unknown node: x")

    with_management(scenario)


def test_a_deleted_virtual_host_takes_its_connections_and_queues_with_it() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/vhosts/v")
        api.put("/api/permissions/v/guest", {"configure": ".*", "write": ".*", "read": ".*"})
        api.put("/api/queues/v/q", {"durable": True})
        with api.amqp(virtual_host="v"):
            assert len(api.get("/api/vhosts/v/connections").json) == 1
            assert api.delete("/api/vhosts/v").status == 204
            assert api.get("/api/queues").json == []

    with_management(scenario)
