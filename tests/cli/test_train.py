"""`sweep train`, and studies around a best.toml: real processes on real MNIST, and the real Ctrl-C."""

import json
import re
import signal
import subprocess
import sys

import pytest
from samples.commands import say, sweep, sweep_alone, until
from samples.data import npz
from samples.training import mnist
from samples.workers import lasting_workers

from sweep.api import look
from sweep.data.dataset import Split, load_dataset
from sweep.runs import Run
from sweep.space.configuration import Configuration
from sweep.storage.store import Store
from sweep.study import recipe
from sweep.verdict.estimates import estimate

pytestmark = pytest.mark.usefixtures("forked")

RECIPE = """
epochs = 2
conv1_filters = 4
conv1_stride = 2
conv2_filters = 4
dense_units = 16
rescale = true
learning_rate = 0.002
"""
AROUND = """
name = "around"
base = "best.toml"
validation = 55_000
seed = 7
trials = 2
sampler = "grid"
[space]
learning_rate = [0.002, 0.004]
"""
HELD_OUT = ("--validation", "55000")  # which leaves 5,000 to train on


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which a study around best.toml has been run, and best.toml trained on its seed and the next."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "best.toml").write_text(RECIPE)
    (folder / "around.toml").write_text(AROUND)
    with lasting_workers():
        sweep("run", "around.toml", cwd=folder)
        yield folder, sweep("train", "best.toml", "--seed", "7", "--seeds", "2", *HELD_OUT, "--json", cwd=folder)


def test_a_study_around_a_file_runs_and_its_first_trial_is_that_configuration(trained):
    folder, _ = trained
    result = look.result("around", storage=str(folder / "sweep.db"))
    assert result.configuration(0) == Configuration().replaced(
        {"epochs": 2, "conv1_filters": 4, "conv1_stride": 2, "conv2_filters": 4, "dense_units": 16}
        | {"rescale": True, "learning_rate": 0.002}
    )
    assert result.frame["baseline"].tolist() == [True, False]
    assert "best.toml" not in json.dumps(result.study.as_document())


def test_check_shows_what_a_study_is_around(trained):
    folder, _ = trained
    shown = sweep("check", "around.toml", cwd=folder).stdout.splitlines()
    assert shown[2] == "each trial trains on 5,000 images and is scored on 55,000 others"
    assert shown[3] == (
        "the baseline is the tutorial's network with learning_rate 0.002, epochs 2, conv1_filters 4, conv1_stride 2, "
        "conv2_filters 4, dense_units 16, rescale yes"
    )
    assert json.loads(sweep("check", "around.toml", "--json", cwd=folder).stdout)["study"]["base"]["dense_units"] == 16


def test_what_a_study_has_trained_is_not_trained_again(trained):
    folder, done = trained
    assert "seed 7 completed (reused)" in done.stderr
    assert "seed 8 epoch 2 of 2" in done.stderr
    first, second = json.loads(done.stdout)["runs"]
    result = look.result("around", storage=str(folder / "sweep.db"))
    assert first["accuracy"] == result.score(0)
    assert first["seconds"] == pytest.approx(float(result.frame["seconds"].iloc[0]))
    assert (first["seed"], second["seed"]) == (7, 8)
    for each in (first, second):
        assert 0.2 < each["accuracy"] < 1
        assert (each["epochs"], each["reason"]) == (2, "")


def test_several_seeds_have_a_mean_with_its_interval_and_the_test_images_stay_sealed(trained):
    folder, done = trained
    found = json.loads(done.stdout)
    scores = [each["accuracy"] for each in found["runs"]]
    mean = estimate(scores, sum(score * (1 - score) for score in scores) / 2 / 55_000)
    assert found["mean"] == {"value": mean.value, "low": mean.low, "high": mean.high}
    table = sweep("train", "best.toml", "--seed", "7", "--seeds", "2", *HELD_OUT, cwd=folder).stdout.splitlines()
    assert table[0].split() == ["seed", "accuracy", "loss", "epochs", "seconds"]
    assert [line.split()[0] for line in table[1:4]] == ["7", "8", "mean"]
    assert f"{100 * mean.value:.2f} ± {50 * (mean.high - mean.low):.2f} %" in table[3]
    assert table[4] == "Each seed holds out 55,000 training images to score. The test images stay sealed."
    with Store.open(str(folder / "sweep.db")) as store:
        assert store.test_looks.count(store.studies.find("around").id) == 0


def test_without_a_seed_it_draws_ones_that_no_search_has_used_and_says_which_has(trained):
    folder, done = trained
    assert "seed 7 was used by the search of study 'around': it may be a lucky one" in done.stderr
    assert "seed 8 was used" not in done.stderr
    fresh, again = (
        [run["seed"] for run in json.loads(sweep("train", "best.toml", *HELD_OUT, "--json", cwd=folder).stdout)["runs"]]
        for _ in range(2)
    )
    assert fresh == again
    assert fresh[0] >= 1_000


def test_runs_may_be_scored_by_another_metric(trained):
    folder, _ = trained
    command = ["train", "best.toml", "--seed", "7", *HELD_OUT, "--metric", "macro_f1"]
    assert sweep(*command, cwd=folder).stdout.splitlines()[0].split()[:3] == ["seed", "macro", "F1"]
    found = json.loads(sweep(*command, "--json", cwd=folder).stdout)
    assert found["metric"] == "macro_f1"
    usual = json.loads(sweep("train", "best.toml", "--seed", "7", *HELD_OUT, "--json", cwd=folder).stdout)
    assert 0 < found["runs"][0]["macro_f1"] != usual["runs"][0]["accuracy"]
    assert found["runs"][0]["loss"] == usual["runs"][0]["loss"]


def test_an_unknown_metric_is_refused_before_anything_is_trained(trained):
    folder, _ = trained
    said = sweep("train", "best.toml", "--metric", "macro", cwd=folder, code=2).stderr
    assert "macro_f1" in said


def test_one_seed_has_no_mean(trained):
    folder, _ = trained
    table = sweep("train", "best.toml", "--seed", "7", *HELD_OUT, cwd=folder).stdout.splitlines()
    assert [line.split()[0] for line in table] == ["seed", "7", "Each"]
    assert (
        json.loads(sweep("train", "best.toml", "--seed", "7", *HELD_OUT, "--json", cwd=folder).stdout)["mean"]["low"]
        is None
    )


def test_a_training_that_is_interrupted_ends_with_the_command_that_resumes(tmp_path):
    (tmp_path / "long.toml").write_text(RECIPE.replace("epochs = 2", "epochs = 4"))
    command = ["train", "long.toml", "--seed", "3", *HELD_OUT]
    process = subprocess.Popen(
        [sys.executable, "-m", "sweep", *command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(process, "epoch 1 of 4")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.splitlines()[-1] == "sweep train long.toml --seed 3 --validation 55000"
    assert "Traceback" not in err
    again = sweep_alone(*command, cwd=tmp_path)  # in the same precision
    assert "epoch 1 of 4" not in again.stderr
    assert again.stdout.splitlines()[1].split()[0] == "3"


def few_of_mnist(path, least_label=0):
    images = {"x_train": mnist().x_train[:600], "x_test": mnist().x_test[:100]}
    labels = {"y_train": mnist().y_train[:600] + least_label, "y_test": mnist().y_test[:100] + least_label}
    return npz(path, **images, **labels)


WILD = """
conv1_filters = 64
conv1_kernel_size = 3
conv2_kernel_size = 3
batch_size = 8
epochs = 1
learning_rate = 1
optimizer = "sgd"
"""


def test_a_run_that_diverges_is_told_and_alone_it_is_a_failure(tmp_path):
    (tmp_path / "wild.toml").write_text(WILD)
    few = few_of_mnist(tmp_path / "few.npz")
    command = ["train", "wild.toml", "--seed", "0", "--data", few, "--validation", "100"]
    assert "the loss was no longer a finite number in epoch 1" in sweep(*command, cwd=tmp_path, code=1).stdout
    again = json.loads(sweep(*command, "--json", cwd=tmp_path, code=1).stdout)
    assert (again["runs"][0]["accuracy"], again["mean"]) == (None, None)
    assert "finite" in again["runs"][0]["reason"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "bset.toml"], "bset.toml: cannot be read: No such file or directory. Did you mean 'best.toml'?"),
        (["train", "around.toml"], "This is a study, not one configuration: `sweep run around.toml` searches it."),
        (["train", "wrong.toml"], "wrong.toml:2: epochs must be a whole number from 1 to 1000, not 0."),
        (["train", "huge.toml"], "This configuration cannot be trained: conv block 1: a 40x40 kernel"),
        (["train", "best.toml", "--data", "mnst"], "Unknown dataset 'mnst'. Did you mean 'mnist'?"),
        (
            ["train", "best.toml", "--data", "./around.tom"],
            "around.tom: no such file or folder. Did you mean 'around.toml'?",
        ),
        (
            ["train", "best.toml", "--validation", "60000"],
            "validation = 60,000 leaves none of the 60,000 training images",
        ),
        (
            ["train", "best.toml", "--validation", "0.999999"],
            "validation = 0.999999 (60,000 images) leaves none of the 60,000 training images",
        ),
        (["train", "best.toml", "--workers", "0"], "workers must be at least 1, not 0."),
        (["run", "best.toml"], "best.toml:2: This is one configuration, not a study: `sweep train best.toml`"),
        (["run", "arround.tml"], "There is no study 'arround.tml'. Did you mean 'around.toml'?"),
        (["show", "x", "--storage", "swep.db"], "There is no database 'swep.db' yet"),
        (["show", "x", "--storage", "swep.db"], "Did you mean 'sweep.db'?"),
        (["show", "filters"], "There is no study 'filters' in sweep.db. It ships, and was not run here yet: sweep run"),
    ],
)
def test_what_is_mistyped_gets_a_sentence_with_what_is_there(tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best.toml").write_text(RECIPE)
    (tmp_path / "around.toml").write_text(AROUND)
    (tmp_path / "wrong.toml").write_text("# mine\nepochs = 0\n")
    (tmp_path / "huge.toml").write_text("conv1_kernel_size = 40\n")
    with Store.open(str(tmp_path / "sweep.db")):
        pass
    assert says in say(capsys, *arguments, code=2)


def test_a_recipe_of_own_data_trains_on_them_and_odd_labels_are_told(tmp_path):
    source = few_of_mnist(tmp_path / "own.npz", least_label=1)
    configuration = Configuration().replaced({"epochs": 1, "conv1_filters": 4, "conv1_stride": 2, "dense_units": 8})
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "best.toml").write_text(recipe.text_of(recipe.Recipe(configuration, source, 100)))
    done = sweep("train", "best/best.toml", "--seed", "0", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["validation"] == 100
    share = sweep("train", "best/best.toml", "--seed", "0", "--validation", "0.1", "--json", cwd=tmp_path)
    assert json.loads(share.stdout)["validation"] == 60
    told = "own: The labels 1, 2, 3, 4, 5 and 5 more become the classes 0 to 9, in this order. They stay the names"
    assert told in done.stderr.replace("\n", " ")
    with Store.open(str(tmp_path / "sweep.db")) as store:
        run = Run(configuration, 0, source, load_dataset(source).digest, Split(0, 100))
        assert len(store.runs.curve(run.fingerprint)) == 1
    shown = sweep("show", "best/best.toml", "--summary", cwd=tmp_path)
    assert re.search(r"^output \(Dense\) +\(None, 10\)", shown.stdout, re.MULTILINE)
