import fcntl
import gc
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from sweep.data.dataset import load_dataset
from sweep.data.published import PUBLISHED
from sweep.errors import DataError

if TYPE_CHECKING:
    from samples.nursery import Nursery
    from samples.postgresql import Server

pytest.register_assert_rewrite("contracts", "samples")

# A shell that starts pytest in its background has it ignore Ctrl-C, and with it the commands that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Has the garbage collector leave alone what the test modules import, which it would go through again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _migrations_of_optuna() -> Iterator[None]:
    """Has Optuna load its migrations once, instead of three times for each database that it makes."""
    from optuna.storages._rdb.storage import _VersionManager

    with pytest.MonkeyPatch.context() as patched:
        loaded: list[Any] = []
        load = _VersionManager._create_alembic_script

        def once(manager: _VersionManager) -> Any:
            if not loaded:
                loaded.append(load(manager))
            return loaded[0]

        patched.setattr(_VersionManager, "_create_alembic_script", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _as_on_any_processor() -> Iterator[None]:
    """Has studies that begin in this process compute in float32 if they do not say: the same wherever tests run."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sweep.api._networks.bfloat16_instructions", lambda: False)
        yield


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "sweep.db")


@pytest.fixture(scope="session")
def server() -> Iterator["Server"]:
    """A PostgreSQL server of the tests' own, which a test may stop and start again."""
    from samples.postgresql import begun

    with begun() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql(server) -> Engine:
    """Connections to that server."""
    return server.engine


@pytest.fixture
def on_server(postgresql) -> str:
    """The URL of a fresh database on that server."""
    name = f"fresh_{uuid4().hex}"
    with postgresql.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    return postgresql.url.set(database=name).render_as_string()


@pytest.fixture(scope="session")
def nursery() -> Iterator["Nursery"]:
    from samples.nursery import begun

    with begun() as nursery:
        yield nursery


@pytest.fixture(scope="module")
def forked(nursery) -> Iterator[None]:
    """Has the workers of a module's tests forked: they start in a tenth of a second."""
    from samples.nursery import KNOWN

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sweep.system.children.subprocess", nursery)
        patched.setenv(KNOWN, nursery.known)
        yield


@pytest.fixture(scope="session")
def confirmed(tmp_path_factory) -> Path:
    """The database of the study `tiny`, to be copied by tests that change it. All processes of pytest have the same."""
    from samples.exports import confirm_tiny_study

    ours = tmp_path_factory.getbasetemp()
    shared = ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours
    with (shared / "confirmed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "confirmed").exists():
            folder = tmp_path_factory.mktemp("confirmed")
            confirm_tiny_study(folder / "sweep.db")
            folder.rename(shared / "confirmed")
    return shared / "confirmed" / "sweep.db"


@pytest.fixture(scope="session")
def fashion_files(tmp_path_factory) -> Path:
    """The folder of the real Fashion-MNIST, which `load` finds from here on.

    Where it is not here and Keras's host cannot be reached, it is unpacked from Debian's package, not installed.
    """
    with pytest.MonkeyPatch.context() as patched:
        try:
            load_dataset("fashion-mnist")
        except DataError:
            folder = tmp_path_factory.mktemp("debian")
            with (tmp_path_factory.getbasetemp().parent / "apt-get.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # of pytest's processes one at a time
                subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)  # refused but to root
                subprocess.run(["apt-get", "download", "-q", "dataset-fashion-mnist"], cwd=folder, check=True)
            subprocess.run(["dpkg", "-x", next(folder.glob("*.deb")), folder], check=True)
            patched.setattr("sweep.data.published.DEBIAN_FOLDER", folder / "usr" / "share" / "datasets")
            load_dataset("fashion-mnist")
        place = PUBLISHED["fashion-mnist"].place()
        assert place is not None
        yield place.path
