import json

import pytest

from message_queues.servers.management.answers import Refused, encode, missing_keys, object_not_found


def test_a_refusal_says_error_and_reason() -> None:
    answer = object_not_found().answer()
    assert answer.status == 404
    assert json.loads(answer.body) == {"error": "Object Not Found", "reason": "Not Found"}
    assert ("content-type", "application/json") in answer.headers


def test_a_refusal_without_words_has_no_body() -> None:
    answer = Refused(405, headers=[("allow", "GET")]).answer()
    assert (answer.status, answer.body) == (405, b"")
    assert ("allow", "GET") in answer.headers


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (["read"], "[{key_missing,read}]"),
        (["ackmode", "count", "encoding"], "[{key_missing,ackmode},{key_missing,count},{key_missing,encoding}]"),
        (
            ["routing_key", "properties", "payload_encoding"],
            "[{key_missing,routing_key},\n {key_missing,properties},\n {key_missing,payload_encoding}]",
        ),
    ],
)
def test_missing_keys_are_printed_as_erlang_prints_them(keys: list[str], reason: str) -> None:
    assert missing_keys(keys).reason == reason


def test_a_name_that_is_no_utf_8_can_be_written() -> None:
    assert json.loads(encode({"name": "a\udcff"})) == {"name": "a\udcff"}
