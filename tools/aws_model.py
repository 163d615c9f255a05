"""Writes the structures of Amazon SQS's and SNS's requests and responses from the service models inside botocore.

    python -m tools.aws_model --check     # exit code 1 if a file differs from what the installed model gives
    python -m tools.aws_model --write

A model gives names, types and which actions there are. Every field is optional, whatever the model says: what is missing is refused by the
server, in AWS's order and words. The model of SQS describes its JSON protocol alone; names of its Query protocol are from the last model
that had them (botocore 1.31.80) and stand below.
"""

import argparse
import gzip
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore
from botocore import xform_name

ROOT = Path(__file__).parents[1]
PROTOCOLS = ROOT / "src/message_queues/protocols"
MODELS = Path(botocore.__file__).parent / "data"
SCALARS = {"string": "str", "integer": "Integer", "long": "Long", "boolean": "bool", "blob": "bytes"}

Shape = Mapping[str, Any]


@dataclass(frozen=True)
class Service:
    name: str
    title: str
    version: str
    namespace: str
    """Of its XML."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """Query's name of each item of a list that is flattened: `AttributeName.1`. Others are `Tags.member.1`."""
    maps: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    """Query's names of entry, key and value of a map that is flattened: `Attribute.1.Name`. Others are `Attributes.entry.1.key`."""
    not_served: frozenset[str] = frozenset()

    @property
    def path(self) -> Path:
        return PROTOCOLS / self.name / "requests.py"

    def model(self) -> Shape:
        stored = MODELS / self.name / self.version / "service-2.json.gz"
        model: Shape = json.loads(gzip.decompress(stored.read_bytes()))
        return model


SQS = Service(
    name="sqs",
    title="Amazon SQS",
    version="2012-11-05",
    namespace="http://queue.amazonaws.com/doc/2012-11-05/",
    lists={
        "AWSAccountIdList": "AWSAccountId",
        "ActionNameList": "ActionName",
        "AttributeNameList": "AttributeName",
        "BatchResultErrorEntryList": "BatchResultErrorEntry",
        "BinaryList": "BinaryListValue",
        "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
        "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
        "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
        "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
        "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
        "MessageAttributeNameList": "MessageAttributeName",
        "MessageList": "Message",
        "MessageSystemAttributeList": "MessageSystemAttributeName",
        "QueueUrlList": "QueueUrl",
        "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
        "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
        "StringList": "StringListValue",
        "TagKeyList": "TagKey",
    },
    maps={
        "MessageBodyAttributeMap": ("MessageAttribute", "Name", "Value"),
        "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name", "Value"),
        "MessageSystemAttributeMap": ("Attribute", "Name", "Value"),
        "QueueAttributeMap": ("Attribute", "Name", "Value"),
        "TagMap": ("Tag", "Key", "Value"),
    },
)

SNS = Service(
    name="sns",
    title="Amazon SNS",
    version="2010-03-31",
    namespace="http://sns.amazonaws.com/doc/2010-03-31/",
    not_served=frozenset(
        {
            "CheckIfPhoneNumberIsOptedOut",
            "CreatePlatformApplication",
            "CreatePlatformEndpoint",
            "CreateSMSSandboxPhoneNumber",
            "DeleteEndpoint",
            "DeletePlatformApplication",
            "DeleteSMSSandboxPhoneNumber",
            "GetEndpointAttributes",
            "GetPlatformApplicationAttributes",
            "GetSMSAttributes",
            "GetSMSSandboxAccountStatus",
            "ListEndpointsByPlatformApplication",
            "ListOriginationNumbers",
            "ListPhoneNumbersOptedOut",
            "ListPlatformApplications",
            "ListSMSSandboxPhoneNumbers",
            "OptInPhoneNumber",
            "SetEndpointAttributes",
            "SetPlatformApplicationAttributes",
            "SetSMSAttributes",
            "VerifySMSSandboxPhoneNumber",
        }
    ),
)

SERVICES = (SQS, SNS)


class Module:
    """The text of one service's file."""

    def __init__(self, service: Service) -> None:
        self._service = service
        model = service.model()
        self._shapes: Mapping[str, Shape] = model["shapes"]
        self._actions: Mapping[str, Shape] = {
            name: action for name, action in sorted(model["operations"].items()) if name not in service.not_served
        }
        self._names = dict(self._renamed())

    def _renamed(self) -> Iterator[tuple[str, str]]:
        """Requests end with Request and responses with Response, in both services."""
        for action in self._actions.values():
            for direction, ending in (("input", "Request"), ("output", "Response")):
                if direction in action:
                    name = action[direction]["shape"]
                    yield name, without_ending(name) + ending

    def text(self) -> str:
        return "\n".join([self._head(), *self._scalars(), "", *self._types(), "", *self._tables(), ""])

    def _head(self) -> str:
        service = self._service
        needed = "Meta, Struct" if self._integers() else "Struct"
        return f'''\
"""{service.title} {service.version}: requests and responses.

Written by `python -m tools.aws_model --write` from the service model in botocore: do not edit. Every field is optional; what is missing is
the server's to refuse. `name=` is the name in JSON and XML, `QueryList` and `QueryMap` say how Query and XML spell a list or a map.
"""

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

from msgspec import {needed}
from msgspec import field as named

from message_queues.protocols.aws.shapes import QueryList, QueryMap

VERSION: Final = "{service.version}"
NAMESPACE: Final = "{service.namespace}"
'''

    def _scalars(self) -> Iterator[str]:
        for name in self._integers():
            bits = {"Integer": 31, "Long": 63}[name]
            yield f"{name}: TypeAlias = Annotated[int, Meta(ge=-(2**{bits}), le=2**{bits} - 1)]"

    def _integers(self) -> list[str]:
        used = {self._shapes[name]["type"] for name in self._used()}
        return [SCALARS[each] for each in ("integer", "long") if each in used]

    def _used(self) -> list[str]:
        """Names of all shapes that the actions reach, each after those it is made of."""
        found: dict[str, None] = {}
        for action in self._actions.values():
            for direction in ("input", "output"):
                if direction in action:
                    self._visit(action[direction]["shape"], found)
        return list(found)

    def _visit(self, name: str, found: dict[str, None]) -> None:
        if name not in found:
            for part in parts(self._shapes[name]):
                self._visit(part, found)
            found[name] = None

    def _types(self) -> Iterator[str]:
        for name in self._used():
            match self._shapes[name]["type"]:
                case "list":
                    item = self._service.lists.get(name)
                    yield f"{name}: TypeAlias = Annotated[{self._type(name)}, {call('QueryList', item)}]"
                case "map":
                    yield f"{name}: TypeAlias = Annotated[{self._type(name)}, {call('QueryMap', *self._map_names(name))}]"
                case "structure":
                    yield from self._structure(name)

    def _map_names(self, name: str) -> tuple[str | None, str, str]:
        if name in self._service.maps:
            return self._service.maps[name]
        shape = self._shapes[name]
        return None, shape["key"].get("locationName", "key"), shape["value"].get("locationName", "value")

    def _type(self, name: str) -> str:
        shape = self._shapes[name]
        match shape["type"]:
            case "list":
                return f"list[{self._reference(shape['member']['shape'])}]"
            case "map":
                return f"dict[{self._reference(shape['key']['shape'])}, {self._reference(shape['value']['shape'])}]"
        return SCALARS[shape["type"]]

    def _reference(self, name: str) -> str:
        return SCALARS.get(self._shapes[name]["type"]) or self._names.get(name, name)

    def _structure(self, name: str) -> Iterator[str]:
        yield f"\n\nclass {self._names.get(name, name)}(Struct, omit_defaults=True, gc=False):"
        members = self._shapes[name]["members"]
        for wire_name, member in members.items():
            yield f'    {xform_name(wire_name)}: {self._reference(member["shape"])} | None = named(default=None, name="{wire_name}")'
        if not members:
            yield "    pass"
        yield "\n"

    def _tables(self) -> Iterator[str]:
        yield "REQUESTS: Final[Mapping[str, type[Struct]]] = {"
        yield from (f'    "{name}": {self._names[action["input"]["shape"]]},' for name, action in self._actions.items())
        yield "}\n\nRESPONSES: Final[Mapping[str, type[Struct] | None]] = {"
        for name, action in self._actions.items():
            yield f'    "{name}": {self._names[action["output"]["shape"]] if "output" in action else None},'
        yield "}\n\nERRORS: Final[Mapping[str, int | None]] = {"
        yield from (f'    "{code}": {status},' for code, status in sorted(self._errors().items()))
        yield '}\n"""Codes that the model names, and their HTTP statuses where it names them."""\n'
        yield f"NOT_SERVED: Final[frozenset[str]] = frozenset({json.dumps(sorted(self._service.not_served))})"

    def _errors(self) -> dict[str, int | None]:
        named = {error["shape"]: self._shapes[error["shape"]] for action in self._actions.values() for error in action.get("errors", ())}
        errors = {name: shape.get("error", {}) for name, shape in named.items()}
        return {error.get("code", name): error.get("httpStatusCode") for name, error in errors.items()}


def parts(shape: Shape) -> Iterable[str]:
    match shape["type"]:
        case "structure":
            return [member["shape"] for member in shape["members"].values()]
        case "list":
            return [shape["member"]["shape"]]
        case "map":
            return [shape["key"]["shape"], shape["value"]["shape"]]
    return ()


def without_ending(name: str) -> str:
    for ending in ("Request", "Input", "Result", "Response"):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return name


def call(name: str, *arguments: str | None) -> str:
    return f"{name}({', '.join('None' if argument is None else json.dumps(argument) for argument in arguments)})"


def formatted(text: str, path: Path) -> str:
    ruff = [sys.executable, "-m", "ruff", "format", "--no-cache", "--stdin-filename", str(path), "-"]
    return subprocess.run(ruff, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def module(service: Service) -> str:
    return formatted(Module(service).text(), service.path)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="exit code 1 if a file differs")
    action.add_argument("--write", action="store_true")
    options = parser.parse_args()
    stale = [service for service in SERVICES if not service.path.exists() or service.path.read_text() != module(service)]
    for service in stale:
        if options.write:
            service.path.write_text(module(service))
        print(f"{service.path.relative_to(ROOT)} {'written' if options.write else 'is not what the installed model gives'}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
