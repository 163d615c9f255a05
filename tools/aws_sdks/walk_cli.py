"""The walk of a user of SQS (see walk.py) by the AWS command line: `python walk_cli.py AWS http://127.0.0.1:9324 NAME`, where AWS is the
program. Topics are walked by the SDKs."""

import json
import subprocess
import sys
from typing import Any

REGION = "eu-west-1"


class CommandLine:
    def __init__(self, program: str, endpoint: str) -> None:
        self._command = [program, "--endpoint-url", endpoint, "--region", REGION, "--output", "json", "sqs"]

    def run(self, action: str, **options: object) -> Any:
        done = self._process(action, options)
        if done.returncode:
            raise SystemExit(f"aws sqs {action}: {done.stderr}")
        return json.loads(done.stdout or "{}")

    def refusal(self, action: str, **options: object) -> str:
        """The code in the brackets of "An error occurred (…)"."""
        return self._process(action, options).stderr.partition("(")[2].partition(")")[0]

    def _process(self, action: str, options: dict[str, object]) -> "subprocess.CompletedProcess[str]":
        words = [action]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", value if isinstance(value, str) else json.dumps(value)]
        return subprocess.run([*self._command, *words], capture_output=True, text=True, check=False)


def main(program: str, endpoint: str, name: str) -> None:
    aws = CommandLine(program, endpoint)
    url = aws.run("create-queue", queue_name=name, attributes={"VisibilityTimeout": "40"}, tags={"team": "orders"})["QueueUrl"]
    colour = {"colour": {"DataType": "String", "StringValue": "blue"}}
    aws.run("send-message", queue_url=url, message_body="héllo <&> \U0001f600", message_attributes=colour)
    (message,) = aws.run("receive-message", queue_url=url, message_attribute_names="All", attribute_names="All")["Messages"]
    aws.run("delete-message", queue_url=url, receipt_handle=message["ReceiptHandle"])
    entries = [{"Id": str(number), "MessageBody": f"body {number}"} for number in range(10)]
    sent = aws.run("send-message-batch", queue_url=url, entries=entries)
    asked = aws.run("get-queue-attributes", queue_url=url, attribute_names="All")["Attributes"]
    seen = {
        "body": message["Body"],
        "colour": message["MessageAttributes"]["colour"]["StringValue"],
        "batch": len(sent["Successful"]),
        "visibility": asked["VisibilityTimeout"],
        "tags": aws.run("list-queue-tags", queue_url=url)["Tags"],
        "listed": aws.run("list-queues", queue_name_prefix=name)["QueueUrls"] == [url],
        "missing": aws.refusal("get-queue-url", queue_name=f"{name}-missing"),
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
