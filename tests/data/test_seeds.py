"""Seeds are pure, unrelated between neighbours, and fit torch's generators."""

import torch

from selffit.data.seeds import step_seed


def test_the_seed_of_a_step_is_the_same_in_every_process():
    assert step_seed(0, "attack", 0) == 7209368363894585561
    assert step_seed(1, "attack", 0) != step_seed(0, "attack", 1)


def test_seeds_of_neighbouring_steps_and_streams_differ():
    seeds = {
        step_seed(seed, stream, step) for seed in range(5) for stream in "ab" for step in range(200)
    }
    assert len(seeds) == 2000


def test_seeds_fit_a_torch_generator():
    for step in range(200):
        seed = step_seed(7, "x", step)
        assert 0 <= seed < 2**63
        torch.Generator().manual_seed(seed)
