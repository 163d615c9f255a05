"""AWS STS, as far as programs ask it who they are before they ask anything else: GetCallerIdentity.

Source: AWS Security Token Service API reference, version 2011-06-15.
"""

from typing import Final

from message_queues.protocols.aws.faults import invalid_action
from message_queues.servers.aws.context import AwsContext

STS: Final = "sts"
NAMESPACE: Final = "https://sts.amazonaws.com/doc/2011-06-15/"


def identity(action: str, context: AwsContext, request_id: str) -> bytes:
    """The answer as XML. Raises AwsFault for every other action."""
    if action != "GetCallerIdentity":
        raise invalid_action(action)
    return (
        f'<GetCallerIdentityResponse xmlns="{NAMESPACE}"><GetCallerIdentityResult><Arn>arn:aws:iam::{context.account}:root</Arn>'
        f"<UserId>{context.account}</UserId><Account>{context.account}</Account></GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    ).encode()
