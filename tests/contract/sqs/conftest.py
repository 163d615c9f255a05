"""Each test of this folder asks our server, moto and ministack the same. What it expects is what AWS documents, and it quotes that; where
another server answers otherwise, `peer_differences.py` says so, and why ours does not.
"""

from collections.abc import Iterator

import pytest

from tests.contract.sqs.peer_differences import PEER_DIFFERENCES
from tests.contract.sqs.scene import Scene
from tests.serve_process import serving
from tools.aws_peers import ministack_server, moto_server


@pytest.fixture(scope="session", params=["ours", "moto", "ministack"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Kind and address."""
    kind: str = request.param
    if kind == "ours":
        with serving("--only", "sqs", "--sqs-port", "0") as addresses:
            yield kind, f"http://{addresses['sqs'][0]}"
    else:
        with (moto_server if kind == "moto" else ministack_server)() as address:
            yield kind, address


@pytest.fixture
def scene(request: pytest.FixtureRequest, endpoint: tuple[str, str]) -> Scene:
    kind, address = endpoint
    function: pytest.Function = request.node
    test = f"{function.module.__name__.rpartition('.')[2].removeprefix('test_')}::{function.originalname}"
    reason = PEER_DIFFERENCES.get((kind, test))
    if reason is not None:
        # Once the peer answers as AWS does, the test fails until the entry is gone.
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    return Scene(address)
