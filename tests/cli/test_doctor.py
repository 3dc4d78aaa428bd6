import sys
from pathlib import Path

import pytest
from samples.studies import study_of

from sweep.cli import doctor
from sweep.cli.doctor import Finding, examine
from sweep.errors import DataError
from sweep.space.space import Choice
from sweep.storage.store import Store
from sweep.system import children, machine
from sweep.system.machine import PACKAGES

SIZES = {"batch_size": Choice((32, 128))}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """TensorFlow is not asked, but in the one test that is about it."""
    monkeypatch.setattr(doctor, "apart", lambda _: ["CPU"])


def findings(storage: str) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(storage)}


def test_every_part_is_looked_at_in_order_and_is_well_on_a_machine_that_has_it_all(storage, monkeypatch):
    monkeypatch.setattr("sweep.cli.doctor.locate_dataset", lambda name: f"in Keras's cache: {name}.npz")
    with Store.open(storage) as store:
        store.studies.begin(study_of(SIZES), "digest")
    found = list(examine(storage))
    names = ["python", *PACKAGES, "devices", "processor", "bfloat16", "mnist", "fashion-mnist", "database"]
    assert [finding.what for finding in found] == names
    assert {finding.mark for finding in found} == {"ok"}
    assert all(finding.found for finding in found)
    assert found[0].found == ".".join(map(str, sys.version_info[:3]))
    assert found[-1].found == f"{storage}: studies test"


def test_tensorflow_itself_is_asked_for_its_devices(monkeypatch):
    monkeypatch.undo()
    finding = doctor._devices()
    assert finding.mark == "ok"
    assert "CPU" in finding.found
    assert "GPU" in finding.found or finding.remedy == "for an NVIDIA GPU: pip install 'cnn-sweep[gpu]'"


def test_a_tensorflow_that_cannot_be_imported_is_told_and_ends_nothing(storage, tmp_path, monkeypatch):
    monkeypatch.undo()
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libcudart is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = findings(storage)["devices"]
    assert finding.mark == "!!"
    assert finding.found == "TensorFlow cannot be imported: ImportError: libcudart is missing"
    assert finding.remedy == "pip install --force-reinstall tensorflow"


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("import os; os.abort()", "was killed by SIGABRT"),
        ("__import__('time').sleep(600)", "did not start within 3.0 s"),
    ],
)
def test_a_tensorflow_that_dies_or_hangs_without_a_word_is_told(tmp_path, monkeypatch, does, says):
    monkeypatch.undo()
    monkeypatch.setattr(children, "SECONDS_TO_START", 3)
    (tmp_path / "tensorflow.py").write_text(does)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = doctor._devices()
    assert not finding.ok
    assert finding.found.startswith(f"TensorFlow cannot be imported: A process that uses TensorFlow {says}")


def test_modules_in_the_folder_of_the_user_are_not_tensorflows(tmp_path, monkeypatch):
    monkeypatch.undo()
    for name in ("random.py", "tensorflow.py", "sweep.py"):
        (tmp_path / name).write_text("raise SystemExit('a script of the user')")
    monkeypatch.chdir(tmp_path)
    assert doctor._devices().ok


def test_a_package_that_is_missing_is_told_with_the_command_that_installs_it(storage, monkeypatch):
    monkeypatch.setattr(doctor, "installed", lambda name: None if name == "plotly" else "1.0")
    found = findings(storage)
    assert (found["plotly"].mark, found["plotly"].found) == ("!!", "not installed")
    assert "pip install" in found["plotly"].remedy
    assert found["pandas"].ok


def test_a_database_that_does_not_exist_yet_is_nothing_to_worry_about(storage):
    finding = findings(storage)["database"]
    assert finding.ok
    assert finding.found == f"There is no database {storage!r} yet"
    assert finding.remedy == "`sweep run quickstart` starts one."
    assert not Path(storage).exists()


def test_an_empty_database_has_no_studies_yet(storage):
    Store.open(storage).__exit__()
    assert findings(storage)["database"] == Finding(True, "database", f"{storage}: no studies yet")


@pytest.mark.parametrize(
    ("url", "found", "remedy"),
    [
        ("nonsense://host/name", "nonsense databases do not work", "SQLite and PostgreSQL do"),
        ("://", "'://' is no database", "Give a path, or a URL"),
        ("postgresql+asyncpg://me:secret@host/name", "there is no driver", "pip install 'cnn-sweep[postgresql]'"),
    ],
)
def test_an_address_that_cannot_work_comes_with_a_remedy(url, found, remedy):
    finding = findings(url)["database"]
    assert finding.mark == "!!"
    assert found in finding.found
    assert remedy in finding.remedy
    assert "secret" not in finding.found + finding.remedy


def test_a_damaged_database_comes_with_a_remedy(storage):
    Path(storage).write_text("Dear diary, " * 1000)
    finding = findings(storage)["database"]
    assert finding.mark == "!!"
    assert finding.found.endswith("sweep.db cannot be used: file is not a database")
    assert finding.remedy == "Move the file away, or name another one with --storage."


def test_data_that_cannot_be_used_come_with_the_reason(storage, monkeypatch):
    def missing(name: str) -> str:
        raise DataError(f"{name}: damaged; delete it and it is fetched again.")

    monkeypatch.setattr("sweep.cli.doctor.locate_dataset", missing)
    finding = findings(storage)["mnist"]
    assert (finding.mark, finding.found) == ("!!", "cannot be used")
    assert finding.remedy == "mnist: damaged; delete it and it is fetched again."


# -- the machine


@pytest.mark.parametrize(
    ("granted", "expected"),
    [("max 100000", None), ("200000 100000", 2), ("50000 100000", 1), ("250000 100000", 2), ("nonsense", None)],
)
def test_a_containers_quota_is_counted_in_whole_processors_and_is_never_none(monkeypatch, granted, expected):
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: granted)
    assert machine._quota() == expected
    assert machine.cores() >= 1


def test_half_a_processor_means_one_worker_not_one_per_core(monkeypatch):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(machine, "_quota", lambda: 1)
    assert machine.cores() == 1


def test_provenance_names_versions_machine_and_threads():
    found = machine.provenance(workers=2, threads=3)
    assert found["workers"] == 2
    assert found["threads"] == 3
    assert set(found["versions"]) == {"python", *PACKAGES}
    assert found["machine"]["cores"] == machine.cores()
    assert set(found) >= {"git", "command"}
