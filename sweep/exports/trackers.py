"""A study's trials for experiment trackers: TensorBoard's event files, and MLflow.

The step of an epoch is its number. Steps are whole: a place within the first epoch has step 0.
"""

import hashlib
import json
import logging
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sweep.errors import InputError
from sweep.results.result import Result
from sweep.runs import UNFINISHED, Outcome
from sweep.system.extras import require
from sweep.system.files import atomic_write
from sweep.wording import masked

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
"""What is sent of an epoch. If a study has another metric, its name stands in the last one."""
SUCCEEDED = (Outcome.COMPLETED, Outcome.PRUNED, Outcome.STOPPED, Outcome.PAUSED)
EPOCHS_AT_ONCE = 200
LONGEST_TAG = 5000
"""What MLflow takes: 1,000 metrics at once, and tags of 5,000 characters."""

STUDY, TRIAL, LOGGED, OUTCOME, REASON = (f"sweep.{tag}" for tag in ("study", "trial", "epochs", "outcome", "reason"))
"""Tags of MLflow's runs: by the first two a run is found again, the third is how far its curve is logged."""


def to_tensorboard(result: Result, folder: Path) -> None:
    """Writes each trial's curve and hyperparameters as an event file in folder/study/trial, in place of an earlier one.

    Raises:
        InputError: TensorBoard is not installed, or the folder cannot be written.
    """
    require("--tensorboard", "tensorboard")
    from tensorboard.summary.writer.record_writer import RecordWriter

    for trial in result.frame.to_dict("records"):
        place = folder / result.study.name / str(trial["trial"])
        try:
            place.mkdir(parents=True, exist_ok=True)
            with atomic_write(place / "events.out.tfevents.0.sweep") as temporary, temporary.open("wb") as file:
                writer = RecordWriter(file)
                for event in _events(result, trial):
                    writer.write(event.SerializeToString())
        except OSError as error:
            raise InputError(f"{place} cannot be written: {error.strerror}.") from None


def _events(result: Result, trial: Mapping[Any, Any]) -> Iterator[Any]:
    """What TensorBoard is to know of a trial, in its own messages."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    number, began = trial["trial"], trial["started"].timestamp()
    values = result.configuration(number).values()
    yield Event(wall_time=began, file_version="brain.Event:2")
    yield Event(wall_time=began, summary=hparams_pb(values, f"{result.study.name} {number}", began))
    for at, epoch in _curve(result, trial):
        scalars = [Summary.Value(tag=metric, simple_value=epoch[metric]) for metric in _metrics(result)]
        yield Event(wall_time=at, step=math.floor(epoch["epoch"]), summary=Summary(value=scalars))
    if trial["outcome"] not in UNFINISHED:
        ended = trial["finished"].timestamp()
        status = api_pb2.STATUS_SUCCESS if trial["outcome"] in SUCCEEDED else api_pb2.STATUS_FAILURE
        end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=ended)
        about = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=end))
        value = Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=about, tensor=metadata.NULL_TENSOR)
        yield Event(wall_time=ended, summary=Summary(value=[value]))


def to_mlflow(result: Result, uri: str) -> None:
    """Logs a study as an experiment of MLflow's: a run that has the report, and below it one for each trial.

    What is there already is not logged again, but completed: trials that are new, epochs that a trial has gained.

    Raises:
        InputError: MLflow is not installed, or cannot be used at this address.
    """
    require("--mlflow", "mlflow")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # users turn it on by the same variable
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # seven take minutes where there is no server
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        experiment = _Experiment(MlflowClient(tracking_uri=uri), result)
    except Exception as error:  # of MLflow, SQLAlchemy, Alembic, a driver, or Python over an address
        known = "a database, as in sqlite:///mlflow.db, or a server, as in http://localhost:5000"
        raise InputError(f"{_refusal(uri, error)} An address is that of {known}.") from None
    try:
        experiment.log()
    except MlflowException as error:
        raise InputError(f"{_refusal(uri, error)} What is logged stays. Run the same command to resume.") from None


def _refusal(uri: str, error: Exception) -> str:
    reason = f"{error}".strip().split("\n")[0].split(". ")[0].rstrip(".")
    return f"MLflow cannot be used at {masked(uri)!r}: {masked(reason) or type(error).__name__}."


class _Experiment:
    def __init__(self, client: "MlflowClient", result: Result) -> None:
        self._client, self._result = client, result
        name = result.study.name
        found = client.get_experiment_by_name(name)
        self._id = client.create_experiment(name) if found is None else found.experiment_id
        same = [result.study.identity(), result.provenance.get("data digest")]
        self._study = f"{name} {hashlib.sha256(json.dumps(same).encode()).hexdigest()[:12]}"
        self._runs = {run.data.tags.get(TRIAL, ""): run for run in self._known()}

    def log(self) -> None:
        import reports

        study = self._result.study
        asked = ("data", "validation", "train_size", "seed", "trials", "sampler", "pruner", "precision")
        whole = self._run("", study.name, None, {name: getattr(study, name) for name in asked}, {})
        for trial in self._result.frame.to_dict("records"):
            self._log_trial(trial, whole)
        with TemporaryDirectory() as folder:
            page = Path(folder) / "report.html"
            reports.write(self._result, page)
            self._client.log_artifact(whole.info.run_id, str(page))
        self._client.set_terminated(whole.info.run_id)

    def _log_trial(self, trial: Mapping[Any, Any], whole: "Run") -> None:
        from mlflow.entities import Metric, RunTag

        values = self._result.configuration(trial["trial"]).values()
        name, below = f"trial {trial['trial']}", {"mlflow.parentRunId": whole.info.run_id}
        run = self._run(str(trial["trial"]), name, _milliseconds(trial["started"].timestamp()), values, below)
        logged = float(run.data.tags.get(LOGGED, 0))
        curve = [(at, epoch) for at, epoch in _curve(self._result, trial) if epoch["epoch"] > logged]
        for first in range(0, len(curve), EPOCHS_AT_ONCE):
            part = curve[first : first + EPOCHS_AT_ONCE]
            metrics = [
                Metric(metric, epoch[metric], _milliseconds(at), math.floor(epoch["epoch"]))
                for at, epoch in part
                for metric in _metrics(self._result)
            ]
            so_far = RunTag(LOGGED, str(part[-1][1]["epoch"]))
            self._client.log_batch(run.info.run_id, metrics=metrics, tags=[so_far])
        if run.data.tags.get(OUTCOME) != trial["outcome"]:
            if trial["outcome"] not in UNFINISHED:
                status = "FINISHED" if trial["outcome"] in SUCCEEDED else "FAILED"
                self._client.set_terminated(run.info.run_id, status, _milliseconds(trial["finished"].timestamp()))
            tags = [RunTag(OUTCOME, trial["outcome"]), RunTag(REASON, trial["reason"][:LONGEST_TAG])]
            self._client.log_batch(run.info.run_id, tags=tags)

    def _run(self, trial: str, name: str, began: int | None, params: dict[str, Any], tags: dict[str, str]) -> "Run":
        """The run of a trial, or of the whole study (""): the one that is there, or a new one."""
        from mlflow.entities import Param

        run = self._runs.get(trial)
        if run is None:
            run = self._client.create_run(self._id, began, {STUDY: self._study, TRIAL: trial} | tags, name)
        if not run.data.params:
            self._client.log_batch(run.info.run_id, params=[Param(key, str(value)) for key, value in params.items()])
        return run

    def _known(self) -> "Iterator[Run]":
        token = None
        while token != "":
            filter_ = f"tags.`{STUDY}` = '{self._study}'"
            page = self._client.search_runs([self._id], filter_, page_token=token)
            yield from page
            token = page.token or ""


def _curve(result: Result, trial: Mapping[Any, Any]) -> Iterator[tuple[float, Mapping[Any, Any]]]:
    """A trial's epochs, each with the time of its end as if all had been trained for it, in seconds since 1970."""
    at = trial["started"].timestamp()
    for epoch in result.curves[result.curves["trial"] == trial["trial"]].to_dict("records"):
        at += epoch["seconds"]
        yield at, epoch | {f"val_{result.study.metric}": epoch["val_accuracy"]}


def _metrics(result: Result) -> tuple[str, ...]:
    return (*METRICS[:-1], f"val_{result.study.metric}")


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
