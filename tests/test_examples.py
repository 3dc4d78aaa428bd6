"""Every example runs, from a folder of its own."""

import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import numpy as np
import pytest
import typer
import yaml
from nbclient import NotebookClient
from samples.commands import forking, kept_to_one_core, python, sweep
from samples.documents import ROOT
from samples.workers import lasting_workers

from sweep import result
from sweep.cli.app import app
from sweep.data.dataset import load_dataset

pytestmark = pytest.mark.usefixtures("forked")

EXAMPLES = ROOT / "examples"
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def ran(script: str, cwd: Path) -> str:
    """What a script in `examples/` prints."""
    path = str(EXAMPLES / script)
    text = f"import runpy, sys\nsys.path[0] = {str(EXAMPLES)!r}\nrunpy.run_path({path!r}, run_name='__main__')"
    done = python("-c", forking(text), cwd=cwd, seconds=1200)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_named_on_their_page():
    text = (EXAMPLES / "README.md").read_text()
    tracked = [path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".toml", ".ipynb")]
    assert tracked
    assert [name for name in tracked if f"[{name}]({name})" not in text] == []


def test_the_job_of_slurm_is_a_script_that_runs_sweep_on_its_nodes():
    job = EXAMPLES / "slurm" / "sweep.sbatch"
    subprocess.run(["bash", "-n", str(job)], check=True)
    [line] = [line for line in job.read_text().splitlines() if line.startswith("exec sweep run ")]
    known = {option for parameter in COMMANDS["run"].params for option in parameter.opts}
    assert set(re.findall(r" (--[\w-]+)", line)) <= known


def test_the_cluster_of_kubernetes_has_one_image_and_the_version_of_ray_that_is_in_it():
    folder = EXAMPLES / "kubernetes"
    cluster, claim = yaml.safe_load_all((folder / "cluster.yaml").read_text())
    spec = cluster["spec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    assert {each["image"] for group in groups for each in group["template"]["spec"]["containers"]} == {"REGISTRY/sweep"}
    assert f"rayproject/ray:{spec['rayVersion']}-" in (folder / "Dockerfile").read_text()
    [volume] = spec["headGroupSpec"]["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert spec["authOptions"] == {"mode": "token"}


def test_the_study_of_ones_own_is_checked_and_runs(tmp_path):
    shutil.copy(EXAMPLES / "my_study.toml", tmp_path)
    assert "learning_rate" in sweep("check", "my_study.toml", cwd=tmp_path).stdout
    assert sweep("run", "my_study.toml", cwd=tmp_path).stdout.startswith("my-study: 6 trials")


def test_a_study_runs_on_data_of_ones_own(tmp_path):
    assert ran("own_data.py", tmp_path).startswith("shapes: 4 trials")
    assert (tmp_path / "shapes.npz").exists()


def test_pictures_of_ones_own_are_searched_exported_and_told_apart_by_name(tmp_path):
    said = ran("own_pictures.py", tmp_path)
    assert said.startswith("shapes: 3 trials")
    assert said.splitlines()[-1].removeprefix("ring.webp: ") in ("bars", "crosses", "rings")
    assert "of 3 classes: 'bars', 'crosses', 'rings'." in (tmp_path / "network" / "README.md").read_text()
    assert (tmp_path / "sweep.db.images").is_dir()


def test_pictures_that_a_csv_file_names_are_searched_with_each_group_in_one_part(tmp_path):
    assert ran("pictures_table.py", tmp_path).startswith("leaves: 3 trials (3 completed)")
    dataset = load_dataset(str(tmp_path / "leaves.csv"))
    split = result("leaves", storage=tmp_path / "sweep.db").study.split()
    trained, scored = (set(dataset.groups[part]) for part in split.indices(dataset.y_train, dataset.groups))
    assert (len(trained) + len(scored), len(dataset.y_test)) == (34, 60)  # of 40 plants, 6 are sealed
    assert not trained & scored
    assert dataset.names == ("ash", "birch")


def test_uneven_pictures_are_searched_and_confirmed_by_balanced_accuracy(tmp_path):
    said = ran("uneven_pictures.py", tmp_path)
    assert re.match("parts: 4 trials .*, scored by balanced accuracy\n", said)
    assert "recommended " in said
    found = result("parts", storage=tmp_path / "sweep.db")
    dataset = load_dataset(str(tmp_path / "parts"))
    assert (dataset.y_train == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert found.verdict.test.images < len(dataset.y_test)
    assert found.images < found.study.validation / 2


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Path:
    """Images of three classes, which their brightness tells."""
    source = np.random.default_rng(0)
    labels = source.integers(3, size=500).astype(np.uint8)
    images = (80 * labels[:, None, None] + source.integers(0, 60, (500, 8, 8))).astype(np.uint8)
    arrays = {"x_train": images[:400], "y_train": labels[:400], "x_test": images[400:], "y_test": labels[400:]}
    path = tmp_path_factory.mktemp("data") / "shapes.npz"
    np.savez(path, **arrays)
    return path


def test_a_network_of_ones_own_is_searched_and_exported(tmp_path, shapes):
    for path in (EXAMPLES / "own_network.py", EXAMPLES / "own_network.toml", shapes):
        shutil.copy(path, tmp_path)
    assert "own_network.py:build with batch_size 32" in sweep("check", "own_network.toml", cwd=tmp_path).stdout
    with lasting_workers():
        assert sweep("run", "own_network.toml", cwd=tmp_path).stdout.startswith("own-network: 4 trials")
        sweep("export", "own-network", cwd=tmp_path)
    exported = tmp_path / "best" / "model_source" / "own_network.py"
    assert exported.read_text() == (EXAMPLES / "own_network.py").read_text()


def test_a_builder_for_keras_tuner_is_searched_and_its_script_trains_alone(tmp_path, shapes):
    for path in (EXAMPLES / "tuner_network.py", EXAMPLES / "tuner_network.toml", shapes):
        shutil.copy(path, tmp_path)
    assert (
        "tuner_network.py:build_model with batch_size 32" in sweep("check", "tuner_network.toml", cwd=tmp_path).stdout
    )
    with lasting_workers():
        assert sweep("run", "tuner_network.toml", cwd=tmp_path).stdout.startswith("tuner-network: 4 trials")
        sweep("export", "tuner-network", cwd=tmp_path)
    assert "test accuracy" in python(tmp_path / "best" / "train.py", cwd=tmp_path).stdout


def test_the_script_goes_from_the_search_to_the_export(tmp_path):
    said = ran("search_and_confirm.py", tmp_path)
    assert said.startswith("my-study: 6 trials")
    assert "recommended: trial " in said
    assert (tmp_path / "my-study.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "my-network" / "model.keras").exists()


def test_the_notebook_runs_in_jupyter(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # it ships as it was written, not as it ran
    with kept_to_one_core():
        done = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert done.cells[-1].outputs
    assert (tmp_path / "in-a-notebook.html").exists()
