"""Where the embedded server answers otherwise than the real broker on purpose: the entry of `answers/` and the reason.

What an entry says is checked like everything else: once the answers agree, its test fails until the entry is gone.
"""

OPAQUE = "the records of a batch are opaque: looking into each compressed batch would cost more than all the rest of a produce"

TUNING = "the client is told what is wrong, as by newer releases; RabbitMQ 3.10 closes the socket without a word"

REFUSED = "a value of the wrong type is refused with a reason; RabbitMQ 3.10 answers 500"

NEWER = "definitions have the keys that newer releases write"

DELIBERATE_DIFFERENCES = {
    ("produce", "test_odd_batches[trailing-bytes]"): "bytes after the batch are refused, not cut off silently: no client sends them",
    ("produce", "test_odd_batches[codec-5]"): "the error says what is wrong; Kafka answers UNKNOWN_SERVER_ERROR",
    ("produce", "test_odd_batches[codec-7]"): "the error says what is wrong; Kafka answers UNKNOWN_SERVER_ERROR",
    ("produce", "test_odd_batches[says-gzip-and-is-not]"): OPAQUE,
    ("produce", "test_odd_batches[says-zstd-and-is-not]"): OPAQUE,
    ("produce", "test_odd_batches[log-append-time] (2)"): "the bit is the producer's own word about its time; no client sends it",
    ("produce", "test_one_partition_twice_in_a_request"): "both batches are written and answered; Kafka drops the first one silently",
    **{
        ("rabbitmq/connection", f"test_tuning[{{{tuned}}}]"): TUNING
        for tuned in ("'frame_max': 100", "'frame_max': 0", "'frame_max': 200000", "'channel_max': 0", "'channel_max': 5000")
    },
    ("rabbitmq/publishing", "test_routing_by_headers"): "an integer and a float are different values, as since RabbitMQ 4.0",
    **{
        ("rabbitmq/management", f"test_{test}"): REFUSED
        for test in (
            """what_a_virtual_host_is_created_with[b'{"tags": 5}']""",
            "what_a_user_is_created_with[{'password': 'x', 'tags': 5}]",
            "what_a_user_is_created_with[{'password': 5, 'tags': ''}]",
            "what_an_exchange_is_declared_with[{'type': 'direct', 'arguments': 'none'}]",
            "what_a_queue_is_declared_with[{'arguments': 5}]",
            "what_is_bound_with[b'[]']",
            """what_is_bound_with[b'{"arguments": 5}']""",
            "what_is_bound_with[b'{']",
            "what_a_policy_is_made_with[{'pattern': '^q', 'definition': []}-policies]",
            "what_a_policy_is_made_with[{'pattern': '^q', 'definition': []}-operator-policies]",
            "what_is_published_and_got[{'properties': 5}]",
            "ways_of_getting[nonsense]",
        )
    },
    (
        "rabbitmq/management",
        "test_calls_that_lead_nowhere[GET nodes/missing]",
    ): "a node that is not there is not found; RabbitMQ answers 500",
    ("rabbitmq/management", """test_what_a_virtual_host_is_created_with[b'{"description": 5}']"""): "a description is text",
    ("rabbitmq/management", """test_what_is_bound_with[b'{"routing_key": 5}']"""): "a routing key is text and no number",
    (
        "rabbitmq/management",
        "test_what_a_user_is_created_with[{'tags': ''}]",
    ): "a user who was given no password has no hash; RabbitMQ 3.10 keeps that of the empty password, with which nobody is let in",
    (
        "rabbitmq/management",
        "test_what_a_user_is_created_with[{'password_hash': '2lmoth8l4H0DViLaK9Fxi6l9ds8=', 'hashing_algorithm': 'nonsense', 'tags': 'a'}]",
    ): "a hash of an unknown algorithm, with which nobody could log in, is refused",
    (
        "rabbitmq/management",
        "test_what_a_policy_is_made_with[{'pattern': '^q', 'definition': {'overflow': 'nonsense'}}-operator-policies]",
    ): "operators may set what newer releases let them",
    **{
        (
            "rabbitmq/management",
            f"test_what_a_policy_is_made_with[{{'pattern': '^q', 'definition': {{'max-length': 5}}, 'apply-to': 'nonsense'}}-{kind}]",
        ): "all that newer releases take is named"
        for kind in ("policies", "operator-policies")
    },
    ("rabbitmq/management", "test_what_getting_takes[{'count': -1}]"): "fewer than none are none; RabbitMQ takes all there are",
    ("rabbitmq/management", "test_definitions_of_a_virtual_host"): NEWER,
    ("rabbitmq/management", "test_the_sections_of_all_definitions"): NEWER,
}
