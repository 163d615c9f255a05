"""Every action of SNS that is served, as botocore writes and reads it."""

import msgspec
import pytest

from message_queues.protocols.aws.content import Target, Wire, target_of
from message_queues.protocols.aws.faults import AwsFault
from message_queues.protocols.sns.codec import ACTIONS, decode_request, encode_fault, encode_response
from message_queues.protocols.sns.requests import ERRORS, NOT_SERVED, RESPONSES
from tests.protocols.aws.botocore_oracle import SNS, Oracle, RandomParameters, as_parameters

ORACLE = Oracle(SNS, query=True)
ROUNDS = 30
every_action = pytest.mark.parametrize("action", sorted(ACTIONS))


@every_action
def test_a_request_of_botocore_is_read_as_it_was_meant(action: str) -> None:
    for round_ in range(ROUNDS):
        parameters = RandomParameters((action, round_), smallest=1).of(ORACLE.operation(action).input_shape)
        body = ORACLE.body(action, parameters)
        assert as_parameters(decode_request(action, Wire.QUERY, body)) == parameters
        assert target_of({}, b"", body) == Target(Wire.QUERY, "sns", action)


@every_action
def test_botocore_reads_an_answer_as_it_was_meant(action: str) -> None:
    response = RESPONSES[action]
    if response is None:
        assert ORACLE.answer(action, encode_response(action, None, Wire.QUERY, "request-1"))["ResponseMetadata"]["RequestId"] == "request-1"
        return
    for round_ in range(ROUNDS):
        parameters = RandomParameters((action, round_), smallest=1).of(ORACLE.operation(action).output_shape)
        answer = ORACLE.answer(action, encode_response(action, msgspec.convert(parameters, response), Wire.QUERY, "request-1"))
        assert answer.pop("ResponseMetadata")["RequestId"] == "request-1"
        assert answer == parameters


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_botocore_reads_an_error(code: str) -> None:
    headers, body = encode_fault(AwsFault(code, "Not <so>", ERRORS[code] or 400), Wire.QUERY, "request-1")
    error = ORACLE.answer("Publish", body, ERRORS[code] or 400, headers)["Error"]
    assert (error["Code"], error["Message"], error["Type"]) == (code, "Not <so>", "Sender")


@pytest.mark.parametrize("action", [*sorted(NOT_SERVED), "FooBar"])
def test_what_is_not_served_is_an_invalid_action(action: str) -> None:
    with pytest.raises(AwsFault) as refusal:
        decode_request(action, Wire.QUERY, b"")
    assert refusal.value.query_code == "InvalidAction"
    assert ("is not served here" in refusal.value.message) == (action in NOT_SERVED)


def test_sns_speaks_no_json() -> None:
    with pytest.raises(AwsFault, match="Query protocol alone"):
        decode_request("Publish", Wire.JSON, b"{}")
