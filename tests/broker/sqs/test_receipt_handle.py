import pytest

from message_queues.broker.sqs.receipt_handle import read_handle, write_handle
from message_queues.errors import ReceiptHandleIsInvalid

QUEUE = bytes(range(16))
MESSAGE = bytes(range(16, 32))


def test_a_handle_names_the_queue_the_message_and_the_receive() -> None:
    handle = write_handle(QUEUE, 1 << 60, 7, MESSAGE)
    assert handle.isascii()
    assert tuple(read_handle(handle)) == (QUEUE, 1 << 60, 7, MESSAGE)


def test_every_receive_has_a_handle_of_its_own() -> None:
    assert write_handle(QUEUE, 1, 1, MESSAGE) != write_handle(QUEUE, 1, 2, MESSAGE)


@pytest.mark.parametrize("handle", ["", "x", "abc" * 20, "é" * 60, "=" * 60, write_handle(QUEUE, 1, 1, MESSAGE)[:-4], "\0" * 60])
def test_what_is_no_handle_is_refused(handle: str) -> None:
    with pytest.raises(ReceiptHandleIsInvalid, match="is not a valid receipt handle"):
        read_handle(handle)
