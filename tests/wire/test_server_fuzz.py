"""A fixed dose of what `fuzz/kafka_server.py` does by the million."""

import pytest

from fuzz.kafka_server import run


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_comes_is_answered_or_closes_the_connection_with_one_line(seed: int) -> None:
    outcomes = run(requests=6_000, seed=seed).outcomes
    assert min(outcomes["answered"], outcomes["closed"], outcomes["incomplete"]) > 300
