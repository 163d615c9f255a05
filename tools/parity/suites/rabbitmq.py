"""Suites of RabbitMQ's clients. `tools/parity/servers.py` gives them the ports that RabbitMQ itself has: most know no others."""

from tools.parity.suites.suite import Suite
from tools.parity.systems import RABBITMQ

PYTEST = ("pytest>=8.4,<9", "pytest-timeout")

AIO_PIKA = Suite(
    name="aio-pika",
    system=RABBITMQ,
    package="aio_pika",
    version_file="pyproject.toml",
    tests=("tests",),
    requirements=(*PYTEST, "aiomisc>=18", "aiomisc-pytest", "shortuuid"),
    broker_fixture="rabbitmq_container",
    plugins=("parity_container",),
    environment={"PARITY_BROKER": "{address}"},
)

AIORMQ = Suite(
    name="aiormq",
    system=RABBITMQ,
    package="aiormq",
    version_file="pyproject.toml",
    tests=("tests",),
    requirements=(*PYTEST, "aiomisc>=17,<18", "aiomisc-pytest>=1.1,<2"),
    broker_fixture="rabbitmq_container",
    environment={"AMQP_URL": "amqp://guest:guest@{address}/"},
)

PIKA = Suite(
    name="pika",
    system=RABBITMQ,
    package="pika",
    version_file="pika/__init__.py",
    tests=("tests/acceptance",),
    left_out=("tests/acceptance/io_services_tests.py",),
    left_out_because="the tests of its event loops and the unit tests, which ask no broker",
    requirements=(*PYTEST, "gevent", "tornado", "twisted"),
)

PY_AMQP = Suite(
    name="py-amqp",
    system=RABBITMQ,
    package="amqp",
    distribution="amqp",
    version_file="amqp/__init__.py",
    tests=("t/integration",),
    left_out=(
        "t/integration/test_rmq.py::test_connect[tls]",
        "t/integration/test_rmq.py::test_rabbitmq_operations::test_publish_consume[tls",
        "t/integration/test_rmq.py::test_rabbitmq_operations::test_publish_get[tls",
        "t/integration/test_rmq.py::test_tls_default_certs",
        "t/integration/test_rmq.py::test_tls_no_default_certs_fails",
    ),
    left_out_because="the tests over TLS, whose broker has a certificate that is not in the checkout, those that ask a server on the"
    " internet, and the unit tests",
    requirements=PYTEST,
    options=("-E", "rabbitmq"),
    environment={"RABBITMQ_HOST": "{host}", "RABBITMQ_5672_TCP": "{port}"},
)

KOMBU = Suite(
    name="kombu",
    system=RABBITMQ,
    package="kombu",
    version_file="kombu/__init__.py",
    tests=("t/integration/test_py_amqp.py",),
    left_out_because="the tests of other brokers, and the unit tests",
    requirements=PYTEST,
    options=("-E", "py-amqp"),
    environment={"RABBITMQ_HOST": "{host}", "RABBITMQ_5672_TCP": "{port}"},
)

AMQPLIB = Suite(
    name="amqplib",
    system=RABBITMQ,
    runner="node",
    version_file="package.json",
    tests=("test/callback_api.test.js", "test/channel_api.test.js", "test/connect.test.js"),
    left_out_because="the files that ask no broker",
    requirements=("claire@0.4.1",),
    environment={"URL": "amqp://{address}"},
)

AMQP_CLIENT_JS = Suite(
    name="amqp-client.js",
    system=RABBITMQ,
    runner="vitest",
    version_file="package.json",
    tests=("test/test.ts", "test/amqp-session.ts", "test/tls.ts"),
    left_out_because="the files that ask no broker, and the tests in a browser, which need a relay of web sockets",
    requirements=("vitest@4.1.10",),
)
