from message_queues.clients.properties import PROPERTIES, nearest_property


def test_the_nearest_property_is_found_however_it_is_written() -> None:
    assert nearest_property("sesion.timeout.ms") == "session.timeout.ms"
    assert nearest_property("session_timeout_ms") == "session.timeout.ms"
    assert nearest_property("qqq") is None
    assert "bootstrap.servers" in PROPERTIES
