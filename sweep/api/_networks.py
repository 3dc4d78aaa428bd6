"""Which networks can be trained here, and in what precision."""

from collections.abc import Callable

from sweep.api._crashes import crashes_told
from sweep.data.dataset import Dataset, Split
from sweep.engines import Site
from sweep.errors import InputError
from sweep.models.model import Architecture, ChangedModel, Infeasible, Model
from sweep.models.tutorial.model import TUTORIAL
from sweep.results.result import Result
from sweep.runs import Precision, Run
from sweep.search.preview import baseline_shape
from sweep.space.configuration import Configuration
from sweep.storage.store import Reader
from sweep.study.study import Study
from sweep.system.apart import apart
from sweep.system.machine import bfloat16_instructions, cores, oldest_gpu
from sweep.system.processes import main_memory
from sweep.training import prove
from sweep.training.finding import MOST_SECONDS, Proof
from sweep.wording import size

PROVED_BATCHES = 4
PROVED_SMALL = 32
"""So many images at a time are enough to prove that runs are exact."""

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


def free_bytes(trial_memory: int | None, workers: int, site: Site) -> int:
    """Bytes that training a network may take, on top of what its worker holds anyway.

    Raises:
        InputError: `trial_memory`, or so many workers, leave none.
    """
    if trial_memory is not None and trial_memory < 2 * WORKER_BYTES:
        least = size(2 * WORKER_BYTES)
        raise InputError(
            f"A worker needs at least {least} of memory (TensorFlow takes half of that), not {trial_memory}."
        )
    if trial_memory is None and site.memory // workers <= WORKER_BYTES:
        most, there = site.memory // WORKER_BYTES, f"the {size(site.memory)} of {site.name}"
        raise InputError(f"{workers} workers need more memory than {there}: at most {most} fit.")
    return (trial_memory or site.memory // workers) - WORKER_BYTES


def automatic_precision(model: Model) -> Precision:
    """What `precision = "auto"` means for networks of a model on this machine.

    bfloat16 was shown to be harmless for the tutorial's networks on processors that multiply it natively: see
    `docs/measurements.md`. On GPUs, and for other networks, it was not measured.
    """
    shown = model == TUTORIAL and oldest_gpu() is None
    return "bfloat16" if shown and bfloat16_instructions() else "float32"


def precision_of(study: Study) -> Precision:
    """What a study computes in if it begins on this machine."""
    return automatic_precision(study.base.model) if study.precision == "auto" else study.precision


def require_code(study: Study) -> None:
    """Checks that the function which builds the networks of a study still computes what it did when the study began.

    Raises:
        InputError: it does not, or its file cannot be read.
    """
    try:
        if study.build is not None:
            study.build.current()
    except ChangedModel as error:
        raise _changed(study, str(error)) from None


def _changed(study: Study, why: str) -> InputError:
    named = why.replace("the study", f"study {study.name!r}")
    return InputError(f"{named}. Put that back, or give the changed study a name of its own.")


def with_baseline(study: Study, dataset: Dataset, before: Result | None, seconds: float | None = None) -> Study:
    """The study, once its baseline is known to exist, before anything of it is kept. One that was trained can.

    A network of the user's own is built for that, in a process of its own, within so many `seconds`. Four small batches
    prove there that its runs are the same whenever they are trained. Where they are not, the study has its runs alone.

    Raises:
        InputError: the baseline cannot exist; of an error in code of the user's, with the frames of their files.
        EngineError: TensorFlow cannot be used.
    """
    require_code(study)
    seen = baseline_shape(study, dataset.image_shape, dataset.classes)
    if study.build is None or seen is not None or (before is not None and before.has_best):
        return study
    proof = proof_of(study, dataset, PROVED_SMALL, PROVED_SMALL, min(MOST_SECONDS, seconds or MOST_SECONDS))
    with crashes_told("The baseline", study.build):
        failed = [each for each in apart(prove.begin, proof) if not each.holds]
    if not failed:
        return study
    why = f"{study.build.place} fails the proof {failed[-1].check!r}: {failed[-1].detail}"
    return _set_apart(study, f"{study.name}: {why}. None of its runs is reused in another study.")


def proof_of(study: Study, dataset: Dataset, batch: int, scored: int, seconds: float = MOST_SECONDS) -> Proof:
    """The proof of a study's baseline on four batches of at most `batch` images, with at most `scored` held out.

    Its network must be built within so many `seconds`.
    """
    images, held_out = study.split().sizes(len(dataset.y_train))
    batch = max(1, min(batch, study.base.batch_size, images // PROVED_BATCHES))
    split = Split(study.seed, min(held_out, scored), min(images, PROVED_BATCHES * batch))
    base = study.base.replaced({"batch_size": batch})
    run = Run(base, study.seed, dataset.source, dataset.digest, split, precision_of(study))
    return Proof(run, images, held_out, main_memory() // cores(), study.limits, seconds)


def settled(study: Study, store: Reader) -> Study:
    """The study with what is decided when it begins, and kept on every machine.

    That is what `auto` means for its precision, and whether its runs are its own. One of which nothing is trained yet
    may begin otherwise.

    Raises:
        InputError: it has begun with other code.
    """
    known = [row for row in store.studies.all() if row.study.name == study.name]
    begun = [row.study for row in known if store.studies.is_trained(row.id)]
    kept = begun[0] if begun else study.replaced(precision=precision_of(study))
    if study.precision == "auto":
        study = study.replaced(precision=kept.precision)
    if study.build is None or kept.build is None:
        return study
    build = study.build.set_apart(kept.build.inexact)
    if build != kept.build and build.name == kept.build.name:
        raise _changed(study, str(kept.build.changed_to(build)))
    return _set_apart(study, kept.build.inexact)


def _set_apart(study: Study, inexact: str) -> Study:
    """The study that shares its runs with no other, for the reason `inexact`; if that is empty, it shares them."""
    assert study.build is not None
    if study.build.inexact == inexact:
        return study
    return Study(**study.as_document() | {"build": study.build.set_apart(inexact).as_document()})
