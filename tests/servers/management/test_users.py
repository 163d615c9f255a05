import base64
import hashlib

import pytest

from tests.servers.management.management_api import Api, with_management


def test_a_user_is_put_shown_and_deleted() -> None:
    def scenario(api: Api) -> None:
        assert api.put("/api/users/u", {"password": "p", "tags": "management,monitoring"}).status == 201
        user = api.get("/api/users/u").json
        assert (user["name"], user["tags"], user["limits"]) == ("u", ["management", "monitoring"], {})
        assert user["hashing_algorithm"] == "rabbit_password_hashing_sha256"
        assert api.get("/api/whoami", "u:p").status == 200
        assert api.put("/api/users/u", {"password": "q", "tags": ["management"]}).status == 204
        assert api.get("/api/whoami", "u:p").status == 401
        assert api.get("/api/whoami", "u:q").json["tags"] == ["management"]
        assert api.delete("/api/users/u").status == 204
        assert api.delete("/api/users/u").status == 404

    with_management(scenario)


def test_a_hash_of_another_broker_logs_in() -> None:
    salt = b"\x01\x02\x03\x04"
    password_hash = base64.b64encode(salt + hashlib.sha256(salt + b"secret").digest()).decode()

    def scenario(api: Api) -> None:
        api.put("/api/users/u", {"password_hash": password_hash, "tags": "management"})
        assert api.get("/api/whoami", "u:secret").status == 200
        assert api.get("/api/users/u").json["password_hash"] == password_hash

    with_management(scenario)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"password": "p"}, "tags_not_present"),
        ({"password": "p", "password_hash": "x", "tags": ""}, "both_password_and_password_hash_are_provided"),
        ({"password_hash": "%%%", "tags": ""}, ["not_base64", "%%%"]),
        ({"password": "p", "tags": [str(number) for number in range(65)]}, "A user can have at most 64 tags (received 65)"),
    ],
)
def test_what_no_user_can_be_is_refused(content: dict[str, object], reason: object) -> None:
    def scenario(api: Api) -> None:
        assert api.put("/api/users/u", content).refusal == (400, "bad_request", reason)

    with_management(scenario)


def test_a_user_without_password_does_not_log_in() -> None:
    def scenario(api: Api) -> None:
        for name, content in (("u", {"tags": "management"}), ("v", {"password_hash": "", "tags": "management"})):
            assert api.put(f"/api/users/{name}", content).status == 201
            assert api.get("/api/whoami", f"{name}:").status == 401

    with_management(scenario)


def test_several_users_are_deleted_at_once() -> None:
    def scenario(api: Api) -> None:
        for name in ("a", "b"):
            api.put(f"/api/users/{name}", {"tags": ""})
        assert {user["name"] for user in api.get("/api/users/without-permissions").json} == {"a", "b"}
        assert api.post("/api/users/bulk-delete", {"users": ["a", "b"]}).status == 204
        assert [user["name"] for user in api.get("/api/users").json] == ["guest"]
        assert api.post("/api/users/bulk-delete", {"users": ["a"]}).refusal == (400, "bad_request", ["no_such_user", "a"])
        assert api.post("/api/users/bulk-delete").refusal == (400, "bad_request", "[{key_missing,users}]")

    with_management(scenario)


def test_a_password_is_hashed() -> None:
    def scenario(api: Api) -> None:
        hashed = base64.b64decode(api.get("/api/auth/hash_password/foo").json["ok"])
        assert hashed[4:] == hashlib.sha256(hashed[:4] + b"foo").digest()

    with_management(scenario)


def test_permissions_are_put_shown_and_cleared() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/users/u", {"password": "p", "tags": ""})
        content = {"configure": "^c", "write": "^w", "read": "^r"}
        assert api.put("/api/permissions/%2F/u", content).status == 201
        assert api.put("/api/permissions/%2F/u", content).status == 204
        expected = {"user": "u", "vhost": "/", **content}
        assert api.get("/api/permissions/%2F/u").json == expected
        assert api.get("/api/users/u/permissions").json == [expected]
        assert expected in api.get("/api/permissions").json
        assert expected in api.get("/api/vhosts/%2F/permissions").json
        assert api.delete("/api/permissions/%2F/u").status == 204
        assert api.delete("/api/permissions/%2F/u").status == 404

    with_management(scenario)


def test_wrong_permissions_are_refused() -> None:
    def scenario(api: Api) -> None:
        content = {"configure": ".*", "write": ".*", "read": ".*"}
        for path in ("none/guest", "%2F/nobody"):
            assert api.put(f"/api/permissions/{path}", content).refusal == (400, "bad_request", "vhost_or_user_not_found")
        assert api.put("/api/permissions/%2F/guest", {"configure": "", "write": ""}).refusal[2] == "[{key_missing,read}]"
        status, _, reason = api.put("/api/permissions/%2F/guest", content | {"configure": "("}).refusal
        assert (status, reason[0], reason[1], bytes(reason[2][0])) == (400, "invalid_regexp", [40], b"missing )")

    with_management(scenario)


def test_topic_permissions_are_put_shown_and_cleared() -> None:
    def scenario(api: Api) -> None:
        path = "/api/topic-permissions/%2F/guest"
        assert api.put(path, {"exchange": "amq.topic", "write": "^a", "read": ".*"}).status == 201
        expected = {"user": "guest", "vhost": "/", "exchange": "amq.topic", "write": "^a", "read": ".*"}
        assert api.get(path).json == api.get("/api/topic-permissions").json == [expected]
        assert api.get("/api/users/guest/topic-permissions").json == api.get("/api/vhosts/%2F/topic-permissions").json == [expected]
        assert api.put(path, {"write": "", "read": ""}).refusal[2] == "[{key_missing,exchange}]"
        assert api.publish("b", "x", exchange="amq.topic").status == 400
        assert api.publish("a", "x", exchange="amq.topic").status == 200
        assert api.delete(f"{path}/amq.topic").status == 204
        assert api.delete(path).status == 404

    with_management(scenario)
