"""A fixed dose of what `fuzz/kafka_codec.py` does by the million."""

import pytest

from fuzz.kafka_codec import run

SEEDS = [1, 2, 3, 4]


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_requests_are_read_or_refused_with_a_declared_error(seed: int) -> None:
    outcomes = run(requests=20_000, seed=seed)
    assert min(outcomes["accepted"], outcomes["malformed"], outcomes["refused frame"], outcomes["unknown API or version"]) > 100


def test_mutated_requests_hold_no_more_than_their_bytes_allow() -> None:
    assert sum(run(requests=10_000, seed=5, trace_memory=True).values()) == 10_000
