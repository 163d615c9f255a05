"""Queue URLs: `http://{host}/{account}/{name}`, where the host is the one that the client dialled.

The last two segments of the path count, so that URLs with something before them work too, and a host that names a region as Amazon's do
(`sqs.eu-west-1.…`, `eu-west-1.queue.…`) counts before the region of the credentials. A queue's name alone is taken, as AWS takes it.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from message_queues.broker.sqs.queue import SqsQueue
from message_queues.broker.sqs.queue_name import QueueName
from message_queues.errors import AccessDenied, MessageQueuesError, MissingParameter, QueueDoesNotExist
from message_queues.protocols.aws.content import Wire
from message_queues.protocols.aws.faults import AwsFault
from message_queues.servers.aws.context import AwsContext

REGION_IN_HOST = re.compile(r"^(?:sqs\.([a-z]{2,}(?:-[a-z]+)+-[0-9]+)\.|([a-z]{2,}(?:-[a-z]+)+-[0-9]+)\.queue\.)")
ACCOUNT = re.compile(r"[0-9]{12}")


class QueueAddress(NamedTuple):
    region: str | None
    """None: the caller's."""
    account: str | None
    """None: the caller's."""
    name: str


OWNERS_ACTIONS = frozenset(
    (
        "AddPermission",
        "CancelMessageMoveTask",
        "CreateQueue",
        "DeleteQueue",
        "ListMessageMoveTasks",
        "ListQueueTags",
        "ListQueues",
        "RemovePermission",
        "SetQueueAttributes",
        "StartMessageMoveTask",
        "TagQueue",
        "UntagQueue",
    )
)
"""API reference: "Cross-account permissions don't apply to this action." """


def find_queue(context: AwsContext, url: str | None, action: str) -> SqsQueue:
    """Raises MissingParameter, AwsFault (InvalidAddress), QueueDoesNotExist, AccessDenied."""
    if url is None and context.wire is Wire.QUERY and context.path != "/":
        # The Query API may be spoken at the queue's own address.
        url = context.base_url + context.path
    address = parse_queue_url(url or "")
    if address is None:
        raise no_queue_at(url or "", context.wire)
    region, account, name = address
    queue = context.broker.sqs.get(QueueName(region or context.region, account or context.account, name))
    if queue.name.account != context.account:
        check_access(context, queue, action)
    return queue


def check_access(context: AwsContext, queue: SqsQueue, action: str) -> None:
    """Of another account. Raises AccessDenied."""
    if action in OWNERS_ACTIONS or not context.broker.sqs.is_allowed(queue, context.account, action):
        raise AccessDenied(
            f"User: arn:aws:iam::{context.account}:root is not authorized to perform: sqs:{action.lower()} on resource: {queue.arn}"
        )


def queue_url(context: AwsContext, queue: SqsQueue) -> str:
    return f"{context.base_url}/{queue.name.account}/{queue.name.name}"


@lru_cache(maxsize=4096)
def parse_queue_url(url: str) -> QueueAddress | None:
    """None for what is no address of a queue. Raises MissingParameter."""
    if not url:
        raise MissingParameter("The request must contain the parameter QueueUrl.")
    scheme, separator, rest = url.partition("://")
    if not separator or "/" in scheme:
        host, path = "", url
    else:
        host, _, path = rest.partition("/")
    segments = [unquote(segment) for segment in path.split("?")[0].split("/") if segment]
    if not separator and segments == [url]:
        return QueueAddress(None, None, url)
    if len(segments) < 2 or not ACCOUNT.fullmatch(segments[-2]):
        return None
    return QueueAddress(region_in_host(host), segments[-2], segments[-1])


def no_queue_at(url: str, wire: Wire) -> MessageQueuesError:
    """The Query API has a refusal of its own for an address that is none of a queue's."""
    if wire is Wire.QUERY:
        return AwsFault("InvalidAddress", f"The address {url} is not valid for this endpoint.", 404)
    return QueueDoesNotExist("The specified queue does not exist.")


def region_in_host(host: str) -> str | None:
    found = REGION_IN_HOST.match(host)
    return found[1] or found[2] if found else None
