"""What export is tested with: made-up picks, and a study that was really searched and confirmed on MNIST."""

from dataclasses import replace
from functools import cache
from pathlib import Path

from samples.results import frame_of, result_of
from samples.workers import lasting_workers
from sweep.api.confirm import confirm
from sweep.api.search import run
from sweep.api.train import trained
from sweep.api.workplace import Workplace
from sweep.coordinator.watcher import LabelledRun
from sweep.data.dataset import load_dataset
from sweep.exports.selection import Sealed, Selection, sealed_run
from sweep.models.model import Architecture
from sweep.progress.display import Task
from sweep.results.result import Result
from sweep.space.configuration import Configuration
from sweep.space.space import Choice
from sweep.storage.store import Store
from sweep.study.study import Study

TINY = {
    "conv1_filters": 8,
    "conv1_kernel_size": 3,
    "conv1_stride": 2,
    "conv2_filters": 8,
    "conv2_kernel_size": 3,
    "pool2_size": 0,
    "dense_units": 32,
    "epochs": 1,
    "batch_size": 64,
    "learning_rate": 0.01,
    "optimizer": "sgd",
    "rescale": True,
}
"""A network that 60,000 images pass through in a second or two."""

mnist = cache(lambda: load_dataset("mnist"))


def found(configuration: Configuration, data: str = "mnist", **row) -> Result:
    """A result whose only trial tried that configuration."""
    rows = [{"trial": 0, "score": 0.9, "baseline": True} | configuration.values() | row]
    return replace(result_of(rows, data=data, validation=2, precision="float32"), frame=frame_of(rows))


def selected(result: Result, *accuracies: float, trial: int = 0) -> Selection:
    """That trial, to be taken away, with these accuracies on the test images."""
    dataset = load_dataset(result.study.data)
    tested = Sealed(accuracies, 10_000)
    return Selection(result, trial, dataset, Architecture(()), tested, tested)


def confirm_tiny_study(storage: Path) -> None:
    """Three tiny networks on a part of MNIST, which differ in their optimizers: really searched, really confirmed.

    A verdict below full size has no sealed test, so that its runs are trained here: every trial has its three.
    """
    study = Study(
        name="tiny",
        seed=20,
        train_size=2_000,
        validation=1_000,
        sampler="grid",
        trials=3,
        precision="float32",
        base=TINY,
        space={"optimizer": Choice(("sgd", "adam", "rmsprop"))},
    )
    with lasting_workers():
        run(study, storage=storage, workers=1, threads=1)
        result = confirm("tiny", top=2, seeds=3, storage=storage, workers=1, threads=1)
        runs = [
            LabelledRun(f"seed {seed} of trial {trial}", sealed_run(result, trial, seed, mnist()))
            for trial in (0, 1, 2)
            for seed in result.verdict.seeds
        ]
        place = Workplace(storage, workers=1, threads=1, progress=False)
        with Store.open(str(storage)) as store:
            trained(runs, store, place, Task(Configuration(), len(runs), 1))
