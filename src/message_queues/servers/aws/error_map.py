"""The one map from our errors to the codes and HTTP statuses of Amazon SQS and SNS. It covers every class of errors.py: the nearest
ancestor in the map decides.

Codes and statuses of SQS: the errors of its API reference. Where the wire formats name an error differently, the JSON name comes first
(`QueueDoesNotExist`) and that of the Query API, which JSON answers carry in `x-amzn-query-error`, second.
"""

from dataclasses import dataclass

from message_queues import errors
from message_queues.protocols.aws.content import Wire
from message_queues.protocols.aws.faults import AwsFault


@dataclass(frozen=True, slots=True)
class AwsCode:
    code: str
    query_code: str | None = None
    """None: the same."""
    status: int = 400
    is_sender: bool = True
    """Whose fault it is: what the error says in `Type` and a batch in `SenderFault`."""


PREFIX = "AWS.SimpleQueueService."
INTERNAL_FAILURE = AwsCode("InternalFailure", status=500, is_sender=False)
INTERNAL_TEXT = "The request processing has failed because of an unknown error, exception or failure."
INVALID_PARAMETER_VALUE = AwsCode("InvalidParameterValueException", "InvalidParameterValue")
RESOURCE_NOT_FOUND = AwsCode("ResourceNotFoundException", status=404)
OVER_LIMIT = AwsCode("OverLimit", status=403)
ACCESS_DENIED = AwsCode("AccessDeniedException", "AccessDenied", 403)
UNSUPPORTED = AwsCode("UnsupportedOperation", PREFIX + "UnsupportedOperation")

SQS: dict[type[BaseException], AwsCode] = {
    errors.MessageQueuesError: INTERNAL_FAILURE,
    errors.InvalidArgument: INVALID_PARAMETER_VALUE,
    errors.NotFound: RESOURCE_NOT_FOUND,
    errors.AlreadyExists: INVALID_PARAMETER_VALUE,
    errors.Conflict: INVALID_PARAMETER_VALUE,
    errors.Unsupported: UNSUPPORTED,
    errors.PolicyViolation: OVER_LIMIT,
    errors.NotAuthorized: ACCESS_DENIED,
    errors.QueueDoesNotExist: AwsCode("QueueDoesNotExist", PREFIX + "NonExistentQueue"),
    errors.QueueNameExists: AwsCode("QueueNameExists", "QueueAlreadyExists"),
    errors.QueueDeletedRecently: AwsCode("QueueDeletedRecently", PREFIX + "QueueDeletedRecently"),
    errors.InvalidAttributeName: AwsCode("InvalidAttributeName"),
    errors.InvalidAttributeValue: AwsCode("InvalidAttributeValue"),
    errors.InvalidParameterValue: INVALID_PARAMETER_VALUE,
    errors.MissingParameter: AwsCode("MissingRequiredParameterException", "MissingParameter"),
    errors.InvalidMessageContents: AwsCode("InvalidMessageContents"),
    errors.ReceiptHandleIsInvalid: AwsCode("ReceiptHandleIsInvalid"),
    errors.MessageNotInflight: AwsCode("MessageNotInflight", PREFIX + "MessageNotInflight"),
    errors.OverLimit: OVER_LIMIT,
    errors.PurgeQueueInProgress: AwsCode("PurgeQueueInProgress", PREFIX + "PurgeQueueInProgress", 403),
    errors.ResourceNotFound: RESOURCE_NOT_FOUND,
    errors.UnsupportedOperation: UNSUPPORTED,
    errors.RequestThrottled: AwsCode("RequestThrottled", status=403),
    errors.AccessDenied: ACCESS_DENIED,
}

SNS: dict[type[BaseException], AwsCode] = {
    errors.MessageQueuesError: INTERNAL_FAILURE,
    errors.InvalidArgument: AwsCode("InvalidParameter"),
    errors.NotFound: AwsCode("NotFound", status=404),
    errors.AlreadyExists: AwsCode("InvalidParameter"),
    errors.Conflict: AwsCode("InvalidParameter"),
    errors.Unsupported: AwsCode("InvalidParameter"),
    errors.PolicyViolation: AwsCode("InvalidParameter"),
    errors.NotAuthorized: AwsCode("AuthorizationError", status=403),
    errors.ResourceNotFound: AwsCode("NotFound", status=404),
    errors.RequestThrottled: AwsCode("Throttled", status=429),
    errors.AccessDenied: AwsCode("AuthorizationError", status=403),
}


def sqs_fault(error: BaseException, wire: Wire = Wire.JSON) -> AwsFault:
    if isinstance(error, AwsFault):
        return error
    if isinstance(error, errors.BatchRefused):
        return AwsFault(error.reason, str(error), query_code=PREFIX + error.reason)
    fault = _fault(error, SQS)
    if wire is Wire.QUERY and isinstance(error, errors.QueueDoesNotExist) and fault.message == "The specified queue does not exist.":
        return AwsFault(fault.code, "The specified queue does not exist for this wsdl version.", query_code=fault.query_code)
    return fault


def sns_fault(error: BaseException) -> AwsFault:
    if isinstance(error, AwsFault):
        return error
    if isinstance(error, errors.BatchRefused):
        return AwsFault(error.reason, str(error))
    return _fault(error, SNS)


def _fault(error: BaseException, codes: dict[type[BaseException], AwsCode]) -> AwsFault:
    if isinstance(error, errors.AwsError):
        return AwsFault(error.code, str(error))
    known = next((codes[ancestor] for ancestor in type(error).__mro__ if ancestor in codes), INTERNAL_FAILURE)
    # What went wrong inside is for the log; that the disk is full helps who reads the answer, too.
    is_told = known is not INTERNAL_FAILURE or isinstance(error, errors.StorageError)
    return AwsFault(known.code, str(error) if is_told else INTERNAL_TEXT, known.status, known.query_code, known.is_sender)
