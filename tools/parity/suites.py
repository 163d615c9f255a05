"""The suites that can be run: which client they belong to, which of their tests ask for a broker alone, and how they are told of one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KAFKA_VERSION = "4.3.1"
"""What the suites are told that they talk to: the version of `tools/kafka`, and the one whose answers ours are."""


class NotASuite(Exception):
    """The folder does not hold a checkout of the suite."""


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    """As on the command line and on the package index."""
    package: str
    """The client's import name."""
    version_file: str
    tests: tuple[str, ...]
    """What pytest is given."""
    left_out: tuple[str, ...]
    """Tests that need more than a host and a port, as the beginnings of their ids."""
    left_out_because: str
    requirements: tuple[str, ...]
    """What the tests import besides the client."""
    broker_fixture: str
    """A test that asks for it, however indirectly, talks to the broker."""
    config: Mapping[str, str]
    """Broker settings that the suite's own broker would have; both servers get them."""
    kafka_config: Mapping[str, str] = field(default_factory=dict)
    """Those that Apache Kafka gets alone: what belongs to its plugins."""
    options: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """`{host}`, `{port}`, `{address}` and `{suite}` stand for the broker's and for the folder of the checkout."""

    def version(self, folder: Path) -> str:
        path = folder / self.version_file
        text = path.read_text() if path.is_file() else ""
        if found := re.search(r"^__version__ = ['\"](.+)['\"]", text, re.MULTILINE):
            return found[1]
        raise NotASuite(f"{folder} is no checkout of {self.name}: {self.version_file} with a __version__ is not there.")


KAFKA_PYTHON = Suite(
    name="kafka-python",
    package="kafka",
    version_file="kafka/version.py",
    tests=("test/integration",),
    left_out=("test/integration/test_sasl_integration.py", "test/integration/test_ssl_integration.py"),
    left_out_because="the files for SASL and TLS, which start brokers of their own",
    requirements=("pytest", "pytest-mock", "pytest-timeout", "python-snappy", "lz4", "zstandard", "crc32c"),
    broker_fixture="kafka_broker",
    config={"num.partitions": "4"},
    kafka_config={
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    },
    # KAFKA_ROOT only has to exist: nothing in it is run when the broker is somebody else's.
    environment={"KAFKA_VERSION": KAFKA_VERSION, "KAFKA_URI": "kafka://{address}", "KAFKA_ROOT": "{suite}"},
)

AIOKAFKA = Suite(
    name="aiokafka",
    package="aiokafka",
    version_file="aiokafka/__init__.py",
    tests=("tests",),
    left_out=("tests/test_sasl.py", "tests/test_helpers.py::test_create_ssl_context"),
    left_out_because="the tests of SASL and TLS, which need other listeners and certificates",
    requirements=("pytest==9.0.2", "pytest-asyncio==1.3.0", "pytest-mock==3.15.1", "pytest-timeout", "docker==7.1.0", "cramjam"),
    broker_fixture="kafka_server",
    config={"num.partitions": "2"},
    options=(f"--docker-image=kafka:2.13_{KAFKA_VERSION}", "--no-pull", "-m", "not ssl"),
    plugins=("parity_aiokafka",),
    environment={"PARITY_BROKER": "{address}"},
)

SUITES = {suite.name: suite for suite in (KAFKA_PYTHON, AIOKAFKA)}
