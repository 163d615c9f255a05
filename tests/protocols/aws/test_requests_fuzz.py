"""A fixed dose of what `fuzz/aws_requests.py` does by the million."""

import pytest

from fuzz.aws_requests import run


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_requests_are_read_or_refused_with_an_error_of_aws(seed: int) -> None:
    outcomes = run(requests=8_000, seed=seed, of_each_action=4)
    assert min(outcomes["read"], outcomes["refused: MalformedInput"], outcomes["refused: MalformedQueryString"]) > 200
    assert min(outcomes["refused: InvalidAction"], outcomes["refused: MissingParameter"]) > 20
