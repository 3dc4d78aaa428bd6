import fcntl
import signal
import subprocess
from pathlib import Path

import pytest

from sweep.data import load
from sweep.errors import DataError
from sweep.published import PUBLISHED

# A shell that starts pytest in its background has it ignore Ctrl-C, and with it the commands that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "sweep.db")


@pytest.fixture(scope="session")
def confirmed(tmp_path_factory) -> Path:
    """The database of the study `tiny`, to be copied by whoever changes it."""
    from export_samples import confirm_tiny_study

    storage = tmp_path_factory.mktemp("confirmed") / "sweep.db"
    confirm_tiny_study(storage)
    return storage


@pytest.fixture(scope="session")
def fashion_files(tmp_path_factory) -> Path:
    """The folder of the real Fashion-MNIST, which `load` finds from here on.

    Where it is not here and Keras's host cannot be reached, it is unpacked from Debian's package, not installed.
    """
    with pytest.MonkeyPatch.context() as patched:
        try:
            load("fashion-mnist")
        except DataError:
            folder = tmp_path_factory.mktemp("debian")
            with (tmp_path_factory.getbasetemp().parent / "apt-get.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # of pytest's processes one at a time
                subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)  # refused but to root
                subprocess.run(["apt-get", "download", "-q", "dataset-fashion-mnist"], cwd=folder, check=True)
            subprocess.run(["dpkg", "-x", next(folder.glob("*.deb")), folder], check=True)
            patched.setattr("sweep.published.DEBIAN_FOLDER", folder / "usr" / "share" / "datasets")
            load("fashion-mnist")
        place = PUBLISHED["fashion-mnist"].place()
        assert place is not None
        yield place.path
