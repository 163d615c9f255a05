import inspect
import re

import pytest

from message_queues import errors
from message_queues.protocols.aws.content import Wire
from message_queues.protocols.aws.faults import AwsFault
from message_queues.protocols.sqs.requests import ERRORS
from message_queues.servers.aws.error_map import SNS, SQS, sns_fault, sqs_fault

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.MessageQueuesError)]


def instance(kind: type[errors.MessageQueuesError]) -> errors.MessageQueuesError:
    made = kind.__new__(kind)
    made.args = ("what happened",)
    if isinstance(made, errors.AwsError):
        made.code = "Custom"
    if isinstance(made, errors.BatchRefused):
        made.reason = "EmptyBatchRequest"
    return made


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_in_both_services(kind: type[errors.MessageQueuesError]) -> None:
    for fault in (sqs_fault(instance(kind)), sns_fault(instance(kind))):
        assert re.fullmatch(r"[A-Za-z.]+", fault.code)
        assert 400 <= fault.status < 600
        assert fault.is_sender == (fault.status < 500)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_that_names_a_code_of_sqs_in_its_docstring_is_told_as_that_code(kind: type[errors.MessageQueuesError]) -> None:
    found = re.match(r"(?:.*\n)*?.*SQS (\w+)(?: \(([\w.]+)\))?", kind.__doc__ or "")
    if found is None or kind in (errors.AwsError, errors.BatchRefused):
        return
    fault = sqs_fault(instance(kind))
    assert found[1] in (fault.code, fault.query_code)
    if found[2]:
        assert found[2] == fault.query_code


def test_every_error_of_the_service_model_that_the_server_can_meet_is_in_the_map() -> None:
    told = {code.code for code in SQS.values()}
    batches = {
        "EmptyBatchRequest",
        "TooManyEntriesInBatchRequest",
        "BatchEntryIdsNotDistinct",
        "InvalidBatchEntryId",
        "BatchRequestTooLong",
    }
    # Nothing is encrypted, no version of receipt handles is old, and addresses and transport are checked where requests are read.
    not_met = {name for name in ERRORS if name.startswith("Kms")} | {"InvalidIdFormat", "InvalidAddress", "InvalidSecurity"}
    assert set(ERRORS) - told - batches == not_met


def test_what_went_wrong_inside_is_not_told() -> None:
    fault = sqs_fault(RuntimeError("a secret"))
    assert (fault.code, fault.status, fault.is_sender) == ("InternalFailure", 500, False)
    assert "secret" not in fault.message


def test_that_nothing_could_be_stored_is_told() -> None:
    fault = sqs_fault(errors.StorageError("no space left"))
    assert (fault.code, fault.status, fault.message) == ("InternalFailure", 500, "no space left")


def test_a_missing_queue_is_told_in_the_words_of_each_wire_format() -> None:
    error = errors.QueueDoesNotExist("The specified queue does not exist.")
    assert sqs_fault(error, Wire.JSON).message == "The specified queue does not exist."
    assert sqs_fault(error, Wire.QUERY).message == "The specified queue does not exist for this wsdl version."


def test_a_fault_stays_what_it_is() -> None:
    fault = AwsFault("InvalidAddress", "no", 404)
    assert sqs_fault(fault) is sns_fault(fault) is fault


def test_both_maps_begin_at_the_root() -> None:
    assert SQS[errors.MessageQueuesError] == SNS[errors.MessageQueuesError]
