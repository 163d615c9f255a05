"""What the management API answers, read without trusting it: its JSON may come from any version of RabbitMQ."""

from collections.abc import Mapping

from message_queues.errors import RabbitMQError


def answer_mapping(answer: object) -> Mapping[str, object]:
    """An object of JSON. Raises RabbitMQError for anything else."""
    # RabbitMQ writes empty tables as [] in places.
    if isinstance(answer, list) and not answer:
        return {}
    if not isinstance(answer, dict):
        raise RabbitMQError(f"the management API answers with {type(answer).__name__} where an object is due")
    return answer


def answer_mappings(answer: object) -> list[Mapping[str, object]]:
    """A list of objects, or the page of one."""
    if isinstance(answer, dict) and isinstance(answer.get("items"), list):
        answer = answer["items"]
    if not isinstance(answer, list):
        raise RabbitMQError(f"the management API answers with {type(answer).__name__} where a list is due")
    return [answer_mapping(each) for each in answer]


def text_of(found: Mapping[str, object], name: str) -> str:
    """A text, or "" where there is none."""
    value = found.get(name)
    return value if isinstance(value, str) else ""


def number_of(found: Mapping[str, object], name: str) -> int:
    """A number, or 0 where there is none: statistics come a few seconds after the thing."""
    value = found.get(name)
    return int(value) if isinstance(value, int | float) else 0
