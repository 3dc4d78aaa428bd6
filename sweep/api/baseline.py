"""`sweep.baseline`: the tutorial's own experiment."""

from typing import Unpack

from sweep.api.train import trained
from sweep.api.workplace import Workplace, WorkplaceOptions
from sweep.bounds import ALLOWED_SEEDS, require_count
from sweep.coordinator.batch import Trained
from sweep.coordinator.watcher import LabelledRun
from sweep.errors import EngineError
from sweep.progress.display import Task
from sweep.runs import Run
from sweep.space.configuration import Configuration


def baseline(*, seeds: int = 1, **workplace: Unpack[WorkplaceOptions]) -> list[Trained]:
    """Trains the tutorial's network as the tutorial did: on all 60,000 training images, scored on the test images.

    This looks at the test set. No study sees what comes of it.

    Args:
        seeds: how many seeds, 1 to 1000: 0, 1, ...
        **workplace: the fields of `Workplace`.

    Returns:
        The run of each seed, in order.

    Raises:
        InputError: an argument cannot be used.
        StoreError: the database cannot be used.
        EngineError: no worker can be started, or a run failed.
        KeyboardInterrupt: Ctrl-C; every finished epoch is kept.
    """
    require_count("seeds", seeds, 1, ALLOWED_SEEDS)
    place = Workplace(**workplace).writable()
    mnist = place.load("mnist")
    runs = [Run(Configuration(), seed, "mnist", mnist.digest, None) for seed in range(seeds)]
    task = Task(Configuration(), seeds, place.crew(seeds)[0], "seed")
    with place.open_store() as store:
        found = trained([LabelledRun(f"seed {each.seed}", each) for each in runs], store, place, task)
        failed = next((each.reason for each in found if each.reason), None)
        if failed:
            raise EngineError(f"The baseline could not be trained: {failed}.")
        store.test_looks.add(None, f"the tutorial's experiment, {seeds} seeds")
    return found
