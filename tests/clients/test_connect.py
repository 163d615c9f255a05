import subprocess
import sys

WITHOUT_THE_CLIENT = """
import sys
sys.modules["confluent_kafka"] = None   # as if it were not installed
from message_queues import MessageQueues
from message_queues.errors import MissingDependency
try:
    MessageQueues().create_kafka_cluster("k", ["127.0.0.1:1"])
except MissingDependency as error:
    print(error)
"""


WITHOUT_PIKA = WITHOUT_THE_CLIENT.replace("confluent_kafka", "pika").replace(
    'create_kafka_cluster("k", ["127.0.0.1:1"])', 'create_rabbitmq_cluster("r", "127.0.0.1", 1)'
)

WITHOUT_BOTO3 = WITHOUT_THE_CLIENT.replace("confluent_kafka", "boto3").replace(
    'create_kafka_cluster("k", ["127.0.0.1:1"])', 'create_sqs_queue("q", "us-east-1")'
)


def test_without_the_client_package_the_error_names_the_extra() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT_THE_CLIENT], capture_output=True, text=True, check=True)
    assert ran.stdout == "a Kafka cluster needs the package confluent-kafka: pip install 'message-queues[kafka]'\n"


def test_without_pika_the_error_names_its_extra() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT_PIKA], capture_output=True, text=True, check=True)
    assert ran.stdout == "a RabbitMQ cluster needs the package pika: pip install 'message-queues[rabbitmq]'\n"


def test_without_boto3_the_error_names_its_extra() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT_BOTO3], capture_output=True, text=True, check=True)
    assert ran.stdout == "Amazon SQS and SNS need the package boto3: pip install 'message-queues[sqs]'\n"


def test_importing_the_library_imports_no_client_and_no_server() -> None:
    names = ("confluent_kafka", "pika", "boto3", "botocore", "asyncio", "msgspec")
    program = f"import sys, message_queues.facade; print([name for name in {names} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
