"""SciPy's function in place of Optuna's: the same numbers, and the same proposals."""

from contextlib import nullcontext

import numpy as np
from optuna.samplers._tpe import _truncnorm
from optuna.samplers._tpe import probability_distributions as distributions
from samples.studies import study_of

from sweep.runs import Outcome
from sweep.search import optuna as search
from sweep.search._normal import at_once
from sweep.search.optuna import OptunaSearch
from sweep.space.space import Choice, Float, Int

SPACE = {
    "learning_rate": Float(1e-5, 1e-1, log=True),
    "dropout": Float(0.0, 0.6),
    "conv1_filters": Int(8, 64, log=True),
    "batch_size": Choice((32, 64, 128)),
}


def test_the_weights_are_optunas_but_for_the_last_digits():
    ends = np.concatenate([np.linspace(-40, 12, 501), [-1e4, -300.0]])
    a, b = np.repeat(ends, 3), np.repeat(ends, 3) + np.tile([1e-3, 0.5, 20.0], len(ends))
    own = distributions._log_gauss_mass_unique
    with at_once():
        ours = distributions._log_gauss_mass_unique
        assert ours is not own
        np.testing.assert_allclose(ours(a, b), own(a, b), rtol=1e-9, atol=1e-12)


def test_outside_of_the_block_all_is_optunas():
    before = distributions._log_gauss_mass_unique, _truncnorm._log_ndtr
    with at_once():
        distributions._log_gauss_mass_unique(np.array([-1.0]), np.array([1.0]))
        assert _truncnorm._log_ndtr is before[1]
    assert (distributions._log_gauss_mass_unique, _truncnorm._log_ndtr) == before


def test_tpe_proposes_the_same_with_either(tmp_path, monkeypatch):
    def proposed(name: str) -> list:
        asking = OptunaSearch(study_of(SPACE, sampler="tpe", trials=60), f"sqlite:///{tmp_path / name}")
        points = []
        for number in range(60):
            point = asking.ask().point
            asking.keep()
            score = 0.9 - abs(np.log10(point["learning_rate"]) + 3) / 10 - point["dropout"] / 20
            asking.tell(number, Outcome.COMPLETED, score)
            points.append(point)
        return points

    ours = proposed("ours.db")
    monkeypatch.setattr(search, "at_once", nullcontext)
    assert proposed("own.db") == ours
