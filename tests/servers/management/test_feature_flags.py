from tests.servers.management.management_api import Api, with_management


def test_all_feature_flags_of_the_version_are_on() -> None:
    def scenario(api: Api) -> None:
        flags = {flag["name"]: flag["state"] for flag in api.get("/api/feature-flags").json}
        assert flags["rabbitmq_4.2.0"] == "enabled"
        assert "rabbitmq_4.3.0" not in flags
        assert set(flags.values()) == {"enabled"}
        assert api.call("PUT", "/api/feature-flags/khepri_db/enable", {}).status == 204
        assert api.call("PUT", "/api/feature-flags/nope/enable", {}).refusal == (400, "bad_request", "unsupported")

    with_management(scenario, rabbitmq_version="4.2")


def test_deprecated_features_are_denied_from_the_version_on_that_denies_them() -> None:
    def state(api: Api) -> str:
        (feature,) = [each for each in api.get("/api/deprecated-features").json if each["name"] == "transient_nonexcl_queues"]
        return str(feature["deprecation_phase"])

    def before(api: Api) -> None:
        assert state(api) == "permitted_by_default"
        api.put("/api/queues/%2F/q", {"durable": False})
        used = {each["name"] for each in api.get("/api/deprecated-features/used").json}
        assert used == {"management_metrics_collection", "transient_nonexcl_queues"}

    def since(api: Api) -> None:
        assert state(api) == "denied_by_default"

    with_management(before, rabbitmq_version="4.2")
    with_management(since, rabbitmq_version="4.3")


def test_extensions_are_listed() -> None:
    def scenario(api: Api) -> None:
        assert {"javascript": "dispatcher.js"} in api.get("/api/extensions").json

    with_management(scenario)


def test_a_form_logs_in() -> None:
    def scenario(api: Api) -> None:
        form = "application/x-www-form-urlencoded"
        answer = api.call("POST", "/api/login", body=b"username=guest&password=guest", user=None, Content_Type=form)
        assert answer.json["token"] == {"type": "basic", "value": "Z3Vlc3Q6Z3Vlc3Q="}
        assert api.call("POST", "/api/login", body=b"username=guest&password=x", user=None, Content_Type=form).status == 401
        assert api.call("POST", "/api/login", body=b"username=guest", user=None, Content_Type=form).status == 400
        assert api.call("DELETE", "/api/login", user=None).status == 204

    with_management(scenario)
