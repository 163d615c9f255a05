"""The generic codec: vectors written by hand from the protocol guide, what it refuses, what it skips, what it keeps."""

import tracemalloc

import pytest

from message_queues.errors import MalformedMessage, UnsupportedVersion
from message_queues.protocols.kafka.api_keys import APIS, Api
from message_queues.protocols.kafka.codec import decode, decode_document, decode_prefix, encode, encode_document, encode_into
from message_queues.protocols.kafka.message import (
    Boolean,
    Bytes,
    Float64,
    Int16,
    Int32,
    Message,
    NullableString,
    Records,
    String,
    Struct,
    StructType,
    UInt16,
    Uuid,
    field,
)
from message_queues.protocols.kafka.messages.api_versions import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)
from message_queues.protocols.kafka.messages.cluster import Cursor, DescribeTopicPartitionsRequest
from message_queues.protocols.kafka.messages.consumer_protocol import ConsumerProtocolSubscription, TopicPartition
from message_queues.protocols.kafka.messages.fetch import FetchRequest, FetchResponse, LeaderIdAndEpoch, PartitionData, ReplicaState
from message_queues.protocols.kafka.messages.groups import FindCoordinatorRequest, HeartbeatRequest
from message_queues.protocols.kafka.messages.list_offsets import ListOffsetsRequest, ListOffsetsTopic
from message_queues.protocols.kafka.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from message_queues.protocols.kafka.messages.offsets import OffsetCommitRequest
from message_queues.protocols.kafka.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

every_api = pytest.mark.parametrize("api", APIS.values(), ids=lambda api: api.name)

ID = bytes(range(16))


class Part(Struct):
    number: Int32 = field("0+")
    label: NullableString = field("0+", default=None)


class Sample(Message, versions="0-2", flexible="1+"):
    """Every type, in both forms."""

    flag: Boolean = field("0+")
    port: UInt16 = field("0+", default=9092)
    ratio: Float64 = field("0+")
    id: Uuid = field("0+")
    name: String = field("0+")
    payload: Bytes = field("0+")
    records: Records = field("0+")
    ids: list[Uuid] = field("0+")
    names: list[String] | None = field("0+", nullable="2+")
    counts: list[Int16] = field("0+")
    part: Part = field("0+")
    optional_part: Part | None = field("1+", default=None)
    parts: list[Part] = field("0+")
    note: String = field("2+", tag=3)
    late: Int32 = field("2+", default=7)
    late_ignorable: Int32 = field("2+", ignorable=True)


def full_sample() -> Sample:
    return Sample(
        flag=True,
        port=65535,
        ratio=0.5,
        id=ID,
        name="é",
        payload=b"pp",
        records=b"rrr",
        ids=[ID, bytes(16)],
        names=["a", ""],
        counts=[1, -2],
        part=Part(number=5, label="five"),
        parts=[Part(number=6)],
    )


# Vectors.


def test_a_request_of_the_old_form_is_written_as_the_protocol_guide_says() -> None:
    request = HeartbeatRequest(group_id="g1", generation_id=5, member_id="m")
    assert encode(request, 0) == bytes.fromhex("0002 6731 00000005 0001 6d")
    assert encode(request, 3) == bytes.fromhex("0002 6731 00000005 0001 6d ffff")


def test_a_request_of_the_flexible_form_has_compact_strings_and_a_tag_section() -> None:
    request = HeartbeatRequest(group_id="g1", generation_id=5, member_id="m", group_instance_id="i")
    assert encode(request, 4) == bytes.fromhex("03 6731 00000005 02 6d 02 69 00")


def test_a_null_array_asks_for_all_topics_and_an_empty_one_for_none() -> None:
    assert encode(MetadataRequest(topics=None), 1) == bytes.fromhex("ffffffff")
    assert encode(MetadataRequest(topics=[]), 1) == bytes.fromhex("00000000")
    assert encode(MetadataRequest(topics=None), 9) == bytes.fromhex("00 01 00 00 00")
    assert encode(MetadataRequest(topics=[]), 9) == bytes.fromhex("01 01 00 00 00")
    assert decode(MetadataRequest, 9, bytes.fromhex("00 01 00 00 00")).topics is None


def test_an_api_versions_request_of_librdkafka_is_read() -> None:
    request = decode(ApiVersionsRequest, 3, bytes.fromhex("0b 6c696272646b61666b61 07 322e31352e30 00"))
    assert (request.client_software_name, request.client_software_version) == ("librdkafka", "2.15.0")


def test_tagged_fields_are_written_in_the_order_of_their_tags_and_only_when_they_differ_from_the_default() -> None:
    response = ApiVersionsResponse(
        finalized_features=[FinalizedFeatureKey(name="f", max_version_level=2, min_version_level=1)],
        supported_features=[SupportedFeatureKey(name="f", min_version=0, max_version=3)],
    )
    supported, finalized = bytes.fromhex("02 02 66 0000 0003 00"), bytes.fromhex("02 02 66 0002 0001 00")
    assert encode(response, 3) == bytes.fromhex("0000 01 00000000 02") + b"\x00\x08" + supported + b"\x02\x08" + finalized
    assert encode(ApiVersionsResponse(), 3) == bytes.fromhex("0000 01 00000000 00")


def test_a_struct_in_a_tag_section_is_measured_whole() -> None:
    request = FetchRequest(replica_state=ReplicaState(replica_id=3, replica_epoch=4))
    assert encode(request, 15).endswith(bytes.fromhex("01 01 0d 00000003 0000000000000004 00"))
    assert decode(FetchRequest, 15, encode(request, 15)) == request


def test_a_struct_that_may_be_null_begins_with_a_byte_that_says_so() -> None:
    assert encode(DescribeTopicPartitionsRequest(), 0) == bytes.fromhex("01 000007d0 ff 00")
    at_cursor = DescribeTopicPartitionsRequest(cursor=Cursor(topic_name="t", partition_index=1))
    assert encode(at_cursor, 0) == bytes.fromhex("01 000007d0 01 02 74 00000001 00 00")
    assert decode(DescribeTopicPartitionsRequest, 0, encode(at_cursor, 0)) == at_cursor


@pytest.mark.parametrize("version", [0, 1, 2])
def test_every_type_reads_back_in_both_forms(version: int) -> None:
    sample = full_sample()
    if version:
        sample.optional_part = Part(number=-1, label="")
    if version == 2:
        sample.names, sample.note, sample.late, sample.late_ignorable = None, "tagged", 8, 9
    encoded = encode(sample, version)
    assert decode_prefix(Sample, version, encoded) == (sample, len(encoded))


@pytest.mark.parametrize("length", [126, 127, 128, 16383, 16384, 70000])
def test_a_compact_length_takes_as_many_bytes_as_it_needs(length: int) -> None:
    request = ProduceRequest(topic_data=[TopicProduceData(name="t", partition_data=[PartitionProduceData(records=bytes(length))])])
    assert decode(ProduceRequest, 9, encode(request, 9)) == request


def test_records_are_passed_on_without_a_copy() -> None:
    records = bytes(1000)
    chunks: list[bytes] = []
    encode_into(ProduceRequest(topic_data=[TopicProduceData(name="t", partition_data=[PartitionProduceData(records=records)])]), 9, chunks)
    assert any(chunk is records for chunk in chunks)


# What a version lacks.


def test_a_field_that_the_version_lacks_reads_as_its_default() -> None:
    assert decode(Sample, 0, encode(full_sample(), 0)).late == 7
    assert decode(FetchRequest, 4, encode(FetchRequest(), 4)).session_epoch == -1


def test_each_message_read_has_lists_of_its_own() -> None:
    encoded = encode(FindCoordinatorRequest(key="g"), 1)
    first, second = decode(FindCoordinatorRequest, 1, encoded), decode(FindCoordinatorRequest, 1, encoded)
    first.coordinator_keys.append("x")
    assert second.coordinator_keys == []


def test_a_value_that_the_version_cannot_carry_is_refused() -> None:
    with pytest.raises(UnsupportedVersion, match=r"Sample\.late is not in version 1"):
        encode(Sample(late=8), 1)
    with pytest.raises(UnsupportedVersion, match="coordinator_keys is not in version 3"):
        encode(FindCoordinatorRequest(coordinator_keys=["g"]), 3)


def test_an_ignorable_value_that_the_version_lacks_is_dropped() -> None:
    assert encode(Sample(late_ignorable=8), 1) == encode(Sample(), 1)


def test_null_where_the_version_has_none_is_refused() -> None:
    with pytest.raises(UnsupportedVersion, match="topics cannot be null in version 0"):
        encode(MetadataRequest(topics=None), 0)


def test_a_version_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnsupportedVersion, match="versions 3 to 13, not 2"):
        encode(ProduceRequest(), 2)
    with pytest.raises(UnsupportedVersion):
        decode(ProduceRequest, 14, b"")


# What a peer may send and what it may not.


def test_unknown_tagged_fields_are_skipped() -> None:
    plain = encode(HeartbeatRequest(group_id="g1"), 4)
    assert plain.endswith(b"\0")
    assert decode(HeartbeatRequest, 4, plain[:-1] + bytes.fromhex("02 05 01 ff 8101 02 aabb")) == HeartbeatRequest(group_id="g1")


def test_unknown_tags_among_known_ones_are_skipped() -> None:
    encoded = encode(ApiVersionsResponse(finalized_features_epoch=9), 3)
    assert encoded.endswith(bytes.fromhex("01 01 08 0000000000000009"))
    widened = encoded[:-11] + bytes.fromhex("02 01 08 0000000000000009 64 03 010203")
    assert decode(ApiVersionsResponse, 3, widened).finalized_features_epoch == 9


def test_a_tagged_field_of_another_size_than_it_claims_is_malformed() -> None:
    encoded = encode(ApiVersionsResponse(finalized_features_epoch=9), 3)
    with pytest.raises(MalformedMessage, match="finalized_features_epoch is not of the size it claims"):
        decode(ApiVersionsResponse, 3, encoded.replace(b"\x01\x01\x08", b"\x01\x01\x07"))


def test_bytes_after_the_message_are_ignored() -> None:
    encoded = encode(HeartbeatRequest(group_id="g1"), 0)
    assert decode_prefix(HeartbeatRequest, 0, encoded + b"rest") == (HeartbeatRequest(group_id="g1"), len(encoded))


def test_a_message_is_read_from_the_position_given() -> None:
    assert decode(HeartbeatRequest, 0, b"head" + encode(HeartbeatRequest(group_id="g1"), 0), 4).group_id == "g1"


def test_text_that_is_not_utf_8_is_read_with_replacement_characters() -> None:
    assert decode(HeartbeatRequest, 0, bytes.fromhex("0002 67ff 00000005 0001 6d")).group_id == "g�"


@pytest.mark.parametrize(
    ("version", "encoded", "position"),
    [
        (0, "7fff 67", 2),  # a string longer than what is left
        (0, "ffff 00000005 0001 6d", 2),  # null for a string that cannot be
        (0, "0002 67", 2),
        (0, "00", 0),
        (4, "ffffffff0f 67", 5),
        (4, "ffffffffffff", 0),  # a varint that does not end
        (4, "80", 0),
        (4, "00 00000005 02 6d 00 00", 1),
        (4, "", 0),
    ],
)
def test_what_does_not_fit_is_malformed_and_the_position_is_told(version: int, encoded: str, position: int) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode(HeartbeatRequest, version, bytes.fromhex(encoded))
    assert caught.value.position == position


def test_a_null_string_within_an_array_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="cannot be null"):
        decode(FindCoordinatorRequest, 4, bytes.fromhex("00 02 00 00"))


@every_api
def test_a_request_cut_anywhere_is_malformed(api: Api) -> None:
    for version in range(api.min_version, api.max_version + 1):
        encoded = encode(filled(api.request, version), version)
        for end in range(len(encoded)):
            with pytest.raises(MalformedMessage):
                decode(api.request, version, encoded[:end])


def filled(cls: StructType, version: int) -> Message:
    """An instance that has one element in each array."""
    values: dict[str, object] = {}
    for declared in cls.declared_fields:
        if declared.is_array and version in declared.versions:
            kind = declared.type
            values[declared.name] = [filled(kind, version) if isinstance(kind, StructType) else kind.default]
    message = cls(**values)
    assert isinstance(message, Struct)
    return message  # type: ignore[return-value]


def test_a_claimed_count_is_checked_before_anything_is_allocated() -> None:
    tracemalloc.start()
    try:
        for version, claim in ((2, "ffffffff 00 7fffffff"), (6, "ffffffff 00 ffffffff0f")):
            with pytest.raises(MalformedMessage, match="are claimed"):
                decode(ListOffsetsRequest, version, bytes.fromhex(claim) + bytes(100))
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_a_count_of_structs_is_held_against_their_least_size() -> None:
    topics = encode(ListOffsetsRequest(topics=[ListOffsetsTopic(name="t")]), 1)
    # Two topics are claimed; the second would need six bytes, and five are left.
    claimed = topics[:4] + b"\0\0\0\x02" + topics[8:] + bytes(5)
    with pytest.raises(MalformedMessage):
        decode(ListOffsetsRequest, 1, claimed)


@every_api
def test_what_a_request_makes_us_hold_is_bounded_by_its_bytes(api: Api) -> None:
    """The most that a byte can cost: arrays of empty structs, where two or three bytes are a Python object."""
    for declared in api.request.declared_fields:
        if not declared.is_array or api.max_version not in declared.versions:
            continue
        kind = declared.type
        item = kind() if isinstance(kind, StructType) else kind.default
        encoded = encode(api.request(**{declared.name: [item] * 20_000}), api.max_version)
        tracemalloc.start()
        try:
            decode(api.request, api.max_version, encoded)
            assert tracemalloc.get_traced_memory()[1] < 64 * len(encoded)
        finally:
            tracemalloc.stop()


# Documents in bytes fields.


def test_a_document_says_its_version_and_a_newer_one_is_read_as_the_highest_known() -> None:
    subscription = ConsumerProtocolSubscription(topics=["a"], owned_partitions=[TopicPartition(topic="a", partitions=[1])], rack_id="r")
    encoded = encode_document(subscription, 3)
    assert encoded[:2] == b"\0\x03"
    assert decode_document(ConsumerProtocolSubscription, encoded) == subscription
    assert decode_document(ConsumerProtocolSubscription, b"\0\x63" + encoded[2:] + b"what a later version adds") == subscription


@pytest.mark.parametrize("document", [b"", b"\0", b"\xff\xff\0\0\0\0"])
def test_a_document_without_a_version_is_malformed(document: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode_document(ConsumerProtocolSubscription, document)


# Shapes that later code relies on.


def test_a_fetch_answer_keeps_its_tagged_structs() -> None:
    response = FetchResponse(responses=[])
    data = PartitionData(partition_index=1, current_leader=LeaderIdAndEpoch(leader_id=2, leader_epoch=3), records=b"batch")
    assert data.diverging_epoch.epoch == -1
    assert decode(FetchResponse, 12, encode(response, 12)) == response


def test_a_generated_line_shows_in_a_traceback() -> None:
    with pytest.raises(AttributeError) as caught:
        encode(OffsetCommitRequest(group_id=None), 8)  # type: ignore[arg-type]
    assert any("v = v.encode()" in str(entry) for entry in caught.traceback)


def test_metadata_of_ten_thousand_partitions_is_one_message() -> None:
    assert decode(MetadataRequest, 12, encode(MetadataRequest(topics=[MetadataRequestTopic(name=str(n)) for n in range(10_000)]), 12))
    assert decode(MetadataResponse, 12, encode(MetadataResponse(), 12)) == MetadataResponse()
