"""With --fsync: what was flushed and not synced yet is shown to nobody, and a sync that fails is not tried again."""

import pytest

from message_queues.errors import StorageError
from tests.broker.logs.test_partition import NOW_MS, World, batch, read_values


def flushed(world: World, *values: bytes) -> None:
    for value in values:
        world.partition.append(batch(value), NOW_MS, in_sync=False)
    world.partition.flush()


def synced(world: World) -> None:
    world.partition.begin_sync()()
    world.partition.committed()


def test_records_are_seen_once_they_are_synced() -> None:
    world = World()
    flushed(world, b"a", b"b")
    synced(world)
    flushed(world, b"c", b"d")
    for offset, seen in ((0, [b"a", b"b"]), (1, [b"b"]), (2, [])):
        assert read_values(world.partition, offset) == seen
    synced(world)
    assert read_values(world.partition, 1) == [b"b", b"c", b"d"]


@pytest.mark.parametrize("max_bytes", range(60, 300, 7))
def test_no_piece_of_an_unsynced_batch_is_given_whatever_fits(max_bytes: int) -> None:
    world = World()
    flushed(world, b"a", b"b")
    synced(world)
    visible = world.partition.read(0, 1000, at_least_one=True)
    flushed(world, b"c", b"d")
    served = world.partition.read(0, max_bytes, at_least_one=True)
    assert served
    assert visible.startswith(served)


def test_a_partition_whose_sync_has_failed_is_offline_until_the_next_start() -> None:
    world = World()
    flushed(world, b"a")
    synced(world)
    flushed(world, b"b")
    sync = world.partition.begin_sync()
    world.partition.append(batch(b"c"), NOW_MS, in_sync=False)
    world.files.syncing_fails = True
    with pytest.raises(StorageError, match="could not be synced"):
        sync()
    world.files.syncing_fails = False
    # What came meanwhile must not count as written either.
    with pytest.raises(StorageError):
        world.partition.flush()
    with pytest.raises(StorageError):
        world.partition.append(batch(b"d"), NOW_MS, in_sync=False)
    with pytest.raises(StorageError):
        world.partition.read(0, 1000, at_least_one=True)
    assert read_values(world.restarted())[:1] == [b"a"]


def test_what_was_appended_in_the_turn_in_which_the_topic_is_deleted_does_not_count_as_written() -> None:
    world = World()
    world.partition.append(batch(b"a"), NOW_MS, in_sync=False)
    world.partition.discard()
    with pytest.raises(StorageError, match="was deleted"):
        world.partition.flush()
