import os

from tests.servers.management.management_api import Api, with_management


def node_name(api: Api) -> str:
    return str(api.get("/api/overview").json["node"])


def test_the_only_node_tells_limits_and_use() -> None:
    def scenario(api: Api) -> None:
        (node,) = api.get("/api/nodes").json
        assert node["name"] == node_name(api)
        assert (node["os_pid"], node["running"], node["type"], node["being_drained"]) == (str(os.getpid()), True, "disc", False)
        assert 0 < node["mem_used"] < node["mem_limit"]
        assert 0 < node["fd_used"] < node["fd_total"]
        assert node["disk_free"] > node["disk_free_limit"]
        assert (node["mem_alarm"], node["disk_free_alarm"]) == (False, False)
        assert {application["name"] for application in node["applications"]} >= {"rabbit", "rabbitmq_management"}

    with_management(scenario)


def test_memory_is_told_in_bytes_and_in_percent() -> None:
    def scenario(api: Api) -> None:
        path = f"/api/nodes/{node_name(api)}/memory"
        memory = api.get(path).json["memory"]
        assert memory["total"]["rss"] == memory["other_proc"] > 0
        assert api.get(f"{path}/relative").json["memory"]["total"] == 100
        assert api.get(f"/api/nodes/{node_name(api)}?memory=true").json["memory"]["strategy"] == "rss"

    with_management(scenario)


def test_another_node_is_not_there() -> None:
    def scenario(api: Api) -> None:
        for path in ("nodes/x", "nodes/x/memory", "auth/attempts/x", "healthchecks/node/x"):
            assert api.get(f"/api/{path}").status == 404
        assert api.delete("/api/reset/x").status == 404

    with_management(scenario)


def test_statistics_can_be_begun_anew_and_queues_rebalanced() -> None:
    def scenario(api: Api) -> None:
        assert api.delete("/api/reset").status == 204
        assert api.delete(f"/api/reset/{node_name(api)}").status == 204
        assert api.post("/api/rebalance/queues").status == 204

    with_management(scenario)


def test_log_ins_are_counted() -> None:
    def scenario(api: Api) -> None:
        path = f"/api/auth/attempts/{node_name(api)}"
        api.get("/api/whoami", "guest:wrong")
        (counted,) = api.get(path).json
        assert (counted["protocol"], counted["auth_attempts_failed"]) == ("http", 1)
        (by_source,) = api.get(f"{path}/source").json
        assert (by_source["remote_address"], by_source["username"], by_source["auth_attempts_failed"]) == ("127.0.0.1", "guest", 1)
        assert api.delete(path).status == 204
        assert api.get(path).json[0]["auth_attempts_failed"] == 0

    with_management(scenario)
