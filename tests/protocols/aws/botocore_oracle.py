"""botocore as a second opinion: its serializers write requests that we read, its parsers read answers that we write."""

import copy
import random
from typing import Any

import msgspec
from botocore.awsrequest import AWSRequest
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.utils import percent_encode_sequence
from msgspec import Struct

from tools.aws_model import SNS, SQS, Service

TEXTS = ("a", "", " two  words ", "ü€🎉", "<&>\"'", "a=b&c=d+e%20", "line\r\nfeed\ttab", "null", "true", "5", "x" * 300, "https://h:1/0/q")


def service_model(service: Service, query: bool) -> ServiceModel:
    """As installed; with `query`, SQS's as it would be if it still told the names of its Query protocol."""
    model: dict[str, Any] = copy.deepcopy(dict(service.model()))
    if query and model["metadata"]["protocol"] != "query":
        _speak_query(model, service)
    return ServiceModel(model, service.name)


def _speak_query(model: dict[str, Any], service: Service) -> None:
    del model["metadata"]["jsonVersion"]
    model["metadata"] |= {"protocol": "query", "protocols": ["query"], "xmlNamespace": service.namespace}
    for name, operation in model["operations"].items():
        if "output" in operation:
            operation["output"]["resultWrapper"] = f"{name}Result"
    for name, shape in model["shapes"].items():
        if name in service.lists:
            shape["member"]["locationName"] = service.lists[name]
        if name in service.maps:
            _, shape["key"]["locationName"], shape["value"]["locationName"] = service.maps[name]
        for member in shape.get("members", {}).values():
            if member["shape"] in service.maps:
                member["locationName"] = service.maps[member["shape"]][0]


class Oracle:
    def __init__(self, service: Service, query: bool) -> None:
        self._model = service_model(service, query)
        protocol = self._model.metadata["protocol"]
        self.speaks_query = protocol == "query"
        self._serializer = create_serializer(protocol, include_validation=False)
        self._parser = create_parser(protocol)

    def operation(self, action: str) -> OperationModel:
        return self._model.operation_model(action)

    def request(self, action: str, parameters: dict[str, Any]) -> AWSRequest:
        serialized = self._serializer.serialize_to_request(parameters, self.operation(action))
        return AWSRequest(serialized["method"], "http://127.0.0.1/", serialized["headers"], serialized["body"])

    def body(self, action: str, parameters: dict[str, Any]) -> bytes:
        body = self.request(action, parameters).prepare().body
        return body.encode() if isinstance(body, str) else bytes(body)

    def url_query(self, action: str, parameters: dict[str, Any]) -> bytes:
        """As in a presigned URL."""
        query: str = percent_encode_sequence(self.request(action, parameters).data)
        return query.encode()

    def answer(self, action: str, body: bytes, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> dict[str, Any]:
        from_wire = {"body": body, "status_code": status, "headers": {name.decode(): value.decode() for name, value in headers or ()}}
        parsed: dict[str, Any] = self._parser.parse(from_wire, self.operation(action).output_shape)
        return parsed


class RandomParameters:
    """Parameters of a shape as botocore takes and gives them."""

    def __init__(self, seed: object, smallest: int) -> None:
        self._random = random.Random(str(seed))
        self._smallest = smallest
        """Items of a list or map, and fields of a structure. What has none is not there at all in a form and in XML."""

    def of(self, shape: Shape) -> Any:
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return [self.of(shape.member) for _ in range(self._random.randrange(self._smallest, 4))]
            case "map":
                return {self.of(shape.key): self.of(shape.value) for _ in range(self._random.randrange(self._smallest, 4))}
            case "integer":
                return self._random.choice((0, 1, -1, 43_200, 2**31 - 1, -(2**31)))
            case "long":
                return self._random.choice((0, 1_700_000_000_000, 2**63 - 1))
            case "boolean":
                return self._random.random() < 0.5
            case "blob":
                return self._random.randbytes(self._random.randrange(5))
        return self._random.choice(TEXTS)

    def _structure(self, shape: Shape) -> dict[str, Any]:
        chosen = {name: self.of(member) for name, member in shape.members.items() if self._random.random() < 0.8}
        for name, member in list(shape.members.items())[: self._smallest]:
            chosen.setdefault(name, self.of(member))
        return chosen


def as_parameters(value: Any) -> Any:
    """A struct as botocore would give it: names of the wire, nothing that is not there."""
    if isinstance(value, Struct):
        fields = ((field.encode_name, getattr(value, field.name)) for field in msgspec.structs.fields(value))
        return {name: as_parameters(content) for name, content in fields if content is not None}
    if isinstance(value, list):
        return [as_parameters(item) for item in value]
    if isinstance(value, dict):
        return {name: as_parameters(item) for name, item in value.items()}
    return value


__all__ = ["SNS", "SQS", "TEXTS", "Oracle", "RandomParameters", "as_parameters"]
