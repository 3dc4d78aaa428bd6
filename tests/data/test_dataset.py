import dataclasses
import gzip
import pickle
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.data import idx_bytes, idx_folder, npz, tiny
from samples.pictures import drawn, parts_of, saved
from samples.strategies import unhurried

from sweep.data.dataset import Split, load_dataset, locate_dataset
from sweep.data.partition import Partition, Selected, partition
from sweep.data.preparation import Preparation
from sweep.errors import DataError

OBJECT = np.array([None] * 6)


@pytest.fixture(scope="session")
def mnist():
    return load_dataset("mnist")


def test_mnist_is_the_real_one(mnist):
    assert mnist.name == "mnist"
    assert mnist.x_train.shape == (60_000, 28, 28, 1)
    assert mnist.x_test.shape == (10_000, 28, 28, 1)
    assert mnist.x_train.dtype == np.uint8
    assert mnist.y_train.dtype == np.int32
    assert mnist.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert (mnist.image_shape, mnist.classes) == ((28, 28, 1), 10)
    assert mnist.digest == "2c2dedee4a0f507e8e6ca4b3046e0afa63dae54cc3621544e5dd1a8b50350d49"


def test_fashion_mnist_is_the_real_one(fashion_files):
    dataset = load_dataset("fashion-mnist")
    assert dataset.x_train.shape == (60_000, 28, 28, 1)
    assert dataset.x_test.shape == (10_000, 28, 28, 1)
    assert dataset.y_train[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert dataset.digest == "126229c1c3602aa415542a2fab036058e40b2ed38dee8d5953da6324dae921f6"


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
    assert len({load_dataset(source).digest for source in sources}) == 1
    assert [load_dataset(source).name for source in sources[-3:]] == ["plain", "zipped", "deep"]
    assert load_dataset(sources[0]).name == "stored"


def test_one_hot_labels_and_the_names_of_medmnist_are_understood_told_and_kept_for_workers(tmp_path):
    expected = load_dataset(npz(tmp_path / "plain.npz"), folder=tmp_path / "images")
    assert not (tmp_path / "images").exists()
    one_hot = {name: np.eye(3, dtype=np.float32)[tiny()[name]] for name in ("y_train", "y_test")}
    called = {"x_train": "train_images", "y_train": "train_labels", "x_test": "test_images", "y_test": "test_labels"}
    np.savez(tmp_path / "medmnist.npz", **{called[name]: array for name, array in tiny().items()})
    for source, told in ((npz(tmp_path / "hot.npz", **one_hot), "hot: The labels are one-hot"), ("medmnist.npz", "")):
        dataset = load_dataset(str(tmp_path / source), folder=tmp_path / "images")
        assert (dataset.digest, dataset.note[: len(told)]) == (expected.digest, told)
        np.testing.assert_array_equal(load_dataset(dataset.source).x_train, expected.x_train)
        assert Path(dataset.source).parent == tmp_path / "images"


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_missing_test_part_of_an_npz_is_cut_off_like_that_of_the_same_pictures(tmp_path, dtype):
    images, labels = drawn(60)
    np.savez(tmp_path / "animals.npz", x_train=images.astype(dtype), y_train=np.eye(3)[labels])
    dataset = load_dataset(str(tmp_path / "animals.npz"), Preparation(test=0.25), folder=tmp_path / "images")
    pictures = load_dataset(str(saved(tmp_path / "animals", images, labels)), Preparation(test=0.25))
    np.testing.assert_array_equal(dataset.x_test, pictures.x_test)
    np.testing.assert_array_equal(dataset.y_train, pictures.y_train)
    assert (dataset.digest == pictures.digest) == (dtype == np.uint8)
    assert dataset.x_train.dtype == dtype
    assert dataset.note == (
        "animals: There is no test part, so 15 of 60 images are cut off as one and sealed. "
        "The labels are one-hot: the place of the 1 is the class."
    )
    assert load_dataset(dataset.source).digest == dataset.digest
    other = load_dataset(str(tmp_path / "animals.npz"), folder=tmp_path / "images")
    assert len(other.y_test) == 9


@pytest.mark.parametrize("name", tiny())
def test_every_array_decides_the_digest(tmp_path, name):
    changed = tiny()[name].copy()
    changed[:2] = changed[1::-1]
    assert (
        load_dataset(npz(tmp_path / "a.npz")).digest != load_dataset(npz(tmp_path / "b.npz", **{name: changed})).digest
    )


def test_dtype_and_shape_decide_the_digest(tmp_path):
    images = {name: tiny()[name] for name in ("x_train", "x_test")}
    digests = {
        load_dataset(npz(tmp_path / f"{number}.npz", **changes)).digest
        for number, changes in enumerate(
            [
                {},
                {name: array.astype(float) for name, array in images.items()},
                {name: array.reshape(-1, 4, 5) for name, array in images.items()},
            ]
        )
    }
    assert len(digests) == 3


def test_pictures_in_colour_keep_their_channels(tmp_path):
    shapes = {"x_train": (6, 5, 4, 3), "x_test": (3, 5, 4, 3)}
    images = {name: np.zeros(shape, dtype=np.uint8) for name, shape in shapes.items()}
    assert load_dataset(npz(tmp_path / "a.npz", **images)).image_shape == (5, 4, 3)


def test_a_dataset_cannot_be_changed(tmp_path):
    for source in (npz(tmp_path / "a.npz"), idx_folder(tmp_path / "idx")):
        dataset = load_dataset(source)
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
        ({"x_test": np.zeros((3, 5, 4))}, r"x_test: values are float64, but uint8 in x_train"),
        ({"x_train": np.zeros((6, 5, 4), bool)}, r"x_test: values are uint8, but bool in x_train"),
        ({"x_test": np.zeros((3, 5, 4), np.int16)}, r"x_test: values are int16, but uint8 in x_train"),
        ({"y_train": np.array([0, 1, 2, 2, 1, 0.5])}, r"y_train: label 0\.5 is not a whole number"),
        ({"y_train": np.array([0, 1, 2, 2, 1, -1])}, r"y_train: label -1 is not a whole number"),
        ({"y_train": np.array([0, 1, 2, 2, 1, np.nan])}, r"y_train: label nan is not a whole number"),
        ({"y_train": np.array([0, 1, 2, 2, 1, np.inf])}, r"y_train: label inf is not a whole number"),
        (
            {"y_train": np.array([0, 1, 2, 2, 1, 2**40])},
            r"y_train: label 1099511627776 is not a whole number",
        ),
        ({"y_train": 2 * ONE_HOT}, r"y_train: its shape is \(6, 3\), as of one-hot labels, but some row has not one 1"),
        ({"y_train": ONE_HOT + ONE_HOT[::-1]}, r"y_train: .* some row has not one 1 among zeros"),
        ({"y_train": np.zeros((6, 3))}, r"y_train: .* some row has not one 1 among zeros"),
        ({"y_train": np.zeros((6, 1, 2))}, r"y_train: its shape is \(6, 1, 2\); labels are"),
        ({"y_train": np.array(3)}, r"y_train: its shape is \(\); labels are"),
        ({"y_train": np.full(6, 3)}, r"y_train: every label is 3; 2 classes are the least"),
        (
            {"y_test": np.array([0, 1, 3])},
            r"y_test: no image of x_train has the label 3; those of y_train are 0",
        ),
    ],
)
def test_arrays_that_are_no_dataset_are_refused_by_file_and_name(tmp_path, changes, match):
    source = npz(tmp_path / "my.npz", **changes)
    with pytest.raises(DataError, match=match) as caught:
        load_dataset(source)
    assert str(caught.value).startswith(source)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([1, 2, 3, 3, 2, 1], "The labels 1, 2 and 3 become the classes 0 to 2, in this order."),
        ([0, 1, 5, 5, 1, 0], "The labels 0, 1 and 5 become the classes 0 to 2, in this order."),
        ([1, 3, 5, 7, 9, 999], "The labels 1, 3, 5, 7, 9 and 999 become the classes 0 to 5"),
        ([0, 1, 2**31 - 1, 1, 1, 0], "The labels 0, 1 and 2147483647 become the classes 0 to 2"),
    ],
)
def test_labels_that_do_not_begin_at_0_or_leave_gaps_become_classes_that_keep_their_names(tmp_path, labels, said):
    labels = np.array(labels)
    source = npz(tmp_path / "my.npz", y_train=labels, y_test=labels[:3])
    for dataset in (load_dataset(source), load_dataset(source, folder=tmp_path / "images")):
        names = np.unique(labels)
        assert dataset.note.startswith(f"my: {said}")
        assert dataset.names == tuple(map(str, names.tolist()))
        assert dataset.classes == len(names)
        assert names[dataset.y_train].tolist() == labels.tolist()
        assert names[dataset.y_test].tolist() == labels[:3].tolist()


def test_labels_from_0_without_gaps_are_classes_already(tmp_path):
    dataset = load_dataset(npz(tmp_path / "my.npz"), folder=tmp_path / "images")
    assert (dataset.names, dataset.note, dataset.source) == ((), "", str(tmp_path / "my.npz"))


def test_a_part_that_lacks_a_class_is_told(tmp_path):
    there = np.array([0, 1, 2, 0, 1, 2])
    lacking = {"y_train": there, "x_val": tiny()["x_test"], "y_val": np.zeros(3, int), "y_test": np.full(3, 2)}
    told = "Classes without a validation image: '1' and '2'. Classes without a test image: '0' and '1'."
    assert load_dataset(npz(tmp_path / "my.npz", **lacking)).note == f"my: {told}"
    named = {name: array * 5 if name.startswith("y") else array for name, array in lacking.items()}
    assert load_dataset(npz(tmp_path / "named.npz", **named)).note.endswith(
        "Classes without a validation image: '5' and '10'. Classes without a test image: '0' and '5'."
    )


def test_other_arrays_are_told_as_not_used(tmp_path):
    others = {"class_names": np.array(["a", "b", "c"]), "ids": np.arange(6)}
    dataset = load_dataset(npz(tmp_path / "my.npz", **others), folder=tmp_path / "images")
    assert dataset.note == "my: Not used: 'class_names' and 'ids'."
    assert dataset.digest == load_dataset(npz(tmp_path / "plain.npz")).digest


@pytest.mark.parametrize(
    "names", [["X_val", "Y_val"], ["X_valid"], ["y_dev"], ["x_extra", "y_extra"], ["validation_images"], ["xval"]]
)
def test_images_and_labels_that_would_not_be_used_are_refused_by_name(tmp_path, names):
    source = npz(tmp_path / "my.npz", **dict.fromkeys(names, tiny()["y_test"]))
    with pytest.raises(DataError, match=f"{' and '.join(names)} would not be used\\.") as caught:
        load_dataset(source)
    assert "are called x_val and y_val in a .npz file. Rename them so, or take them out." in str(caught.value)
    kept = npz(tmp_path / "names.npz", class_names=np.array(["a", "b"]), mean=np.array(0.5), intervals=np.arange(3))
    assert load_dataset(kept)


VALIDATED = {"x_val": tiny()["x_test"] + 100, "y_val": np.array([1, 2, 0], np.uint8)}


@pytest.mark.parametrize("medmnist", [False, True])
def test_validation_images_of_an_npz_stand_behind_those_to_train_on(tmp_path, medmnist):
    arrays = tiny() | VALIDATED
    if medmnist:
        kinds = {"x": "images", "y": "labels"}
        arrays = {f"{name[2:]}_{kinds[name[0]]}": array for name, array in arrays.items()}
    np.savez(tmp_path / "my.npz", **arrays)
    dataset = load_dataset(str(tmp_path / "my.npz"), folder=tmp_path / "images")
    for found in (dataset, load_dataset(dataset.source)):
        assert (found.given, len(found.y_train), len(found.y_test)) == (3, 9, 3)
        np.testing.assert_array_equal(found.x_train[6:, ..., 0], VALIDATED["x_val"])
        assert found.y_train[6:].tolist() == [1, 2, 0]
    pooled = {
        name: np.concatenate([tiny()[name], VALIDATED[name.replace("train", "val")]]) for name in ("x_train", "y_train")
    }
    assert load_dataset(npz(tmp_path / "pooled.npz", **pooled)).digest == dataset.digest


def test_a_missing_test_part_is_not_cut_off_the_validation_images(tmp_path):
    images, labels = drawn(60)
    np.savez(tmp_path / "my.npz", x_train=images[::2], y_train=labels[::2], x_val=images[1::2], y_val=labels[1::2])
    dataset = load_dataset(str(tmp_path / "my.npz"))
    assert (dataset.given, len(dataset.y_test)) == (30, 4)
    np.testing.assert_array_equal(dataset.x_train[-30:], images[1::2])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"y_val": None}, "holds no y_val"),
        ({"y_val": np.array([1, 2])}, "y_val: 2 labels for the 3 images of x_val"),
        ({"y_val": np.array([1, 2, 3])}, "y_val: no image of x_train has the label 3; those of y_train are 0, 1 and 2"),
        ({"x_val": np.zeros((3, 5, 5), np.uint8)}, r"x_val: images are \(5, 5, 1\), but \(5, 4, 1\) in x_train"),
        ({"x_val": np.zeros((3, 5, 4), np.float32)}, "x_val: values are float32, but uint8 in x_train"),
    ],
)
def test_validation_images_of_another_kind_are_refused(tmp_path, changes, says):
    with pytest.raises(DataError, match=says):
        load_dataset(npz(tmp_path / "my.npz", **VALIDATED | changes))


def test_a_given_split_holds_out_the_last_images_whatever_the_seed_and_trains_on_the_others():
    labels = np.arange(50) % 5
    for seed in (0, 1):
        trains, scores = Split(seed, 10, None, given=True).indices(labels)
        assert (trains.tolist(), scores.tolist()) == (list(range(40)), list(range(40, 50)))
    few, other = (Split(seed, 10, 20, given=True).indices(labels) for seed in (0, 1))
    assert few[0].tolist() != other[0].tolist()
    assert np.bincount(labels[few[0]]).tolist() == [4] * 5
    assert few[0].max() < 40


def test_a_given_split_of_data_that_came_with_other_validation_images_is_refused(tmp_path):
    dataset = load_dataset(npz(tmp_path / "my.npz", **VALIDATED))
    assert len(partition(dataset, Split(0, 3, given=True)).x_score) == 3
    with pytest.raises(DataError, match="my: 2 validation images of the data are to score, and 3 came with them"):
        partition(dataset, Split(0, 2, given=True))


def test_a_split_that_is_not_given_is_documented_as_it_always_was():
    assert Split(3, 10, 20).as_document() == {"seed": 3, "validation": 10, "train_size": 20}
    assert Split(3, 10, 20, given=True).as_document()["given"] is True


class Noted(Selected):
    """Notes what is read of its file, and in which thread."""

    def __getitem__(self, which):
        self.__dict__.setdefault("noted", []).append((len(self._places[which]), threading.current_thread().name))
        return super().__getitem__(which)


@pytest.mark.parametrize("following", [4, 2, 6, 0])
def test_the_next_images_are_read_ahead_and_given_even_if_others_were_thought_to_follow(tmp_path, following):
    mapped = load_dataset(str(parts_of(tmp_path / "animals")), folder=tmp_path / "images")
    order = np.random.default_rng(0).permutation(30)
    images = Noted(mapped.x_train, np.arange(30))
    np.testing.assert_array_equal(images.read(order[:4], order[4 : 4 + following]), mapped.x_train[order[:4]])
    np.testing.assert_array_equal(images.read(order[4:8], order[20:24]), mapped.x_train[order[4:8]])
    np.testing.assert_array_equal(images.read(order[8:12], order[:0]), mapped.x_train[order[8:12]])
    images._reader.shutdown()
    read = [(count, name.startswith("images ahead")) for count, name in images.noted if count]
    assert (following, True) in read or not following
    assert (4, True) in read
    here = [count for count, ahead in read if not ahead]
    assert here == [4, *([4 - following] if following < 4 else []), 4]


def test_kept_images_are_mapped_anew_in_another_process_instead_of_sent(tmp_path):
    dataset = load_dataset(str(parts_of(tmp_path / "animals")), folder=tmp_path / "images")
    sent = pickle.dumps(dataset)
    assert len(sent) < 1_000 < dataset.x_train.nbytes
    found = pickle.loads(sent)
    assert isinstance(found.x_train, np.memmap)
    assert (found.digest, found.names, found.pixels) == (dataset.digest, dataset.names, dataset.pixels)
    plain = load_dataset(npz(tmp_path / "my.npz"))
    assert pickle.loads(pickle.dumps(plain)).x_train.tolist() == plain.x_train.tolist()


def test_mapped_images_stay_in_their_file_and_are_the_same(tmp_path):
    mapped = load_dataset(str(parts_of(tmp_path / "animals")), folder=tmp_path / "images")
    plain = dataclasses.replace(mapped, x_train=np.array(mapped.x_train), x_test=np.array(mapped.x_test))
    for split in (Split(0, 9), Split(0, 9, 12), None):
        found, expected = partition(mapped, split), partition(plain, split)
        assert [type(each) for each in (found.x_train, found.x_score)] == [Selected, Selected]
        assert [type(each) for each in (expected.x_train, expected.x_score)] == [np.ndarray, np.ndarray]
        some = np.array([3, 0, 5])
        for ours, theirs in ((found.x_train, expected.x_train), (found.x_score, expected.x_score)):
            assert len(ours) == len(theirs)
            np.testing.assert_array_equal(ours[some], theirs[some])
            np.testing.assert_array_equal(ours[2:4], theirs[2:4])


def test_idx_files_of_a_validation_set_are_refused(tmp_path):
    folder = idx_folder(tmp_path / "idx")
    (tmp_path / "idx" / "validation.txt").touch()
    assert load_dataset(folder)
    (tmp_path / "idx" / "val-images-idx3-ubyte.gz").touch()
    with pytest.raises(DataError, match=r"idx: val-images-idx3-ubyte\.gz would not be used"):
        load_dataset(folder)


@pytest.mark.parametrize("use", [load_dataset, locate_dataset])
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


@pytest.mark.parametrize("use", [load_dataset, locate_dataset])
@pytest.mark.parametrize("name", ["{}.npz", "{}", "{}.csv"])
def test_links_that_lead_nowhere_or_in_a_circle_are_told_as_that(use, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for link, target in (("circle", "circle"), ("there", "back"), ("back", "there"), ("lost", "gone")):
        Path(name.format(link)).symlink_to(name.format(target))
    for link in ("circle", "there"):
        with pytest.raises(DataError, match=rf"^{name.format(link)}: symbolic links lead in a circle here\.$"):
            use(name.format(link))
    with pytest.raises(DataError, match=rf"^{name.format('lost')}: a symbolic link to {name.format('gone')}, where n"):
        use(name.format("lost"))
    Path("folder").symlink_to("folder")
    with pytest.raises(DataError, match=r"folder/my\.npz: symbolic links lead in a circle here"):
        use("folder/my.npz")


@pytest.mark.parametrize(
    ("there", "says"),
    [
        (
            (),
            "data: an empty folder. A folder of pictures has a folder for each class, as in cats/1.jpg",
        ),
        (
            (".DS_Store",),
            "data: holds neither folders of pictures nor IDX files. A folder of pictures has a folder for",
        ),
        (("readme.txt", "a.csv"), "data: holds neither folders of pictures nor IDX files. A folder of pictures has"),
        (("my.npz", "readme.txt"), "nor IDX files. The arrays in it are data/my.npz. A folder of pictures has"),
    ],
)
def test_a_folder_without_data_is_told_what_data_are(there, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for name in there:
        Path("data", name).touch()
    with pytest.raises(DataError) as caught:
        load_dataset("data")
    assert says in str(caught.value)


def test_a_path_may_be_relative_or_begin_at_home(monkeypatch, tmp_path):
    npz(tmp_path / "my.npz")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_dataset("my.npz").name == load_dataset("~/my.npz").name == "my"
    assert locate_dataset("my.npz") == "your files: my.npz"


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
        (Split(validation=10), r"validation = 10 leaves none of the 10 training images\."),
        (Split(validation=0), "validation must be at least 1, not 0"),
        (
            Split(validation=4, train_size=7),
            "train_size = 7 is more than the 6 that validation = 4 leaves of 10 training images",
        ),
        (Split(validation=4, train_size=0), "train_size must be at least 1, not 0"),
        (Split(seed=-1, validation=4), "seed must be at least 0, not -1"),
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
    dataset = load_dataset(npz(tmp_path / "a.npz"))
    expected = Partition(dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test)
    for found, array in zip(partition(dataset, None), expected, strict=True):
        assert found is array


@pytest.mark.parametrize("make", [npz, idx_folder])
def test_files_are_read_again_only_once_they_have_changed(tmp_path, monkeypatch, make):
    monkeypatch.setattr("sweep.data.dataset.A_MOMENT", 0)
    source = make(tmp_path / "mine")
    if make is npz:
        source = str(tmp_path / "mine.npz")
    first = load_dataset(source)
    assert load_dataset(source) is first
    time.sleep(0.05)
    other = tiny(y_train=np.array([2, 1, 0, 2, 1, 0], dtype=np.uint8))["y_train"]
    make(tmp_path / "mine", y_train=other if make is npz else idx_bytes(other))
    assert load_dataset(source).y_train.tolist() == other.tolist()


def test_files_that_have_just_changed_are_always_read(tmp_path):
    """The clock of a file system may not tell two changes from each other."""
    for label in (1, 2) * 20:
        source = npz(tmp_path / "mine.npz", y_test=np.full(3, label, dtype=np.uint8))
        assert load_dataset(source).y_test.tolist() == [label] * 3


@st.composite
def labels_and_folds(draw):
    folds = draw(st.integers(2, 6))
    sizes = draw(st.lists(st.integers(folds, 20), min_size=1, max_size=4))
    labels = np.random.default_rng(draw(st.integers(0, 99))).permutation(np.repeat(np.arange(len(sizes)), sizes))
    return labels, Split(draw(st.integers(0, 2**32)), len(labels) // folds, folds=folds)


@unhurried
@given(labels_and_folds())
def test_each_image_scores_in_one_fold_and_folds_are_alike_in_size_and_classes(case):
    labels, split = case
    parts = [dataclasses.replace(split, fold=fold + 1).indices(labels) for fold in range(split.folds)]
    assert sorted(np.concatenate([scores for _, scores in parts]).tolist()) == list(range(len(labels)))
    for trains, scores in parts:
        assert sorted([*trains.tolist(), *scores.tolist()]) == list(range(len(labels)))
        assert len(scores) - split.validation in (0, 1)
    counts = np.array([np.bincount(labels[scores], minlength=labels.max() + 1) for _, scores in parts])
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert counts.min() >= 1


def test_a_fold_may_train_on_fewer_images():
    labels = np.arange(60) % 3
    split = Split(0, 12, 30, folds=5, fold=2)
    trains, scores = split.indices(labels)
    assert (len(trains), len(scores)) == (30, 12)
    assert np.bincount(labels[trains]).tolist() == [10, 10, 10]
    assert not set(trains) & set(scores)


def test_folds_take_no_group_apart_and_share_out_all_images():
    groups = np.repeat(np.arange(40), 3)
    labels = (groups % 2).astype(np.int32)
    parts = [Split(1, 24, folds=5, fold=fold).indices(labels, groups)[1] for fold in range(1, 6)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(120))
    assert sum(len(set(groups[part])) for part in parts) == 40
    assert all(18 <= len(part) <= 30 for part in parts)


def test_a_fold_without_an_image_of_a_class_is_refused():
    labels = np.array([0] * 20 + [7] * 3)
    with pytest.raises(DataError, match="folds = 5 leaves fold 4 without an image of label 7"):
        Split(0, 4, folds=5, fold=1).indices(labels)


def test_documents_of_splits_name_their_fold_and_others_are_as_they_always_were():
    whole = {"seed": 3, "validation": 10, "train_size": None}
    assert Split(3, 10).as_document() == whole
    assert Split(3, 10, folds=5, fold=2).as_document() == whole | {"folds": 5, "fold": 2}
    assert Split(3, 10, folds=5, mean_of=4).as_document() == whole | {"folds": 5, "mean_of": 4}
