"""Ending a call of boto3's that waits, over plain sockets."""

import socket
import threading
from collections.abc import Iterator

import pytest

from message_queues.clients.connect import AwsAddress, connect_aws
from message_queues.clients.interruption import Interruption
from message_queues.errors import Closed


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_a_call_that_waits_for_its_answer_ends_at_once(silent: socket.socket) -> None:
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    receiver = connect_aws(AwsAddress("us-east-1", url, keys=("test", "test"))).sqs.receiver(f"{url}/1/orders", 2)
    errors: list[Closed] = []

    def poll() -> None:
        try:
            receiver.receive(1, 20, None)
        except Closed as error:
            errors.append(error)

    polls = [threading.Thread(target=poll) for _ in range(2)]
    for thread in polls:
        thread.start()
    connections = [silent.accept()[0] for _ in polls]
    for each in connections:
        assert each.recv(10)
    receiver.interrupt()
    for thread in polls:
        thread.join(20)
    assert len(errors) == 2
    for each in connections:
        each.close()
    receiver.close()


def test_a_client_without_such_a_session_is_left_alone() -> None:
    interruption = Interruption(object())
    interruption.begin()
    assert interruption.is_over
