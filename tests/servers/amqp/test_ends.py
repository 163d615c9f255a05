from message_queues.servers.amqp.ends import Ends


def test_a_connection_is_called_after_its_ends_as_rabbitmq_shows_them() -> None:
    assert str(Ends.of(("127.0.0.1", 50_000), ("127.0.0.1", 5672))) == "127.0.0.1:50000 -> 127.0.0.1:5672"
    assert str(Ends.of(("::1", 5, 0, 0), ("::1", 6, 0, 0))) == "[::1]:5 -> [::1]:6"


def test_what_is_no_address_of_the_internet_stays_empty() -> None:
    assert Ends.of("/run/socket", None) == Ends()
