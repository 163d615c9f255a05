"""AWS's own clients (`tools/aws_sdks`): SDKs for Java and JavaScript, the command line, and a botocore that speaks the Query protocol."""

import pytest

from tests.conformance.topics import unique_name
from tools.aws_sdks import WALKS, CannotInstall, Walk

pytestmark = pytest.mark.real

SEEN = {
    "body": "héllo <&> \U0001f600",
    "colour": "blue",
    "blob": "AAEC",
    "receives": ["1", "2"],
    "batch": 10,
    "drained": [f"body {number}" for number in range(10)],
    "visibility": "40",
    "tags": {"team": "orders"},
    "listed": True,
    "missing": "AWS.SimpleQueueService.NonExistentQueue",
    "fifo": ["one", "two"],
    "duplicate": True,
    "ascending": True,
    "blocked": True,
    "raw": ["news", "new"],
    "wrapped": ["Notification", "today", "news", "new"],
}
OTHER_NAMES = {"sdk-javascript": {"missing": "QueueDoesNotExist"}}
"""It names an error by its shape."""


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: str(walk.name))
def test_a_client_of_aws_sees_what_aws_would_show_it(walk: Walk, endpoint: str) -> None:
    try:
        walk.install()
    except CannotInstall as reason:
        pytest.skip(str(reason))
    seen = walk.walk(endpoint, unique_name("walk"))
    expected = {**SEEN, **OTHER_NAMES.get(walk.name, {})}
    assert seen == {name: expected[name] for name in seen}
    assert walk.name == "command-line" or seen.keys() == expected.keys()
