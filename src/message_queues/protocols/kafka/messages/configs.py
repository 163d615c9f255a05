"""Configurations: DescribeConfigs (API key 32), versions 1-4; AlterConfigs (33) 0-2; IncrementalAlterConfigs (44) 0-1.

DescribeConfigs v1: source and synonyms. v3: type and documentation. v4: flexible.
AlterConfigs v2: flexible. IncrementalAlterConfigs v1: flexible.
"""

from message_queues.protocols.kafka.message import Boolean, Int8, Int16, Int32, Message, NullableString, String, Struct, field


class DescribeConfigsResource(Struct):
    resource_type: Int8 = field("1+")
    """2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group."""
    resource_name: String = field("1+")
    configuration_keys: list[String] | None = field("1+")
    """None asks for all."""


class DescribeConfigsRequest(Message, versions="1-4", flexible="4+"):
    resources: list[DescribeConfigsResource] = field("1+")
    include_synonyms: Boolean = field("1+")
    include_documentation: Boolean = field("3+")


class DescribeConfigsSynonym(Struct):
    name: String = field("1+")
    value: NullableString = field("1+")
    source: Int8 = field("1+")


class DescribeConfigsResourceResult(Struct):
    name: String = field("1+")
    value: NullableString = field("1+")
    read_only: Boolean = field("1+")
    config_source: Int8 = field("1+", default=-1)
    """1 topic, 2 broker, 3 cluster default, 4 static broker, 5 default, 6 broker logger, 7 client metrics, 8 group."""
    is_sensitive: Boolean = field("1+")
    synonyms: list[DescribeConfigsSynonym] = field("1+")
    config_type: Int8 = field("3+", ignorable=True)
    """0 unknown, 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password."""
    documentation: NullableString = field("3+", ignorable=True)


class DescribeConfigsResult(Struct):
    error_code: Int16 = field("1+")
    error_message: NullableString = field("1+")
    resource_type: Int8 = field("1+")
    resource_name: String = field("1+")
    configs: list[DescribeConfigsResourceResult] = field("1+")


class DescribeConfigsResponse(Message, versions="1-4", flexible="4+"):
    throttle_time_ms: Int32 = field("1+")
    results: list[DescribeConfigsResult] = field("1+")


class AlterableConfig(Struct):
    name: String = field("0+")
    value: NullableString = field("0+")


class AlterConfigsResource(Struct):
    resource_type: Int8 = field("0+")
    resource_name: String = field("0+")
    configs: list[AlterableConfig] = field("0+")


class AlterConfigsRequest(Message, versions="0-2", flexible="2+"):
    resources: list[AlterConfigsResource] = field("0+")
    validate_only: Boolean = field("0+")


class AlterConfigsResourceResponse(Struct):
    error_code: Int16 = field("0+")
    error_message: NullableString = field("0+")
    resource_type: Int8 = field("0+")
    resource_name: String = field("0+")


class AlterConfigsResponse(Message, versions="0-2", flexible="2+"):
    throttle_time_ms: Int32 = field("0+")
    responses: list[AlterConfigsResourceResponse] = field("0+")


class IncrementalAlterableConfig(Struct):
    name: String = field("0+")
    config_operation: Int8 = field("0+")
    """0 set, 1 delete, 2 append, 3 subtract."""
    value: NullableString = field("0+")


class IncrementalAlterConfigsResource(Struct):
    resource_type: Int8 = field("0+")
    resource_name: String = field("0+")
    configs: list[IncrementalAlterableConfig] = field("0+")


class IncrementalAlterConfigsRequest(Message, versions="0-1", flexible="1+"):
    resources: list[IncrementalAlterConfigsResource] = field("0+")
    validate_only: Boolean = field("0+")


class IncrementalAlterConfigsResourceResponse(Struct):
    error_code: Int16 = field("0+")
    error_message: NullableString = field("0+")
    resource_type: Int8 = field("0+")
    resource_name: String = field("0+")


class IncrementalAlterConfigsResponse(Message, versions="0-1", flexible="1+"):
    throttle_time_ms: Int32 = field("0+")
    responses: list[IncrementalAlterConfigsResourceResponse] = field("0+")
