"""Which networks can be trained here, and in what precision."""

from collections.abc import Callable

from sweep.data.dataset import Dataset
from sweep.errors import InputError
from sweep.models.model import Architecture, Infeasible
from sweep.runs import Precision
from sweep.space.configuration import Configuration
from sweep.storage.store import Reader
from sweep.study.study import Study
from sweep.system.processes import main_memory
from sweep.wording import size

AUTOMATIC_PRECISION: Precision = "float32"
"""What `auto` means. bfloat16 was not shown to be harmless: see `benchmarks/NOTES.md`."""

WORKER_BYTES = 700_000_000
"""What a worker holds before it trains anything: TensorFlow, and the images of MNIST."""


def network_on(dataset: Dataset) -> Callable[[Configuration], Architecture]:
    """Gives the network of a configuration on these images."""
    return lambda configuration: configuration.inspect(dataset.image_shape, dataset.classes)


def network_within(dataset: Dataset, free_bytes: int, configuration: Configuration) -> Architecture:
    """The network of a configuration on these images.

    Raises:
        Infeasible: it cannot exist, or training it would take more than `free_bytes`.
    """
    network = network_on(dataset)(configuration)
    needed = network.training_bytes(configuration.batch_size)
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


def settled(study: Study, store: Reader) -> Study:
    """The study with what `auto` means for its precision: decided when it begins, and kept on every machine."""
    if study.precision != "auto":
        return study
    begun = [row.study.precision for row in store.studies.all() if row.study.name == study.name]
    return study.replaced(precision=begun[0] if begun else AUTOMATIC_PRECISION)
