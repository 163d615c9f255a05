from urllib.parse import quote

from tests.servers.management.management_api import Api, with_management

BETWEEN = "/api/bindings/%2F/e/x/q/q"


def with_ends(api: Api) -> None:
    api.put("/api/exchanges/%2F/x", {"type": "direct", "durable": True})
    api.put("/api/queues/%2F/q", {"durable": True})


def test_a_binding_is_made_found_by_its_key_and_removed() -> None:
    def scenario(api: Api) -> None:
        with_ends(api)
        for content, location in (
            ({"routing_key": "k"}, "q/k"),
            ({"routing_key": "a~b/c d"}, "q/a%257Eb%252Fc%2Bd"),
            ({}, "q/~"),
        ):
            made = api.post(BETWEEN, content)
            assert (made.status, made.headers["location"]) == (201, location)
        with_arguments = api.post(BETWEEN, {"routing_key": "k", "arguments": {"n": 1}})
        assert with_arguments.headers["location"].startswith("q/k~")
        found = api.get(BETWEEN).json
        assert sorted(binding["routing_key"] for binding in found) == ["", "a~b/c d", "k", "k"]
        for binding in found:
            path = f"{BETWEEN}/{quote(binding['properties_key'], '')}"
            assert api.get(path).json == binding
            assert api.delete(path).status == 204
            assert api.delete(path).status == 404
        assert api.get(BETWEEN).json == []

    with_management(scenario)


def test_a_binding_twice_is_one() -> None:
    def scenario(api: Api) -> None:
        with_ends(api)
        assert api.post(BETWEEN, {"routing_key": "k"}).status == 201
        assert api.post(BETWEEN, {"routing_key": "k"}).status == 201
        assert len(api.get(BETWEEN).json) == 1

    with_management(scenario)


def test_exchanges_are_bound_to_exchanges() -> None:
    def scenario(api: Api) -> None:
        with_ends(api)
        api.post("/api/bindings/%2F/e/x/e/amq.topic", {"routing_key": "k"})
        expected = {
            "source": "x",
            "vhost": "/",
            "destination": "amq.topic",
            "destination_type": "exchange",
            "routing_key": "k",
            "arguments": {},
            "properties_key": "k",
        }
        assert api.get("/api/exchanges/%2F/x/bindings/source").json == [expected]
        assert api.get("/api/exchanges/%2F/amq.topic/bindings/destination").json == [expected]

    with_management(scenario)


def test_every_queue_is_bound_to_the_default_exchange() -> None:
    def scenario(api: Api) -> None:
        with_ends(api)
        (binding,) = api.get("/api/bindings").json
        assert (binding["source"], binding["destination"], binding["routing_key"]) == ("", "q", "q")
        assert api.get("/api/exchanges/%2F/amq.default/bindings/source").json == [binding]
        assert api.get("/api/queues/%2F/q/bindings").json == [binding]
        assert api.get("/api/bindings/%2F/e/amq.default/q/q").json == [binding]
        assert api.get("/api/bindings/%2F/e/amq.default/q/q/q").json == binding
        assert api.delete("/api/bindings/%2F/e/amq.default/q/q/q").refusal == (401, "not_authorised", "Access refused.")
        assert api.post("/api/bindings/%2F/e/amq.default/q/q", {"routing_key": "k"}).status == 401

    with_management(scenario)


def test_what_cannot_be_bound_is_refused_in_the_words_of_rabbitmq() -> None:
    def scenario(api: Api) -> None:
        with_ends(api)
        refusal = api.post("/api/bindings/%2F/e/x/q/none", {"routing_key": "k"}).refusal
        assert refusal == (404, "not_found", "no queue 'none' in vhost '/'")
        refusal = api.post("/api/bindings/%2F/e/none/q/q", {"routing_key": "k"}).refusal
        assert refusal == (404, "not_found", "no exchange 'none' in vhost '/'")
        assert api.post("/api/bindings/none/e/x/q/q").refusal == (404, "not_found", "vhost_not_found")
        assert api.get("/api/bindings/%2F/e/x/z/q").status == 404
        assert api.get(f"{BETWEEN}/a~b~c").status == 404

    with_management(scenario)
