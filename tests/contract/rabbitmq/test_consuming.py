"""Consuming: deliveries, acknowledgements, prefetch, and the words of each refusal."""

from typing import Any

import pytest
from pamqp.commands import Basic, Channel, Queue

from tests.contract.rabbitmq.scene import Scene
from tests.contract.recorded_answers import RecordedAnswers


def fill(scene: Scene, queue: str, count: int) -> None:
    for number in range(count):
        scene.client.publish(1, "", queue, str(number).encode())


def deliveries(scene: Scene, count: int, channel: int = 1) -> list[Any]:
    return [scene.plain(each) for each in scene.client.contents(channel, count)]


def test_a_consumer_gets_what_is_there_and_what_comes(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    fill(scene, queue, 2)
    said = [scene.ask(Basic.Consume(queue=queue, consumer_tag="tag"))]
    fill(scene, queue, 1)
    said += deliveries(scene, 3)
    said.append(scene.ask(Queue.Declare(queue=queue, passive=True)))
    scene.client.send(1, Basic.Ack(delivery_tag=3, multiple=True))
    said.append(scene.ask(Basic.Cancel(consumer_tag="tag")))
    said.append(scene.ask(Queue.Declare(queue=queue, passive=True)))
    rabbitmq_says(said)


def test_consumer_tags(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    rabbitmq_says(
        [
            scene.ask(Basic.Consume(queue=queue)),
            scene.ask(Basic.Consume(queue=queue, consumer_tag="mine")),
            scene.ask(Basic.Cancel(consumer_tag="unknown")),
            scene.ask(Basic.Consume(queue=queue, consumer_tag="mine")),
        ]
    )


def test_consuming_from_nothing(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    rabbitmq_says([scene.ask(Basic.Consume(queue=scene.name("missing"))), scene.ask(Basic.Get(queue=scene.name("missing")))])


def test_an_exclusive_consumer(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    first, second = scene.queue("first"), scene.queue("second")
    said = [scene.ask(Basic.Consume(queue=first, consumer_tag="alone", exclusive=True))]
    scene.client.open_channel(2)
    said.append(scene.ask(Basic.Consume(queue=first, consumer_tag="other"), channel=2))
    said.append(scene.ask(Basic.Consume(queue=second, consumer_tag="shared"), channel=2))
    said.append(scene.ask(Basic.Consume(queue=second, consumer_tag="alone", exclusive=True), channel=2))
    rabbitmq_says(said)


def test_get(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    fill(scene, queue, 2)
    said = [scene.get(queue, no_ack=False), scene.get(queue), scene.get(queue)]
    scene.client.send(1, Basic.Reject(delivery_tag=1, requeue=True))
    said.append(scene.get(queue))
    rabbitmq_says(said)


@pytest.mark.parametrize(
    "method",
    [
        Basic.Ack(delivery_tag=7),
        Basic.Ack(delivery_tag=7, multiple=True),
        Basic.Ack(delivery_tag=0),
        Basic.Ack(delivery_tag=0, multiple=True),
        Basic.Nack(delivery_tag=7),
        Basic.Nack(delivery_tag=0, multiple=True),
        Basic.Reject(delivery_tag=7),
        Basic.Reject(delivery_tag=0),
    ],
    ids=lambda method: f"{method.name} {method.delivery_tag} {getattr(method, 'multiple', False)}",
)
def test_delivery_tags_that_are_not_known(scene: Scene, rabbitmq_says: RecordedAnswers, method: Any) -> None:
    scene.client.send(1, method)
    scene.client.send(1, Basic.Qos(prefetch_count=1))
    rabbitmq_says(scene.plain(scene.client.take(1, lambda _: True)))


def test_an_acknowledgement_given_twice(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    fill(scene, queue, 1)
    scene.get(queue, no_ack=False)
    scene.client.send(1, Basic.Ack(delivery_tag=1))
    scene.client.send(1, Basic.Ack(delivery_tag=1))
    rabbitmq_says(scene.plain(scene.client.take(1, lambda _: True)))


def test_prefetch_of_each_consumer(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    said = [scene.ask(Basic.Qos(prefetch_count=2))]
    fill(scene, queue, 6)
    scene.client.send(1, Basic.Consume(queue=queue, consumer_tag="two"))
    said += [scene.plain(each) for each in scene.client.everything(1)]
    scene.client.send(1, Basic.Ack(delivery_tag=1))
    said += deliveries(scene, 1)
    scene.client.send(1, Basic.Nack(delivery_tag=3, multiple=True, requeue=True))
    said += deliveries(scene, 2)
    scene.ask(Basic.Cancel(consumer_tag="two"))
    said.append(scene.ask(Queue.Declare(queue=queue, passive=True)))
    rabbitmq_says(said)


def test_prefetch_of_the_channel(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    one, two = scene.queue("one"), scene.queue("two")
    said = [scene.ask(Basic.Qos(prefetch_count=3, global_=True))]
    fill(scene, one, 2)
    fill(scene, two, 4)
    scene.ask(Basic.Consume(queue=one, consumer_tag="one"))
    deliveries(scene, 2)
    scene.ask(Basic.Consume(queue=two, consumer_tag="two"))
    said += deliveries(scene, 1)
    said.append(len(scene.client.everything(1)))
    scene.client.send(1, Basic.Ack(delivery_tag=1))
    said += deliveries(scene, 1)
    said.append(scene.ask(Basic.Qos(prefetch_size=1)))
    rabbitmq_says(said)


def test_returned_messages_go_back_to_their_place(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    fill(scene, queue, 5)
    for _ in range(4):
        scene.get(queue, no_ack=False)
    scene.client.send(1, Basic.Reject(delivery_tag=3, requeue=True))
    scene.client.send(1, Basic.Nack(delivery_tag=1, requeue=True))
    scene.client.send(1, Basic.Ack(delivery_tag=2))
    scene.client.send(1, Basic.Nack(delivery_tag=4, requeue=False))
    said = [scene.get(queue) for _ in range(4)]
    rabbitmq_says(said)


def test_a_closed_channel_gives_back_what_it_had(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    fill(scene, queue, 3)
    scene.client.open_channel(2)
    scene.ask(Basic.Consume(queue=queue, consumer_tag="tag"), channel=2)
    deliveries(scene, 3, channel=2)
    said = [scene.ask(Channel.Close(0, "", 0, 0), channel=2)]
    said += [scene.get(queue) for _ in range(3)]
    rabbitmq_says(said)


def test_recover(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    fill(scene, queue, 2)
    scene.ask(Basic.Consume(queue=queue, consumer_tag="tag"))
    said = deliveries(scene, 2)
    said.append(scene.ask(Basic.Recover(requeue=True)))
    said += deliveries(scene, 2)
    said.append(scene.ask(Basic.Recover(requeue=False)))
    rabbitmq_says(said)


def test_consumers_take_turns(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    for tag in ("one", "two", "three"):
        scene.ask(Basic.Consume(queue=queue, consumer_tag=tag, no_ack=True))
    fill(scene, queue, 9)
    taken = [each["Basic.Deliver"]["consumer_tag"] for each in deliveries(scene, 9)]
    rabbitmq_says(sorted(taken))


def test_consumer_priorities(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    scene.ask(Basic.Qos(prefetch_count=2))
    scene.ask(Basic.Consume(queue=queue, consumer_tag="low", arguments={"x-priority": -1}))
    scene.ask(Basic.Consume(queue=queue, consumer_tag="high", arguments={"x-priority": 10}))
    scene.ask(Basic.Consume(queue=queue, consumer_tag="middle"))
    fill(scene, queue, 6)
    taken = [(each["Basic.Deliver"]["consumer_tag"], each["body"]) for each in deliveries(scene, 6)]
    # Which of the three is asked first is a race in RabbitMQ; who gets what is not.
    said: list[Any] = [sorted(taken)]
    said.append(scene.ask(Basic.Consume(queue=queue, arguments={"x-priority": "high"})))
    rabbitmq_says(said)


def test_a_single_active_consumer(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue(arguments={"x-single-active-consumer": True})
    for tag in ("one", "two"):
        scene.ask(Basic.Consume(queue=queue, consumer_tag=tag))
    fill(scene, queue, 2)
    said = deliveries(scene, 2)
    scene.ask(Basic.Cancel(consumer_tag="one"))
    fill(scene, queue, 1)
    said += deliveries(scene, 1)
    scene.client.open_channel(2)
    said.append(scene.ask(Basic.Consume(queue=queue, exclusive=True), channel=2))
    said.append(scene.ask(Basic.Get(queue=queue)))
    rabbitmq_says(said)


def test_a_consumer_hears_that_its_queue_is_gone(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    scene.ask(Basic.Consume(queue=queue, consumer_tag="tag"))
    scene.client.open_channel(2)
    said = [scene.ask(Queue.Delete(queue=queue), channel=2)]
    said += [scene.plain(each) for each in scene.client.everything(1)]
    rabbitmq_says(said)


def test_flow(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    rabbitmq_says([scene.ask(Channel.Flow(active=True)), scene.ask(Channel.Flow(active=False))])


def test_consumer_arguments_of_a_stream(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.name("stream")
    scene.ask(Queue.Declare(queue=name, durable=True, arguments={"x-queue-type": "stream"}))
    fill(scene, name, 3)
    said = [scene.ask(Basic.Get(queue=name)), scene.ask(Basic.Consume(queue=name)), scene.ask(Queue.Purge(queue=name))]
    scene.ask(Basic.Qos(prefetch_count=10))
    said.append(scene.ask(Basic.Consume(queue=name, no_ack=True)))
    scene.ask(Basic.Qos(prefetch_count=10))
    said.append(scene.ask(Basic.Consume(queue=name, consumer_tag="first", arguments={"x-stream-offset": "first"})))
    said += deliveries(scene, 3)
    scene.ask(Basic.Consume(queue=name, consumer_tag="from", arguments={"x-stream-offset": 1}))
    said += deliveries(scene, 2)
    said.append(scene.ask(Queue.Delete(queue=name)))
    rabbitmq_says(said)


def test_a_quorum_queue_counts_deliveries(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.name("quorum")
    scene.ask(Queue.Declare(queue=name, durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 2}))
    scene.confirm_mode()
    said = [scene.published("", name, b"poison")]
    for tag in range(1, 4):
        scene.client.send(1, Basic.Get(queue=name))
        answer = scene.client.take(1, lambda each: True)
        said.append(scene.plain(answer))
        scene.client.send(1, Basic.Reject(delivery_tag=tag, requeue=True))
        scene.client.everything(1)
    said.append(scene.get(name))
    said.append(scene.ask(Basic.Qos(prefetch_count=1, global_=True)))
    said.append(scene.ask(Basic.Consume(queue=name)))
    scene.ask(Queue.Delete(queue=name))
    rabbitmq_says(said)
