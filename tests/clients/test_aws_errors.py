import pytest
from botocore import exceptions

from message_queues import errors
from message_queues.clients.aws_errors import as_ours, error_of_code, refusal

AT = "https://sqs.us-east-1.amazonaws.com"


def client_error(code: str, message: str = "said", status: int = 400) -> exceptions.ClientError:
    return exceptions.ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Send")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", errors.QueueDoesNotExist),
        ("QueueDoesNotExist", errors.QueueDoesNotExist),
        ("QueueAlreadyExists", errors.QueueNameExists),
        ("AWS.SimpleQueueService.QueueDeletedRecently", errors.QueueDeletedRecently),
        ("AWS.SimpleQueueService.MessageNotInflight", errors.MessageNotInflight),
        ("AWS.SimpleQueueService.PurgeQueueInProgress", errors.PurgeQueueInProgress),
        ("AWS.SimpleQueueService.UnsupportedOperation", errors.UnsupportedOperation),
        ("InvalidParameter", errors.InvalidParameterValue),
        ("NotFound", errors.ResourceNotFound),
        ("Throttled", errors.RequestThrottled),
        ("AuthorizationError", errors.AccessDenied),
        ("InvalidClientTokenId", errors.NotAuthorized),
        ("ExpiredToken", errors.NotAuthorized),
    ],
)
def test_codes_of_both_protocols_are_our_errors(code: str, kind: type[errors.MessageQueuesError]) -> None:
    assert type(error_of_code(code, "said")) is kind
    with pytest.raises(kind, match="said"), as_ours(AT):
        raise client_error(code)


def test_a_batch_that_is_refused_whole_says_why() -> None:
    error = error_of_code("AWS.SimpleQueueService.BatchRequestTooLong", "too long")
    assert isinstance(error, errors.BatchRefused)
    assert error.reason == "BatchRequestTooLong"


def test_a_code_without_a_class_is_kept() -> None:
    error = error_of_code("KmsDisabled", "the key is disabled")
    assert isinstance(error, errors.AwsError)
    assert (error.code, str(error)) == ("KmsDisabled", "the key is disabled")


def test_a_failure_of_the_service_may_pass() -> None:
    with pytest.raises(errors.Unreachable, match=f"{AT} answered 503 ServiceUnavailable: said"), as_ours(AT):
        raise client_error("ServiceUnavailable", status=503)


def test_an_entry_is_refused_for_good_if_it_is_the_senders_fault() -> None:
    final = refusal({"Id": "0", "SenderFault": True, "Code": "InvalidMessageContents", "Message": "no"})
    assert final.is_final
    assert isinstance(final.error, errors.InvalidMessageContents)
    assert not refusal({"Id": "0", "SenderFault": False, "Code": "InternalError"}).is_final
    assert not refusal({"Id": "0", "SenderFault": True, "Code": "RequestThrottled"}).is_final


@pytest.mark.parametrize(
    ("raised", "kind", "says"),
    [
        (exceptions.NoCredentialsError(), errors.NotAuthorized, "boto3 has no usable credentials .*AWS_ACCESS_KEY_ID"),
        (exceptions.ReadTimeoutError(endpoint_url=AT), errors.TimedOut, f"{AT} did not answer in time"),
        (exceptions.ConnectTimeoutError(endpoint_url=AT), errors.Unreachable, AT),
        (exceptions.ConnectionClosedError(endpoint_url=AT), errors.Unreachable, "Connection was closed"),
        (
            exceptions.EndpointConnectionError(endpoint_url=AT, error=ConnectionRefusedError(111, "Connection refused")),
            errors.Unreachable,
            r"\(Connection refused\)",
        ),
        (exceptions.ParamValidationError(report="x"), errors.InvalidArgument, "Parameter validation failed"),
        (exceptions.ProfileNotFound(profile="p"), errors.AwsError, "The config profile"),
    ],
)
def test_what_went_wrong_before_an_answer(raised: Exception, kind: type[errors.MessageQueuesError], says: str) -> None:
    with pytest.raises(kind, match=says), as_ours(AT):
        raise raised
