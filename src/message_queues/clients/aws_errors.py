"""What AWS and botocore report, as our errors: codes of SQS and SNS in both protocols, and what went wrong with a connection."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore import exceptions

from message_queues import errors
from message_queues.clients.aws_ports import Refused

_BATCH = "EmptyBatchRequest", "TooManyEntriesInBatchRequest", "BatchEntryIdsNotDistinct", "InvalidBatchEntryId", "BatchRequestTooLong"
_QUERY = "AWS.SimpleQueueService."

_BY_CODE: Mapping[str, Callable[[str], errors.MessageQueuesError]] = {
    "QueueDoesNotExist": errors.QueueDoesNotExist,
    "NonExistentQueue": errors.QueueDoesNotExist,
    "QueueNameExists": errors.QueueNameExists,
    "QueueAlreadyExists": errors.QueueNameExists,
    "QueueDeletedRecently": errors.QueueDeletedRecently,
    "InvalidAttributeName": errors.InvalidAttributeName,
    "InvalidAttributeValue": errors.InvalidAttributeValue,
    "InvalidParameterValue": errors.InvalidParameterValue,
    "InvalidParameter": errors.InvalidParameterValue,
    "ParameterValueInvalid": errors.InvalidParameterValue,
    "InvalidIdFormat": errors.ReceiptHandleIsInvalid,
    "MissingParameter": errors.MissingParameter,
    "MissingRequiredParameterException": errors.MissingParameter,
    "InvalidMessageContents": errors.InvalidMessageContents,
    "ReceiptHandleIsInvalid": errors.ReceiptHandleIsInvalid,
    "MessageNotInflight": errors.MessageNotInflight,
    "OverLimit": errors.OverLimit,
    "PurgeQueueInProgress": errors.PurgeQueueInProgress,
    "ResourceNotFoundException": errors.ResourceNotFound,
    "ResourceNotFound": errors.ResourceNotFound,
    "NotFound": errors.ResourceNotFound,
    "UnsupportedOperation": errors.UnsupportedOperation,
    "RequestThrottled": errors.RequestThrottled,
    "Throttled": errors.RequestThrottled,
    "Throttling": errors.RequestThrottled,
    "ThrottlingException": errors.RequestThrottled,
    "AccessDenied": errors.AccessDenied,
    "AccessDeniedException": errors.AccessDenied,
    "AuthorizationError": errors.AccessDenied,
    "InvalidClientTokenId": errors.NotAuthorized,
    "UnrecognizedClientException": errors.NotAuthorized,
    "InvalidSecurity": errors.NotAuthorized,
    "SignatureDoesNotMatch": errors.NotAuthorized,
    "ExpiredToken": errors.NotAuthorized,
    "ExpiredTokenException": errors.NotAuthorized,
    "MissingAuthenticationToken": errors.NotAuthorized,
}

PASSING = frozenset({"RequestThrottled", "Throttled", "Throttling", "ThrottlingException", "KmsThrottled", "KMSThrottling"})
"""Refused now, and perhaps not the next time."""


def error_of_code(code: str, message: str) -> errors.MessageQueuesError:
    """What AWS answered."""
    name = code.removeprefix(_QUERY)
    if name in _BATCH:
        return errors.BatchRefused(name, message)
    made = _BY_CODE.get(name)
    return errors.AwsError(name, message or name) if made is None else made(message)


def refusal(entry: Mapping[str, Any]) -> Refused:
    """A BatchResultErrorEntry: what is not the sender's fault may go better the next time."""
    code = str(entry.get("Code", ""))
    is_final = bool(entry.get("SenderFault")) and code.removeprefix(_QUERY) not in PASSING
    return Refused(error_of_code(code, str(entry.get("Message") or code)), is_final)


@contextmanager
def as_ours(address: str) -> Iterator[None]:
    """What a call to `address` raises, as our errors."""
    try:
        yield
    except exceptions.ClientError as error:
        raise _answered(error, address) from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.CredentialRetrievalError) as error:
        raise errors.NotAuthorized(
            f"{address}: boto3 has no usable credentials ({error}); it looks for them in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,"
            " in AWS_PROFILE, in ~/.aws, and in the machine's role"
        ) from error
    except (exceptions.ReadTimeoutError, exceptions.ResponseStreamingError) as error:
        raise errors.TimedOut(f"{address} did not answer in time") from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise errors.Unreachable(f"{address} ({_reason(error)})") from error
    except (exceptions.ParamValidationError, ValueError) as error:
        raise errors.InvalidArgument(str(error)) from error
    except exceptions.BotoCoreError as error:
        raise errors.AwsError(type(error).__name__, f"{address}: {error}") from error


def _answered(error: exceptions.ClientError, address: str) -> errors.MessageQueuesError:
    said = error.response.get("Error", {})
    code, message = str(said.get("Code", "")), str(said.get("Message") or "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    made = error_of_code(code, message or f"{address} answered {code or status}")
    if status >= 500 and isinstance(made, errors.AwsError):
        return errors.Unreachable(f"{address} answered {status} {code}: {message}")
    return made


def _reason(error: Exception) -> str:
    """botocore wraps urllib3, which wraps the socket's error: the innermost says it best."""
    cause: Any = error.kwargs.get("error", error) if isinstance(error, exceptions.BotoCoreError) else error
    while True:
        inner = getattr(cause, "reason", None) or cause.__cause__ or cause.__context__
        if not isinstance(inner, BaseException) or inner is cause:
            break
        cause = inner
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    text = str(cause) or type(cause).__name__
    return text if len(text) <= 300 else text[:300] + "…"
