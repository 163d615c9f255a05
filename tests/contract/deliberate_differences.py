"""Where the embedded server answers otherwise than the real broker on purpose: the entry of `answers/` and the reason.

What an entry says is checked like everything else: once the answers agree, its test fails until the entry is gone.
"""

OPAQUE = "the records of a batch are opaque: looking into each compressed batch would cost more than all the rest of a produce"

TUNING = "the client is told what is wrong, as by newer releases; RabbitMQ 3.10 closes the socket without a word"

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
}
