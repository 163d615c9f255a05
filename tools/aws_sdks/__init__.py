"""AWS's own clients besides boto3, each with the same walk through SQS and SNS: what they print must be the same."""

from tools.aws_sdks.installation import WALKS, CannotInstall, Walk

__all__ = ["WALKS", "CannotInstall", "Walk"]
