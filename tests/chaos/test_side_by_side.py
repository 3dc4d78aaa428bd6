"""Several processes search at once in one database, and all their runs are the same: each is trained once."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from samples.commands import on_one_core

import sweep
from sweep.storage.invariants import check_invariants
from sweep.storage.store import Store

SCRIPTED = str(Path(__file__).parents[1] / "engines" / "nodes")
STUDY = """
name = "study-{number}"
trials = 3
sampler = "random"
pruner = "none"
experience = false
train_size = 400
validation = 300

[base]
epochs = 4

[space]
learning_rate = {{low = 1e-4, high = 1e-2, log = true}}
"""


@pytest.mark.parametrize(("database", "studies"), [("storage", 3), ("on_server", 8)])
def test_a_run_common_to_studies_side_by_side_is_trained_once(request, tmp_path, database, studies):
    storage = request.getfixturevalue(database)
    log = tmp_path / "trained.txt"
    environment = os.environ | {"PYTHONPATH": SCRIPTED, "SCRIPTED_LOOP": str(tmp_path), "TRAINED": str(log)}
    begun = []
    for number in range(studies):
        (tmp_path / f"{number}.toml").write_text(STUDY.format(number=number))
        command = [sys.executable, "-m", "sweep", "run", f"{number}.toml", "--workers", "1", "--storage", storage]
        given = {"cwd": tmp_path, "env": environment, "text": True, "preexec_fn": on_one_core}
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **given))
    for each in begun:
        said, _ = each.communicate(timeout=600)
        assert each.returncode == 0, said
    trained = Counter(log.read_text().splitlines())
    assert set(trained.values()) == {1}
    assert len(trained) == 3 * 4  # three runs of four epochs
    for number in range(studies):
        result = sweep.result(f"study-{number}", storage=storage)
        assert list(result.frame["outcome"]) == ["completed"] * 3
    with Store.open(storage) as store:
        assert check_invariants(store, tmp_path / "sweep.checkpoints") == []
