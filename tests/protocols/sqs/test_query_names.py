"""The names of SQS's Query protocol are those of botocore 1.31.80, the last one that spoke it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tools.aws_model import SQS
from tools.aws_sdks import WALKS

ADDED_SINCE = {"MessageSystemAttributeList": "MessageSystemAttributeName"}


@pytest.fixture
def shapes() -> dict[str, Any]:
    walk = next(walk for walk in WALKS if walk.name == "botocore-query")
    walk.install()
    (stored,) = Path(walk.home).glob("lib/python3*/site-packages/botocore/data/sqs/2012-11-05/service-2.json*")
    content = stored.read_bytes()
    model = json.loads(gzip.decompress(content) if stored.suffix == ".gz" else content)
    return dict(model["shapes"])


@pytest.mark.real
def test_lists_are_named_as_they_were(shapes: dict[str, Any]) -> None:
    named = {name: shape["member"]["locationName"] for name, shape in shapes.items() if shape["type"] == "list"}
    assert named | ADDED_SINCE == SQS.lists


@pytest.mark.real
def test_maps_are_named_as_they_were(shapes: dict[str, Any]) -> None:
    maps = {name: shape for name, shape in shapes.items() if shape["type"] == "map"}
    named = set()
    for shape in shapes.values():
        for field in shape.get("members", {}).values():
            if field["shape"] in maps:
                # A field's own name counts before that of its shape.
                described = maps[field["shape"]] | field
                named.add((field["shape"], (described["locationName"], *(described[part]["locationName"] for part in ("key", "value")))))
    assert named == set(SQS.maps.items())
