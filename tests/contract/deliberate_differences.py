"""Where the embedded server answers otherwise than Kafka on purpose: the entry of `answers/` and the reason.

What an entry says is checked like everything else: once the answers agree, its test fails until the entry is gone.
"""

OPAQUE = "the records of a batch are opaque: looking into each compressed batch would cost more than all the rest of a produce"

DELIBERATE_DIFFERENCES = {
    ("produce", "test_odd_batches[trailing-bytes]"): "bytes after the batch are refused, not cut off silently: no client sends them",
    ("produce", "test_odd_batches[codec-5]"): "the error says what is wrong; Kafka answers UNKNOWN_SERVER_ERROR",
    ("produce", "test_odd_batches[codec-7]"): "the error says what is wrong; Kafka answers UNKNOWN_SERVER_ERROR",
    ("produce", "test_odd_batches[says-gzip-and-is-not]"): OPAQUE,
    ("produce", "test_odd_batches[says-zstd-and-is-not]"): OPAQUE,
    ("produce", "test_odd_batches[log-append-time] (2)"): "the bit is the producer's own word about its time; no client sends it",
    ("produce", "test_one_partition_twice_in_a_request"): "both batches are written and answered; Kafka drops the first one silently",
}
