import pytest

from tests.servers.management.management_api import Api, with_management

PATH = "/api/policies/%2F/p"


@pytest.mark.parametrize("kind", ["policies", "operator-policies"])
def test_a_policy_is_put_shown_and_cleared(kind: str) -> None:
    def scenario(api: Api) -> None:
        path = f"/api/{kind}/%2F/p"
        assert api.put(path, {"pattern": "^q", "definition": {"max-length": 10}}).status == 201
        expected = {"vhost": "/", "name": "p", "pattern": "^q", "apply-to": "all", "definition": {"max-length": 10}, "priority": 0}
        assert api.get(path).json == expected
        assert api.get(f"/api/{kind}").json == api.get(f"/api/{kind}/%2F").json == [expected]
        assert api.put(path, {"pattern": "^q", "definition": {"max-length": 5}, "priority": 3, "apply-to": "queues"}).status == 204
        assert (api.get(path).json["priority"], api.get(path).json["apply-to"]) == (3, "queues")
        assert api.delete(path).status == 204
        assert api.delete(path).status == 404

    with_management(scenario)


def test_policies_show_on_their_queues_and_limit_them() -> None:
    def scenario(api: Api) -> None:
        api.put("/api/queues/%2F/q", {"durable": True})
        api.put(PATH, {"pattern": "^q", "definition": {"max-length": 10}})
        api.put("/api/operator-policies/%2F/op", {"pattern": "^q", "definition": {"max-length": 1}})
        queue = api.get("/api/queues/%2F/q").json
        assert (queue["policy"], queue["operator_policy"]) == ("p", "op")
        assert queue["effective_policy_definition"] == {"max-length": 1}
        for payload in ("a", "b"):
            api.publish("q", payload)
        assert [message["payload"] for message in api.messages("q")] == ["b"]

    with_management(scenario)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"pattern": "^q"}, "[{key_missing,definition}]"),
        ({"pattern": "a", "definition": {}}, "Validation failed\n\nno policy provided\n"),
        (
            {"pattern": "a", "definition": {"nope": 1}},
            'Validation failed\n\n[{<<"nope">>,1}] are not recognised policy settings\n',
        ),
        (
            {"pattern": "(", "definition": {"max-length": 1}},
            'Validation failed\n\npattern should be regular expression but is invalid: {"missing )",1}\n',
        ),
        ({"pattern": "a", "definition": {"max-length": "x"}}, 'Validation failed\n\n<<"x">> is not a valid maximum length\n'),
        (
            {"pattern": "a", "definition": {"max-length": 1}, "priority": "x"},
            'Validation failed\n\npriority should be a number, actually was <<"x">>\n',
        ),
    ],
)
def test_a_wrong_policy_is_refused_in_the_words_of_rabbitmq(content: dict[str, object], reason: str) -> None:
    def scenario(api: Api) -> None:
        assert api.put(PATH, content).refusal == (400, "bad_request", reason)

    with_management(scenario)


def test_before_version_4_reasons_are_escaped_for_html() -> None:
    def scenario(api: Api) -> None:
        reason = 'Validation failed\n\n&lt;&lt;"x"&gt;&gt; is not a valid maximum length\n'
        assert api.put(PATH, {"pattern": "a", "definition": {"max-length": "x"}}).refusal[2] == reason

    with_management(scenario, rabbitmq_version="3.10")


def test_a_policy_of_no_virtual_host_is_refused() -> None:
    def scenario(api: Api) -> None:
        refusal = api.put("/api/policies/none/p", {"pattern": "a", "definition": {"max-length": 1}}).refusal
        assert refusal == (404, "not_found", "vhost_not_found")

    with_management(scenario)
