import inspect
import re

from message_queues import errors
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.servers.error_map import amqp_code, amqp_reply_text, error_code


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


def test_every_error_that_names_an_amqp_code_in_its_docstring_is_sent_as_that_code() -> None:
    named = 0
    for _, error in inspect.getmembers(errors, inspect.isclass):
        found = re.search(r"AMQP (\d+) ([A-Z_]+)", error.__doc__ or "")
        if found:
            instance = error.__new__(error)
            assert isinstance(instance, errors.MessageQueuesError)
            code = amqp_code(instance)
            assert (code.number, code.name) == (int(found[1]), found[2])
            named += 1
    assert named >= 20


def test_a_reply_text_is_the_name_of_the_code_and_what_happened() -> None:
    assert amqp_reply_text(errors.QueueNotFound("no queue 'q' in vhost '/'")) == "NOT_FOUND - no queue 'q' in vhost '/'"


def test_a_reply_text_fits_a_short_string() -> None:
    text = amqp_reply_text(errors.QueueNotFound("é" * 300))
    assert len(text.encode()) <= 255
    assert text.startswith("NOT_FOUND - é")
    assert text.endswith("é...")


def test_a_mistake_of_ours_is_told_without_details() -> None:
    assert amqp_reply_text(RuntimeError("a secret")) == "INTERNAL_ERROR"
