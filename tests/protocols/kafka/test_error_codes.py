"""The error codes against those that kio knows."""

from kio.schema.errors import ErrorCode as KioErrorCode

from message_queues.protocols.kafka.error_codes import ErrorCode


def test_codes_are_those_of_kio_with_the_same_name_and_retriable_flag() -> None:
    assert {int(code) for code in ErrorCode} == {int(code) for code in KioErrorCode}
    for code in ErrorCode:
        theirs = KioErrorCode(code)
        assert code.name.lower().removesuffix("_exception") == theirs.name.removesuffix("_exception")
        assert code.retriable == theirs.retriable


def test_a_code_is_its_number_and_has_a_text() -> None:
    assert int(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) == 3
    assert ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.message == "This server does not host this topic-partition."
    assert ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.retriable
    assert ErrorCode.NONE.message == ""
    assert all(code.message for code in ErrorCode if code != ErrorCode.NONE)
