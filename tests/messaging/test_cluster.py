from message_queues.messaging.cluster import ClusterSettings


def test_differences_are_listed_and_secrets_are_not_shown() -> None:
    held = ClusterSettings("east", ("a:1", "b:1"), None, {"sasl.password": "hush", "client.id": "x"})
    assert held.differences(ClusterSettings("east", ("b:1", "a:1"), None, held.config)) == ()
    assert held.differences(ClusterSettings("east", ("a:1",), "http://registry", {"sasl.password": "psst", "socket.timeout.ms": 5})) == (
        "brokers is ['a:1', 'b:1'], not ['a:1']",
        "schema_registry is None, not 'http://registry'",
        "config client.id is 'x', not None",
        "config sasl.password differs",
        "config socket.timeout.ms is None, not 5",
    )
