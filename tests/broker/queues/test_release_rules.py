import pytest

from message_queues.broker.queues.release_rules import death_customs, quorum_rules
from message_queues.broker.queues.version import rabbit_version


@pytest.mark.parametrize(("release", "levels"), [("3.10", 1), ("3.13", 1), ("4.0", 2), ("4.2", 2), ("4.3", 32)])
def test_each_release_has_its_number_of_priorities(release: str, levels: int) -> None:
    assert quorum_rules(rabbit_version(release)).levels == levels


@pytest.mark.parametrize(("release", "limited"), [("3.13", False), ("4.0", True), ("4.2", True), ("4.3", False)])
def test_what_the_delivery_limit_counts_has_changed_twice(release: str, limited: bool) -> None:
    assert quorum_rules(rabbit_version(release)).limits_acquisitions is limited


@pytest.mark.parametrize(
    ("release", "customs"), [("3.10", (True, False, False)), ("3.13", (True, True, True)), ("4.0", (False, True, True))]
)
def test_dead_letters_have_changed_with_3_13_and_4_0(release: str, customs: tuple[bool, bool, bool]) -> None:
    found = death_customs(rabbit_version(release))
    assert (found.trusts_publishers, found.names_last, found.keeps_copies) == customs
