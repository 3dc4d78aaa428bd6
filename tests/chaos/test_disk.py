"""What a long study leaves on the disk."""

from samples.chaos import Place

from sweep.coordinator.coordinator import Stopped
from sweep.engines.scripted import learns_with_rate
from sweep.space.space import Float
from sweep.study.study import Study

STATE_BYTES = 10_000


def test_of_hundreds_of_states_only_those_of_the_best_five_stay(tmp_path):
    place = Place(tmp_path)
    study = Study(name="s", space={"learning_rate": Float(1e-5, 1e-1, log=True)}, base={"epochs": 2}, sampler="random",
                  trials=200)  # fmt: skip
    result, stopped = place.run(study, curve=learns_with_rate, size=STATE_BYTES, workers=3)
    assert stopped is Stopped.DONE
    states = {path.stem: path.stat().st_size for path in place.states.iterdir()}
    best = result.frame.sort_values(["score", "trial"], ascending=[False, True])["fingerprint"][:5]
    assert set(states) == set(best)
    assert sum(states.values()) < 6 * STATE_BYTES
