"""Suites of Kafka's clients."""

from tools.parity.suites.suite import Suite
from tools.parity.systems import KAFKA

KAFKA_PYTHON = Suite(
    name="kafka-python",
    system=KAFKA,
    package="kafka",
    version_file="kafka/version.py",
    tests=("test/integration",),
    left_out=("test/integration/test_sasl_integration.py", "test/integration/test_ssl_integration.py"),
    left_out_because="the files for SASL and TLS, which start brokers of their own",
    requirements=("pytest", "pytest-mock", "pytest-timeout", "python-snappy", "lz4", "zstandard", "crc32c"),
    broker_fixture="kafka_broker",
    config={"num.partitions": "4"},
    real_config={
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    },
    # KAFKA_ROOT only has to exist: nothing in it is run when the broker is somebody else's.
    environment={"KAFKA_VERSION": KAFKA.version, "KAFKA_URI": "kafka://{address}", "KAFKA_ROOT": "{suite}"},
)

AIOKAFKA = Suite(
    name="aiokafka",
    system=KAFKA,
    package="aiokafka",
    version_file="aiokafka/__init__.py",
    tests=("tests",),
    left_out=("tests/test_sasl.py", "tests/test_helpers.py::test_create_ssl_context"),
    left_out_because="the tests of SASL and TLS, which need other listeners and certificates",
    requirements=("pytest==9.0.2", "pytest-asyncio==1.3.0", "pytest-mock==3.15.1", "pytest-timeout", "docker==7.1.0", "cramjam"),
    broker_fixture="kafka_server",
    config={"num.partitions": "2"},
    options=(f"--docker-image=kafka:2.13_{KAFKA.version}", "--no-pull", "-m", "not ssl"),
    plugins=("parity_aiokafka",),
    environment={"PARITY_BROKER": "{address}"},
)
