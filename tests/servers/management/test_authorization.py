import pytest

from message_queues.servers.management.authorization import basic_credentials
from tests.servers.management.management_api import Api, with_management

ALL = {"configure": ".*", "write": ".*", "read": ".*"}
USERS = {"adm": "administrator", "mon": "monitoring", "pol": "policymaker", "man": "management", "none": ""}
NOT_THERE = {"error": "not_found", "reason": "Not Found"}


def add_users(api: Api) -> None:
    """`adm` may open no virtual host, the others `/`; nobody may open `v`."""
    api.put("/api/vhosts/v")
    for name, tags in USERS.items():
        api.put(f"/api/users/{name}", {"password": "p", "tags": tags})
        if name != "adm":
            api.put(f"/api/permissions/%2F/{name}", ALL)


def statuses(api: Api, path: str) -> dict[str, int]:
    return {name: api.get(path, f"{name}:p").status for name in USERS}


def test_nobody_gets_in_without_credentials() -> None:
    def scenario(api: Api) -> None:
        answer = api.get("/api/overview", user=None)
        assert (answer.status, answer.body) == (401, b"")
        assert answer.headers["www-authenticate"] == 'Basic realm="RabbitMQ Management"'

    with_management(scenario)


@pytest.mark.parametrize(("version", "reason"), [("3.10", "Login failed"), ("4.3", "Not_Authorized")])
def test_a_wrong_password_is_refused(version: str, reason: str) -> None:
    def scenario(api: Api) -> None:
        for user in ("guest:wrong", "nobody:p", "guest:"):
            assert api.get("/api/overview", user=user).refusal == (401, "not_authorized", reason)

    with_management(scenario, rabbitmq_version=version)


def test_a_user_without_a_management_tag_is_refused() -> None:
    def scenario(api: Api) -> None:
        add_users(api)
        assert api.get("/api/whoami", "none:p").refusal == (401, "not_authorised", "Not management user")

    with_management(scenario)


def test_tags_decide_who_sees_what() -> None:
    def scenario(api: Api) -> None:
        add_users(api)
        everybody = {"adm": 200, "mon": 200, "pol": 200, "man": 200, "none": 401}
        for path in ("overview", "whoami", "vhosts", "queues", "exchanges", "connections", "channels", "consumers", "bindings", "policies"):
            assert statuses(api, f"/api/{path}") == everybody, path
        for path in ("nodes", "shovels", "auth/attempts/" + api.get("/api/overview").json["node"]):
            assert statuses(api, f"/api/{path}") == everybody | {"pol": 401, "man": 401}, path
        for path in ("users", "permissions", "definitions", "vhosts/%2F", "topic-permissions", "user-limits"):
            assert statuses(api, f"/api/{path}") == everybody | {"mon": 401, "pol": 401, "man": 401}, path
        for path in ("parameters", "global-parameters"):
            assert statuses(api, f"/api/{path}") == everybody | {"mon": 401, "man": 401}, path

    with_management(scenario)


def test_a_user_sees_the_virtual_hosts_with_permissions_a_monitor_all() -> None:
    def scenario(api: Api) -> None:
        add_users(api)
        seen = {name: [host["name"] for host in api.get("/api/vhosts", f"{name}:p").json] for name in ("adm", "mon", "man")}
        assert seen == {"adm": ["/", "v"], "mon": ["/", "v"], "man": ["/"]}
        hosts = {name: {each["vhost"] for each in api.get("/api/exchanges", f"{name}:p").json} for name in ("adm", "mon", "man")}
        assert hosts == {"adm": {"/", "v"}, "mon": {"/"}, "man": {"/"}}

    with_management(scenario)


def test_a_virtual_host_without_permissions_is_hidden() -> None:
    def scenario(api: Api) -> None:
        add_users(api)
        assert api.get("/api/exchanges/v", "man:p").json == NOT_THERE
        assert api.put("/api/queues/v/q", {"durable": True}, "man:p").json == NOT_THERE
        assert api.get("/api/exchanges/v", "adm:p").status == 200

    with_management(scenario)


def test_before_version_4_a_virtual_host_without_permissions_is_refused() -> None:
    def scenario(api: Api) -> None:
        add_users(api)
        assert api.get("/api/exchanges/v", "man:p").refusal == (401, "not_authorised", "User not authorised to access virtual host")

    with_management(scenario, rabbitmq_version="3.13")


def test_an_administrator_declares_nothing_where_it_has_no_permissions() -> None:
    def scenario(api: Api) -> None:
        add_users(api)
        assert api.put("/api/queues/v/q", {"durable": True}, "adm:p").refusal == (401, "not_authorised", "Access refused.")

    with_management(scenario)


def test_permissions_hold_over_http_too() -> None:
    def scenario(api: Api) -> None:
        add_users(api)
        api.put("/api/queues/%2F/mine", {"durable": True})
        api.put("/api/queues/%2F/other", {"durable": True})
        api.put("/api/permissions/%2F/man", {"configure": "^mine", "write": "^mine|amq.default", "read": "^mine"})
        assert api.put("/api/queues/%2F/mine2", {"durable": True}, "man:p").status == 201
        assert api.put("/api/queues/%2F/yours", {"durable": True}, "man:p").status == 401
        assert api.delete("/api/queues/%2F/other/contents", "man:p").status == 401
        refusal = api.post("/api/queues/%2F/other/get", {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}, "man:p").refusal
        assert refusal == (401, "not_authorised", "ACCESS_REFUSED - read access to queue 'other' in vhost '/' refused for user 'man'")
        content = {"routing_key": "x", "properties": {}, "payload": "x", "payload_encoding": "string"}
        refusal = api.post("/api/exchanges/%2F/amq.topic/publish", content, "man:p").refusal
        reason = "403 ACCESS_REFUSED - write access to exchange 'amq.topic' in vhost '/' refused for user 'man'"
        assert refusal == (400, "bad_request", reason)

    with_management(scenario)


def test_policymakers_set_policies_where_they_have_permissions() -> None:
    def scenario(api: Api) -> None:
        add_users(api)
        policy = {"pattern": "^q", "definition": {"max-length": 5}}
        assert api.put("/api/policies/%2F/p", policy, "pol:p").status == 201
        assert api.put("/api/policies/v/p", policy, "pol:p").status == 404
        assert api.put("/api/policies/%2F/p", policy, "man:p").refusal == (401, "not_authorised", "User not authorised to access object")
        assert api.put("/api/operator-policies/%2F/p", policy, "pol:p").refusal == (401, "not_authorised", "Not administrator user")

    with_management(scenario)


def test_connections_are_seen_by_their_user_and_by_monitors_and_closed_by_administrators() -> None:
    def scenario(api: Api) -> None:
        add_users(api)
        with api.amqp():
            name = api.get("/api/connections").json[0]["name"].replace(" ", "%20").replace(">", "%3E")
            path = f"/api/connections/{name}"
            assert statuses(api, path) == {"adm": 200, "mon": 200, "pol": 401, "man": 401, "none": 401}
            assert api.get("/api/connections", "man:p").json == []
            assert len(api.get("/api/connections", "mon:p").json) == 1
            assert api.delete(path, "mon:p").status == 401
            assert api.delete(path, "adm:p").status == 204

    with_management(scenario)


def test_a_body_of_somebody_without_credentials_is_not_waited_for() -> None:
    def scenario(api: Api) -> None:
        answer = api.call("PUT", "/api/vhosts/v", body=b"{}", user=None)
        assert answer.status == 401

    with_management(scenario)


@pytest.mark.parametrize("header", [None, "", "Basic", "Basic !!!", "Basic Z3Vlc3Q=", "Bearer x"])
def test_what_is_no_basic_authorization_gives_no_credentials(header: str | None) -> None:
    assert basic_credentials(header) is None


def test_a_password_may_hold_colons_and_any_bytes() -> None:
    assert basic_credentials("basic Z3Vlc3Q6YTpi") == ("guest", "a:b")
    assert basic_credentials("Basic Z3Vlc3Q6/w==") == ("guest", "\udcff")
