"""A study in TensorBoard and in MLflow, read back with what those read it with; and its trials as files."""

import csv
import io
import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from samples.databases import keep
from samples.results import curves_of, frame_of, result_of, sample
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.data.provider import RunTagFilter
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

from sweep.errors import InputError
from sweep.exports.trackers import METRICS, to_mlflow, to_tensorboard
from sweep.results.result import Result

HOSTILE = [
    "a,b", 'says "no"', "two\nlines", "carriage\rreturn", "both\r\n", "=1+1", "nul\0", "ümläut 数",
    "line\u2028separator\x85next", "'; drop table x; --", " blanks ", "NA", "\x1b[31mred", "</script>",
]  # fmt: skip
HYPERPARAMETERS = {"learning_rate", "batch_size", "optimizer", "rescale"}
pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),  # MLflow's tables
    pytest.mark.filterwarnings("ignore:The .*:DeprecationWarning:mlflow"),
]


@pytest.fixture(scope="module")
def found() -> Result:
    """A study with trials of all kinds, one of them seen before its first epoch was over, one still running."""
    made_up = sample(20, seed=3)
    number = int(made_up.frame["trial"].iloc[1])
    curves, frame = made_up.curves.astype({"epoch": "float64"}), made_up.frame.copy()
    early = curves[curves["trial"] == number].iloc[:1].assign(epoch=0.25)
    assert {"completed", "pruned", "diverged", "failed"} <= set(frame["outcome"])
    frame.loc[18, "outcome"] = "paused"
    frame.loc[19, ["outcome", "finished"]] = "running", pd.NaT
    together = pd.concat([curves, early]).sort_values(["trial", "epoch"], ignore_index=True)
    return replace(made_up, frame=frame, curves=together)


def curve(result: Result, trial: int) -> list[tuple[int, float]]:
    """Step and validation accuracy, as they are to be elsewhere."""
    rows = result.curves[result.curves["trial"] == trial]
    return [(math.floor(epoch), score) for epoch, score in zip(rows["epoch"], rows["val_accuracy"], strict=True)]


# -- TensorBoard


def provider(folder: Path) -> MultiplexerDataProvider:
    """What TensorBoard's pages ask for data."""
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    return MultiplexerDataProvider(multiplexer, str(folder))


def scalars(folder: Path) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """By run and tag."""
    read = provider(folder).read_scalars(
        RequestContext(), experiment_id="", plugin_name="scalars", downsample=10_000, run_tag_filter=RunTagFilter()
    )
    return {
        run: {tag: [(e.step, e.value) for e in series] for tag, series in tags.items()} for run, tags in read.items()
    }


def table(folder: Path) -> list:
    """The rows of TensorBoard's HParams table."""
    context = backend_context.Context(TBContext(data_provider=provider(folder), logdir=str(folder)))
    asked = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=api_pb2.Status.values(), start_index=0, slice_size=10_000, include_metrics=True
    )
    answer = list_session_groups.Handler(RequestContext(), context, "", asked).run()
    return list(answer.session_groups)


def test_tensorboard_shows_every_curve(found, tmp_path):
    to_tensorboard(found, tmp_path)
    read = scalars(tmp_path)
    trained = [trial for trial in found.frame["trial"] if curve(found, trial)]
    assert set(read) == {f"quickstart/{trial}" for trial in trained}
    for trial in trained:
        tags = read[f"quickstart/{trial}"]
        assert set(tags) == set(METRICS)
        steps, values = zip(*curve(found, trial), strict=True)
        assert [step for step, _ in tags["val_accuracy"]] == list(steps)
        assert [value for _, value in tags["val_accuracy"]] == pytest.approx(values)
    assert curve(found, 1)[0][0] == 0


def test_curves_are_sent_under_the_name_of_the_studys_metric(found, tmp_path):
    to_tensorboard(replace(found, study=found.study.replaced(metric="macro_f1")), tmp_path)
    trial = next(trial for trial in found.frame["trial"] if curve(found, trial))
    tags = scalars(tmp_path)[f"quickstart/{trial}"]
    assert set(tags) == {*METRICS} - {"val_accuracy"} | {"val_macro_f1"}
    assert [value for _, value in tags["val_macro_f1"]] == pytest.approx([score for _, score in curve(found, trial)])


def test_tensorboards_table_has_every_trial_with_its_hyperparameters_how_it_ended_and_its_last_metrics(found, tmp_path):
    to_tensorboard(found, tmp_path)
    rows = {row.name: row for row in table(tmp_path)}
    assert set(rows) == {f"quickstart {trial}" for trial in found.frame["trial"]}
    kinds = dict.fromkeys(("completed", "pruned", "paused"), api_pb2.STATUS_SUCCESS)
    kinds["running"] = api_pb2.STATUS_UNKNOWN  # as TensorBoard calls one that has not ended
    for trial, outcome in zip(found.frame["trial"], found.frame["outcome"], strict=True):
        row, values = rows[f"quickstart {trial}"], found.configuration(trial).values()
        shown = {name: getattr(value, value.WhichOneof("kind")) for name, value in row.hparams.items()}
        assert shown == values
        (session,) = row.sessions
        assert session.status == kinds.get(outcome, api_pb2.STATUS_FAILURE)
        last = {each.name.tag: each.value for each in session.metric_values}
        points = curve(found, trial)
        assert last.get("val_accuracy") == (pytest.approx(points[-1][1]) if points else None)


def test_written_twice_nothing_is_doubled_in_tensorboard_and_studies_lie_side_by_side(found, tmp_path):
    to_tensorboard(found, tmp_path)
    before = scalars(tmp_path)
    to_tensorboard(found, tmp_path)
    assert scalars(tmp_path) == before
    other = sample(3, name="other")
    to_tensorboard(other, tmp_path)
    assert len(table(tmp_path)) == len(found.frame) + 3
    assert not list(tmp_path.rglob("*.partial"))


def test_a_run_that_diverged_keeps_its_infinite_loss(tmp_path):
    row = {"trial": 0, "baseline": True, "outcome": "diverged", "learning_rate": 1.0}
    result = result_of([row])
    lost = curves_of([(0, 1.0, *[math.nan] * len(METRICS), 1.0)])
    to_tensorboard(replace(result, curves=lost), tmp_path)
    ((_, value),) = scalars(tmp_path)["quickstart/0"]["val_loss"]
    assert math.isnan(value)


def test_a_folder_that_cannot_be_is_told(found, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"/file/quickstart/0 cannot be written: Not a directory\.$"):
        to_tensorboard(found, tmp_path / "file")


def test_no_tensorflow_is_needed_to_write_for_tensorboard(swept_storage, tmp_path):
    script = (
        "import sys; from pathlib import Path; import sweep; from sweep.exports import trackers\n"
        f"trackers.to_tensorboard(sweep.result('quickstart', storage={swept_storage!r}), Path('tb'))\n"
        "assert not {'tensorflow', 'keras', 'optuna'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "tb" / "quickstart" / "0").is_dir()


# -- MLflow


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """A database of MLflow's, which takes it seconds to make."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db").search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def uri(empty, tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)  # where MLflow keeps artifacts beside a database
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return f"sqlite:///{shutil.copy(empty, tmp_path)}"


def logged(uri: str, name: str = "quickstart") -> dict[str, list]:
    """The runs of an experiment, by the trial that they are of; that of the whole study under ""."""
    client = MlflowClient(tracking_uri=uri)
    runs: dict[str, list] = {}
    for run in client.search_runs([client.get_experiment_by_name(name).experiment_id], max_results=10_000):
        runs.setdefault(run.data.tags["sweep.trial"], []).append(run)
    return runs


def history(uri: str, run, metric: str) -> list[tuple[int, float]]:
    points = MlflowClient(tracking_uri=uri).get_metric_history(run.info.run_id, metric)
    return [(each.step, each.value) for each in sorted(points, key=lambda each: (each.timestamp, each.step))]


def test_mlflow_has_a_run_of_every_trial_below_one_of_the_study_with_the_report(found, uri, tmp_path):
    to_mlflow(found, uri)
    runs = logged(uri)
    assert set(runs) == {"", *map(str, found.frame["trial"])}
    assert {len(each) for each in runs.values()} == {1}
    (whole,) = runs.pop("")
    statuses = dict.fromkeys(("completed", "pruned", "paused"), "FINISHED") | {"running": "RUNNING"}
    for trial in found.frame.to_dict("records"):
        (run,) = runs[str(trial["trial"])]
        assert run.info.run_name == f"trial {trial['trial']}"
        assert run.info.status == statuses.get(trial["outcome"], "FAILED")
        assert run.data.params == {k: str(v) for k, v in found.configuration(trial["trial"]).values().items()}
        assert run.data.tags["mlflow.parentRunId"] == whole.info.run_id
        assert run.data.tags["sweep.outcome"] == trial["outcome"]
        assert run.data.tags["sweep.reason"] == trial["reason"]
        for metric in METRICS:
            rows = found.curves[found.curves["trial"] == trial["trial"]]
            expected = list(zip(map(math.floor, rows["epoch"]), rows[metric], strict=True))
            assert history(uri, run, metric) == expected
        assert run.info.start_time == round(trial["started"].timestamp() * 1000)
    assert history(uri, runs["1"][0], "loss")[0][0] == 0
    page = MlflowClient(tracking_uri=uri).download_artifacts(whole.info.run_id, "report.html", str(tmp_path))
    assert Path(page).read_text().rstrip().endswith("</html>")
    assert (whole.info.status, whole.data.params["sampler"]) == ("FINISHED", found.study.sampler)


def test_logged_twice_nothing_is_doubled_in_mlflow_and_what_is_new_is_added(found, uri):
    known = found.frame["trial"] < 5
    halted = found.frame[known].copy()
    number = next(int(trial) for trial in halted["trial"] if len(curve(found, trial)) > 3)
    halted.loc[halted["trial"] == number, ["outcome", "finished"]] = "interrupted", pd.NaT
    seen = found.curves[(found.curves["trial"] != number) | (found.curves["epoch"] <= 2)]
    to_mlflow(replace(found, frame=halted, curves=seen[seen["trial"] < 5]), uri)
    assert len(history(uri, logged(uri)[str(number)][0], "loss")) == 2
    for _ in range(2):
        to_mlflow(found, uri)
        runs = logged(uri)
        assert len(runs) == len(found.frame) + 1
        for trial in found.frame["trial"]:
            (run,) = runs[str(trial)]
            assert history(uri, run, "val_accuracy") == curve(found, trial)
        assert runs[str(number)][0].info.status == "FINISHED"


def test_what_was_cut_off_in_the_middle_is_completed(found, uri, monkeypatch):
    calls = iter(range(10**6))

    def failing(self, *arguments, original=MlflowClient.log_batch, **named):
        if next(calls) == 12:
            raise KeyboardInterrupt
        return original(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "log_batch", failing)
        with pytest.raises(KeyboardInterrupt):
            to_mlflow(found, uri)
    to_mlflow(found, uri)
    runs = logged(uri)
    for trial in found.frame["trial"]:
        (run,) = runs[str(trial)]
        assert history(uri, run, "loss") == [
            (math.floor(row["epoch"]), row["loss"]) for row in found.curves.to_dict("records") if row["trial"] == trial
        ]
        assert len(run.data.params) == len(found.configuration(trial).values())


def test_another_study_of_the_same_name_is_logged_beside_it(found, uri):
    few = replace(found, frame=found.frame[:2])
    to_mlflow(few, uri)
    to_mlflow(replace(few, study=found.study.replaced(seed=7)), uri)
    assert {trial: len(runs) for trial, runs in logged(uri).items()} == {"": 2, "0": 2, "1": 2}


def test_a_curve_of_a_thousand_epochs_and_an_endless_reason_are_logged(uri):
    row = {
        "trial": 0,
        "baseline": True,
        "outcome": "failed",
        "reason": "no " * 10_000,
        "score": 0.1,
        "learning_rate": 1e-4,
    }
    epochs = [(0, float(n), *[1 / n] * len(METRICS), 0.1) for n in range(1, 1001)]
    to_mlflow(replace(result_of([row]), curves=curves_of(epochs)), uri)
    ((run,),) = (runs for trial, runs in logged(uri).items() if trial == "0")
    assert history(uri, run, "loss") == [(n, 1 / n) for n in range(1, 1001)]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("./mlruns", "is in maintenance mode"),
        ("nonsense://x", "unsupported URI 'nonsense://x'"),
        ("http://[bad", "Invalid IPv6 URL"),
        ("http://localhost:1", "failed with exception"),
    ],
)
def test_an_address_where_mlflow_cannot_be_is_told(found, tmp_path, monkeypatch, address, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        to_mlflow(found, address)
    assert str(caught.value).startswith(f"MLflow cannot be used at {address!r}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("library", ["tensorboard", "mlflow"])
def test_a_library_that_is_missing_is_told_with_the_command_that_installs_it(found, monkeypatch, library):
    monkeypatch.setattr("sweep.system.extras.find_spec", lambda _: None)
    write = to_tensorboard if library == "tensorboard" else to_mlflow
    with pytest.raises(InputError) as caught:
        write(found, "x")
    assert (
        str(caught.value) == f"--{library} needs {library}, which is not installed: pip install 'cnn-sweep[{library}]'"
    )


# -- the commands


@pytest.fixture(scope="module")
def swept_storage(tmp_path_factory) -> str:
    """A database with a study whose reasons are hostile."""
    storage = str(tmp_path_factory.mktemp("swept") / "sweep.db")
    rows = [
        {"trial": trial, "score": 0.9, "baseline": trial == 0, "learning_rate": 1e-4 * (1 + trial)}
        | {"outcome": "failed" if trial else "completed", "reason": reason if trial else ""}
        for trial, reason in enumerate(["", *HOSTILE])
    ]
    result = result_of(rows)
    keep(storage, replace(result, frame=frame_of(rows)))
    return storage


def sweep(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([sys.executable, "-m", "sweep", *arguments], cwd=cwd, capture_output=True, timeout=300)
    assert done.returncode == code, done.stderr.decode() or done.stdout.decode()
    assert b"Traceback" not in done.stderr
    return done


def test_reasons_of_all_kinds_come_back_from_json_and_parquet_as_they_were_and_from_csv_row_by_row(
    swept_storage, tmp_path
):
    reasons = ["", *HOSTILE]
    where = ("--storage", swept_storage)
    from_json = json.loads(sweep("trials", "quickstart", "--json", *where, cwd=tmp_path).stdout)
    assert [each["reason"] for each in from_json] == reasons
    sweep("trials", "quickstart", "--parquet", "trials.parquet", *where, cwd=tmp_path)
    from_parquet = pd.read_parquet(tmp_path / "trials.parquet")
    assert from_parquet["reason"].tolist() == reasons
    text = sweep("trials", "quickstart", *where, cwd=tmp_path).stdout.decode()
    as_lines = [reason.replace("\r\n", "\n").replace("\r", "\n").replace("=1+1", "'=1+1") for reason in reasons]
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["reason"] for row in rows] == as_lines
    from_csv = pd.read_csv(io.StringIO(text, newline=""), keep_default_na=False)
    assert from_csv["reason"].tolist() == as_lines
    for frame in (from_parquet, from_csv, pd.DataFrame(from_json)):
        assert list(frame.columns) == list(from_parquet.columns)
        assert frame["trial"].tolist() == list(range(len(reasons)))
        assert frame["learning_rate"].tolist() == pytest.approx([1e-4 * (1 + trial) for trial in range(len(reasons))])


@pytest.mark.parametrize(("place", "says"), [("no/folder/x.parquet", "No such file or directory"), (".", "Is a dir")])
def test_a_parquet_file_that_cannot_be_is_told(swept_storage, tmp_path, place, says):
    failed = sweep("trials", "quickstart", "--parquet", place, "--storage", swept_storage, cwd=tmp_path, code=2)
    assert failed.stderr.decode().startswith(f"{place} cannot be written: {says}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["notes.txt", "other.parquet"])
def test_a_file_that_is_no_table_of_trials_is_replaced_by_force_alone(swept_storage, tmp_path, name):
    file = tmp_path / name
    pd.DataFrame({"a": range(100)}).to_parquet(file) if file.suffix == ".parquet" else file.write_text("Dear diary")
    before, command = file.read_bytes(), ["trials", "quickstart", "--parquet", name, "--storage", swept_storage]
    refused = sweep(*command, cwd=tmp_path, code=2)
    assert refused.stderr.decode().startswith(f"{name} cannot be written: another program has written it; --force")
    assert file.read_bytes() == before
    for again in ([*command, "--force"], command):
        sweep(*again, cwd=tmp_path)
        assert "fingerprint" in pd.read_parquet(file).columns


def test_export_elsewhere_writes_that_alone_and_never_into_sweeps_own_database(swept_storage, empty, tmp_path):
    shutil.copy(empty, tmp_path)
    where = ("--storage", swept_storage)
    done = sweep("export", "quickstart", "--tensorboard", "tb", "--mlflow", "sqlite:///mlflow.db", *where, cwd=tmp_path)
    assert done.stderr == b""
    trials = f"{len(HOSTILE) + 1} trials"
    first, second = done.stdout.decode().splitlines()
    assert first.startswith(f"wrote {trials}. ")
    assert second.startswith(f"MLflow has {trials} and the report in ")
    assert {path.name for path in tmp_path.iterdir()} == {"tb", "mlflow.db", "mlruns"}
    assert len(table(tmp_path / "tb")) == len(HOSTILE) + 1
    assert len(logged(f"sqlite:///{tmp_path}/mlflow.db")) == len(HOSTILE) + 2
    before = Path(swept_storage).read_bytes()
    refused = sweep("export", "quickstart", "--mlflow", f"sqlite:///{swept_storage}", *where, cwd=tmp_path, code=2)
    assert b"MLflow needs a database of its own" in refused.stderr
    assert Path(swept_storage).read_bytes() == before
