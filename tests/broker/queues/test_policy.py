"""Which policy applies, what it comes to beside arguments, and which is none."""

import pytest

from message_queues.broker.queues.events import Json
from message_queues.broker.queues.policy import BadPolicy, Policy, applied, policy_from, queue_settings, stored_policy
from message_queues.broker.queues.queue_settings import QueueSettings
from message_queues.records.field_table import FieldTable


def policy(name: str, priority: int = 0, pattern: str = "", applies_to: str = "all", **definition: int | str) -> Policy:
    return Policy("/", name, pattern, {key.replace("_", "-"): value for key, value in definition.items()}, priority, applies_to)


def test_the_one_of_the_highest_priority_applies_alone() -> None:
    found = applied("orders", "classic", [policy("low", 1, max_length=1), policy("high", 2, message_ttl=5)], [])
    assert (found.policy, dict(found.definition)) == ("high", {"message-ttl": 5})


def test_patterns_are_looked_for_anywhere_and_types_are_kept_apart() -> None:
    policies = [policy("p", pattern="der", applies_to="quorum_queues", max_length=1)]
    assert applied("orders", "quorum", policies, []).policy == "p"
    assert applied("orders", "classic", policies, []).policy is None
    assert applied("other", "quorum", policies, []).policy is None


def test_an_operator_policy_can_only_lower() -> None:
    policies = [policy("user", max_length=10, message_ttl=5, overflow="drop-head")]
    operator = [policy("operator", max_length=20, message_ttl=1, expires=9)]
    found = applied("orders", "classic", policies, operator)
    assert (found.policy, found.operator_policy) == ("user", "operator")
    assert dict(found.definition) == {"max-length": 10, "message-ttl": 1, "expires": 9, "overflow": "drop-head"}


def test_arguments_win_but_for_limits_where_the_smallest_counts() -> None:
    arguments: FieldTable = {"x-max-length": 10, "x-overflow": "reject-publish", "x-dead-letter-exchange": "mine"}
    definition: dict[str, Json] = {
        "max-length": 3,
        "overflow": "drop-head",
        "dead-letter-exchange": "policy",
    }
    assert queue_settings("classic", arguments, definition) == QueueSettings(
        max_length=3, overflow="reject-publish", dead_letter_exchange="mine"
    )


def test_the_policy_wins_where_queues_of_the_type_have_it_so() -> None:
    quorum = queue_settings(
        "quorum", {"x-overflow": "reject-publish", "x-delivery-limit": 5}, {"overflow": "drop-head", "delivery-limit": -1}
    )
    assert (quorum.overflow, quorum.delivery_limit) == ("drop-head", 5)
    stream = queue_settings("stream", {"x-max-age": "1h", "x-max-length-bytes": 10}, {"max-age": "2h", "max-length-bytes": 20})
    assert (stream.max_age_ms, stream.max_length_bytes) == (7_200_000, 20)


def test_a_key_that_queues_of_the_type_do_not_have_keeps_the_policy_from_them() -> None:
    policies = [policy("fails", 1, delivery_limit=3, max_length=1), policy("ages", max_age="1h")]
    assert [applied("q", kind, policies, []).policy for kind in ("classic", "quorum", "stream")] == [None, "fails", "ages"]


@pytest.mark.parametrize(("limits", "smaller"), [((3, 5), 3), ((-1, 5), 5), ((4, -1), 4), ((-1, -2), -1)])
def test_no_delivery_limit_is_the_greatest(limits: tuple[int, int], smaller: int) -> None:
    mine, of_operator = limits
    found = applied("q", "quorum", [policy("p", delivery_limit=mine)], [policy("o", delivery_limit=of_operator)])
    assert found.definition["delivery-limit"] == smaller


def test_a_stored_policy_comes_back_whatever_is_refused_by_now() -> None:
    old = Policy("/", "p", "(", {"max-lenght": 1}, 3, "queues")
    assert stored_policy("/", "p", old.value()) == old


def test_nothing_said_is_the_default() -> None:
    assert queue_settings("classic", {}, {}) == QueueSettings()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (("all", 100, None), ("all", 100, 100)),
        (("failed", 100, 500), ("failed", 100, 500)),
        (("returned", 100, 0), ("returned", 100, 100)),
        (("sometimes", 100, 500), ("disabled", None, None)),
        (("all", -1, 500), ("disabled", None, None)),
        (("all", None, 500), ("disabled", None, None)),
    ],
)
def test_a_delayed_retry_that_makes_no_sense_is_none(
    told: tuple[str, int | None, int | None], expected: tuple[str, int | None, int | None]
) -> None:
    arguments: FieldTable = {f"x-delayed-retry-{word}": value for word, value in zip(("type", "min", "max"), told, strict=True)}
    settings = queue_settings("quorum", arguments, {})
    assert (settings.delayed_retry_type, settings.delayed_retry_min_ms, settings.delayed_retry_max_ms) == expected


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"definition": {"max-length": 1}}, "Key 'pattern' is missing"),
        ({"pattern": ""}, "Key 'definition' is missing"),
        ({"pattern": "(", "definition": {"max-length": 1}}, "regular expression"),
        ({"pattern": "", "definition": {}}, "no policy provided"),
        ({"pattern": "", "definition": {"max-lenght": 1}}, "not recognised"),
        ({"pattern": "", "definition": {"max-length": "many"}}, "is not a valid maximum length"),
        ({"pattern": "", "definition": {"max-length": -1}}, "-1 is not a valid maximum length"),
        ({"pattern": "", "definition": {"overflow": "never"}}, "is not a valid overflow value"),
        ({"pattern": "", "definition": {"delayed-retry-type": "all"}}, "delayed-retry-min is required when delayed-retry-type is all"),
        ({"pattern": "", "definition": {"delayed-retry-min": 2, "delayed-retry-max": 1}}, "must not be smaller"),
        ({"pattern": "", "definition": {"expires": 0}}, "0 is not a valid queue expiry"),
        ({"pattern": "", "definition": {"stream-filter-size-bytes": 5}}, "5 is not a valid filter size. Valid range is 16-255"),
        ({"pattern": "", "definition": {"max-age": "5"}}, "is not a valid max age"),
        ({"pattern": "", "definition": {"max-length": 1}, "priority": "high"}, "priority should be a number"),
        ({"pattern": "", "definition": {"max-length": 1}, "apply-to": "topics"}, "apply-to 'topics' unrecognised"),
        ("text", "must be a JSON object"),
    ],
)
def test_what_is_no_policy(value: object, said: str) -> None:
    with pytest.raises(BadPolicy, match=said):
        policy_from("/", "p", value, is_operator=False)  # type: ignore[arg-type]


def test_an_operator_may_not_set_everything() -> None:
    with pytest.raises(BadPolicy, match="are not recognised policy settings"):
        policy_from("/", "p", {"pattern": "", "definition": {"dead-letter-exchange": "x"}}, is_operator=True)
