"""A server as a process of its own whose files may not grow: as if the disk were full."""

import json
import resource
import signal
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.cli.mq_process import ServeProcess, serving
from tests.servers.sqs.refusals import received, refusal

NO_LIMIT = resource.RLIM_INFINITY


def client(server: ServeProcess) -> Any:
    endpoint = "http://" + json.loads(server.ready_file.read_text())["sqs"][0]
    config = Config(retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("sqs", endpoint_url=endpoint, region_name="us-east-1", config=config, **keys)


def allow(server: ServeProcess, most_bytes: int) -> None:
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most_bytes, NO_LIMIT))


@pytest.mark.parametrize("flags", [(), ("--fsync",)], ids=["default", "fsync"])
def test_what_a_full_disk_does_not_take_is_refused_and_gone(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with serving(tmp_path, "--only", "sqs", "--data", str(tmp_path / "data"), *flags) as server:
        sqs = client(server)
        queue = sqs.create_queue(QueueName="q")["QueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody="first")
        allow(server, 100)
        for _ in range(3):
            code, message, status = refusal(sqs.send_message, QueueUrl=queue, MessageBody="no room" * 20)
            assert (code, status) == ("InternalFailure", 500)
            assert "too large" in message.lower() or "space" in message.lower()
        allow(server, NO_LIMIT)
        sqs.send_message(QueueUrl=queue, MessageBody="last")
        assert [message["Body"] for message in received(sqs, queue, MaxNumberOfMessages=10)] == ["first", "last"]
        exit_code, said = server.stop(signal.SIGTERM)
        assert exit_code == 0
        assert [line.count("a request could not be stored action=SendMessage") for line in said.splitlines()] == [1, 1, 1]


def test_a_batch_that_a_full_disk_does_not_take_is_refused_as_a_whole(tmp_path: Path) -> None:
    with serving(tmp_path, "--only", "sqs", "--data", str(tmp_path / "data")) as server:
        sqs = client(server)
        queue = sqs.create_queue(QueueName="q")["QueueUrl"]
        allow(server, 100)
        batch = [{"Id": str(index), "MessageBody": "x" * 100} for index in range(10)]
        assert refusal(sqs.send_message_batch, QueueUrl=queue, Entries=batch)[0] == "InternalFailure"
        allow(server, NO_LIMIT)
        assert received(sqs, queue) == []
        assert len(sqs.send_message_batch(QueueUrl=queue, Entries=batch)["Successful"]) == 10
