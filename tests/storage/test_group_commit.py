from collections.abc import Callable
from functools import partial

from message_queues.errors import StorageError
from message_queues.storage.group_commit import Failures, GroupCommit
from tests.storage.hand_driven_loop import File, HandDrivenLoop


def _note(heard: list[str], name: str, failures: Failures) -> None:
    heard.append(name)


def test_many_appends_of_one_turn_are_one_flush_and_all_hear_of_it_after_it() -> None:
    loop, file, heard = HandDrivenLoop(), File(), list[Failures]()
    commit = GroupCommit(loop.call_soon)
    for _ in range(3):
        commit.add(file)
        commit.when_durable(heard.append)
    assert (file.flushes, heard) == (0, [])
    loop.turn()
    assert (file.flushes, file.commits, file.syncs) == (1, 1, 0)
    assert heard == [{}, {}, {}]


def test_who_waits_is_told_which_file_failed_and_that_file_is_not_shown_to_readers() -> None:
    loop, full, good, heard = HandDrivenLoop(), File(full=True), File(), list[Failures]()
    commit = GroupCommit(loop.call_soon)
    commit.add(full)
    commit.add(good)
    commit.when_durable(heard.append)
    loop.turn()
    assert list(heard[0]) == [full]
    assert (full.commits, good.commits) == (0, 1)


def test_with_sync_nobody_hears_before_the_sync_and_newcomers_share_the_next_one() -> None:
    loop, file, heard = HandDrivenLoop(), File(), list[str]()
    commit = GroupCommit(loop.call_soon, loop.run_in_background)
    commit.add(file)
    commit.when_durable(lambda _: heard.append("first"))
    loop.turn()
    assert (file.flushes, file.syncs, file.commits, heard) == (1, 0, 0, [])
    for name in ("second", "third"):
        commit.add(file)
        commit.when_durable(partial(_note, heard, name))
    loop.turn()
    assert file.flushes == 1
    loop.finish_background()
    assert (file.syncs, heard) == (1, ["first"])
    loop.turn()
    loop.finish_background()
    assert (file.flushes, file.syncs, heard) == (2, 2, ["first", "second", "third"])


def test_a_clean_stop_commits_without_waiting_for_a_turn() -> None:
    loop, file, heard = HandDrivenLoop(), File(), list[Failures]()
    commit = GroupCommit(loop.call_soon)
    commit.add(file)
    commit.when_durable(heard.append)
    commit.commit_now()
    assert (file.flushes, heard) == (1, [{}])


def test_an_acknowledgement_that_goes_wrong_keeps_nobody_else_waiting() -> None:
    loop, file, heard = HandDrivenLoop(), File(), list[Failures]()
    commit = GroupCommit(loop.call_soon)

    def go_wrong(failures: Failures) -> None:
        raise RuntimeError("a mistake of ours")

    commit.add(file)
    commit.when_durable(go_wrong)
    commit.when_durable(heard.append)
    loop.turn()
    assert heard == [{}]


def test_with_sync_who_hears_and_commits_more_is_told_in_the_order_of_the_commits() -> None:
    loop, file, heard = HandDrivenLoop(), File(), list[str]()
    commit = GroupCommit(loop.call_soon, loop.run_in_background)

    def go_on(failures: Failures) -> None:
        heard.append("first")
        commit.add(file)
        commit.when_durable(lambda _: heard.append("second"))

    commit.add(file)
    commit.when_durable(go_on)
    loop.turn()
    loop.finish_background()
    assert len(loop.soon) == 1
    loop.turn()
    # It has nothing to sync, and waits for those before it all the same.
    commit.when_durable(lambda _: heard.append("third"))
    loop.turn()
    assert heard == ["first"]
    loop.finish_background()
    loop.turn()
    assert heard == ["first", "second", "third"]


def test_with_sync_a_file_that_has_more_to_write_when_it_flushes_waits_for_the_next_commit() -> None:
    loop, heard = HandDrivenLoop(), list[str]()
    commit = GroupCommit(loop.call_soon, loop.run_in_background)

    class Rolling(File):
        def flush(self) -> None:
            super().flush()
            if self.flushes == 1:
                commit.add(self)

    commit.add(Rolling())
    commit.when_durable(lambda _: heard.append("first"))
    loop.turn()
    commit.when_durable(lambda _: heard.append("second"))
    loop.turn()
    assert heard == []
    loop.finish_background()
    loop.turn()
    assert heard == ["first"]
    loop.finish_background()
    assert heard == ["first", "second"]


class Shared:
    """Writes for two files at once."""

    def __init__(self, *writers: File) -> None:
        self.writers = writers
        self.failure: StorageError | None = None
        self.sync_failure: StorageError | None = None
        self.flushes_before: list[int] = []

    def flush(self) -> Failures:
        self.flushes_before = [writer.flushes for writer in self.writers]
        return dict.fromkeys(self.writers, self.failure) if self.failure is not None else {}

    def begin_sync(self) -> tuple[tuple[File, ...], Callable[[], None]]:
        def sync() -> None:
            if self.sync_failure is not None:
                raise self.sync_failure

        return self.writers, sync


def test_a_shared_file_is_flushed_after_its_writers_and_its_failure_is_theirs() -> None:
    loop, heard = HandDrivenLoop(), list[Failures]()
    one, two = File(), File()
    shared = Shared(one, two)
    commit = GroupCommit(loop.call_soon)
    commit.share(shared)
    for failure in (None, StorageError("no space left")):
        shared.failure = failure
        commit.add(one)
        commit.add(two)
        commit.when_durable(heard.append)
        loop.turn()
    assert shared.flushes_before == [2, 2]
    assert heard == [{}, dict.fromkeys((one, two), shared.failure)]
    assert (one.commits, two.commits) == (1, 1)


def test_a_shared_file_that_cannot_be_synced_fails_its_writers() -> None:
    loop, heard = HandDrivenLoop(), list[Failures]()
    one, two, other = File(), File(), File()
    shared = Shared(one, two)
    shared.sync_failure = StorageError("the disk is gone")
    commit = GroupCommit(loop.call_soon, loop.run_in_background)
    commit.share(shared)
    for file in (one, two, other):
        commit.add(file)
    commit.when_durable(heard.append)
    loop.turn()
    loop.finish_background()
    assert heard == [dict.fromkeys((one, two), shared.sync_failure)]
    assert (one.commits, other.commits) == (0, 1)


def test_a_commit_can_be_asked_for_by_whoever_has_nothing_to_flush() -> None:
    loop = HandDrivenLoop()
    shared = Shared(File())
    commit = GroupCommit(loop.call_soon)
    commit.share(shared)
    commit.request()
    loop.turn()
    assert shared.flushes_before == [0]
