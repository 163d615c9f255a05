"""Releases of RabbitMQ and what they differ in."""

import pytest

from message_queues.broker.queues.version import rabbit_version
from message_queues.errors import InvalidArgument


def test_a_release_says_a_full_version() -> None:
    assert rabbit_version("4.3").message_string == "4.3.5"
    assert rabbit_version("3.10.9").message_string == "3.10.9"


def test_what_newer_releases_changed() -> None:
    old, new = rabbit_version("3.10"), rabbit_version("4.3")
    assert (old.default_delivery_limit, new.default_delivery_limit) == (None, 20)
    assert (old.max_message_bytes, new.max_message_bytes) == (128 << 20, 16 << 20)
    assert (old.transient_queues_refused, new.transient_queues_refused) == (False, True)


@pytest.mark.parametrize("text", ["5.0", "4", "", "four.three", "4.3.0.1", "3.9"])
def test_an_unknown_release_is_refused_with_those_that_are_known(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"known are 3\.10, 3\.13, 4\.0, 4\.2, 4\.3"):
        rabbit_version(text)
