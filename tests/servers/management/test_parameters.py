from tests.servers.management.management_api import Api, with_management

SHOVEL = {"src-uri": "amqp://", "src-queue": "a", "dest-uri": "amqp://", "dest-queue": "b"}
PATH = "/api/parameters/shovel/%2F/s"


def test_a_parameter_is_put_shown_and_cleared() -> None:
    def scenario(api: Api) -> None:
        assert api.put(PATH, {"value": SHOVEL}).status == 201
        expected = {"value": SHOVEL, "vhost": "/", "component": "shovel", "name": "s"}
        assert api.get(PATH).json == expected
        for path in ("parameters", "parameters/shovel", "parameters/shovel/%2F"):
            assert api.get(f"/api/{path}").json == [expected]
        assert api.get("/api/parameters/none").json == []
        assert api.get("/api/parameters/shovel/none").status == 404
        assert api.delete(PATH).status == 204
        assert api.delete(PATH).status == 404

    with_management(scenario)


def test_a_wrong_parameter_is_refused() -> None:
    def scenario(api: Api) -> None:
        refusal = api.put("/api/parameters/none/%2F/s", {"value": {}}).refusal
        assert refusal == (400, "bad_request", "Validation failed\n\ncomponent none not found\n")
        assert api.put(PATH).refusal == (400, "bad_request", "[{key_missing,value}]")
        assert api.put("/api/parameters/shovel/none/s", {"value": SHOVEL}).refusal == (404, "not_found", "vhost_not_found")
        assert api.put(PATH, {"value": {"src-uri": "amqp://"}}).status == 400

    with_management(scenario)


def test_operator_policies_and_limits_are_parameters_too() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/policies/%2F/p", {"pattern": "a", "definition": {"max-length": 1}})
        api.put("/api/operator-policies/%2F/o", {"pattern": "a", "definition": {"max-length": 1}})
        api.put("/api/vhost-limits/%2F/max-queues", {"value": 5})
        assert {each["component"] for each in api.get("/api/parameters").json} == {"operator_policy", "vhost-limits"}
        assert [each["name"] for each in api.get("/api/parameters/policy").json] == ["p"]

    with_management(scenario)


def test_a_global_parameter_is_put_shown_and_cleared() -> None:
    def scenario(api: Api) -> None:
        assert api.put("/api/global-parameters/g", {"value": {"a": [1]}}).status == 201
        assert api.get("/api/global-parameters/g").json == {"value": {"a": [1]}, "name": "g"}
        assert [each["name"] for each in api.get("/api/global-parameters").json] == ["g", "internal_cluster_id"]
        assert api.delete("/api/global-parameters/g").status == 204
        assert api.get("/api/global-parameters/g").status == 404

    with_management(scenario)


def test_shovels_are_shown_restarted_and_deleted() -> None:
    def scenario(api: Api) -> None:
        api.put(PATH, {"value": SHOVEL})
        (shovel,) = api.get("/api/shovels").json
        assert (shovel["name"], shovel["vhost"], shovel["type"]) == ("s", "/", "dynamic")
        assert api.get("/api/shovels/%2F").json[0]["name"] == "s"
        assert api.get("/api/shovels/vhost/%2F/s").json["component"] == "shovel"
        assert api.delete("/api/shovels/vhost/%2F/s/restart").status == 204
        assert api.delete("/api/shovels/vhost/%2F/s").status == 204
        assert api.get("/api/shovels/vhost/%2F/s").status == 404
        assert api.get("/api/shovels").json == []

    with_management(scenario)


def test_limits_of_virtual_hosts_are_put_shown_and_cleared() -> None:
    def scenario(api: Api) -> None:
        assert api.put("/api/vhost-limits/%2F/max-queues", {"value": 1}).status == 204
        assert api.get("/api/vhost-limits").json == api.get("/api/vhost-limits/%2F").json == [{"vhost": "/", "value": {"max-queues": 1}}]
        api.put("/api/queues/%2F/a", {"durable": True})
        status, _, reason = api.put("/api/queues/%2F/b", {"durable": True}).refusal
        assert (status, reason) == (400, "cannot declare queue 'b': queue limit in vhost '/' (1) is reached")
        assert api.delete("/api/vhost-limits/%2F/max-queues").status == 204
        assert api.get("/api/vhost-limits").json == []

    with_management(scenario)


def test_limits_of_users_are_put_shown_and_cleared() -> None:
    def scenario(api: Api) -> None:
        assert api.put("/api/user-limits/guest/max-channels", {"value": 1}).status == 204
        assert (
            api.get("/api/user-limits").json == api.get("/api/user-limits/guest").json == [{"user": "guest", "value": {"max-channels": 1}}]
        )
        assert api.get("/api/users/guest").json["limits"] == {"max-channels": 1}
        assert api.delete("/api/user-limits/guest/max-channels").status == 204
        assert api.get("/api/user-limits").json == []
        assert api.get("/api/user-limits/nobody").status == 404

    with_management(scenario)


def test_wrong_limits_are_refused_in_the_words_of_rabbitmq() -> None:
    def scenario(api: Api) -> None:
        for path, content, reason in (
            ("vhost-limits/%2F/nope", {"value": 1}, 'Validation failed\n\nUnrecognised terms [{<<"nope">>,1}] in limits\n'),
            ("vhost-limits/%2F/max-queues", {"value": "x"}, 'Validation failed\n\nmax-queues should be a number, actually was <<"x">>\n'),
            ("vhost-limits/%2F/max-queues", {}, "[{key_missing,value}]"),
            ("user-limits/guest/nope", {"value": 1}, 'Unrecognised terms [{<<"nope">>,1}] in user-limits'),
            ("user-limits/guest/max-channels", {"value": "x"}, 'max-channels should be a number, actually was <<"x">>'),
            ("user-limits/nobody/max-channels", {"value": 1}, ["no_such_user", "nobody"]),
        ):
            assert api.put(f"/api/{path}", content).refusal == (400, "bad_request", reason)
        assert api.put("/api/vhost-limits/none/max-queues", {"value": 1}).refusal == (404, "not_found", "vhost_not_found")

    with_management(scenario)
