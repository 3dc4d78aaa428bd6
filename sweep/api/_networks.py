"""Which networks can be trained here, and in what precision."""

from collections.abc import Callable

from sweep.data.dataset import Dataset
from sweep.errors import InputError
from sweep.models.model import Architecture, ChangedModel, ImageShape, Infeasible, SizeLimits
from sweep.results.result import Result
from sweep.runs import Precision
from sweep.search.preview import baseline_shape
from sweep.space.configuration import Configuration
from sweep.storage.store import Reader
from sweep.study.study import Study
from sweep.system.apart import Ended, apart
from sweep.system.processes import main_memory
from sweep.wording import size

AUTOMATIC_PRECISION: Precision = "float32"
"""What `auto` means. bfloat16 was not shown to be harmless: see `benchmarks/NOTES.md`."""

WORKER_BYTES = 700_000_000
"""What a worker holds before it trains anything: TensorFlow, and the images of MNIST."""


def network_on(dataset: Dataset) -> Callable[[Configuration], Architecture | None]:
    """Gives the network of a configuration on these images; None where only building it tells."""
    return lambda configuration: configuration.inspect(dataset.image_shape, dataset.classes)


def network_within(dataset: Dataset, free_bytes: int, configuration: Configuration) -> Architecture | None:
    """The network of a configuration on these images; None where only building it tells.

    Raises:
        Infeasible: it cannot exist, or training it would take more than `free_bytes`.
    """
    network = network_on(dataset)(configuration)
    needed = 0 if network is None else network.training_bytes(configuration.batch_size)
    if needed > free_bytes:
        there = f"a worker has {size(max(free_bytes, 0))} for it"
        raise Infeasible(f"training it would take about {size(needed)} of memory, and {there}")
    return network


def free_bytes(trial_memory: int | None, workers: int) -> int:
    """Bytes that training a network may take, on top of what its worker holds anyway.

    Raises:
        InputError: `trial_memory`, or so many workers, leave none.
    """
    if trial_memory is not None and trial_memory < 2 * WORKER_BYTES:
        least = size(2 * WORKER_BYTES)
        raise InputError(
            f"A worker needs at least {least} of memory (TensorFlow takes half of that), not {trial_memory}."
        )
    if trial_memory is None and main_memory() // workers <= WORKER_BYTES:
        most, there = main_memory() // WORKER_BYTES, size(main_memory())
        raise InputError(f"{workers} workers need more memory than the {there} of this machine: at most {most} fit.")
    return (trial_memory or main_memory() // workers) - WORKER_BYTES


def require_code(study: Study) -> None:
    """Checks that the function which builds the networks of a study still computes what it did when the study began.

    Raises:
        InputError: it does not, or its file cannot be read.
    """
    try:
        if study.build is not None:
            study.build.current()
    except ChangedModel as error:
        why = str(error).replace("the study", f"study {study.name!r}")
        raise InputError(f"{why}. Put that back, or give the changed study a name of its own.") from None


def require_baseline(study: Study, dataset: Dataset, before: Result | None) -> None:
    """Checks, before anything of it is kept, that the baseline of a study can exist. One that was trained can.

    A network of the user's own is built for that, in a process of its own.

    Raises:
        InputError: it cannot; of an error in code of the user's, with the frames of their files.
        EngineError: TensorFlow cannot be used.
    """
    require_code(study)
    seen = baseline_shape(study, dataset.image_shape, dataset.classes)
    if seen is None and (before is None or not before.has_best):
        try:
            apart(_built, study.base, dataset.image_shape, dataset.classes, study.limits)
        except Ended as error:
            if error.end.hung:
                raise
            how = f"the process that runs {study.build and study.build.place} {error.end.how}"
            lines = f" Its last lines:\n{error.end.log}" if error.end.log else ""
            raise InputError(f"The baseline cannot be built: {how}.{lines}") from None


def _built(base: Configuration, image_shape: ImageShape, classes: int, limits: SizeLimits) -> None:
    from sweep.training.sizes import require_network  # seconds of imports

    require_network(base, image_shape, classes, limits)


def settled(study: Study, store: Reader) -> Study:
    """The study with what `auto` means for its precision: decided when it begins, and kept on every machine."""
    if study.precision != "auto":
        return study
    begun = [row.study.precision for row in store.studies.all() if row.study.name == study.name]
    return study.replaced(precision=begun[0] if begun else AUTOMATIC_PRECISION)
