"""Every action of SQS in both formats, as botocore writes and reads it."""

from typing import Any

import msgspec
import pytest

from message_queues.protocols.aws.content import Target, Wire, target_of
from message_queues.protocols.aws.faults import AwsFault
from message_queues.protocols.sqs.codec import ACTIONS, content_type, decode_request, encode_fault, encode_response
from message_queues.protocols.sqs.requests import ERRORS, RESPONSES
from tests.protocols.aws.botocore_oracle import SQS, Oracle, RandomParameters, as_parameters

ORACLES = {wire: Oracle(SQS, query=wire is Wire.QUERY) for wire in Wire}
SMALLEST = {Wire.JSON: 0, Wire.QUERY: 1}
ROUNDS = 30
both_wires = pytest.mark.parametrize("wire", Wire)
every_action = pytest.mark.parametrize("action", sorted(ACTIONS))


def headers(oracle: Oracle, action: str, parameters: dict[str, Any]) -> dict[bytes, bytes]:
    return {name.lower().encode(): value.encode() for name, value in oracle.request(action, parameters).headers.items()}


@both_wires
@every_action
def test_a_request_of_botocore_is_read_as_it_was_meant(action: str, wire: Wire) -> None:
    oracle = ORACLES[wire]
    for round_ in range(ROUNDS):
        parameters = RandomParameters((action, round_), SMALLEST[wire]).of(oracle.operation(action).input_shape)
        body = oracle.body(action, parameters)
        assert as_parameters(decode_request(action, wire, body)) == parameters
        assert target_of(headers(oracle, action, parameters), b"", body) == Target(wire, "sqs", action)


@every_action
def test_parameters_of_a_url_are_read_too(action: str) -> None:
    oracle = ORACLES[Wire.QUERY]
    parameters = RandomParameters(action, SMALLEST[Wire.QUERY]).of(oracle.operation(action).input_shape)
    query = oracle.url_query(action, parameters)
    assert as_parameters(decode_request(action, Wire.QUERY, b"", query)) == parameters
    assert target_of({}, query, b"") == Target(Wire.QUERY, "sqs", action)


@both_wires
@every_action
def test_botocore_reads_an_answer_as_it_was_meant(action: str, wire: Wire) -> None:
    oracle, response = ORACLES[wire], RESPONSES[action]
    if response is None:
        body = encode_response(action, None, wire, "request-1")
        assert oracle.answer(action, body)["ResponseMetadata"]["HTTPStatusCode"] == 200
        return
    for round_ in range(ROUNDS):
        parameters = RandomParameters((action, round_), SMALLEST[wire]).of(oracle.operation(action).output_shape)
        answer = oracle.answer(action, encode_response(action, msgspec.convert(parameters, response), wire, "request-1"))
        metadata = answer.pop("ResponseMetadata")
        assert answer == parameters
        if wire is Wire.QUERY:
            assert metadata["RequestId"] == "request-1"


@both_wires
@pytest.mark.parametrize("code", [*sorted(ERRORS), "InvalidParameterValueException"])
@pytest.mark.parametrize("is_sender", [True, False])
def test_botocore_reads_an_error_by_the_name_that_query_gave_it(code: str, wire: Wire, is_sender: bool) -> None:
    fault = AwsFault(code, 'Not <so> & "so" ü', 400, f"AWS.SimpleQueueService.{code}", is_sender)
    sent_headers, body = encode_fault(fault, wire, "request-1")
    answer = ORACLES[wire].answer("SendMessage", body, 400, sent_headers)
    assert answer["Error"]["Code"] == f"AWS.SimpleQueueService.{code}"
    assert answer["Error"]["Message"] == 'Not <so> & "so" ü'
    assert answer["Error"]["Type"] == ("Sender" if is_sender else "Receiver")
    assert answer["ResponseMetadata"]["RequestId"] == "request-1"
    assert (b"content-type", content_type(wire)) in sent_headers
    if wire is Wire.JSON:
        assert answer["Error"]["QueryErrorCode"] == code
