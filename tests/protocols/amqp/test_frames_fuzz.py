"""A fixed dose of what `fuzz/amqp_frames.py` does by the million."""

import pytest

from fuzz.amqp_frames import run


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mutated_streams_are_read_or_refused_the_same_in_any_pieces(seed: int) -> None:
    outcomes = run(streams=8_000, seed=seed, kinds=300)
    assert (
        min(outcomes["accepted"], outcomes["refused: FrameError"], outcomes["refused: UnexpectedFrame"], outcomes["refused: NoneType"]) > 50
    )
