"""Which queue or topic a name means, over regions and other systems."""

import pytest

from message_queues.errors import AmbiguousName, Conflict, NotFound
from message_queues.messaging.aws import Aws, Entrance, usual_prefetch
from message_queues.messaging.aws_place import AwsPlace, place_name
from message_queues.messaging.rabbitmq import RabbitMQ
from tests.messaging.memory_aws import MemoryAws


@pytest.fixture
def regions() -> dict[str, MemoryAws]:
    return {}


@pytest.fixture
def aws(regions: dict[str, MemoryAws]) -> Aws:
    def connect(entrance: Entrance) -> AwsPlace:
        client = regions.setdefault(entrance.region, MemoryAws(entrance.region))
        return AwsPlace(place_name(entrance.region, entrance.endpoint_url), entrance.region, client)

    return Aws(connect)


def place(aws: Aws, region: str, endpoint_url: str | None = None, session: object = None) -> AwsPlace:
    return aws.place(Entrance(region, endpoint_url, session))


def test_a_place_is_made_once(aws: Aws) -> None:
    east = place(aws, "us-east-1")
    assert place(aws, "us-east-1") is east
    other = place(aws, "us-east-1", "http://127.0.0.1:9324")
    assert other.name == "us-east-1 at http://127.0.0.1:9324"
    assert list(aws.places) == ["us-east-1", "us-east-1 at http://127.0.0.1:9324"]


def test_a_region_has_one_session(aws: Aws) -> None:
    session = object()
    east = place(aws, "us-east-1", session=session)
    assert place(aws, "us-east-1") is east
    assert place(aws, "us-east-1", session=session) is east
    with pytest.raises(Conflict, match="region 'us-east-1' is used with another session already"):
        place(aws, "us-east-1", session=object())


def test_what_the_program_created_comes_first(aws: Aws, regions: dict[str, MemoryAws]) -> None:
    east, west = place(aws, "us-east-1"), place(aws, "us-west-2")
    regions["us-west-2"].sqs.create_queue("orders", {}, {})
    mine = aws.create_queue(east, "orders", {}, {})
    assert aws.queue("queue", "orders", [east, west]) is mine
    assert aws.queue("queue", mine, []) is mine
    assert aws.queue("queue", "orders", [west]).region == "us-west-2"
    mine.delete()
    assert aws.queue("queue", "orders", [east, west]).region == "us-west-2"


def test_a_name_in_several_regions_is_ambiguous(aws: Aws) -> None:
    places = [place(aws, "us-east-1"), place(aws, "us-west-2")]
    for each in places:
        aws.create_queue(each, "orders", {}, {})
        aws.create_topic(each, "events", {}, {})
    listed = r"SQS queue 'orders' on cluster 'us-east-1' or SQS queue 'orders' on cluster 'us-west-2': say which with cluster_name="
    with pytest.raises(AmbiguousName, match=listed):
        aws.queue("queue", "orders", places)
    with pytest.raises(AmbiguousName, match="SNS topic 'events' on cluster 'us-east-1'"):
        aws.topic("topic", "events", places)
    assert aws.topic("topic", "events", places[1:]).region == "us-west-2"


def test_a_name_that_nothing_has_is_answered_with_the_nearest(aws: Aws) -> None:
    with pytest.raises(NotFound, match="queue='ordrs': no region is named yet"):
        aws.queue("queue", "ordrs", [])
    east = place(aws, "us-east-1")
    aws.create_queue(east, "orders", {}, {})
    aws.create_topic(east, "events", {}, {})
    with pytest.raises(NotFound, match=r"queue='ordrs': nothing has that name: did you mean orders\?"):
        aws.queue("queue", "ordrs", [east])
    with pytest.raises(NotFound, match=r"did you mean events\?"):
        aws.topic("topic", "evnts", [east])
    with pytest.raises(NotFound, match=r"no region was named so: did you mean us-east-1\?"):
        aws.place_named("cluster_name", "us-east-2")


def test_a_name_may_mean_a_queue_here_or_none(aws: Aws) -> None:
    rabbitmq = RabbitMQ()
    assert aws.meant("queue", "orders", None, rabbitmq) is None
    east = place(aws, "us-east-1")
    orders = aws.create_queue(east, "orders", {}, {})
    assert aws.meant("queue", "orders", None, rabbitmq) is orders
    assert aws.meant("queue", "orders", "us-east-1", rabbitmq) is orders
    assert aws.meant("queue", "orders", "east", rabbitmq) is None
    with pytest.raises(NotFound, match="nothing has that name"):
        aws.meant("queue", "order.created", None, rabbitmq)


def test_closing_closes_every_region(aws: Aws, regions: dict[str, MemoryAws]) -> None:
    place(aws, "us-east-1")
    aws.close()
    assert regions["us-east-1"].is_closed


def test_ten_messages_for_each_worker_and_ten_ahead() -> None:
    assert usual_prefetch(4) == 50
