import logging

import pytest

from message_queues.clients.ports import TopicPartition
from message_queues.errors import IllegalGeneration, NotAuthorized, RebalanceInProgress, Unreachable
from message_queues.messaging.commits import Commits
from tests.messaging.memory_client import MemoryConsumer

FIRST, SECOND = TopicPartition("orders", 0), TopicPartition("orders", 1)


def test_they_are_due_after_the_interval_and_never_without_one() -> None:
    commits = Commits(MemoryConsumer(), 5.0)
    assert commits.are_due(100.0)
    commits.send({FIRST: 1}, 100.0)
    assert not commits.are_due(104.9)
    assert commits.are_due(105.0)
    assert not Commits(MemoryConsumer(), None).are_due(1e9)


def test_only_what_is_new_is_sent() -> None:
    client = MemoryConsumer()
    commits = Commits(client, 1.0)
    commits.send({FIRST: 1, SECOND: 1}, 0.0)
    commits.send({FIRST: 1, SECOND: 2}, 1.0)
    commits.send({FIRST: 1, SECOND: 2}, 2.0)
    assert client.commits == [{FIRST: 1, SECOND: 1}, {SECOND: 2}]


def test_a_commit_that_is_waited_for_repeats_what_was_sent_without_and_not_what_was_confirmed() -> None:
    client = MemoryConsumer()
    commits = Commits(client, 1.0)
    commits.send({FIRST: 1}, 0.0)
    commits.send_and_wait({FIRST: 1})
    commits.send_and_wait({FIRST: 1})
    commits.send_and_wait({})
    assert client.commits == [{FIRST: 1}, {FIRST: 1}]


def test_what_failed_is_sent_again_and_only_lasting_failures_are_worth_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    client = MemoryConsumer()
    commits = Commits(client, 1.0)
    commits.send({FIRST: 1}, 0.0)
    with caplog.at_level(logging.WARNING):
        commits.failed([FIRST], RebalanceInProgress("Broker: Group rebalance in progress"))
        assert caplog.text == ""
        commits.failed([FIRST], NotAuthorized("Broker: Group authorization failed"))
        assert "orders[0] not committed yet: Broker: Group authorization failed" in caplog.text
    commits.send({FIRST: 1}, 1.0)
    assert len(client.commits) == 2


def test_a_partition_that_comes_back_is_committed_anew() -> None:
    client = MemoryConsumer()
    commits = Commits(client, 1.0)
    commits.send({FIRST: 1}, 0.0)
    commits.forget([FIRST])
    commits.send({FIRST: 1}, 1.0)
    assert len(client.commits) == 2


def test_a_last_commit_is_tried_again_while_the_group_is_busy_with_itself() -> None:
    client = MemoryConsumer()
    client.commit_fails_with, client.commits_fail = IllegalGeneration("Broker: Specified group generation id is not valid"), 3
    meanwhile: list[int] = []
    Commits(client, 1.0).send_last(lambda: {FIRST: 7}, lambda: meanwhile.append(1))
    assert client.committed == {FIRST: 7}
    assert len(meanwhile) == 3


def test_a_last_commit_that_fails_is_logged_with_what_will_be_seen_again(caplog: pytest.LogCaptureFixture) -> None:
    client = MemoryConsumer()
    client.commit_fails_with = Unreachable("Local: Broker transport failure")
    with caplog.at_level(logging.WARNING):
        Commits(client, 1.0).send_last(lambda: {FIRST: 7}, lambda: None)
    assert "orders[0] up to 7" in caplog.text
    assert "seen again" in caplog.text
    with pytest.raises(Unreachable):
        Commits(client, 1.0).send_and_wait({FIRST: 7})
