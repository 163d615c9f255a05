"""The hand-written paths against the generic codec: the same bytes in both directions, for every version."""

import random

import pytest

from message_queues.errors import MalformedMessage
from message_queues.protocols.kafka.codec import encode
from message_queues.protocols.kafka.frame import response_frame
from message_queues.protocols.kafka.hot import fetch as hot_fetch
from message_queues.protocols.kafka.hot import produce as hot_produce
from message_queues.protocols.kafka.messages import fetch, produce

PRODUCE_VERSIONS = range(3, 14)
FETCH_VERSIONS = range(4, 19)
TOPICS = [b"orders", b"payments-and-more" * 12]


def topic_key(version: int, first_with_ids: int, name: bytes) -> bytes:
    return (name * 16)[:16] if version >= first_with_ids else name


def produce_request(version: int, seed: int) -> produce.ProduceRequest:
    random_ = random.Random(seed)
    topics = []
    for name in TOPICS[: random_.randint(0, 2)]:
        partitions = [
            produce.PartitionProduceData(index=index, records=random_.choice([None, b"", random_.randbytes(random_.randint(1, 400))]))
            for index in range(random_.randint(0, 3))
        ]
        key = topic_key(version, 13, name)
        named = {"topic_id": key} if version >= 13 else {"name": key.decode()}
        topics.append(produce.TopicProduceData(partition_data=partitions, **named))
    return produce.ProduceRequest(
        transactional_id=random_.choice([None, "", "billing"]), acks=random_.choice([0, 1, -1]), timeout_ms=1500, topic_data=topics
    )


@pytest.mark.parametrize("version", PRODUCE_VERSIONS)
def test_a_produce_request_reads_as_the_codec_wrote_it(version: int) -> None:
    for seed in range(50):
        request = produce_request(version, seed)
        view = hot_produce.parse(version, b"header" + encode(request, version), 6)
        assert view.acks == request.acks
        assert view.transactional_id == (None if request.transactional_id is None else request.transactional_id.encode())
        assert view.topics == [
            (
                topic.topic_id if version >= 13 else topic.name.encode(),
                [(partition.index, partition.records or b"") for partition in topic.partition_data],
            )
            for topic in request.topic_data
        ]


@pytest.mark.parametrize("version", PRODUCE_VERSIONS)
def test_a_produce_request_that_is_cut_anywhere_is_malformed(version: int) -> None:
    whole = encode(produce_request(version, 4), version)
    for end in range(len(whole) - 1):
        with pytest.raises(MalformedMessage):
            hot_produce.parse(version, whole[:end], 0)


@pytest.mark.parametrize("version", PRODUCE_VERSIONS)
def test_a_produce_response_is_what_the_codec_writes(version: int) -> None:
    for partitions in range(4):
        appended = [(index, 1000 + index, -1 if index % 2 else 1_700_000_000_000, 5) for index in range(partitions)]
        topics = [(topic_key(version, 13, name), appended) for name in TOPICS]
        response = produce.ProduceResponse(
            responses=[
                produce.TopicProduceResponse(
                    **({"topic_id": key} if version >= 13 else {"name": key.decode()}),
                    partition_responses=[
                        produce.PartitionProduceResponse(index=index, base_offset=base, log_append_time_ms=time_ms, log_start_offset=start)
                        for index, base, time_ms, start in entries
                    ],
                )
                for key, entries in topics
            ]
        )
        assert hot_produce.encode_success(version, 77, topics) == response_frame(0, version, 77, response)


def fetch_request(version: int, seed: int) -> fetch.FetchRequest:
    random_ = random.Random(seed)
    request = fetch.FetchRequest(max_wait_ms=500, min_bytes=1, max_bytes=1 << 20, isolation_level=seed % 2, topics=[])
    if version >= 7:
        request.session_id, request.session_epoch = 9, random_.randint(-1, 4)
    for name in TOPICS[: random_.randint(0, 2)]:
        key = topic_key(version, 13, name)
        named = {"topic_id": key} if version >= 13 else {"topic": key.decode()}
        topic = fetch.FetchTopic(partitions=[], **named)
        for index in range(random_.randint(0, 3)):
            partition = fetch.FetchPartition(partition=index, fetch_offset=random_.randint(0, 1 << 40), partition_max_bytes=1 << 20)
            if version >= 9:
                partition.current_leader_epoch = random_.randint(-1, 3)
            topic.partitions.append(partition)
        request.topics.append(topic)
        if version >= 7:
            request.forgotten_topics_data.append(fetch.ForgottenTopic(partitions=[1, 2], **named))
    return request


@pytest.mark.parametrize("version", FETCH_VERSIONS)
def test_a_fetch_request_reads_as_the_codec_wrote_it(version: int) -> None:
    for seed in range(50):
        request = fetch_request(version, seed)
        view = hot_fetch.parse(version, b"header" + encode(request, version), 6)
        assert (view.max_wait_ms, view.min_bytes, view.max_bytes, view.isolation_level) == (500, 1, 1 << 20, seed % 2)
        if version >= 7:
            assert (view.session_id, view.session_epoch) == (request.session_id, request.session_epoch)
        assert [
            (asked.topic, asked.index, asked.fetch_offset, asked.max_bytes, asked.current_leader_epoch) for asked in view.partitions
        ] == [
            (
                topic.topic_id if version >= 13 else topic.topic.encode(),
                partition.partition,
                partition.fetch_offset,
                partition.partition_max_bytes,
                partition.current_leader_epoch,
            )
            for topic in request.topics
            for partition in topic.partitions
        ]
        assert view.forgotten == [
            (topic.topic_id if version >= 13 else topic.topic.encode(), index)
            for topic in request.forgotten_topics_data
            for index in topic.partitions
        ]


@pytest.mark.parametrize("version", FETCH_VERSIONS)
@pytest.mark.parametrize("isolation_level", [0, 1])
def test_a_fetch_response_is_what_the_codec_writes(version: int, isolation_level: int) -> None:
    answers, topics = [], []
    for name in TOPICS:
        key = topic_key(version, 13, name)
        named = {"topic_id": key} if version >= 13 else {"topic": key.decode()}
        topic = fetch.FetchableTopicResponse(partitions=[], **named)
        for index, records in enumerate([b"", b"some records", b"x" * 1000]):
            answer = hot_fetch.PartitionAnswer(key, index, 6 if index == 1 else 0, 100 + index, index, records)
            expected = fetch.PartitionData(
                partition_index=index,
                error_code=answer.error,
                high_watermark=100 + index,
                last_stable_offset=100 + index,
                log_start_offset=index,
                aborted_transactions=[] if isolation_level else None,
                records=records,
            )
            if version >= 12 and index == 1:
                answer.leader = (2, 5)
                expected.current_leader = fetch.LeaderIdAndEpoch(leader_id=2, leader_epoch=5)
            if version >= 12 and index == 2:
                answer.diverging_epoch = (1, 70)
                expected.diverging_epoch = fetch.EpochEndOffset(epoch=1, end_offset=70)
            answers.append(answer)
            topic.partitions.append(expected)
        topics.append(topic)
    error, session_id = (70, 12) if version >= 7 else (0, 0)
    response = fetch.FetchResponse(responses=topics)
    if version >= 7:
        response.error_code, response.session_id = error, session_id
    assert b"".join(hot_fetch.encode(version, 5, error, session_id, isolation_level, answers)) == response_frame(1, version, 5, response)
    if version >= 16:
        leaders = [(2, "127.0.0.1", 9094, None), (3, "host", 9096, "rack")]
        response.node_endpoints = [fetch.NodeEndpoint(node_id=node, host=host, port=port, rack=rack) for node, host, port, rack in leaders]
        pieces = hot_fetch.encode(version, 5, error, session_id, isolation_level, answers, leaders)
        assert b"".join(pieces) == response_frame(1, version, 5, response)
