"""A worker is killed at any point; its study becomes what it would have been. Workers and the SIGKILL are real."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal
from samples.chaos import Place, problems, without_time
from samples.nursery import FIRST

from sweep.api import search
from sweep.engines.local import LocalEngine
from sweep.study.study import Study

STUDY = Study(
    name="tiny",
    space={"learning_rate": [1e-3, 3e-3]},
    base={"conv1_filters": 4, "conv2_filters": 8, "dense_units": 16, "batch_size": 32, "rescale": True, "epochs": 3},
    sampler="grid",
    trials=2,
    train_size=400,
    validation=300,
    precision="float32",
)


@dataclass(frozen=True)
class Doom:
    """Where workers die, one after the other; how many of them leave the trial, and how many epochs are lost."""

    points: tuple[str, ...]
    deaths: int = 1
    lost: int = 0

    def __str__(self) -> str:
        return ", then ".join(self.points)


DOOMS = [
    Doom(("before the network is built",)),
    Doom(("mid-epoch",)),
    Doom(("mid-epoch", "before the state is read"), deaths=2),
    Doom(("mid-epoch", "while it starts", "before WorkerReady")),
    Doom(("while the state is written",), lost=1),
    Doom(("before the state takes its name",), lost=1),
    Doom(("after the state took its name",)),
    Doom(("before EpochFinished",)),
    Doom(("after EpochFinished",)),
    Doom(("before SegmentFinished",)),
]


class LastingEngine(LocalEngine):
    """One whose workers go from study to study: their start takes the seconds."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture(scope="module")
def fate(tmp_path_factory):
    """The file that says where a worker shall die."""
    return tmp_path_factory.mktemp("doom") / "point"


@pytest.fixture(scope="module")
def run(fate, forked):
    """Runs the study in a folder; returns its table, curves, and how often each epoch was trained."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DOOM", str(fate))
        patched.setenv(FIRST, str(Path(__file__).with_name("doom.py")))
        engine = LastingEngine(workers=1, threads=1)
        LocalEngine.__enter__(engine)
        patched.setattr("sweep.api.workplace.LocalEngine", lambda *_: engine)

        def run_in(folder):
            log = fate.with_name("trained.txt")
            log.unlink(missing_ok=True)
            result = search.run(STUDY, workers=1, threads=1, storage=str(folder / "sweep.db"))
            return result, Counter(log.read_text().splitlines())

        yield run_in
        LocalEngine.__exit__(engine, None, None, None)


@pytest.fixture(scope="module")
def undisturbed(run, tmp_path_factory):
    return run(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("doom", DOOMS, ids=str)
def test_a_study_whose_workers_were_killed_ends_in_the_table_of_an_undisturbed_one(
    doom, fate, run, undisturbed, tmp_path
):
    fate.write_text("\n".join(doom.points))
    result, trained = run(tmp_path)
    expected, trained_then = undisturbed
    assert fate.read_text() == ""
    assert problems(Place(tmp_path)) == []
    assert_frame_equal(without_time(result.frame), without_time(expected.frame))
    assert_frame_equal(without_time(result.curves), without_time(expected.curves))
    assert result.frame["attempts"].sum() == 2 + doom.deaths
    assert set(trained) == set(trained_then)
    assert trained.total() == trained_then.total() + doom.lost
