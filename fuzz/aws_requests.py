"""Mutated requests of SQS and SNS against the choice of the wire format, the signatures and the codecs.

    python -m fuzz.aws_requests --requests 1000000 --seed 7

Whatever comes, a request is read or refused with an `AwsFault`. What was read comes back equal from its JSON, and its texts stand unchanged
in an answer of either format; a refusal is JSON or well-formed XML with the code and the message. Ends with a count of each outcome. A
request that breaks a rule is printed with its seed, and the exit code is 1.
"""

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree

import msgspec
from msgspec import Struct

from message_queues.protocols.aws.content import SNS, Wire, target_of
from message_queues.protocols.aws.faults import UNKNOWN_OPERATION, AwsFault, missing_action
from message_queues.protocols.aws.sigv4 import SignedRequest, credential_of, verify
from message_queues.protocols.sns import codec as sns
from message_queues.protocols.sqs import codec as sqs
from message_queues.protocols.sqs.requests import Message, ReceiveMessageResponse
from tests.protocols.aws.botocore_oracle import Oracle, RandomParameters
from tools import aws_model

SLOWEST_S = 1.0
NOW_MS = 1_767_225_600_000
REQUEST_ID = "00000000-0000-0000-0000-000000000000"
SECRETS = {"AKIDEXAMPLE": "secret"}
SCOPE = b"AKIDEXAMPLE/20260101/eu-west-1/sqs/aws4_request"
SIGNED = {
    b"authorization": b"AWS4-HMAC-SHA256 Credential=" + SCOPE + b", SignedHeaders=host;x-amz-date, Signature=" + b"0" * 64,
    b"x-amz-date": b"20260101T000000Z",
    b"host": b"127.0.0.1:9324",
}
PRESIGNED = b"&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%s&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60" % SCOPE
HOSTILE_BYTES = b"\x00\x01\r\n%&+=.;/\"'\\{}[]<>!,:-019eE\x7f\x80\xc3\xed\xfe\xff"
HOSTILE_RUNS = (
    b"%00",
    b"%ED%A0%80",
    b"%EF%BF%BF",
    b"%0",
    b"\\ud800",
    b"\\u0000",
    b"9" * 400,
    b"-1",
    b"1e999",
    b"null",
    b"[" * 2_000,
    b'{"a":' * 2_000,
    b"." * 300,
    b"&" * 300,
    b".1.member.entry.2.",
    b"&Action=ListQueues&",
    b'<!DOCTYPE a [<!ENTITY b "c">]>&b;',
    b"=" * 50,
)
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class BrokenRule(Exception):
    """A mutated request did what none may do."""


class Came(NamedTuple):
    """A request as a server gets it."""

    headers: dict[bytes, bytes]
    query: bytes
    body: bytes


def well_formed_requests(seed: int, of_each_action: int) -> Iterator[Came]:
    """Of every action, as botocore writes them: JSON, a form, or the parameters of a URL; signed, presigned or neither."""
    choose = random.Random(seed)
    oracles = [
        (Oracle(aws_model.SQS, False), sqs.ACTIONS),
        (Oracle(aws_model.SQS, True), sqs.ACTIONS),
        (Oracle(aws_model.SNS, True), sns.ACTIONS),
    ]
    for oracle, actions in oracles:
        for action in sorted(actions):
            for index in range(of_each_action):
                parameters = RandomParameters((seed, action, index), smallest=1).of(oracle.operation(action).input_shape)
                signature = SIGNED if choose.random() < 0.5 else {}
                if oracle.speaks_query and choose.random() < 0.2:
                    yield Came({}, oracle.url_query(action, parameters) + (PRESIGNED if signature else b""), b"")
                    continue
                headers = {name.lower().encode(): value.encode() for name, value in oracle.request(action, parameters).headers.items()}
                yield Came(headers | signature, b"", oracle.body(action, parameters))


class Mutations:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def mutated(self, came: Came) -> Came:
        """One to four changes, mostly of the parameters, now and then of a header."""
        headers, query, body = dict(came.headers), came.query, came.body
        for _ in range(self._random.choice((1, 1, 2, 4))):
            if headers and self._random.random() < 0.1:
                name = self._random.choice(sorted(headers))
                headers[name] = self._changed(headers[name])
            elif query:
                query = self._changed(query)
            else:
                body = self._changed(body)
        return Came(headers, query, body)

    def _changed(self, data: bytes) -> bytes:
        choose, damaged = self._random, bytearray(data)
        position = choose.randrange(len(damaged) + 1)
        match choose.randrange(8):
            case 0 if position < len(damaged):
                damaged[position] ^= 1 << choose.randrange(8)
            case 1 if position < len(damaged):
                damaged[position] = choose.choice(HOSTILE_BYTES)
            case 2:
                run = choose.choice(HOSTILE_RUNS)
                damaged[position : position + choose.choice((0, len(run)))] = run
            case 3:
                del damaged[position:]
            case 4:
                del damaged[position : position + choose.randrange(1, 9)]
            case 5:
                damaged[position:position] = choose.randbytes(choose.randrange(1, 9))
            case 6:
                start = choose.randrange(len(damaged) + 1)
                damaged[position:position] = damaged[start : start + choose.randrange(1, 65)]
            case _:
                # A value of another kind, or a name of another parameter.
                found = choose.choice(list(re.finditer(rb'[\w.%+-]+|"[^"]*"', damaged)) or [None])
                if found:
                    damaged[found.start() : found.end()] = choose.choice(
                        (b"5", b'"a"', b"null", b"[]", b"{}", b"true", b"", b"1.5", b"Entries")
                    )
        return bytes(damaged)


# Judging


def outcome(came: Came) -> str:
    """What a server would make of it."""
    target = target_of(*came)
    codec: Any = sns if target.service == SNS else sqs
    credential_of(came.headers, came.query)
    try:
        verify(SignedRequest("POST", b"/", came.query, list(came.headers.items()), came.body), "sqs", SECRETS, NOW_MS)
    except AwsFault as fault:
        _check_fault(codec, target.wire, fault)
    else:
        raise BrokenRule("a signature of zeros was accepted")
    try:
        if target.action is None:
            raise missing_action()
        request = codec.decode_request(target.action, target.wire, came.body, came.query)
    except AwsFault as fault:
        _check_fault(codec, target.wire, fault)
        return f"refused: {fault.query_code}"
    _check_request(request)
    return "read"


def _check_request(request: Struct) -> None:
    written = msgspec.json.encode(request)
    if msgspec.json.decode(written, type=type(request)) != request:
        raise BrokenRule(f"{request} does not come back as it was")
    text = "".join(_texts(msgspec.to_builtins(request)))
    answer = ReceiveMessageResponse([Message(body=text)])
    told = json.loads(sqs.encode_response("ReceiveMessage", answer, Wire.JSON, REQUEST_ID))
    if told != {"Messages": [{"Body": text}]}:
        raise BrokenRule(f"{text!r} is {told} in JSON")
    document = ElementTree.fromstring(sqs.encode_response("ReceiveMessage", answer, Wire.QUERY, REQUEST_ID))
    body = document.findtext(".//{*}Message/{*}Body")
    if body != NOT_IN_XML.sub("\ufffd", text):
        raise BrokenRule(f"{text!r} is {body!r} in XML")


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, item in value.items():
                yield name
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)


def _check_fault(codec: Any, wire: Wire, fault: AwsFault) -> None:
    headers, body = codec.encode_fault(fault, wire, REQUEST_ID)
    if not 400 <= fault.status < 500 or any(b"\r" in value or b"\n" in value for _, value in headers):
        raise BrokenRule(f"{fault.code} is answered with status {fault.status} and headers {headers}")
    if dict(headers)[b"content-type"] == sqs.content_type(Wire.JSON):
        told = json.loads(body)
        if told != {"__type": told["__type"], "message": fault.message} or not told["__type"].endswith(f"#{fault.code}"):
            raise BrokenRule(f"{fault.code} is answered with {body!r}")
        return
    document = ElementTree.fromstring(body)
    if fault.query_code != UNKNOWN_OPERATION and document.findtext("{*}Error/{*}Code") != fault.query_code:
        raise BrokenRule(f"{fault.code} is answered with {body!r}")


def run(requests: int, seed: int, of_each_action: int = 30) -> Counter[str]:
    known = list(well_formed_requests(seed, of_each_action))
    outcomes = Counter(map(outcome, known))
    if set(outcomes) != {"read"}:
        raise BrokenRule(f"requests that are right were not all read: {outcomes}")
    mutations, choose = Mutations(seed), random.Random(seed)
    outcomes.clear()
    for _ in range(requests):
        outcomes[_judged(mutations.mutated(choose.choice(known)))] += 1
    return outcomes


def _judged(came: Came) -> str:
    began = time.perf_counter()
    try:
        result = outcome(came)
    except Exception as error:
        raise BrokenRule(f"{error!r} for {came}") from error
    if time.perf_counter() - began > SLOWEST_S:
        raise BrokenRule(f"more than {SLOWEST_S} s for {came}")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        outcomes = run(options.requests, options.seed)
    except BrokenRule as broken:
        print(f"seed {options.seed}: {broken}")
        return 1
    for name, count in outcomes.most_common():
        print(f"{count:>10} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
