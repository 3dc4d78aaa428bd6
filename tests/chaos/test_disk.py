"""What a long study leaves on the disk."""

import pytest
from samples.chaos import Place
from samples.studies import KEPT

from sweep.coordinator.coordinator import Stopped
from sweep.engines.scripted import learns_with_rate
from sweep.space.space import Float
from sweep.storage.store import Store
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


SPACE = {"learning_rate": Float(1e-5, 1e-1, log=True), "dropout": Float(0.0, 0.5)}


@pytest.mark.parametrize("epochs_a_call", [7, 20])
def test_restarts_leave_as_many_states_as_a_study_that_was_never_stopped(epochs_a_call, tmp_path):
    study = Study(name="s", space=SPACE, base={"epochs": 4}, sampler="random", trials=40)
    (tmp_path / "undisturbed").mkdir()
    undisturbed = Place(tmp_path / "undisturbed")
    assert undisturbed.run(study, curve=learns_with_rate)[1] is Stopped.DONE
    expected, place, calls = {path.name for path in undisturbed.states.iterdir()}, Place(tmp_path), 0
    while place.run(study, curve=learns_with_rate, stop_after=epochs_a_call)[1] is not Stopped.DONE:
        calls += 1
        assert len(list(place.states.iterdir())) <= len(expected) + 1  # and that of the trial that was stopped
    assert calls >= 3
    assert {path.name for path in place.states.iterdir()} == expected


def test_a_state_that_a_killed_process_did_not_come_to_delete_goes_at_the_next_start(tmp_path):
    study, place = Study(name="s", space=SPACE, base={"epochs": 4}, sampler="random", trials=30), Place(tmp_path)
    result, _ = place.run(study, curve=learns_with_rate)
    with Store.open(place.storage) as store:
        kept = store.trials.kept_runs(store.studies.find("s").id, KEPT)
    for fingerprint in result.frame["fingerprint"]:
        (place.states / f"{fingerprint}.npz").touch()
    assert len(list(place.states.iterdir())) > len(kept)
    place.run(study, curve=learns_with_rate)
    assert {path.stem for path in place.states.iterdir()} == kept
