"""Optuna's own dashboard, started as a user would, on a database that a whole study was kept in."""

import json
import math
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from samples.studies import run, study_of

from sweep.engines.scripted import ScriptedEngine
from sweep.results.result import Result
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Float

SPACE = {
    "batch_size": Choice((32, 64, 128, 256)),
    "conv2_kernel_size": Choice((5, 20)),
    "extra_blocks": Choice((0, 1)),
    "conv3_filters": Choice((8,)),
}
PRUNED = ("pruned", "paused", "infeasible", "diverged")
STATES = {"completed": "Complete", "failed": "Fail"} | dict.fromkeys(PRUNED, "Pruned")


def curve(configuration: Configuration, epoch: int) -> float | Exception:
    if configuration.batch_size == 32:
        return RuntimeError("out of luck")
    if configuration.batch_size == 64:
        return math.nan if epoch == 2 else 0.9
    return 0.9 + epoch / 100 - configuration.extra_blocks / 1000


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> tuple[Result, str]:
    """A study with trials of every kind, and its database; a second study is there to be told apart."""
    storage = str(tmp_path_factory.mktemp("dashboard") / "sweep.db")
    study = study_of(SPACE, sampler="grid", trials=99, name="everything")
    found, _ = run(study, storage, ScriptedEngine(curve, workers=2))
    epochs = study_of({"epochs": Choice((1, 2))}, trials=1, name="epochs", description="Is one epoch enough?")
    run(epochs, storage, ScriptedEngine())
    rates = {"learning_rate": Float(1e-5, 1e-1, log=True)}
    run(study_of(rates, pruner="asha", trials=12, name="rungs"), storage, ScriptedEngine())
    return found, storage


@pytest.fixture(scope="module")
def address(result: tuple[Result, str]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [Path(sys.executable).with_name("optuna-dashboard"), f"sqlite:///{result[1]}", "--port", str(port)]
    log = Path(result[1]).with_name("dashboard.log")
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | {"NO_PROXY": "127.0.0.1"})
        try:
            wait_for(f"http://127.0.0.1:{port}/api/meta", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            fetched(url)
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"optuna-dashboard did not start: {log.read_text()}")


def fetched(url: str) -> dict:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy is not for this machine
    with opener.open(url, timeout=30) as answer:
        return json.load(answer)


def looked_at(address: str, name: str) -> dict:
    studies = fetched(f"{address}/api/studies")["study_summaries"]
    (study,) = [study for study in studies if study["study_name"] == name]
    return fetched(f"{address}/api/studies/{study['study_id']}")


def attributes(trial: dict) -> dict[str, str]:
    return {item["key"]: item["value"] for item in trial["user_attrs"]}


@pytest.fixture(scope="module")
def detail(address) -> dict:
    return looked_at(address, "everything")


def test_it_lists_the_studies_with_their_direction(address):
    studies = fetched(f"{address}/api/studies")["study_summaries"]
    assert sorted(study["study_name"] for study in studies) == ["epochs", "everything", "rungs"]
    assert all(study["directions"] == ["maximize"] for study in studies)


def test_it_shows_every_trial_in_its_state(detail, result):
    frame = result[0].frame
    assert set(frame["outcome"]) == set(STATES) - {"pruned", "paused"}
    assert [trial["number"] for trial in detail["trials"]] == list(frame["trial"])
    assert [trial["state"] for trial in detail["trials"]] == [STATES[outcome] for outcome in frame["outcome"]]


def test_it_shows_each_trials_value_and_the_best(detail, result):
    found, _ = result
    for trial in detail["trials"]:
        if trial["state"] == "Complete":
            assert trial["values"] == [found.score(trial["number"])]
    assert [trial["number"] for trial in detail["best_trials"]][:1] == [found.best_trial]


def test_it_shows_the_parameters_that_each_trial_has(detail, result):
    found, _ = result
    for trial in detail["trials"]:
        values = found.configuration(trial["number"]).values()
        assert {param["name"]: param["param_external_value"] for param in trial["params"]} == {
            name: str(values[name]) for name in SPACE if name in values
        }
    names = {item["name"] for item in detail["union_search_space"]}
    assert names == set(SPACE)
    assert {item["name"] for item in detail["intersection_search_space"]} == names - {"conv3_filters"}


def test_it_shows_the_score_of_each_epoch(detail, result):
    curves = result[0].curves
    for trial in detail["trials"]:
        mine = curves[curves["trial"] == trial["number"]]
        shown = [(point["step"], point["value"]) for point in trial["intermediate_values"]]
        kept = zip(mine["epoch"], ["nan" if score != score else score for score in mine["val_accuracy"]], strict=True)
        assert shown == list(kept)
    assert detail["has_intermediate_values"]


def test_it_shows_how_and_why_each_trial_ended_and_what_it_took(detail, result):
    rows = result[0].frame.set_index("trial")
    for trial in detail["trials"]:
        row, shown = rows.loc[trial["number"]], attributes(trial)
        wanted = {"outcome": row["outcome"]} | ({"reason": row["reason"]} if row["reason"] else {})
        measured = {name: row[name] for name in ("trained_epochs", "seconds", "parameters", "flops")}
        if row["outcome"] != "infeasible":
            wanted |= {name: f"{value:.2f}" for name, value in measured.items() if value == value}
        numbers = {name: f"{float(value):.2f}" for name, value in shown.items() if name in measured}
        assert shown | numbers == wanted
        assert (trial["constraints"] == [1.0]) is (row["outcome"] in ("infeasible", "diverged"))


def test_no_paused_trial_is_running(address):
    trials = looked_at(address, "rungs")["trials"]
    assert {(trial["state"], attributes(trial)["outcome"]) for trial in trials} == {
        ("Complete", "completed"),
        ("Pruned", "paused"),
    }


def test_a_baseline_outside_of_the_space_is_shown_with_its_values_and_the_description_as_a_note(address):
    study = looked_at(address, "epochs")
    assert study["note"]["body"] == "Is one epoch enough?"
    assert attributes(study["trials"][0])["outside of the space"] == '{"epochs": 5}'


def test_it_names_what_is_measured(detail):
    assert detail["objective_names"] == ["validation accuracy"]


def test_looking_changes_nothing(detail, result):
    study = study_of(SPACE, sampler="grid", trials=99, name="everything")
    again = ScriptedEngine(curve)
    assert run(study, result[1], again)[0].frame.equals(result[0].frame)
    assert again.trained == []
