import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweep.system.files import atomic_write, leftovers
from sweep.system.processes import machine_tag

OTHER = """
import sys
from pathlib import Path
from sweep.system.files import atomic_write

with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("half", flush=True)
    sys.stdin.read()
    temporary.write_text("the other's, whole")
"""


@pytest.fixture
def target(tmp_path) -> Path:
    (tmp_path / "file").write_text("before")
    return tmp_path / "file"


@pytest.fixture
def other(target):
    """Another process that is writing the same file. It ends when its standard input closes."""
    command = [sys.executable, "-c", OTHER, str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "half\n"
        yield process
        process.kill()


def there(target: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in target.parent.iterdir()}


def test_a_file_appears_under_its_name_only_at_the_end_of_the_block(target):
    with atomic_write(target) as temporary:
        temporary.write_text("after")
        assert target.read_text() == "before"
        assert temporary.parent == target.parent
    assert there(target) == {"file": "after"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_a_block_that_raises_changes_no_file(target, error):
    def half_written() -> None:
        with atomic_write(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        half_written()
    assert there(target) == {"file": "before"}


def test_a_file_that_cannot_be_synced_does_not_replace_the_old_one(target, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"), atomic_write(target) as temporary:
        temporary.write_text("after")
    assert there(target) == {"file": "before"}


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "gone" / "file") as temporary:
        temporary.write_text("after")
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_writes_nothing_is_an_error_and_changes_no_file(target):
    with pytest.raises(FileNotFoundError), atomic_write(target):
        pass
    assert there(target) == {"file": "before"}


def test_two_processes_that_write_at_once_do_not_touch_each_others_partial_files(target, other):
    with atomic_write(target) as temporary:
        temporary.write_text("ours, whole")
    assert target.read_text() == "ours, whole"
    other.communicate()
    assert there(target) == {"file": "the other's, whole"}


def test_two_blocks_of_one_process_do_not_touch_each_others_partial_files(target):
    with atomic_write(target) as one:
        one.write_text("one, whole")
        with atomic_write(target) as two:
            two.write_text("two, whole")
        assert target.read_text() == "two, whole"
    assert there(target) == {"file": "one, whole"}


def test_a_partial_file_is_a_leftover_only_after_its_process_was_killed(target, other):
    with atomic_write(target) as temporary:
        temporary.write_text("ours")
        assert leftovers(target.parent) == []
        other.kill()
        other.wait()
        (left,) = leftovers(target.parent)
        assert left.read_text() == "half"


def test_on_a_disk_that_machines_share_a_file_of_another_one_is_a_leftover_only_by_its_age(tmp_path, other):
    """What runs there cannot be seen from here, and its processes have numbers of their own."""
    other.kill()
    other.wait()
    foreign = tmp_path / f".{other.pid}@0123abcd-5678-run.npz.partial"
    foreign.write_text("being written")
    assert foreign not in leftovers(tmp_path)
    long_ago = time.time() - 2 * 86_400
    os.utime(foreign, (long_ago, long_ago))
    assert foreign in leftovers(tmp_path)


def test_a_file_under_way_names_its_process_and_its_machine(target):
    with atomic_write(target) as temporary:
        assert temporary.name.startswith(f".{os.getpid()}@{machine_tag()}-")
        temporary.write_text("whole")


def test_files_of_other_programs_are_never_leftovers(tmp_path, other):
    other.kill()
    other.wait()
    for name in (".profile", ".mine.partial", f"{other.pid}-file.partial", f".{other.pid}-file", ".12x-file.partial"):
        (tmp_path / name).touch()
    assert [path.read_text() for path in leftovers(tmp_path)] == ["half"]


def test_a_missing_folder_has_no_leftovers(tmp_path):
    assert leftovers(tmp_path / "gone") == []
