"""The command line as a stranger uses it: real MNIST, real Ctrl-C, and real processes where those matter."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from samples.commands import ended, on_one_core, python, say, sweep, sweep_alone, until
from samples.pictures import drawn, saved

import studies
from sweep.cli import app as cli
from sweep.cli.options import size_in_bytes
from sweep.results.reading import read_result
from sweep.results.result import Result
from sweep.storage.invariants import check_invariants
from sweep.storage.store import Store

pytestmark = pytest.mark.usefixtures("forked")

SMALL = """
name = "small"
train_size = 1000
validation = 1000
trials = 3
sampler = "grid"
base = { epochs = 2, conv2_filters = 8, dense_units = 16 }
precision = "float32"
[space]
conv1_filters = [4, 32]
conv1_stride = [1, 2]
"""
COMMANDS = ["run", "studies", "init", "check", "baseline", "list", "show", "trials", "report", "export", "gc", "doctor"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> Path:
    """A folder with a small study that has been run."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "small.toml").write_text(SMALL)
    sweep_alone("run", "small.toml", cwd=folder)
    return folder


@pytest.fixture
def printed(swept, monkeypatch, capsys):
    """What a command that does not train prints in that folder, in this process."""
    monkeypatch.chdir(swept)
    return lambda *arguments: ended(capsys, *arguments, code=0).out


def test_every_command_explains_itself(tmp_path, capsys):
    overview = sweep_alone("--help", cwd=tmp_path).stdout
    for command in COMMANDS:
        assert f" {command} " in overview
        assert "Usage: " in ended(capsys, command, "--help", code=0).out


@pytest.mark.parametrize("arguments", [["--help"], ["studies"], ["check", "everything"], ["list"], ["show", "small"]])
def test_no_command_that_does_not_train_imports_tensorflow_or_optuna(swept, arguments):
    script = (
        "import sys; from sweep.cli.app import main; sys.argv = ['sweep', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'tensorflow', 'keras', 'optuna', 'plotly'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script, *arguments], cwd=swept, check=True, capture_output=True)


def test_a_study_is_run_listed_shown_reported_and_exported(swept, printed):
    assert json.loads(printed("list", "--json"))[0]["done"] == 3
    assert "best " in printed("show", "small")
    assert "conv1_stride" in printed("show", "small", "1")
    printed("report", "small")
    assert "</html>" in (swept / "report.html").read_text()
    sweep("export", "small", cwd=swept)
    assert (swept / "best" / "train.py").exists()
    assert (swept / "best" / "best.toml").exists()
    assert "best/best.toml" not in sweep("export", "small", cwd=swept, code=2).stdout


def test_trials_come_as_csv_json_and_parquet_alike(swept, printed):
    (swept / "trials.csv").write_text(printed("trials", "small"))
    printed("trials", "small", "--parquet", "trials.parquet")
    from_json = pd.DataFrame(json.loads(printed("trials", "small", "--json")))
    for frame in (pd.read_csv(swept / "trials.csv"), pd.read_parquet(swept / "trials.parquet")):
        assert list(frame.columns) == list(from_json.columns)
        assert list(frame["fingerprint"]) == list(from_json["fingerprint"])
        assert list(frame["score"].round(6)) == list(from_json["score"].round(6))


def test_run_again_it_trains_nothing_and_says_the_same(swept):
    again = sweep_alone("run", "small.toml", cwd=swept)
    assert " starts: " not in again.stderr
    assert "3 completed" in again.stdout
    assert again.stdout.splitlines()[-1].startswith("next: sweep ")


def test_a_raised_target_trains_only_what_is_missing(swept):
    more = sweep("run", "small.toml", "--trials", "4", cwd=swept)
    assert more.stderr.count(" starts: ") == 1


def test_the_first_trial_is_the_baseline_and_the_summary_compares_with_it(swept, printed):
    shown = json.loads(printed("show", "small", "0", "--json"))
    assert shown["baseline"] is True
    assert (shown["conv1_filters"], shown["epochs"], len(shown["curve"])) == (32, 2, 2)
    summary = sweep("run", "small.toml", cwd=swept).stdout
    assert "baseline " in summary
    assert re.search(r"\nexpected +\d+\.\d\d % on a fresh seed, .* percentage points over the baseline", summary)


def test_a_changed_study_under_an_old_name_is_refused_with_the_differences(swept):
    (swept / "changed.toml").write_text(SMALL.replace("[4, 32]", "[4, 8]").replace("= 1000", "= 900", 1))
    error = sweep("run", "changed.toml", cwd=swept, code=2).stderr
    assert "train_size: 1000 then, 900 now" in error
    assert "space.conv1_filters: 4, 32 then, 4, 8 now" in error


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sweep", "run", "long.toml", "--workers", "2", *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in listed.stdout.split()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def gone(pids: list[int], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


LONG = SMALL.replace('"small"', '"long"').replace("epochs = 2", "epochs = 6")


def found_in(folder: Path) -> Result:
    with Store.open(str(folder / "sweep.db")) as store:
        return read_result(store, "long")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Result:
    """What nothing stopped."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "long.toml").write_text(LONG)
    sweep("run", "long.toml", "--workers", "2", cwd=folder)
    return found_in(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_sweep_that_is_stopped_resumes_to_what_it_would_have_been(tmp_path, number, undisturbed):
    (tmp_path / "long.toml").write_text(LONG)
    process = start(tmp_path)
    until(process, "epoch 2")
    workers = workers_of(process)
    assert len(workers) == 2
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert gone(workers)
    if number == signal.SIGKILL:
        assert process.returncode == -9
    else:
        assert process.returncode == 130, err
        assert out.splitlines()[-1] == "sweep run long.toml --workers 2"
        assert "Traceback" not in err
    assert list((tmp_path / "sweep.db.checkpoints").glob("*.npz"))
    again = sweep("run", "long.toml", "--workers", "2", cwd=tmp_path)
    assert "(reused)" in again.stderr
    found = found_in(tmp_path)
    columns = ["trial", "outcome", "score", "trained_epochs", "reused_epochs", "fingerprint"]
    assert found.frame[columns].equals(undisturbed.frame[columns])
    unlike = ["seconds", "finished"]
    assert found.curves.drop(columns=unlike).equals(undisturbed.curves.drop(columns=unlike))
    with Store.open(str(tmp_path / "sweep.db")) as store:
        assert check_invariants(store, tmp_path / "sweep.db.checkpoints") == []


@pytest.fixture
def copied(swept, tmp_path) -> Path:
    """That folder, to be changed."""
    return shutil.copytree(swept, tmp_path, dirs_exist_ok=True)


HOLDER = """
import sys
from sweep.storage.lease import Lease
from sweep.storage.store import Store

with Store.open("sweep.db") as store, Lease(store.leases, store.studies.find("small").id, "small"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_study_that_another_process_runs_is_refused_with_its_pid(copied):
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, cwd=copied, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        refused = sweep_alone("run", "small.toml", "--trials", "4", cwd=copied, code=2)
        assert f"Study 'small' is being run already, by process {holder.pid} on " in refused.stderr
        assert f"is being run by process {holder.pid} on " in sweep("gc", cwd=copied, code=2).stderr
        holder.kill()
    assert sweep("run", "small.toml", cwd=copied).stdout


def test_gc_shows_and_removes_what_no_study_needs(copied, monkeypatch, capsys):
    def gc(*options: str) -> str:
        return ended(capsys, "gc", *options, code=0).out

    monkeypatch.chdir(copied)
    folder = copied / "sweep.db.checkpoints"
    gc()  # what an export kept of its run
    needed = set(folder.iterdir())
    (folder / "unknown.npz").write_bytes(b"x" * 1_500_000)
    shown = gc("--dry-run")
    assert "unknown.npz" in shown
    assert shown.splitlines()[-1] == "1 file, 1.50 MB: kept, this is a dry run"
    assert gc().splitlines()[-1] == "1 file, 1.50 MB: removed"
    assert set(folder.iterdir()) == needed
    assert gc() == "0 files, 0 B: removed\n"
    gc("--keep-checkpoints", "1")
    assert len(list(folder.iterdir())) == 1


def test_gc_without_a_database_is_told(tmp_path):
    assert "There is no database" in sweep("gc", cwd=tmp_path, code=2).stderr


def test_the_time_allowed_bounds_a_call_and_the_next_one_resumes(tmp_path):
    (tmp_path / "long.toml").write_text(SMALL.replace('"small"', '"long"').replace("epochs = 2", "epochs = 1000"))
    command = ("-m", "sweep", "run", "long.toml", "--timeout", "8s")
    stopped = python(*command, cwd=tmp_path)
    assert stopped.returncode == (0 if "epoch 1 of" in stopped.stderr else 1)  # 1: nothing has a score yet
    assert stopped.stdout.splitlines()[-1] == "sweep run long.toml --timeout 8s"
    assert "The time is over." in stopped.stdout


def test_on_a_terminal_a_bar_shows_the_download_and_a_live_table_the_running_trials(tmp_path):
    (tmp_path / "small.toml").write_text(SMALL)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sweep", "run", "small.toml"], cwd=tmp_path, stdout=theirs, stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "KERAS_HOME": str(tmp_path / "keras")},
        preexec_fn=on_one_core,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                seen += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    text = seen.decode()
    assert process.wait() == 0
    assert text.index("mnist") < text.index("bytes") < text.index("changes to the baseline")
    assert " of 3 trials" in text
    assert "next: sweep " in text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["run", "quickstat"], 2, "Did you mean 'quickstart'?"),
        (["run", "none.toml"], 2, "none.toml: cannot be read: No such file"),
        (["run", "quickstart", "--trials", "0"], 2, "trials must be a whole number from 1 to"),
        (["run", "quickstart", "--workers", "0"], 2, "workers must be at least 1, not 0"),
        (["run", "quickstart", "--workers", "1000"], 2, "workers must be at most "),
        (["run", "quickstart", "--threads", "100000"], 2, "threads must be at most 1000, not 100000"),
        (["run", "quickstart", "--trial-timeout", "0"], 2, "from 1s to 8784h, not '0'."),
        (["run", "quickstart", "--timeout", "0h0m"], 2, "from 1s to 8784h, not '0h0m'."),
        (["run", "quickstart", "--within", "9999h"], 2, "from 1s to 8784h, not '9999h'."),
        (["run", "quickstart", "--timeout", "9" * 5000], 2, "from 1s to 8784h, not '999"),
        (["run", "quickstart", "--trial-memory", "9" * 5000 + "G"], 2, "such as 1500M or 4G, not '999"),
        (["run", "quickstart", "--keep-checkpoints", "9" * 30], 2, "keep-checkpoints"),
        (["confirm", "small", "--seeds", "1000000000"], 2, "seeds must be 2, 3, 5, 7, 10, 15 or 20"),
        (["confirm", "small", "--top", "1000000000"], 2, "--top"),
        (["suggestions", "--seeds", "1000000000"], 2, "seeds must be 2, 3, 5, 7, 10, 15 or 20"),
        (["baseline", "--seeds", "1000000000"], 2, "--seeds"),
        (["run", "quickstart", "--timeout", "soon"], 2, "--timeout takes a time such as 90s, 20m or 1h30m"),
        (["run", "quickstart", "--trial-timeout", "soon"], 2, "--trial-timeout takes a time such as 90s, 20m or 1h30m"),
        (["run", "quickstart", "--trial-timeout", ""], 2, "--trial-timeout takes a time such as 90s, 20m or 1h30m"),
        (["run", "quickstart", "--trial-memory", "much"], 2, "--trial-memory takes a size such as 1500M or 4G, not 'm"),
        (["run", "quickstart", "--trial-memory", "4000"], 2, "--trial-memory takes a size such as 1500M or 4G, not '4"),
        (["run", "quickstart", "--keep-checkpoints", "-1"], 2, "keep-checkpoints"),
        (["run", "quickstart", "--trial-memory", "500M"], 2, "A worker needs at least 1.40 GB of memory"),
        (["run", "quickstart", "--storage", "nothing://x"], 2, "nothing://x"),
        (["run", "quickstart", "--storage", "notes.txt"], 3, "notes.txt cannot be used: file is not a database"),
        (["run", "quickstart", "--storage", "no/such/folder/x.db"], 3, "in a folder that exists"),
        (["run", "elsewhere.toml"], 2, "no-such-folder"),
        (["check", "elsewhere.toml"], 2, "no-such-folder"),
        (["run", "impossible.toml"], 2, "impossible.toml:7: The baseline cannot exist: conv block 1: a 40x40 kernel"),
        (["check", "impossible.toml"], 2, "impossible.toml:7: The baseline cannot exist: conv block 1: a 40x40 kernel"),
        (["list", "--storage", "none.db"], 2, "There is no database 'none.db' yet"),
        (["show", "small", "--storage", "notes.txt"], 3, "file is not a database"),
        (["init", "my.txt"], 2, "ends in .toml"),
        (["init", "my.toml", "--from", "filter"], 2, "Did you mean 'filters'?"),
        (["init", "elsewhere.toml"], 2, "exists already"),
        (["init", "bad name.toml"], 2, "name must be 1 to 64 of"),
        (["export", "small", "--storage", "none.db"], 2, "There is no database"),
        (["runn"], 2, "Did you mean 'run'?"),
        (["baseline", "--seeds", "0"], 2, "seeds"),
        (["check", "elsewhere.toml", "--jsn"], 2, "No such option: --jsn. Did you mean '--json'?"),
        (["run", "quickstart", "--wrokers", "2"], 2, "No such option: --wrokers. Did you mean '--workers'?"),
        (["run", "quickstart", "--wrokers=2"], 2, "No such option: --wrokers. Did you mean '--workers'?"),
        (["run", "quickstart", "--n-trials", "2"], 2, "No such option: --n-trials. Did you mean '--trials'?"),
        (["run", "quickstart", "--hlep"], 2, "No such option: --hlep. Did you mean '--help'?"),
        (["list", "--xyz"], 2, "No such option: --xyz. Options: --help, --json, --storage."),
        (["list", "-x"], 2, "No such option: -x. Options: --help, --json, --storage."),
        (["--verison"], 2, "No such option: --verison. Did you mean '--version'?"),
    ],
)
def test_bad_input_gets_a_sentence_and_its_exit_code(tmp_path, monkeypatch, capsys, arguments, code, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("this is no database, but long enough to be looked at as one\n" * 20)
    (tmp_path / "impossible.toml").write_text(SMALL.replace("dense_units = 16", "conv1_kernel_size = 40"))
    (tmp_path / "elsewhere.toml").write_text(re.sub("base = .*", 'data = "./no-such-folder"', SMALL))
    assert says in say(capsys, *arguments, code=code)


@pytest.mark.parametrize(
    "command", ["run quickstart", "run quickstart --dashboard", "suggestions", "baseline", "train one.toml"]
)
@pytest.mark.parametrize(
    ("storage", "code", "says"),
    [
        ("/dev/null", 2, "The database /dev/null cannot be used: it is a device, not a plain file."),
        (".", 2, "The database . cannot be used: it is a folder, not a plain file."),
        ("no/folder/x.db", 3, "in a folder that exists"),
        ("mysql://u@h/x", 2, "mysql databases do not work"),
    ],
)
def test_a_place_without_a_database_is_refused_before_anything_else_is_said(
    tmp_path, monkeypatch, capsys, command, storage, code, says
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.toml").write_text("epochs = 1\n")
    printed = ended(capsys, *command.split(), "--storage", storage, code=code)
    assert printed.out == ""
    first, *rest = printed.err.splitlines()
    assert says in first
    assert not rest or rest[0] == "Once that is repaired:"
    assert [each.name for each in tmp_path.iterdir()] == ["one.toml"]


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [
        (">/dev/full", 1, "The output cannot be written: No space left on device."),
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("| true", 0, ""),
    ],
)
def test_an_output_that_takes_nothing_gives_no_traceback(tmp_path, redirected, code, said):
    command = f"{sys.executable} -m sweep studies {redirected}"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr.strip()) == (code, said)


def test_ctrl_c_while_libraries_are_imported_ends_without_a_traceback(monkeypatch):
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 130


def test_a_database_that_cannot_be_used_ends_with_the_command_that_resumes(tmp_path):
    (tmp_path / "notes.txt").write_text("this is no database, but long enough to be looked at as one\n" * 20)
    error = sweep("run", "quickstart", "--trials", "3", "--storage", "notes.txt", cwd=tmp_path, code=3).stderr
    assert error.splitlines()[-2:] == ["Once that is repaired:", "sweep run quickstart --trials 3 --storage notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "smal"], "Did you mean 'small'?"),
        (["show", "small", "99"], "has no trial 99; its trials are 0 to"),
        (["trials", "small", "--csv", "--json"], "Give one of --csv, --json and --parquet"),
        (["trials", "small", "--parquet", "no/folder/x.parquet"], "cannot be written"),
        (["report", "small", "-o", "no/folder/x.html"], "no/folder"),
        (["export", "small", "--trial", "77", "-o", "elsewhere"], "has no trial 77"),
    ],
)
def test_bad_questions_about_a_study_get_a_sentence(swept, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(swept)
    assert says in say(capsys, *arguments, code=2)


def test_studies_lists_each_with_a_line(tmp_path):
    lines = sweep_alone("studies", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(studies.texts())
    assert len(json.loads(sweep("studies", "--json", cwd=tmp_path).stdout)) == len(lines) - 1


@pytest.mark.parametrize("name", studies.texts())
def test_what_init_writes_is_a_study_that_checks(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    ended(capsys, "init", "mine.toml", "--from", name, code=0)
    text = ended(capsys, "check", "mine.toml", code=0).out
    assert text.startswith("mine")
    assert text.count("\n- ") == 10
    assert "expected cost" in text
    assert re.search(
        r"validation images: by chance, two runs differ by up to \d\.\d\d points at 90 % accuracy and", text
    )
    document = json.loads(ended(capsys, "check", "mine.toml", "--json", code=0).out)
    assert len(document["samples"]) == 10
    assert [each["accuracy"] for each in document["visible"]] == [0.9, 0.99]


@pytest.mark.parametrize(
    ("validation", "says"),
    [
        (1, "1 validation image: too few to tell networks apart that are right in 90 % of cases or more"),
        (500, "500 validation images: by chance, two runs differ by up to 5.39 points at 90 % accuracy"),
        (10_000, "10,000 validation images: by chance, two runs differ by up to 1.20 points at 90 % accuracy and 0.40"),
    ],
)
def test_check_promises_no_difference_that_cannot_be(tmp_path, monkeypatch, capsys, validation, says):
    monkeypatch.chdir(tmp_path)
    text = f'name = "few"\nvalidation = {validation}\n[space]\nbatch_size = [32, 64]\n'
    Path("few.toml").write_text(text)
    assert says in ended(capsys, "check", "few.toml", code=0).out


@pytest.mark.parametrize(
    ("counts", "metric", "says"),
    [
        (
            (90, 10),
            "accuracy",
            "Class 'cats' has 90 images and class 'dogs' 10: metric = \"balanced_accuracy\" counts every class alike",
        ),
        ((60, 40), "accuracy", ""),
        ((90, 10), "macro_f1", ""),
    ],
)
def test_check_points_out_uneven_classes_and_the_metrics_for_them(tmp_path, monkeypatch, capsys, counts, metric, says):
    monkeypatch.chdir(tmp_path)
    (images, _), labels = drawn(sum(counts), 28, 28), np.repeat([0, 1], counts)
    saved(Path("animals", "train"), images, labels)
    saved(Path("animals", "test"), images[::10], labels[::10])
    text = f'name = "uneven"\ndata = "animals"\nvalidation = 50\nmetric = "{metric}"\n[space]\nbatch_size = [8, 16]\n'
    Path("uneven.toml").write_text(text)
    said = ended(capsys, "check", "uneven.toml", code=0).out
    assert says in said
    assert ("counts every class alike" in said) == bool(says)
    assert ("50 validation images, which count as 18 for macro F1: " in said) == (metric == "macro_f1")


def test_parquet_without_its_package_says_how_to_install_it(swept, tmp_path):
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text("import sys; sys.modules['pyarrow'] = None")
    command = [sys.executable, "-m", "sweep", "trials", "small", "--parquet", "x.parquet"]
    done = subprocess.run(
        command, cwd=swept, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--parquet needs pyarrow, which is not installed: pip install 'cnn-sweep[parquet]'" in done.stderr
    assert not (swept / "x.parquet").exists()


def test_doctor_finds_nothing_to_mend_here(swept):
    found = json.loads(sweep("doctor", "--json", cwd=swept).stdout)
    assert all(finding["ok"] for finding in found)
    assert {"python", "tensorflow", "devices", "mnist", "database"} <= {finding["what"] for finding in found}


def test_an_output_that_is_not_read_to_its_end_is_no_error(swept):
    piped = f"{sys.executable} -m sweep trials small | head -n 1"
    done = subprocess.run(["bash", "-c", piped], cwd=swept, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "size"), [("4G", 4e9), ("1500M", 1.5e9), ("1.5g", 1.5e9), ("700MB", 7e8), ("2GB", 2e9)]
)
def test_a_size_is_read_as_people_write_it(text, size):
    assert size_in_bytes("--trial-memory", text) == size
