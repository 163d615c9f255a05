"""The structures of SQS and SNS are those of the service models that the tests install."""

import pytest

from message_queues.protocols.sns import requests as sns
from message_queues.protocols.sqs import requests as sqs
from tools.aws_model import SERVICES, SNS, Service, module


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_file_is_what_the_installed_model_gives(service: Service) -> None:
    assert service.path.read_text() == module(service), "python -m tools.aws_model --write"


def test_all_23_actions_of_sqs_are_served() -> None:
    assert len(sqs.REQUESTS) == len(sqs.RESPONSES) == 23
    assert not sqs.NOT_SERVED


def test_an_action_of_sns_is_served_or_said_not_to_be() -> None:
    assert sns.REQUESTS.keys() | sns.NOT_SERVED == SNS.model()["operations"].keys()
    assert not sns.REQUESTS.keys() & sns.NOT_SERVED
