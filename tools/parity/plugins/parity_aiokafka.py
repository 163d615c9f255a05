"""A pytest plugin that gives aiokafka's suite a broker that runs already (`PARITY_BROKER`) instead of one that it starts by docker.

The suite's conftest defines the fixtures itself, and a conftest's win over a plugin's; so they are replaced in the conftest
as pytest registers it, before pytest looks for fixtures in it.
"""

import os
from dataclasses import dataclass
from types import ModuleType

import pytest


@dataclass(frozen=True, slots=True)
class RunningBroker:
    host: str
    port: int
    container: None = None
    # Nothing listens there: tests that need these listeners are left out.
    ssl_port: int = 0
    sasl_plain_port: int = 0
    sasl_ssl_port: int = 0

    @property
    def hosts(self) -> list[str]:
        return [f"{self.host}:{self.port}"]


@pytest.fixture(scope="session")
def kafka_server() -> RunningBroker:
    host, port = os.environ["PARITY_BROKER"].rsplit(":", 1)
    return RunningBroker(host, int(port))


@pytest.fixture(scope="session")
def docker() -> None:
    return None


@pytest.fixture(scope="session")
def ssl_folder() -> None:
    return None


@pytest.fixture(scope="class")
def acl_manager() -> None:
    return None


@pytest.fixture(scope="class")
def kafka_config() -> None:
    return None


@pytest.fixture(scope="class")
def kerberos_utils() -> None:
    return None


REPLACEMENTS = {
    "kafka_server": kafka_server,
    "docker": docker,
    "ssl_folder": ssl_folder,
    "acl_manager": acl_manager,
    "kafka_config": kafka_config,
    "kerberos_utils": kerberos_utils,
}


@pytest.hookimpl(tryfirst=True)
def pytest_plugin_registered(plugin: object) -> None:
    if isinstance(plugin, ModuleType) and plugin.__name__.endswith("conftest"):
        for name, fixture in REPLACEMENTS.items():
            if hasattr(plugin, name):
                setattr(plugin, name, fixture)
