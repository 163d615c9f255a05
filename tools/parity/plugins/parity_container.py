"""A pytest plugin that gives aio-pika's suite a broker that runs already (`PARITY_BROKER`) instead of one that it starts by docker.

The suite's conftest defines the fixture itself, and a conftest's wins over a plugin's; so it is replaced in the conftest as pytest
registers it, before pytest looks for fixtures in it. So is the question whether there is a docker.
"""

import os
from dataclasses import dataclass, field
from types import ModuleType

import pytest


@dataclass(frozen=True, slots=True)
class RunningBroker:
    host: str
    ports: dict[str, int]
    id: str = field(default="running")


@pytest.fixture(scope="session")
def rabbitmq_container() -> RunningBroker:
    host, port = os.environ["PARITY_BROKER"].rsplit(":", 1)
    return RunningBroker(host, {"5672/tcp": int(port), "5671/tcp": 5671})


def check_docker_available() -> None:
    return None


REPLACEMENTS = {"rabbitmq_container": rabbitmq_container, "check_docker_available": check_docker_available}


@pytest.hookimpl(tryfirst=True)
def pytest_plugin_registered(plugin: object) -> None:
    if isinstance(plugin, ModuleType) and plugin.__name__.endswith("conftest"):
        for name, replacement in REPLACEMENTS.items():
            if hasattr(plugin, name):
                setattr(plugin, name, replacement)
