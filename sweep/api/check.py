"""What a study would do, before it does."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sweep.api._crashes import crashes_told
from sweep.api._networks import precision_of, proof_of, require_code
from sweep.api.search import loaded
from sweep.data.dataset import load_dataset
from sweep.search.preview import Preview, preview
from sweep.study.data import counted, described
from sweep.study.study import Study, require_sampler
from sweep.training.finding import Finding
from sweep.training.prove import prove as proved
from sweep.wording import shown

PROVED_ON = 1000
"""So many images score, as many as a batch of them has."""
UNEVEN = 2
"""Classes are uneven if the largest has so many times the images of the smallest."""


def check(study: Study | str | Path, *, storage: str | Path | None = None) -> tuple[Study, Preview]:
    """A study and what it would do: samples of its space and its expected cost.

    Images of the user's own are read, since they decide which networks can exist; of pictures the headers are. Others
    are not downloaded.

    Args:
        study: a `Study`, the name of one that ships or that the database has, or the path of a TOML file.
        storage: the path or SQLAlchemy URL of the database.

    Raises:
        InputError: the study or its data cannot be used.
        StoreError: the database cannot be used.
    """
    wanted = loaded(study, storage=storage)
    require_sampler(wanted.sampler)
    known = described(wanted.data, wanted.preparation)
    wanted.split().sizes(known.images)
    note = "\n".join(filter(None, [known.note, _uneven(wanted, known.counts)]))
    seen = preview(wanted, known.image_shape, known.classes, known.images, precision=precision_of(wanted))
    return wanted, replace(seen, note=note, counted=counted(known, wanted.validation, wanted.metric))


def _uneven(study: Study, counts: Sequence[tuple[str, int]]) -> str:
    """How uneven the classes are, and which metrics suit that; empty if they are even, or the study has one of them."""
    if study.metric != "accuracy" or not counts:
        return ""
    (few, least), (many, most) = (pick(counts, key=lambda each: each[1]) for pick in (min, max))
    if most < UNEVEN * least:
        return ""
    return (
        f"Class {shown(many)} has {most:,} images and class {shown(few)} {least:,}: "
        'metric = "balanced_accuracy" counts every class alike, and "macro_f1" false alarms as well.'
    )


def prove(study: Study | str | Path, *, storage: str | Path | None = None) -> list[Finding]:
    """Trains the baseline of a study on four batches, and finds out whether it keeps what studies promise.

    The function that builds the network runs in processes of its own. Nothing is stored.

    Args:
        study: a `Study`, the name of one that ships or that the database has, or the path of a TOML file.
        storage: the path or SQLAlchemy URL of the database.

    Raises:
        InputError: the study or its data cannot be used, or the network cannot be built.
        ModelError: the network cannot be trained.
        StoreError: the database cannot be used.
        EngineError: TensorFlow cannot be used.
    """
    wanted = loaded(study, storage=storage)
    require_code(wanted)
    with TemporaryDirectory() as folder:  # of what is decoded, for the processes that train
        dataset = load_dataset(wanted.data, wanted.preparation, folder=Path(folder))
        with crashes_told("The baseline", wanted.build):
            return proved(proof_of(wanted, dataset, wanted.base.batch_size, PROVED_ON))
