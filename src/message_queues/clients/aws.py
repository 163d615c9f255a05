"""AWS through boto3: one account in one region. Clients are made when first needed, because making one takes tens of milliseconds."""

import threading
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

from message_queues.clients.aws_errors import as_ours
from message_queues.clients.connect import AwsAddress
from message_queues.clients.sns import Sns
from message_queues.clients.sqs import Sqs

CONNECT_S = 10
ANSWER_S = 30
"""Beyond the 20 s that a long poll may last."""


class Boto3Client:
    """One account in one region."""

    def __init__(self, address: AwsAddress) -> None:
        self.region = address.region
        self._address = address
        self._session: Any = boto3.Session() if address.session is None else address.session
        # A session is not made for several threads; the clients that it makes are.
        self._making = threading.Lock()

    @cached_property
    def sqs(self) -> Sqs:
        return Sqs(lambda at_once, retries: self._client("sqs", at_once, retries))

    @cached_property
    def sns(self) -> Sns:
        return Sns(lambda at_once, retries: self._client("sns", at_once, retries))

    def _client(self, service: str, at_once: int, retries: bool) -> Any:
        config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=ANSWER_S,
            max_pool_connections=at_once,
            # One attempt: publishers and consumers try again by themselves, and say so.
            retries={"mode": "standard", "total_max_attempts": 4 if retries else 1},
            user_agent_extra="message_queues",
            proxies=None if self._address.keys is None else {},
        )
        key, secret = self._address.keys or (None, None)
        with self._making, as_ours(f"{service} in {self.region}"):
            return self._session.client(
                service,
                region_name=self.region,
                endpoint_url=self._address.endpoint_url,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                config=config,
            )

    def close(self) -> None:
        for made in ("sqs", "sns"):
            if made in self.__dict__:
                getattr(self, made).close()
