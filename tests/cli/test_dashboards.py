"""Dashboards as processes: they start, they answer, and none is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from samples.commands import sweep
from samples.databases import keep
from samples.laboratory import npz
from samples.laboratory import study_of as laboratory_study
from samples.results import sample
from samples.studies import run, study_of

from sweep.api.look import result
from sweep.cli import control
from sweep.cli.dashboards import dashboard_process, optuna_server
from sweep.data.dataset import load_dataset
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import InputError
from sweep.space.space import Choice
from sweep.storage.store import Reader, Store
from sweep.system.processes import exists

SWEEP = [sys.executable, "-m", "sweep"]


@pytest.fixture
def kept(storage):
    keep(storage, sample(3))
    return storage


def fetched(url, **headers):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy is not for this machine
    with opener.open(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return answer.read().decode()


def gone(pid):
    """Waits until a process has ended."""
    deadline = time.monotonic() + 60
    while exists(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def children(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_command_says_where_it_is_and_ends_with_ctrl_c_in_peace(kept):
    command = [*SWEEP, "dashboard", "--storage", kept, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        assert "quickstart" in fetched(address)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "")
    assert errors == f"showing {kept}, read-only. Ctrl-C ends it.\n"


def test_with_control_it_prints_a_token_and_what_was_done(kept):
    command = [*SWEEP, "dashboard", "--control", "--storage", kept, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        place, token = process.stdout.readline().strip().split("/?token=")
        name = urlsplit(place)
        headers = {"Origin": place, "Cookie": f"sweep-{name.port}={token}"}
        sent = urllib.request.Request(f"{place}/study/quickstart/act/note", b"text=a+good+one", headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert opener.open(sent, timeout=60).read() == b"noted: quickstart"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "")
    assert errors.splitlines() == [
        f"showing {kept}, with control. Ctrl-C ends it.",
        "noted: quickstart",
    ]
    assert [each.text for each in result("quickstart", storage=kept).notes] == ["a good one"]


def test_a_study_is_resumed_in_a_process_of_its_own(storage, tmp_path):
    """With real workers: it goes on without the process that has started it, and an error comes back."""
    source = npz(tmp_path / "small.npz")
    study = laboratory_study(source, trials=1, precision="float32", base={"epochs": 1, "dense_units": 32})
    with Store.open(storage) as store:
        store.studies.begin(study, load_dataset(source).digest)
    said = control.resume("test", storage)
    pid = int(said.removeprefix("resumed: process ").removesuffix(" runs test"))
    with Reader.open(storage) as store:
        assert store.leases.holder(1).by.pid == pid
    gone(pid)
    found = result("test", storage=storage)
    assert list(found.frame["outcome"]) == ["completed"]
    assert [(each.act, each.answer) for each in found.requests] == [("resume", said)]
    Path(source).unlink()
    with pytest.raises(InputError, match=r"small\.npz"):
        control.resume("test", storage)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--storage", "mysql://host/name"], "mysql databases do not work"),
        (["--optuna", "--storage", "none.db"], "There is no database 'none.db' yet"),
        (["--port", "1"], "cannot listen on port 1"),
        (["--host", "no.such.host.invalid"], "is not an address of this machine"),
        (["--optuna", "--host", "0.0.0.0"], "--optuna is for this machine alone"),
        (["--control", "--host", "0.0.0.0"], "--control is for this machine alone"),
        (["--control", "--optuna"], "Give --control or --optuna"),
        (["--optuna"], "Optuna's dashboard cannot read"),
    ],
)
def test_what_cannot_be_is_one_sentence(kept, tmp_path, given, says):
    if given == ["--port", "1"] and os.geteuid() == 0:
        given = ["--host", "203.0.113.7", *given]  # root may listen everywhere here
    where = [] if "--storage" in given else ["--storage", kept]
    done = sweep("dashboard", *where, *given, cwd=tmp_path, code=2)
    assert done.stdout == ""
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_during_a_run_it_is_there_for_as_long_as_that_takes(kept):
    with dashboard_process(kept) as address:
        commands = {each: Path(f"/proc/{each}/cmdline").read_bytes() for each in children(os.getpid())}
        (pid,) = [each for each, words in commands.items() if b"--until-stdin-closes" in words]
        assert "quickstart" in fetched(f"{address}study/quickstart")
        os.kill(pid, 0)
    gone(pid)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_none_is_left_behind_whatever_ends_the_run(kept, how):
    code = (
        "import sys, time\nfrom sweep.cli.dashboards import dashboard_process\n"
        "with dashboard_process(sys.argv[1]) as address:\n    print(address, flush=True)\n    time.sleep(600)"
    )
    command = [sys.executable, "-c", code, kept]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        address = process.stdout.readline().strip()
        (pid,) = children(process.pid)
        assert "quickstart" in fetched(f"{address}study/quickstart")
        process.send_signal(how)
        process.wait(60)
    gone(pid)


def test_one_that_cannot_start_is_said_before_anything_is_trained(tmp_path, capfd):
    (tmp_path / "notes.txt").write_text("these are notes, long enough to be looked at as a database\n" * 20)
    with pytest.raises(InputError, match="The dashboard did not start"), dashboard_process(str(tmp_path / "notes.txt")):
        pass
    assert "cannot be used" in capfd.readouterr().err


def test_it_opens_before_the_first_run_and_shows_the_study_once_there_is_one(tmp_path):
    storage = str(tmp_path / "later.db")
    command = [*SWEEP, "dashboard", "--storage", storage, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        page = fetched(address)
        assert "There are no studies in this database yet" in page
        assert f"sweep run quickstart --storage {storage}" in page
        assert not Path(storage).exists()
        keep(storage, sample(3))
        assert "quickstart" in fetched(f"{address}study/quickstart")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert errors == f"there is no database yet; waiting for {storage}, read-only. Ctrl-C ends it.\n"


def test_optunas_own_dashboard_answers_this_machine_alone(storage):
    run(study_of({"batch_size": Choice((32, 64))}, trials=2), storage, ScriptedEngine())
    command = [*SWEEP, "dashboard", "--optuna", "--storage", storage, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        studies = json.loads(fetched(f"{address}api/studies"))["study_summaries"]
        assert [study["study_name"] for study in studies] == ["test"]
        with pytest.raises(urllib.error.HTTPError, match="421"):
            fetched(f"{address}api/studies", Host="evil.example")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_a_missing_optuna_dashboard_comes_with_the_way_to_have_it(storage, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(InputError, match=r"pip install 'cnn-sweep\[dashboard\]'"):
        optuna_server(storage, None)
