"""`sweep.export`: the best network, to take away."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from sweep.api._crashes import crashes_told
from sweep.api._holding import holding_if_free
from sweep.api._networks import require_code
from sweep.api.look import result
from sweep.api.train import trained
from sweep.api.workplace import Workplace, WorkplaceOptions
from sweep.coordinator.watcher import LabelledRun, trial_label
from sweep.data.dataset import Dataset
from sweep.errors import InputError, ModelError
from sweep.exports import trackers
from sweep.exports.folder import export_folder, fill
from sweep.exports.formats import available
from sweep.exports.selection import Selection, select
from sweep.progress.display import Task
from sweep.results.reading import read_result
from sweep.results.result import Result
from sweep.storage import database
from sweep.storage.checkpoints import in_use, path_of
from sweep.storage.lease import Work
from sweep.storage.store import Store
from sweep.study.recipe import require_name
from sweep.wording import masked


def export(
    study: str,
    folder: str | Path = "best",
    *,
    trial: int | None = None,
    formats: Sequence[str] = (),
    force: bool = False,
    **workplace: Unpack[WorkplaceOptions],
) -> dict[str, Any]:
    """Writes what a study found into a folder: configuration, script, notebook, trained network, and what is known.

    The network is trained on all training images, unless an earlier export left its checkpoint, and is scored on the
    test images. Of a network of the user's own, the folder has their code, too. A format that cannot be written is left
    out, and a note says why.

    Args:
        study: the study's name in the database.
        folder: the folder to write; it appears whole or not at all.
        trial: the trial to take; None: the recommended one or, without a verdict, the best by search.
        formats: in which formats the network is written besides Keras's: "savedmodel", "onnx", "litert".
        force: replace an earlier export in that folder.
        **workplace: the fields of `Workplace`.

    Returns:
        What metrics.json says.

    Raises:
        InputError: there is no such study, trial or format, nothing to take, the folder is in the way, or a network of
            the user's own has other code than its study.
        StoreError: the database cannot be used.
        EngineError: no worker can be started.
        ModelError: the network cannot be trained.
        KeyboardInterrupt: Ctrl-C; every finished epoch is kept.
    """
    require_name(study)
    place, formats = Workplace(**workplace), available(formats)
    with place.open_store(create=False) as store:
        found = read_result(store, study)
        number = found.recommended if trial is None else trial
        found.configuration(number)  # which is there, or an error before anything is downloaded
        require_code(found.study)
        with export_folder(Path(folder), force) as inside, in_use(place.checkpoint_folder):
            dataset = place.load(found.study.data, found.study.preparation)
            selected, place = _trained_on_all(found, number, dataset, store, place)
            state = path_of(place.checkpoint_folder, selected.run.fingerprint)
            with crashes_told("The network to export", found.study.build):
                document = fill(inside, selected, state, formats, place.provenance(at_most=1))
    for why in document["missing"].values():
        place.display.note(why)
    return document


def track(
    study: str, *, tensorboard: str | Path | None = None, mlflow: str | None = None, storage: str | Path
) -> Result:
    """Writes every trial of a study for TensorBoard into a folder, or logs it to MLflow at an address, or both.

    Raises:
        InputError: there is no such study, the tool is not installed, or its place cannot be used.
        StoreError: the database cannot be used.
    """
    found = result(study, storage=storage)
    if mlflow is not None and database.same(mlflow, str(storage)):
        raise InputError(f"sweep keeps its studies in {masked(mlflow)}; MLflow needs a database of its own.")
    if tensorboard is not None:
        trackers.to_tensorboard(found, Path(tensorboard))
    if mlflow is not None:
        trackers.to_mlflow(found, mlflow)
    return found


def _trained_on_all(
    found: Result, trial: int, dataset: Dataset, store: Store, place: Workplace
) -> tuple[Selection, Workplace]:
    """Trains a trial on all training images, with as many threads as the first time: the same to the bit.

    Returns:
        The trial with what is known of it then, and the place where it was trained.
    """
    name = found.study.name
    row = store.studies.find(name)
    if dataset.digest != row.data_digest:
        raise InputError(f"{found.study.data}: these are not the images that study {name!r} was started with.")
    run = select(store, found, trial, dataset).run
    store.test_looks.add(row.id, f"trial {trial} on seed {run.seed}, exported")
    place = replace(place, workers=None, threads=store.runs.provenance(run.fingerprint).get("threads"))
    labelled = LabelledRun(f"{trial_label(trial)} on all training images", run)
    task, note = Task(found.study.base, 1, 1, "run"), place.display.note
    hold = partial(holding_if_free, store, row.id, name, Work.EXPORT, note)
    (one,) = trained([labelled], store, place, task, keep_states=True, hold=hold)
    if one.reason:
        raise ModelError(f"Trial {trial} could not be trained on all images: {one.reason}.")
    return select(store, read_result(store, name), trial, dataset), place
