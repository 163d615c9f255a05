"""The systems whose clients' suites are run: what the real one is called, and the page that says how ours compares."""

from dataclasses import dataclass
from pathlib import Path

PAGES = Path(__file__).parents[2] / "docs" / "parity"


@dataclass(frozen=True, slots=True)
class System:
    name: str
    title: str
    """Of the real broker."""
    version: str
    """Of the real broker, whose answers ours are."""
    introduction: str
    """The page begins with it."""

    @property
    def page(self) -> Path:
        return PAGES / f"{self.name}.md"


KAFKA = System(
    name="kafka",
    title="Apache Kafka",
    version="4.3.1",
    introduction="""\
# Other people's Kafka suites

The test suites of Python's Kafka clients, run unmodified from a checkout against `mq serve` and against a real Apache Kafka, one node each,
in the same run. What passes there has to pass here, or the table says why not. This page is written by

```
python -m tools.parity kafka-python --suite FOLDER
python -m tools.parity aiokafka --suite FOLDER
```

where FOLDER is a checkout of the client at the tag of a release.
""",
)

RABBITMQ = System(
    name="rabbitmq",
    title="RabbitMQ",
    version="3.10.8",
    introduction="""\
# Other people's RabbitMQ suites

The test suites of RabbitMQ's clients for Python and Node.js, run unmodified from a checkout against `mq serve --rabbitmq-version 3.10` and
against a real RabbitMQ 3.10, one node each, in the same run. What passes there has to pass here, or the table says why not. This page is
written by

```
python -m tools.parity NAME --suite FOLDER
```

where NAME is `aio-pika`, `aiormq`, `amqp-client.js`, `amqplib`, `kombu`, `pika` or `py-amqp`, and FOLDER is a checkout of the client at the
tag of a release. Most of these suites know no other ports than 5672, 5671 (TLS) and 15672: they must be free.
""",
)


SQS_INTRODUCTION = """\
# Other people's SQS and SNS suites

The test suites of two other servers of Amazon SQS and SNS, run unmodified from a checkout through an endpoint, against `mq serve` and
against the server whose suite it is, in the same run. The judge is AWS: what passes there has to pass here unless AWS itself would refuse
it, and the table says why. This page is written by

```
python -m tools.parity moto --suite FOLDER
python -m tools.parity ministack --suite FOLDER
```

where FOLDER is a checkout at the tag of a release. The ports 5000 (moto) and 4566 (ministack) must be free.
"""

MOTO = System(name="sqs", title="moto", version="5.2.5", introduction=SQS_INTRODUCTION)

MINISTACK = System(name="sqs", title="ministack", version="1.4.21", introduction=SQS_INTRODUCTION)
