"""What queues do by themselves: expire, drop, refuse, order, and dead-letter."""

from functools import partial
from typing import Any

import pytest
from pamqp.commands import Basic, Queue

from tests.contract.rabbitmq.scene import Scene
from tests.contract.recorded_answers import RecordedAnswers
from tests.patience import eventually


def ready(scene: Scene, queue: str) -> int:
    said = scene.ask(Queue.Declare(queue=queue, passive=True))
    return int(said["Queue.DeclareOk"]["message_count"])


def is_filled(scene: Scene, queue: str) -> bool:
    return ready(scene, queue) == 1


def dead_letters(scene: Scene, stem: str = "dead") -> str:
    """A queue for dead letters; its name is the routing key on the default exchange."""
    return scene.queue(stem)


def let_pass(scene: Scene, ms: int) -> None:
    """Until a message that came after all that is there has lived so long and expired."""
    expired = scene.queue("expired")
    marked = scene.queue("marked", arguments={"x-message-ttl": ms, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": expired})
    scene.client.publish(1, "", marked, b"mark")
    eventually(partial(is_filled, scene, expired))


def test_messages_expire_and_are_dead_lettered(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    dead = dead_letters(scene)
    queue = scene.queue(arguments={"x-message-ttl": 50, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    scene.client.publish(1, "", queue, b"by queue")
    eventually(lambda: ready(scene, dead) == 1)
    said = [scene.get(dead)]
    scene.client.publish(1, "", queue, b"by message", expiration="20", headers={"mine": 1}, delivery_mode=2)
    eventually(lambda: ready(scene, dead) == 1)
    said.append(scene.get(dead))
    said.append(ready(scene, queue))
    rabbitmq_says(said)


def test_a_message_expires_only_at_the_head(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    dead = dead_letters(scene)
    queue = scene.queue(arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    scene.client.publish(1, "", queue, b"stays")
    scene.client.publish(1, "", queue, b"late", expiration="10")
    let_pass(scene, ms=100)
    said: list[Any] = [ready(scene, queue), ready(scene, dead), scene.get(queue)]
    eventually(lambda: ready(scene, dead) == 1)
    said.append(scene.bodies(dead))
    rabbitmq_says(said)


def test_ttl_zero_reaches_a_waiting_consumer_only(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue(arguments={"x-message-ttl": 0})
    scene.client.publish(1, "", queue, b"nobody")
    said: list[Any] = [scene.get(queue)]
    scene.ask(Basic.Consume(queue=queue, consumer_tag="tag", no_ack=True))
    scene.client.publish(1, "", queue, b"somebody")
    said += [scene.plain(each) for each in scene.client.contents(1, 1)]
    rabbitmq_says(said)


def test_an_unused_queue_expires(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.name("queue")
    scene.ask(Queue.Declare(queue=name, arguments={"x-expires": 200}))
    # Asked over AMQP it would be in use again.
    eventually(lambda: scene.http("GET", f"queues/%2F/{name}")[0] == 404)
    rabbitmq_says(scene.ask(Queue.Declare(queue=name, passive=True)))


@pytest.mark.parametrize("overflow", ["drop-head", "reject-publish", "reject-publish-dlx"])
def test_a_full_queue(scene: Scene, rabbitmq_says: RecordedAnswers, overflow: str) -> None:
    dead = dead_letters(scene)
    arguments = {"x-max-length": 2, "x-overflow": overflow, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
    queue = scene.queue(arguments=arguments)
    scene.confirm_mode()
    said: list[Any] = [scene.published("", queue, str(number).encode()) for number in range(4)]
    said.append(scene.bodies(queue))
    said.append([scene.get(dead), scene.get(dead), scene.get(dead)])
    rabbitmq_says(said)


def test_a_queue_full_of_bytes(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue(arguments={"x-max-length-bytes": 10})
    for content in (b"12345", b"67890", b"abc", b"much longer than ten"):
        scene.client.publish(1, "", queue, content)
    scene.client.publish(1, "", queue, b"x")
    rabbitmq_says(scene.bodies(queue))


def test_priorities(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue(arguments={"x-max-priority": 3})
    for number, priority in enumerate((None, 0, 1, 3, 2, 9, 1, None)):
        scene.client.publish(1, "", queue, f"{number} of {priority}".encode(), priority=priority)
    rabbitmq_says(scene.bodies(queue))


def test_a_rejected_message_is_dead_lettered_again_and_again(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    exchange = scene.exchange("fanout", "dlx")
    dead = scene.name("dead")
    queue = scene.queue(arguments={"x-dead-letter-exchange": exchange})
    scene.ask(Queue.Declare(queue=dead, exclusive=True, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue}))
    scene.bind(dead, exchange)
    scene.client.publish(1, "", queue, b"poison", headers={"CC": ["copy"], "BCC": ["blind"], "mine": 1}, expiration="100000")
    said: list[Any] = []
    for tag, each in enumerate((queue, dead, queue, dead), 1):
        eventually(partial(is_filled, scene, each))
        said.append(scene.get(each, no_ack=False))
        scene.client.send(1, Basic.Reject(delivery_tag=tag, requeue=False))
    eventually(lambda: ready(scene, queue) == 1)
    said.append(scene.get(queue))
    rabbitmq_says(said)


def test_a_cycle_of_expiring_queues_drops_the_message(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.name("queue")
    arguments: Any = {"x-message-ttl": 30, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": name}
    scene.ask(Queue.Declare(queue=name, exclusive=True, arguments=arguments))
    scene.client.publish(1, "", name, b"round")
    let_pass(scene, ms=200)
    rabbitmq_says(ready(scene, name))


def test_a_dead_letter_exchange_that_is_missing(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue(arguments={"x-dead-letter-exchange": scene.name("missing")})
    scene.client.publish(1, "", queue, b"lost")
    scene.get(queue, no_ack=False)
    scene.client.send(1, Basic.Reject(delivery_tag=1, requeue=False))
    rabbitmq_says([scene.get(queue), scene.ask(Queue.Delete(queue=queue))])


def test_purging_leaves_what_is_not_acknowledged(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    for number in range(3):
        scene.client.publish(1, "", queue, str(number).encode())
    scene.get(queue, no_ack=False)
    said = [scene.ask(Queue.Purge(queue=queue))]
    scene.client.send(1, Basic.Reject(delivery_tag=1, requeue=True))
    said.append(scene.bodies(queue))
    rabbitmq_says(said)


def test_a_policy_governs_a_queue(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue(arguments={"x-max-length": 5})
    policy = scene.name("policy")
    definition = {"pattern": f"^{queue}$", "definition": {"max-length": 2}, "apply-to": "queues"}
    said: list[Any] = [scene.http("PUT", f"policies/%2F/{policy}", definition)]
    scene.confirm_mode()

    def applied() -> bool:
        status, described = scene.http("GET", f"queues/%2F/{queue}")
        return status == 200 and described.get("policy") == policy

    eventually(applied)
    for number in range(4):
        scene.published("", queue, str(number).encode())
    said.append(scene.bodies(queue))
    said.append(scene.http("DELETE", f"policies/%2F/{policy}"))
    rabbitmq_says(said)
