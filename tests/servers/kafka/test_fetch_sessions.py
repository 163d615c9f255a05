import pytest

from message_queues.broker.clock import ManualClock
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.hot.fetch import FetchRequestView, PartitionAnswer, PartitionFetch
from message_queues.servers.kafka.fetch_sessions import EVICTION_MS, FetchSession, FetchSessionError, FetchSessions

VERSION = 12


def request(session_id: int, epoch: int, *indexes: int, forgotten: tuple[int, ...] = ()) -> FetchRequestView:
    view = FetchRequestView(500, 1, 1 << 20, 0, session_id, epoch)
    view.partitions = [PartitionFetch(b"orders", index, 0, 1 << 20, -1, -1) for index in indexes]
    view.forgotten = [(b"orders", index) for index in forgotten]
    return view


def answer(index: int, *, records: bytes = b"", high_watermark: int = 10, error: int = 0) -> PartitionAnswer:
    return PartitionAnswer(b"orders", index, error, high_watermark, 0, records)


def opened(sessions: FetchSessions, *indexes: int) -> FetchSession:
    session, is_full = sessions.resolve(request(0, 0, *indexes), VERSION)
    assert session is not None
    assert is_full
    return session


def test_a_session_remembers_its_partitions_and_takes_changes() -> None:
    sessions = FetchSessions(ManualClock(), slots=10)
    session = opened(sessions, 0, 1)
    again, is_full = sessions.resolve(request(session.session_id, 1, 2, forgotten=(0,)), VERSION)
    assert again is session
    assert not is_full
    assert list(session.partitions) == [(b"orders", 1), (b"orders", 2)]


def test_only_news_are_told_after_the_first_answer() -> None:
    session = opened(FetchSessions(ManualClock(), slots=10), 0, 1)
    assert len(session.news([answer(0), answer(1)], full=True)) == 2
    assert session.news([answer(0), answer(1)], full=False) == []
    told = session.news([answer(0, high_watermark=11), answer(1, error=3)], full=False)
    assert [news.index for news in told] == [0, 1]
    assert [news.index for news in session.news([answer(0, high_watermark=11), answer(1, error=3)], full=False)] == [1]


def test_partitions_that_gave_records_go_to_the_end() -> None:
    session = opened(FetchSessions(ManualClock(), slots=10), 0, 1, 2)
    session.news([answer(0, records=b"records"), answer(1), answer(2)], full=True)
    assert [index for _, index in session.partitions] == [1, 2, 0]


def test_a_wrong_epoch_an_unknown_session_and_a_change_to_topic_ids_are_refused() -> None:
    sessions = FetchSessions(ManualClock(), slots=10)
    session = opened(sessions, 0)
    for view, version, code in (
        (request(session.session_id, 7), VERSION, ErrorCode.INVALID_FETCH_SESSION_EPOCH),
        (request(session.session_id + 1, 1), VERSION, ErrorCode.FETCH_SESSION_ID_NOT_FOUND),
        (request(session.session_id, 1), 13, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR),
    ):
        with pytest.raises(FetchSessionError) as refused:
            sessions.resolve(view, version)
        assert refused.value.code == code


def test_the_final_epoch_closes_the_session_and_is_answered_without_one() -> None:
    sessions = FetchSessions(ManualClock(), slots=10)
    session = opened(sessions, 0)
    assert sessions.resolve(request(session.session_id, -1, 0), VERSION) == (None, True)
    assert len(sessions) == 0


def test_a_full_cache_gives_no_session_until_one_has_been_idle_for_two_minutes() -> None:
    clock = ManualClock(0)
    sessions = FetchSessions(clock, slots=1)
    first = opened(sessions, 0)
    assert sessions.resolve(request(0, 0, 0), VERSION) == (None, True)
    clock.set(EVICTION_MS + 1)
    second = opened(sessions, 0)
    assert second.session_id != first.session_id
    with pytest.raises(FetchSessionError):
        sessions.resolve(request(first.session_id, 1), VERSION)
