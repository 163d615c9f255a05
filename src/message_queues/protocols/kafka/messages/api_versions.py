"""ApiVersions (API key 18), versions 0-4.

v1: throttle time. v3: flexible; the client names its software, the broker its features. v4: a feature's minimum may be 0 (KAFKA-17011);
below v4 such a feature is left out.
The response header is always version 0, and a request that is too new is answered in version 0 (KIP-511).
"""

from message_queues.protocols.kafka.message import Boolean, Int16, Int32, Int64, Message, String, Struct, field


class ApiVersionsRequest(Message, versions="0-4", flexible="3+"):
    client_software_name: String = field("3+", ignorable=True)
    client_software_version: String = field("3+", ignorable=True)


class ApiVersion(Struct):
    api_key: Int16 = field("0+")
    min_version: Int16 = field("0+")
    max_version: Int16 = field("0+")


class SupportedFeatureKey(Struct):
    name: String = field("3+")
    min_version: Int16 = field("3+")
    max_version: Int16 = field("3+")


class FinalizedFeatureKey(Struct):
    name: String = field("3+")
    max_version_level: Int16 = field("3+")
    min_version_level: Int16 = field("3+")


class ApiVersionsResponse(Message, versions="0-4", flexible="3+"):
    error_code: Int16 = field("0+")
    api_keys: list[ApiVersion] = field("0+")
    throttle_time_ms: Int32 = field("1+", ignorable=True)
    supported_features: list[SupportedFeatureKey] = field("3+", ignorable=True, tag=0)
    finalized_features_epoch: Int64 = field("3+", default=-1, ignorable=True, tag=1)
    """-1: unknown."""
    finalized_features: list[FinalizedFeatureKey] = field("3+", ignorable=True, tag=2)
    zk_migration_ready: Boolean = field("3+", ignorable=True, tag=3)
