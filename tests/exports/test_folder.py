"""`sweep export` as its user meets it: what is in the folder, that it is whole or not there, and what is refused."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import jsonschema
import nbformat
import numpy as np
import pytest
from samples.checkpoints import left_by_a_dead_process
from samples.commands import sweep
from samples.data import npz
from samples.exports import TINY, found, mnist, selected
from samples.results import confirmed, frame_of, result_of, rows_of
from samples.workers import lasting_workers

from sweep.api import look
from sweep.data.metric import IN_WORDS
from sweep.errors import InputError
from sweep.exports import _card as card
from sweep.exports import folder as export
from sweep.exports import formats
from sweep.exports.selection import sealed_run, select
from sweep.space.configuration import Configuration
from sweep.storage.checkpoints import path_of
from sweep.storage.store import Store
from sweep.system import files

pytestmark = pytest.mark.usefixtures("forked")

SCHEMA = json.loads((Path(card.__file__).parent / "templates" / "metrics.schema.json").read_text())
ALL_FILES = {*export.NAMES, "savedmodel", "model.onnx", "model.tflite"}


def python(code: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(confirmed, tmp_path_factory) -> Iterator[Path]:
    """A folder with the database of the confirmed study `tiny`, and its export in all formats in `best`."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(confirmed.parent, folder, dirs_exist_ok=True)
    with lasting_workers():
        (folder / "said").write_text(sweep("export", "tiny", "--format", ",".join(formats.FORMATS), cwd=folder).stdout)
        yield folder


@pytest.fixture
def copied(place, tmp_path) -> Path:
    """That folder, to be changed."""
    return shutil.copytree(place, tmp_path, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def metrics(place) -> dict:
    return json.loads((place / "best" / "metrics.json").read_text())


# -- what is in the folder


def test_it_holds_every_file_and_says_which_trial_and_how_good(place, metrics):
    assert {path.name for path in (place / "best").iterdir()} == ALL_FILES
    said = (place / "said").read_text().splitlines()
    assert said[0] == f"wrote best: trial {metrics['trial']}, the recommended one"
    assert said[1] == metrics["limit"]
    assert said[1].startswith("This holds for 2,000 of 59,000 training images, not yet for all of them.")
    assert sorted(said[2:-1]) == sorted(f"best/{name}" for name in ALL_FILES)
    assert said[-1].startswith(f"test accuracy {100 * metrics['model']['accuracy']:.2f} %, loss 0.")


def test_best_toml_is_the_configuration_that_was_searched(place, metrics):
    values = tomllib.loads((place / "best" / "best.toml").read_text())
    assert values == metrics["configuration"]
    configuration = look.result("tiny", storage=str(place / "sweep.db")).configuration(metrics["trial"])
    assert Configuration().replaced(values) == configuration


@pytest.fixture(scope="module")
def predicted(place) -> np.ndarray:
    """What model.keras says of the test images, raw, in a process that knows nothing of ours: (images, classes)."""
    np.save(place / "test.npy", mnist().x_test)
    code = (
        "import keras, numpy as np; model = keras.saving.load_model('best/model.keras', safe_mode=True)\n"
        "np.save('predicted.npy', model.predict(np.load('test.npy'), batch_size=500, verbose=0))"
    )
    python(code, place)
    return np.load(place / "predicted.npy")


def test_the_model_takes_raw_pixels_and_is_the_run_that_the_sealed_test_scored(place, metrics, predicted):
    """To the image: it gives each the class that the worker's run gave it."""
    assert predicted.shape == (10_000, 10)
    assert predicted.sum(axis=1) == pytest.approx(np.ones(10_000), abs=1e-5)
    accuracy = np.mean(predicted.argmax(axis=1) == mnist().y_test)
    assert accuracy == metrics["model"]["accuracy"]
    of_the_truth = predicted[np.arange(10_000), mnist().y_test]
    assert -np.log(of_the_truth).mean() == pytest.approx(metrics["model"]["loss"], rel=1e-4)
    result = look.result("tiny", storage=str(place / "sweep.db"))
    run = sealed_run(result, metrics["trial"], result.verdict.seeds[0], mnist())
    with Store.open(str(place / "sweep.db")) as store:
        (epoch,) = store.runs.curve(run.fingerprint)
        predictions = store.predictions.find(run.fingerprint, 1)
    assert metrics["model"]["seed"] == run.seed
    assert accuracy == pytest.approx(epoch.val_accuracy, abs=1e-7)
    assert (predicted.argmax(axis=1) == predictions).all()


READERS = {
    "savedmodel": "import tensorflow as tf; m = tf.saved_model.load('best/savedmodel'); got = m.serve(tf.constant(x))",
    "onnx": "import onnxruntime as o; s = o.InferenceSession('best/model.onnx')\n"
    "got = s.run(None, {s.get_inputs()[0].name: x})[0]",
    "litert": "from ai_edge_litert.interpreter import Interpreter as I; m = I('best/model.tflite')\n"
    "run = m.get_signature_runner(); got = np.concatenate([run(input=each[None])['output_0'] for each in x])",
}


@pytest.mark.parametrize("name", READERS)
def test_each_format_read_by_its_own_runtime_says_what_keras_says(place, metrics, predicted, name):
    np.save(place / "some.npy", mnist().x_test[:40].astype(np.float32))
    python(f"import numpy as np; x = np.load('some.npy'); {READERS[name]}; np.save('{name}.npy', got)", place)
    assert np.abs(np.load(place / f"{name}.npy") - predicted[:40]).max() < 1e-4
    assert metrics["formats"][name]["largest_difference"] < 1e-4


def test_the_lines_of_the_card_run_and_its_numbers_are_those_of_the_document(place, metrics):
    text = (place / "best" / "README.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert len([line for line in code.splitlines() if line]) == 5
    assert re.fullmatch(r"\[\d\]\n", python(code, place / "best"))
    tested, more = metrics["accuracy"]["test"], metrics["accuracy"]["one_more_run"]
    for number in (
        f"**{100 * metrics['model']['accuracy']:.2f} %**",
        f"{100 * tested['value']:.2f} % (95 % interval {100 * tested['low']:.2f} % to {100 * tested['high']:.2f} %, 3",
        f"{100 * more['low']:.2f} % to {100 * more['high']:.2f} %",
        f"{100 * metrics['baseline']['test']['value']:.2f} %",
        mnist().digest,
        "| dense_units | 32 | 1024 |",
        "3 trials (3 completed)",
        "| optimizer | sgd, adam, rmsprop |",
        "keras 3.",
    ):
        assert number in text
    assert "not known" not in text
    assert re.search(r"None|\bnan\b|Undefined", text) is None


def test_the_document_is_as_its_schema_says(metrics):
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.check_schema(SCHEMA)
    validator.validate(metrics)
    for broken in (metrics | {"version": 2}, metrics | {"more": 1}, metrics | {"accuracy": {}}):
        assert not validator.is_valid(broken)


def test_the_notebook_is_one_and_really_runs_in_jupyter(place):
    """Every cell in a real kernel; what the last one says of the accuracy is what the script would."""
    notebook = nbformat.read(place / "best" / "train.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code"] * 6
    headings = [cell.source.splitlines()[0] for cell in notebook.cells[2::2]]
    assert headings[0] == "## 1. The data, with pixels as they come."
    assert [heading[:5] for heading in headings] == [f"## {number}." for number in range(1, 6)]
    script = (place / "best" / "train.py").read_text()
    code = [line for cell in notebook.cells[1::2] for line in cell.source.splitlines() if line]
    assert [line for line in code if line not in script] == [
        "keras.utils.set_random_seed(103467)  # no run of the study had 103467"
    ]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "jupyter", "execute", "--output=run.ipynb", "train.ipynb"]
    done = subprocess.run(command, cwd=place / "best", capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    ran = nbformat.read(place / "best" / "run.ipynb", as_version=4)
    (place / "best" / "run.ipynb").unlink()
    assert ran.cells[-1].outputs[-1].text.startswith("inside the expected ")


# -- the seal


def test_the_look_at_the_test_images_is_recorded_and_the_same_again_is_the_same(place, copied, confirmed):
    before, after = (look.result("tiny", storage=str(each / "sweep.db")) for each in (confirmed.parent, place))
    assert after.test_looks == before.test_looks + 1
    said = sweep("export", "tiny", "--force", cwd=copied).stdout  # the state is kept: nothing is trained
    assert {path.name for path in (copied / "best").iterdir()} == set(export.NAMES)  # formats were not asked for again
    assert said.splitlines()[-1] == (place / "said").read_text().splitlines()[-1]
    assert look.result("tiny", storage=str(copied / "sweep.db")).test_looks == after.test_looks
    assert sorted((copied / "sweep.db.checkpoints").iterdir())


def test_what_was_not_confirmed_is_said_to_be_so(copied):
    with closing(sqlite3.connect(copied / "sweep.db")) as database, database:
        database.execute("DELETE FROM sweep_verdicts")
    said = sweep("export", "tiny", "-o", "unconfirmed", cwd=copied).stdout.splitlines()
    assert said[0].endswith(", the best by search")
    assert said[-1] == "not confirmed yet: sweep confirm tiny"
    document = json.loads((copied / "unconfirmed" / "metrics.json").read_text())
    jsonschema.validate(document, SCHEMA)
    assert (document["conclusion"], document["accuracy"]["test"], document["accuracy"]["one_more_run"]) == (None,) * 3
    assert "It is not confirmed on fresh seeds" in (copied / "unconfirmed" / "README.md").read_text()
    script = (copied / "unconfirmed" / "train.py").read_text()
    assert "sys.exit" not in script
    assert "the search saw " in script


# -- whole or not at all


def begin_and_fail(folder: Path, error: BaseException) -> None:
    with export.export_folder(folder, force=True) as inside:
        (inside / "train.py").write_text("half")
        raise error


def test_an_export_appears_at_once_and_one_that_fails_leaves_nothing(tmp_path):
    folder = tmp_path / "new" / "best"
    with export.export_folder(folder, force=False) as inside:
        (inside / "best.toml").write_text("whole")
        (inside / "savedmodel").mkdir()
        assert not folder.exists()
    assert (folder / "best.toml").read_text() == "whole"
    assert list(tmp_path.glob("**/.*")) == []
    for error in (KeyboardInterrupt(), OSError(28, "No space left on device")):
        with pytest.raises((KeyboardInterrupt, InputError)):
            begin_and_fail(tmp_path / "other", error)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_files_that_are_there_are_kept_without_force_and_replaced_with_it(tmp_path):
    (tmp_path / "train.py").write_text("mine")
    (tmp_path / "model.onnx").write_text("of an earlier export")
    (tmp_path / "savedmodel").mkdir()
    (tmp_path / "savedmodel" / "saved_model.pb").write_text("of an earlier export")
    (tmp_path / "notes.txt").write_text("mine")
    refusal = r"has train\.py, savedmodel, model\.onnx already; --force overwrites, -o names another folder"
    with pytest.raises(InputError, match=refusal), export.export_folder(tmp_path, force=False):
        pytest.fail("it is not to come so far")
    with pytest.raises(KeyboardInterrupt):
        begin_and_fail(tmp_path, KeyboardInterrupt())
    assert (tmp_path / "train.py").read_text() == "mine"
    with export.export_folder(tmp_path, force=True) as inside:
        (inside / "train.py").write_text("new")
        (inside / "savedmodel").mkdir()
    texts = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    assert texts == {"train.py": "new", "notes.txt": "mine"}
    assert list((tmp_path / "savedmodel").iterdir()) == []


def test_a_full_disk_leaves_all_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "best.toml").write_text("before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    refusal = pytest.raises(InputError, match="cannot be written: No space left on device")
    with refusal, export.export_folder(tmp_path, force=True) as inside:
        (inside / "best.toml").write_text("after")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("best.toml", "before")]


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path):
    half = left_by_a_dead_process(tmp_path)
    half.unlink()
    half.mkdir()
    (half / "best.toml").write_text("half")
    with files.atomic_fill(tmp_path / "best") as inside:
        (inside / "best.toml").write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


# -- what is refused


REFUSED = [
    (["export", "tinny"], "There is no study 'tinny' in sweep.db. Did you mean 'tiny'?"),
    (["export", "tiny", "--trial", "77", "-o", "new"], "Study 'tiny' has no trial 77; its trials are 0 to 2."),
    (["export", "tiny", "--format", "onxx", "-o", "new"], "There is no format 'onxx'. Did you mean 'onnx'?"),
    (["export", "tiny", "--format", "", "-o", "new"], ""),
    (
        ["export", "tiny"],
        "best has best.toml, train.py, train.ipynb, model.keras, README.md, metrics.json, savedmodel, ",
    ),
    (["export", "tiny", "-o", "said"], "said cannot be written: Not a directory."),
    (["export", "tiny", "--storage", "none.db", "-o", "new"], "There is no database"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED, ids=str)
def test_what_cannot_be_is_one_sentence_and_leaves_nothing(place, arguments, said):
    before = sorted(place.rglob("*"))
    refused = sweep(*arguments, cwd=place, code=2)
    assert refused.stderr.startswith(said)
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""
    assert sorted(place.rglob("*")) == before


def test_a_study_without_a_finished_trial_has_nothing_to_export(copied):
    with closing(sqlite3.connect(copied / "sweep.db")) as database, database:
        database.execute("DELETE FROM sweep_verdicts")
        database.execute("UPDATE sweep_trials SET outcome = 'diverged'")
    refused = sweep("export", "tiny", "-o", "new", cwd=copied, code=2)
    assert refused.stderr.startswith("Study 'tiny' has no trial with a score yet.")
    assert not (copied / "new").exists()


def test_a_network_that_cannot_exist_is_not_exported(copied):
    with closing(sqlite3.connect(copied / "sweep.db")) as database, database:
        values = json.dumps(Configuration().replaced(TINY | {"conv1_kernel_size": 64}).values())
        database.execute("UPDATE sweep_trials SET configuration = ? WHERE number = 1", [values])
    refused = sweep("export", "tiny", "--trial", "1", "-o", "new", cwd=copied, code=2)
    assert refused.stderr.startswith("The network of trial 1 of study 'tiny' cannot exist: ")
    assert not (copied / "new").exists()


def test_data_that_have_changed_or_gone_are_told(copied):
    with closing(sqlite3.connect(copied / "sweep.db")) as database, database:
        database.execute("UPDATE sweep_studies SET document = json_set(document, '$.data', 'gone.npz')")
    assert "no such file" in sweep("export", "tiny", "-o", "new", cwd=copied, code=2).stderr
    npz(copied / "gone.npz")
    refused = sweep("export", "tiny", "-o", "new", cwd=copied, code=2)
    assert refused.stderr == f"{copied / 'gone.npz'}: these are not the images that study 'tiny' was started with.\n"
    assert not (copied / "new").exists()


def test_a_missing_extra_is_told_with_what_to_install(monkeypatch):
    absent = {"tf2onnx", "onnxruntime", "ai_edge_litert"}
    monkeypatch.setattr("sweep.system.extras.find_spec", lambda name: None if name in absent else object())
    assert formats.available(["savedmodel", "savedmodel"]) == ["savedmodel"]
    with pytest.raises(
        InputError,
        match=r"^onnx needs tf2onnx and onnxruntime, which are not installed: pip install 'cnn-sweep\[onnx\]'$",
    ):
        formats.available(["onnx"])
    with pytest.raises(InputError, match=r"^onnx and litert need .*: pip install 'cnn-sweep\[onnx,litert\]'$"):
        formats.available(["onnx", "savedmodel", "litert"])


@pytest.mark.filterwarnings("ignore")  # of the libraries: they are for the log of the process that this is not
@pytest.mark.parametrize("wrong", ["computes", "raises"])
def test_a_format_that_cannot_be_written_is_left_out_with_a_sentence(place, tmp_path, monkeypatch, metrics, wrong):
    from sweep.exports import _models as models

    result = look.result("tiny", storage=str(place / "sweep.db"))
    with Store.open(str(place / "sweep.db")) as store:
        selection = select(store, result, metrics["trial"], mnist())
    state = path_of(Path(f"{place / 'sweep.db'}.checkpoints"), selection.run.fingerprint)

    def reader(path: Path):
        if wrong == "raises":
            raise ValueError("not an ONNX file\nat all")
        right = models._onnx(path)
        return lambda images: right(images) + 2e-4

    monkeypatch.setitem(models._READERS, "onnx", reader)
    said = {
        "computes": "it computes something else than the network. Probabilities of 32 images differ by up to 0.0002, "
        "and 0.0001 is allowed.",
        "raises": "ValueError: not an ONNX file.",
    }
    written = models.write(selection.run, state, selection.dataset, ["onnx", "savedmodel"], tmp_path)
    assert written.missing == {"model.onnx": f"model.onnx was not written: {said[wrong]}"}
    assert list(written.differences) == ["savedmodel"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.keras", "savedmodel"]
    assert written.scores["accuracy"] == metrics["model"]["accuracy"]


# -- best.toml


def test_best_toml_tells_what_the_tutorial_had_where_it_differs():
    configuration = Configuration(optimizer="sgd", learning_rate=1e-5, rescale=True)
    lines = export.as_toml(found(configuration), 0).splitlines()
    assert lines[0] == "# The configuration of trial 0 of study 'quickstart': validation accuracy 90.00 %"
    assert "learning_rate = 1e-05  # the tutorial: 0.0001" in lines
    assert 'optimizer = "sgd"  # the tutorial: "adam"' in lines
    assert "rescale = true  # the tutorial: false" in lines
    assert "momentum = 0.9  # not in the tutorial" in lines
    assert "batch_size = 128" in lines


def test_a_score_of_another_metric_is_named_in_best_toml():
    by_accuracy = found(Configuration())
    scored = replace(by_accuracy, study=by_accuracy.study.replaced(metric="macro_f1"))
    assert export.as_toml(scored, 0).splitlines()[0].endswith("'quickstart': validation macro F1 90.00 %")


def test_no_path_can_break_out_of_best_toml():
    for name in ('"""\nimport os\n', "carriage\rreturn", "line\u2028separator\x85next = 1"):
        text = export.as_toml(found(Configuration(), name), 0)
        values = tomllib.loads(text)
        assert (values.pop("data"), values.pop("validation")) == (name, 2)
        assert Configuration().replaced(values) == Configuration()


# -- the card of what was made up


def test_a_study_around_another_base_compares_with_that_and_the_tutorial(tmp_path):
    rows = [each | Configuration().values() for each in rows_of(0.5, 0.9)]
    result = replace(result_of(rows, data=npz(tmp_path / "a`b.npz"), precision="float32"), frame=frame_of(rows))
    provenance = {"versions": {"keras": "3"}, "machine": {"system": "s", "processor": "p", "cores": 1}}
    document = card.metrics(selected(result, trial=1), formats.Written(dict.fromkeys(IN_WORDS, 0.5), 0.7), provenance)
    text = card.as_card(document)
    assert document["accuracy"]["search"] == 0.9
    assert document["baseline"]["search"] == 0.5
    assert "Nothing: it is the tutorial's own configuration." in text
    assert "| this configuration in the search, one run | 90.00 % |" in text
    assert "**this model** on them" not in text
    by_another = card.as_card(document | {"metric": "macro_f1"})
    assert "| **this model** on them, macro F1 | **50.00 %** |" in by_another
    assert "| this configuration in the search, one run, macro F1 | 90.00 % |" in by_another
    assert "on the test images, macro F1" not in by_another


def test_a_card_has_the_sealed_test_by_the_metric_of_the_study(tmp_path):
    searched = result_of(rows_of(0.5, 0.9), data=npz(tmp_path / "a.npz"), precision="float32", metric="macro_f1")
    result = confirmed(searched, {0: [0.5, 0.5, 0.51], 1: [0.9, 0.9, 0.91]}, test=((0.25, 0.26), (0.12, 0.13)))
    provenance = {"versions": {"keras": "3"}, "machine": {"system": "s", "processor": "p", "cores": 1}}
    written = formats.Written(dict.fromkeys(IN_WORDS, 0.5), 0.7)
    document = card.metrics(selected(result, trial=result.verdict.recommended), written, provenance)
    jsonschema.validate(document, SCHEMA)
    text = card.as_card(document)
    assert "| this configuration on the test images, macro F1 | 25.50 % (95 % interval" in text
    assert "| the baseline on the test images, macro F1 | 12.50 % (95 % interval" in text
    assert "on the test images, " not in card.as_card(document | {"metric": "accuracy"})
