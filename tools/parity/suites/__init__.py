"""The suites, by name."""

from tools.parity.suites.kafka import AIOKAFKA, KAFKA_PYTHON
from tools.parity.suites.rabbitmq import AIO_PIKA, AIORMQ, AMQP_CLIENT_JS, AMQPLIB, KOMBU, PIKA, PY_AMQP
from tools.parity.suites.suite import NotASuite, Suite

SUITES = {suite.name: suite for suite in (KAFKA_PYTHON, AIOKAFKA, AIO_PIKA, AIORMQ, AMQP_CLIENT_JS, AMQPLIB, KOMBU, PIKA, PY_AMQP)}

__all__ = ["AIOKAFKA", "AMQPLIB", "AMQP_CLIENT_JS", "KAFKA_PYTHON", "PIKA", "SUITES", "NotASuite", "Suite"]
