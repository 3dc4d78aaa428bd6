"""`sweep run --engine ray` when its own process, or the cluster's head, is killed. Kills are real."""

import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from samples.cluster import cluster_of, processes_of, trained

import sweep
from sweep.storage.database import checkpoint_folder
from sweep.storage.invariants import check_invariants
from sweep.storage.store import Store

STUDY = """
name = "small"
trials = 6
sampler = "random"
pruner = "none"
train_size = 400
validation = 300

[space]
learning_rate = {low = 1e-4, high = 1e-2, log = true}

[base]
"""


def command(place: Path, address: str, epochs: int) -> list[str]:
    study = place / "small.toml"
    study.write_text(f"{STUDY}epochs = {epochs}\n")
    options = ["--engine", f"ray:{address}", "--workers", "2", "--storage", str(place / "sweep.db")]
    return [sys.executable, "-P", "-m", "sweep", "run", str(study), *options]


@contextmanager
def running(place: Path, address: str, folder: Path, epochs: int = 8):
    """The command, once it has had some epochs trained."""
    before = len(trained(folder))
    given = {"cwd": place, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command(place, address, epochs), **given) as process:
        until(lambda: len(trained(folder)) >= before + 6 or process.poll() is not None, 120)
        assert process.poll() is None, process.communicate()
        yield process


def until(is_so, seconds):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def workers(cluster) -> list[psutil.Process]:
    found = [each for node in cluster.worker_nodes for each in processes_of(node)]
    return [each for each in found if "sweep.training.worker" in _command(each)]


def _command(process: psutil.Process) -> list[str]:
    """Empty once it has ended, also where nobody has asked how."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def cluster(folder):
    with cluster_of(2, folder) as cluster:
        yield cluster


def test_the_study_of_a_killed_process_resumes_from_elsewhere_and_leaves_no_worker(cluster, folder, tmp_path):
    with running(tmp_path, cluster.address, folder) as process:
        process.kill()
    until(lambda: not workers(cluster), 10)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(command(tmp_path, cluster.address, 8), cwd=elsewhere, check=True, capture_output=True)
    result = sweep.result("small", storage=tmp_path / "sweep.db")
    assert list(result.frame["outcome"]) == ["completed"] * 6
    assert set(result.frame["trained_epochs"]) == {8}
    assert set(result.provenance["nodes"]) == {result.provenance["machine"]["host"]}
    with Store.open(str(tmp_path / "sweep.db")) as store:
        assert check_invariants(store, checkpoint_folder(str(tmp_path / "sweep.db"))) == []
    again = sum(count - 1 for count in Counter((epoch, run) for _, epoch, run in trained(folder)).values())
    assert again <= 4  # of each of two workers, the epoch in progress and one whose state was on its way


def test_if_the_head_is_lost_everything_is_put_down_with_a_sentence(cluster, folder, tmp_path):
    """The last test of this cluster."""
    with running(tmp_path, cluster.address, folder, epochs=500) as process:
        cluster.head_node.all_processes["gcs_server"][0].process.kill()
        lost = time.monotonic()
        _, said = process.communicate(timeout=60)
        assert time.monotonic() - lost < 25
    assert process.returncode == 3
    assert "The cluster's head is gone: start it again and run the same command." in said
    outcomes = set(sweep.result("small", storage=tmp_path / "sweep.db").frame["outcome"])
    assert {"interrupted"} <= outcomes <= {"completed", "interrupted"}
