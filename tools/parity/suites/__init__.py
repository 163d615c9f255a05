"""The suites, by name."""

from tools.parity.suites.kafka import AIOKAFKA, KAFKA_PYTHON
from tools.parity.suites.rabbitmq import AIO_PIKA, AIORMQ, AMQP_CLIENT_JS, AMQPLIB, KOMBU, PIKA, PY_AMQP
from tools.parity.suites.sqs import MINISTACK_SUITE, MOTO_SUITE
from tools.parity.suites.suite import NotASuite, Suite

KAFKA_SUITES = (KAFKA_PYTHON, AIOKAFKA)
RABBITMQ_SUITES = (AIO_PIKA, AIORMQ, AMQP_CLIENT_JS, AMQPLIB, KOMBU, PIKA, PY_AMQP)
SUITES = {suite.name: suite for suite in (*KAFKA_SUITES, *RABBITMQ_SUITES, MOTO_SUITE, MINISTACK_SUITE)}

__all__ = ["AIOKAFKA", "AMQPLIB", "AMQP_CLIENT_JS", "KAFKA_PYTHON", "PIKA", "SUITES", "NotASuite", "Suite"]
