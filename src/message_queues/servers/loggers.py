"""The loggers of this process and their levels, under Kafka's names of levels."""

import logging

from message_queues.errors import InvalidConfig, InvalidRequest

ROOT = "root"
LEVELS = {
    "DEBUG": logging.DEBUG,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "INFO": logging.INFO,
    "TRACE": 5,
    "WARN": logging.WARNING,
}
NAMES = {number: name for name, number in LEVELS.items()}


def logger_levels() -> dict[str, str]:
    """The level that counts for each logger, its own or an inherited one."""
    names = (name for name, each in logging.root.manager.loggerDict.items() if isinstance(each, logging.Logger))
    loggers = {ROOT: logging.root, **{name: logging.getLogger(name) for name in sorted(names)}}
    return {name: NAMES.get(each.getEffectiveLevel(), "INFO") for name, each in loggers.items()}


def check_logger(name: str) -> None:
    if name != ROOT and not isinstance(logging.root.manager.loggerDict.get(name), logging.Logger):
        raise InvalidConfig(f"Logger {name} does not exist!")


def check_level(name: str, level: str) -> None:
    if level not in LEVELS:
        raise InvalidConfig(
            f"Cannot set the log level of {name} to {level} as it is not a supported log level. Valid log levels are {', '.join(LEVELS)}"
        )


def check_level_may_go(name: str) -> None:
    if name == ROOT:
        raise InvalidRequest("Removing the log level of the root logger is not allowed")


def set_level(name: str, level: str | None) -> None:
    """None takes the logger's own level away."""
    logger = logging.root if name == ROOT else logging.getLogger(name)
    logger.setLevel(logging.NOTSET if level is None else LEVELS[level])
