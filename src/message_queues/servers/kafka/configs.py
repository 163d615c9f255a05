"""DescribeConfigs (32) 1-4, AlterConfigs (33) 0-2, IncrementalAlterConfigs (44) 0-1.

Resources are topics, brokers (an empty name is the default of all), the loggers of a broker, and groups. Each succeeds or fails by itself.
The checks, their order and their texts are those of Kafka's ConfigHelper, ConfigAdminManager and ConfigurationControlManager. What
differs: client metrics (16) are refused, because no client can push any; loggers are those of this process.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from message_queues.broker.configs.broker_configs import BROKER_CONFIGS
from message_queues.broker.configs.config_definition import ConfigDefinition, ConfigSource, ConfigType, text_of
from message_queues.broker.configs.describe import ConfigEntry, describe_broker, describe_cluster, describe_group, describe_topic
from message_queues.broker.configs.group_configs import GROUP_CONFIGS, validate_group_configs
from message_queues.broker.configs.topic_configs import TOPIC_CONFIGS, validate_topic_configs
from message_queues.broker.topics import check_topic_name
from message_queues.errors import InvalidConfig, InvalidRequest, MessageQueuesError, UnknownTopicOrPartition
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.configs import (
    AlterConfigsRequest,
    AlterConfigsResourceResponse,
    AlterConfigsResponse,
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResourceResponse,
    IncrementalAlterConfigsResponse,
)
from message_queues.servers.error_map import error_code
from message_queues.servers.kafka.context import RequestContext
from message_queues.servers.loggers import check_level, check_level_may_go, check_logger, logger_levels, set_level

TOPIC, BROKER, BROKER_LOGGER, GROUP = 2, 4, 8, 32
"""Types of resources."""


class Operation(IntEnum):
    SET = 0
    DELETE = 1
    APPEND = 2
    SUBTRACT = 3


# DescribeConfigs


def describe_configs(context: RequestContext, request: DescribeConfigsRequest) -> DescribeConfigsResponse:
    return DescribeConfigsResponse(results=[_described(context, resource, request) for resource in request.resources])


def _described(context: RequestContext, resource: DescribeConfigsResource, request: DescribeConfigsRequest) -> DescribeConfigsResult:
    result = DescribeConfigsResult(error_message="", resource_type=resource.resource_type, resource_name=resource.resource_name)
    try:
        entries = _entries(context, resource.resource_type, resource.resource_name)
    except UnknownTopicOrPartition as error:
        result.error_code = error_code(error)
        return result
    except MessageQueuesError as error:
        result.error_code, result.error_message = error_code(error), str(error)
        return result
    wanted = frozenset(resource.configuration_keys or ())
    result.configs = [
        _config(entry, with_synonyms=request.include_synonyms, with_documentation=request.include_documentation)
        for entry in entries
        if not wanted or entry.name in wanted
    ]
    return result


def _entries(context: RequestContext, resource_type: int, name: str) -> Iterable[ConfigEntry]:
    broker = context.broker
    if resource_type == TOPIC:
        check_topic_name(name)
        return describe_topic(broker.topics.named(name).configs, broker.config, context.node_id)
    if resource_type == BROKER:
        if not name:
            return describe_cluster(broker.config)
        _check_is_this_node(context, name, "Broker id", f"Unexpected broker id, expected {context.node_id} or empty string, but received")
        return describe_broker(broker.config, context.node_id, _facts(context))
    if resource_type == BROKER_LOGGER:
        if not name:
            raise InvalidRequest("Broker id must not be empty")
        _check_is_this_node(context, name, "Broker id", f"Unexpected broker id, expected {context.node_id} but received")
        return [ConfigEntry(logger, level, ConfigSource.BROKER_LOGGER) for logger, level in logger_levels().items()]
    if resource_type == GROUP:
        if not name:
            raise InvalidRequest("Group name must not be empty")
        return describe_group(broker.group_configs.get(name, {}), broker.config, context.node_id)
    raise InvalidRequest(ErrorCode.INVALID_REQUEST.message)


def _facts(context: RequestContext) -> dict[str, str]:
    node_id = str(context.node_id)
    facts = {"node.id": node_id, "broker.id": node_id, "process.roles": "broker,controller", "log.dirs": context.broker.data_path}
    for endpoint in context.endpoints:
        if endpoint.node_id == context.node_id:
            facts["listeners"] = facts["advertised.listeners"] = f"PLAINTEXT://{endpoint.host}:{endpoint.port}"
    return facts


def _check_is_this_node(context: RequestContext, name: str, what: str, otherwise: str) -> None:
    try:
        node_id = int(name)
    except ValueError:
        raise InvalidRequest(f"{what} must be an integer, but it is: {name}") from None
    if node_id != context.node_id:
        raise InvalidRequest(f"{otherwise} {name}")


def _config(entry: ConfigEntry, *, with_synonyms: bool, with_documentation: bool) -> DescribeConfigsResourceResult:
    synonyms = entry.synonyms if with_synonyms else ()
    return DescribeConfigsResourceResult(
        name=entry.name,
        value=entry.value,
        read_only=entry.is_read_only,
        config_source=entry.source,
        is_sensitive=entry.is_sensitive,
        synonyms=[DescribeConfigsSynonym(name=each.name, value=each.value, source=each.source) for each in synonyms],
        config_type=entry.type,
        documentation=entry.documentation if with_documentation else None,
    )


# AlterConfigs and IncrementalAlterConfigs


class Change(NamedTuple):
    name: str
    operation: int
    value: str | None


@dataclass(frozen=True, slots=True)
class Alteration:
    """What is asked of one resource."""

    resource_type: int
    resource_name: str
    changes: tuple[Change, ...]
    validate_only: bool
    replaces_all: bool
    """As AlterConfigs does: what is not named is taken away."""


async def alter_configs(context: RequestContext, request: AlterConfigsRequest) -> AlterConfigsResponse:
    times = Counter((resource.resource_type, resource.resource_name) for resource in request.resources)
    responses: list[AlterConfigsResourceResponse] = []
    for resource in request.resources:
        kind, name = resource.resource_type, resource.resource_name
        changes = tuple(Change(each.name, Operation.SET, each.value) for each in resource.configs)
        alteration = Alteration(kind, name, changes, request.validate_only, replaces_all=True)
        code, message = await _outcome(context, alteration, times[kind, name])
        responses.append(AlterConfigsResourceResponse(error_code=code, error_message=message, resource_type=kind, resource_name=name))
    return AlterConfigsResponse(responses=responses)


async def incremental_alter_configs(context: RequestContext, request: IncrementalAlterConfigsRequest) -> IncrementalAlterConfigsResponse:
    times = Counter((resource.resource_type, resource.resource_name) for resource in request.resources)
    responses: list[IncrementalAlterConfigsResourceResponse] = []
    for resource in request.resources:
        kind, name = resource.resource_type, resource.resource_name
        changes = tuple(Change(each.name, each.config_operation, each.value) for each in resource.configs)
        alteration = Alteration(kind, name, changes, request.validate_only, replaces_all=False)
        code, message = await _outcome(context, alteration, times[kind, name])
        responses.append(
            IncrementalAlterConfigsResourceResponse(error_code=code, error_message=message, resource_type=kind, resource_name=name)
        )
    return IncrementalAlterConfigsResponse(responses=responses)


async def _outcome(context: RequestContext, alteration: Alteration, times: int) -> tuple[ErrorCode, str | None]:
    try:
        if times > 1:
            raise InvalidRequest("Each resource must appear at most once.")
        _check_changes(alteration)
        await _alter(context, alteration)
    except MessageQueuesError as error:
        return error_code(error), str(error)
    return ErrorCode.NONE, None


def _check_changes(alteration: Alteration) -> None:
    if len({change.name for change in alteration.changes}) < len(alteration.changes):
        raise InvalidRequest("Error due to duplicate config keys")
    nulls = [change.name for change in alteration.changes if change.value is None and change.operation != Operation.DELETE]
    if nulls:
        raise InvalidRequest(f"Null value not supported for : {', '.join(nulls)}")
    for change in alteration.changes:
        if change.operation not in tuple(Operation):
            raise InvalidRequest(f"Unknown operations type {change.operation}")


async def _alter(context: RequestContext, alteration: Alteration) -> None:
    if alteration.resource_type == TOPIC:
        await _alter_topic(context, alteration)
    elif alteration.resource_type == BROKER:
        await _alter_broker(context, alteration)
    elif alteration.resource_type == GROUP:
        await _alter_group(context, alteration)
    elif alteration.resource_type == BROKER_LOGGER and not alteration.replaces_all:
        _alter_loggers(context, alteration)
    else:
        raise InvalidRequest(f"Unknown resource type {alteration.resource_type}")


async def _alter_topic(context: RequestContext, alteration: Alteration) -> None:
    broker, name = context.broker, alteration.resource_name
    if not name:
        raise InvalidRequest("Default topic resources are not allowed.")
    check_topic_name(name)
    topic = broker.topics.by_name.get(name)
    current = topic.configs if topic else {}
    changed = _changed(alteration, current, TOPIC_CONFIGS, _refuse_change_of_list)
    validate_topic_configs({**current, **changed}, broker.config)
    if topic is None:
        raise UnknownTopicOrPartition(f"The topic '{name}' does not exist.")
    if changed and not alteration.validate_only:
        await broker.alter_topic_configs(name, changed)


async def _alter_broker(context: RequestContext, alteration: Alteration) -> None:
    broker = context.broker
    node_id: int | None = None
    if alteration.resource_name:
        unexpected = f"Unexpected broker id, expected {context.node_id}, but received"
        _check_is_this_node(context, alteration.resource_name, "Node id", unexpected)
        node_id = context.node_id
    current = broker.config.set_for(node_id)
    changed = _changed(alteration, current, BROKER_CONFIGS, _refuse_change_of_brokers_list)
    broker.config.check_dynamic(node_id, _resulting(current, changed))
    if changed and not alteration.validate_only:
        await broker.alter_broker_configs(node_id, changed)


async def _alter_group(context: RequestContext, alteration: Alteration) -> None:
    broker, name = context.broker, alteration.resource_name
    if not name:
        raise InvalidRequest("Default group resources are not allowed.")
    current = broker.group_configs.get(name, {})
    changed = _changed(alteration, current, GROUP_CONFIGS, _refuse_change_of_list)
    validate_group_configs(_resulting(current, changed), broker.config)
    if changed and not alteration.validate_only:
        await broker.alter_group_configs(name, changed)


def _alter_loggers(context: RequestContext, alteration: Alteration) -> None:
    unexpected = f"Unexpected node id. Expected {context.node_id}, but received"
    _check_is_this_node(context, alteration.resource_name, "Node id", unexpected)
    for change in alteration.changes:
        if change.operation not in (Operation.SET, Operation.DELETE):
            raise InvalidRequest(f"{Operation(change.operation).name} operation is not allowed for the BROKER_LOGGER resource")
        check_logger(change.name)
        if change.operation == Operation.SET:
            check_level(change.name, change.value or "")
        else:
            check_level_may_go(change.name)
    if not alteration.validate_only:
        for change in alteration.changes:
            set_level(change.name, change.value if change.operation == Operation.SET else None)


# What an alteration comes to


def _changed(
    alteration: Alteration,
    current: Mapping[str, str],
    definitions: Mapping[str, ConfigDefinition],
    refuse: Callable[[Change, ConfigDefinition | None], InvalidConfig],
) -> dict[str, str | None]:
    """What becomes different by it; None is taken away. `refuse` words why something cannot be appended or subtracted."""
    changed: dict[str, str | None] = {}
    if alteration.replaces_all:
        changed.update(dict.fromkeys(current))
    for change in alteration.changes:
        known = definitions.get(change.name)
        match change.operation:
            case Operation.SET:
                changed[change.name] = change.value
            case Operation.DELETE:
                changed[change.name] = None
            case _ if known is None or known.type is not ConfigType.LIST:
                raise refuse(change, known)
            case _:
                changed[change.name] = _changed_list(current.get(change.name), known, change)
    return {name: value for name, value in changed.items() if value != current.get(name)}


def _changed_list(current: str | None, known: ConfigDefinition, change: Change) -> str:
    base = text_of(known.default_value) if current is None else current
    members = [member.strip() for member in (base or "").split(",") if member.strip()]
    given = (change.value or "").split(",")
    if change.operation == Operation.APPEND:
        members += [each for each in given if each not in members]
    else:
        members = [each for each in members if each not in given]
    return ",".join(members)


def _resulting(current: Mapping[str, str], changed: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**current, **changed}.items() if value is not None}


def _refuse_change_of_list(change: Change, known: ConfigDefinition | None) -> InvalidConfig:
    return InvalidConfig(f"Can't {Operation(change.operation).name} to key {change.name} because its type is not LIST.")


def _refuse_change_of_brokers_list(change: Change, known: ConfigDefinition | None) -> InvalidConfig:
    if known is None:
        return InvalidConfig(f"Unknown config name: {change.name}")
    return InvalidConfig(f"Config value {Operation(change.operation).name.lower()} is not allowed for config key: {change.name}")
