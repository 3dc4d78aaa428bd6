"""sweep reads only plain files, up to a limit. No FIFO, socket or device blocks a command or fills the memory."""

import gzip
import io
import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from samples.data import idx_bytes, idx_folder, npz, tiny

from sweep.data.dataset import load_dataset
from sweep.data.idx import IDX_NAMES
from sweep.errors import DataError, InputError
from sweep.exports import prediction
from sweep.study import recipe
from sweep.study.files import read_study
from sweep.system import files
from sweep.system.files import open_plain, read_all, read_plain

KINDS = ["a FIFO", "a socket", "a device"]


def made(kind: str, path: Path) -> Path:
    """A FIFO, a socket or a device, or a link to one."""
    if kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as one:
            here = Path.cwd()
            os.chdir(path.parent)  # an address of a socket has at most a hundred characters
            one.bind(path.name)
            os.chdir(here)
    else:
        path.symlink_to("/dev/zero")
    return path


def sparse(path: Path, size: int, head: bytes = b"") -> Path:
    """A sparse file of so many bytes, which takes no room on the disk."""
    path.write_bytes(head)
    os.truncate(path, size)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_command_refuses_a_file_that_is_not_plain(tmp_path, kind):
    said = f"it is {kind}, not a plain file"
    path = made(kind, tmp_path / "given")
    with pytest.raises(OSError, match=said):
        open_plain(path)
    for source in (path, Path(idx_folder(tmp_path / "idx"))):
        if source != path:
            (source / IDX_NAMES["y_train"]).unlink()
            made(kind, source / IDX_NAMES["y_train"])
        with pytest.raises(DataError, match=f"{said}\\.$"):
            load_dataset(str(source))
    for read in (recipe.read, read_study):
        with pytest.raises(InputError, match=f"{path}: cannot be read: {said}\\.$"):
            read(path)
    with pytest.raises(InputError, match=f"{path}: cannot be read: {said}\\.$"):
        prediction._read_all([path])
    made(kind, tmp_path / prediction.MODEL)
    with pytest.raises(InputError, match=f"model\\.keras cannot be read: {said}\\.$"):
        prediction.predict(tmp_path, [])


@pytest.mark.parametrize(
    "command",
    [
        ["run", "./given.toml"],
        ["check", "./given.toml"],
        ["train", "given.toml"],
        ["show", "given.toml", "--summary"],
        ["check", "./study.toml"],
        ["run", "./study.toml"],
        ["train", "best.toml", "--data", "given.npz"],
        ["predict", ".", "given.png"],
        ["list", "--storage", "given.db"],
        ["run", "quickstart", "--storage", "given.db"],
        ["doctor", "--storage", "given.db"],
    ],
    ids=" ".join,
)
def test_no_command_waits_for_a_fifo(tmp_path, command):
    for suffix in ("toml", "npz", "png", "db"):
        os.mkfifo(tmp_path / f"given.{suffix}")
    (tmp_path / "best.toml").write_text("dense_units = 8\n")
    study = 'name = "mine"\ndata = "given.npz"\ntrials = 1\n[space]\ndense_units = [8, 16]\n'
    (tmp_path / "study.toml").write_text(study)
    with zipfile.ZipFile(tmp_path / prediction.MODEL, "w") as archive:
        archive.writestr("config.json", "{}")
    command = [sys.executable, "-m", "sweep", *command]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "it is a FIFO, not a plain file" in done.stderr + done.stdout
    assert done.returncode == (1 if "doctor" in command else 2)
    assert "Traceback" not in done.stderr


def test_a_file_above_the_limit_is_not_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert read_plain(path, 100) == b"x" * 100
    for read in (open_plain, read_plain):
        with pytest.raises(OSError, match=r"it holds more than 99 B, which is too much to read"):
            read(path, 99)
    with Path("/dev/zero").open("rb") as endless, pytest.raises(OSError, match=r"more than 1\.00 MB"):
        read_all(endless.read, 10**6)
    assert read_plain(Path("/proc/self/status"))  # says that it has no bytes


def test_every_reader_refuses_a_huge_file_and_names_it(tmp_path):
    huge = 10**13
    idx_folder(tmp_path / "idx")
    head = idx_bytes(tiny()["x_train"])[:4] + np.array([10**9, 100, 100], ">u4").tobytes()
    for path, read in {
        sparse(tmp_path / "data.npz", huge): lambda path: load_dataset(str(path)),
        sparse(tmp_path / "idx" / IDX_NAMES["x_train"], huge, head): lambda path: load_dataset(str(path.parent)),
        sparse(tmp_path / "study.toml", huge, b'name = "mine"\n'): read_study,
        sparse(tmp_path / "picture.png", huge, b"\x89PNG\r\n\x1a\n"): lambda path: prediction._read_all([path]),
        sparse(tmp_path / prediction.MODEL, huge, b"PK"): lambda path: prediction.predict(path.parent, []),
    }.items():
        with pytest.raises((InputError, DataError), match=r"holds more than .* which is too much to read") as caught:
            read(path)
        assert str(caught.value).startswith(str(path))


def test_an_archive_that_unpacks_to_more_than_the_limit_is_refused(tmp_path, monkeypatch):
    """A gigabyte of zeros takes a megabyte on the disk."""
    monkeypatch.setattr(files, "main_memory", lambda: 4 * 10**6)
    zeros = np.zeros((60_000, 28, 28), np.uint8)
    folder = idx_folder(tmp_path / "idx", x_train=gzip.compress(idx_bytes(zeros), 1))
    source = npz(tmp_path / "my.npz", np.savez_compressed, x_train=zeros)
    with zipfile.ZipFile(tmp_path / prediction.MODEL, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(10**7))
    for given in (folder, source):
        with pytest.raises(DataError, match=r"holds more than 1\.00 MB, which is too much to read\.$"):
            load_dataset(given)
    with pytest.raises(InputError, match=r"holds more than 1\.00 MB, which is too much to read\.$"):
        prediction.predict(tmp_path, [])
    assert load_dataset(npz(tmp_path / "small.npz"))
    assert read_all(io.BytesIO(b"x" * 10**6).read)
