import inspect

from message_queues import errors
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.servers.error_map import error_code


def test_every_error_that_names_a_kafka_code_in_its_docstring_is_sent_as_that_code() -> None:
    named = 0
    for _, error in inspect.getmembers(errors, inspect.isclass):
        for code in ErrorCode:
            if f"Kafka {int(code)} {code.name}" in (error.__doc__ or ""):
                instance = error.__new__(error)
                assert isinstance(instance, errors.MessageQueuesError)
                assert error_code(instance) == code
                named += 1
    assert named > 35


def test_an_error_of_no_class_of_ours_is_an_unknown_server_error() -> None:
    assert error_code(RuntimeError()) == ErrorCode.UNKNOWN_SERVER_ERROR
