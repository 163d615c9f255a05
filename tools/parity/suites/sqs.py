"""Suites of other servers of SQS and SNS, told of an endpoint."""

from tools.parity.suites.suite import Suite
from tools.parity.systems import MINISTACK, MOTO

MOTO_SUITE = Suite(
    name="moto",
    system=MOTO,
    package="moto",
    version_file="moto/__init__.py",
    tests=(
        "tests/test_sqs/test_sqs.py",
        "tests/test_sqs/test_sqs_message_attributes.py",
        "tests/test_sqs/test_sqs_multiaccount.py",
        "tests/test_sns/test_publish_batch.py",
        "tests/test_sns/test_publishing.py",
        "tests/test_sns/test_subscriptions.py",
        "tests/test_sns/test_topics.py",
    ),
    left_out=(
        "tests/test_sqs/test_sqs_multiaccount.py::TestStsAssumeRole",
        "tests/test_sns/test_publishing.py::test_publish_sms",
        "tests/test_sns/test_subscriptions.py::test_check_not_opted_out",
        "tests/test_sns/test_subscriptions.py::test_check_opted_out",
        "tests/test_sns/test_subscriptions.py::test_list_opted_out",
        "tests/test_sns/test_subscriptions.py::test_opt_in",
        "tests/test_sns/test_topics.py::test_list_config_service_resources",
        "tests/test_sns/test_topics.py::test_get_config_resource",
    ),
    left_out_because=(
        "the tests of CloudFormation, Lambda, IAM, STS, AWS Config, SMS and mobile push, and those of moto's inside, which ask no endpoint"
    ),
    requirements=("moto[server]==5.2.3", "pytest>=8.4,<9", "pytest-timeout", "freezegun", "flask", "flask-cors"),
    plugins=("parity_moto",),
    environment={"TEST_SERVER_MODE": "true", "TEST_SERVER_MODE_ENDPOINT": "http://localhost:{port}"},
)

MINISTACK_SUITE = Suite(
    name="ministack",
    system=MINISTACK,
    package="ministack",
    version_file="pyproject.toml",
    tests=("tests/test_sqs.py", "tests/test_sns.py"),
    left_out=(
        "tests/test_sqs.py::test_sqs_event_source_mapping_to_lambda",
        "tests/test_sqs.py::test_sqs_messages_endpoint",
        "tests/test_sns.py::test_sns_to_lambda",
        "tests/test_sns.py::test_sns_create_platform_",
        "tests/test_sns.py::test_sns_list_platform_",
        "tests/test_sns.py::test_sns_platform_",
        "tests/test_sns.py::test_sns_get_endpoint_",
        "tests/test_sns.py::test_sns_set_endpoint_",
        "tests/test_sns.py::test_sns_delete_endpoint_",
        "tests/test_sns.py::test_sns_delete_platform_",
        "tests/test_sns.py::test_sns_publish_to_platform_",
    ),
    left_out_because="the tests of Lambda and mobile push, and those of ministack's own view into its queues",
    requirements=("pytest>=8.4,<9", "pytest-timeout", "pytest-xdist", "boto3", "docker"),
    environment={"MINISTACK_ENDPOINT": "http://localhost:{port}"},
)
