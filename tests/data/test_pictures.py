"""Folders and CSV files of pictures, from their files to the arrays of a dataset."""

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples.pictures import CLASSES, classes_of, drawn, parts_of, saved, table

from sweep.data import _decoded
from sweep.data.dataset import Split, describe, load_dataset
from sweep.data.kept import is_kept
from sweep.data.pixels import Pixels
from sweep.data.preparation import Preparation
from sweep.errors import DataError


def load(path, keep=None, **preparation):
    return load_dataset(str(path), Preparation(**preparation), folder=keep)


def parts(dataset):
    return [(dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test)]


# -- what is seen from a path


def test_folders_of_classes_in_train_and_test_are_the_images_in_the_order_of_their_names(tmp_path):
    dataset = load(parts_of(tmp_path / "animals"))
    assert (dataset.name, dataset.names, dataset.classes, dataset.image_shape) == ("animals", CLASSES, 3, (6, 8, 3))
    for (images, labels), expected in zip(parts(dataset), (drawn(30), drawn(9, seed=1)), strict=True):
        np.testing.assert_array_equal(images, expected[0])
        np.testing.assert_array_equal(labels, expected[1])
        assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
        with pytest.raises(ValueError, match="read-only"):
            images[0] = 1
        with pytest.raises(ValueError, match="read-only"):
            labels[0] = 1
    assert dataset.note == ""


@pytest.mark.parametrize("names", [("Train", "Test"), ("training", "testing")])
def test_parts_may_have_other_usual_names(tmp_path, names):
    expected = load(parts_of(tmp_path / "animals"))
    for name, own in zip(names, ("train", "test"), strict=True):
        (tmp_path / "animals" / own).rename(tmp_path / "animals" / name)
    assert load(tmp_path / "animals").digest == expected.digest


def test_a_class_may_have_folders_inside_and_files_that_are_hidden_or_no_pictures_are_left_out(tmp_path):
    folder = parts_of(tmp_path / "animals")
    expected = load(folder)
    (folder / "train" / "cats" / "more").mkdir()
    (folder / "train" / "cats" / "00009.png").rename(folder / "train" / "cats" / "more" / "a.PNG")
    for extra in (".DS_Store", ".hidden.png", "Thumbs.db", "notes.txt"):
        (folder / "train" / "cats" / extra).write_text("no picture")
    (folder / ".git").mkdir()
    (folder / "train" / "__MACOSX").mkdir()
    (folder / "train" / "cats" / ".thumbnails").mkdir()
    (folder / "train" / "cats" / ".thumbnails" / "a.png").write_text("no picture")
    dataset = load(folder)
    assert dataset.digest == expected.digest
    assert dataset.note == "animals: 2 files of other kinds left out."


def test_classes_that_are_numbers_are_in_the_order_of_the_numbers(tmp_path):
    for name in ("10", "9", "0"):
        saved(tmp_path / name, *drawn(3))
    assert load(tmp_path).names == ("0", "9", "10")


@pytest.mark.parametrize(
    "header", ["path,label,split", "split,filename,class", "File_Name,label,split", "image,note,label,split"]
)
def test_a_csv_file_names_pictures_classes_and_parts(tmp_path, header):
    expected = load(parts_of(tmp_path / "animals"))
    rows = []
    for split in ("train", "test"):
        for path in sorted((tmp_path / "animals" / split).rglob("*.png")):
            file = path.relative_to(tmp_path)
            values = {"label": path.parent.name, "class": path.parent.name, "split": split.title(), "note": "a, b"}
            rows.append([values.get(name, file) for name in header.split(",")])
    dataset = load(table(tmp_path / "all of them.csv", header, rows))
    assert (dataset.digest, dataset.names, dataset.name) == (expected.digest, CLASSES, "all of them")


def test_a_folder_is_read_by_its_metadata(tmp_path):
    classes_of(tmp_path / "files", 30)
    rows = [[path.relative_to(tmp_path), path.parent.name] for path in sorted((tmp_path / "files").rglob("*.png"))]
    table(tmp_path / "metadata.csv", "file_name,label", rows)
    assert load(tmp_path).digest == load(tmp_path / "files").digest


def test_pictures_and_an_npz_of_their_pixels_are_one_dataset(tmp_path):
    folder = load(parts_of(tmp_path / "animals"))
    (x_train, y_train), (x_test, y_test) = drawn(30), drawn(9, seed=1)
    np.savez(tmp_path / "animals.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    assert load(tmp_path / "animals.npz").digest == folder.digest


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_validation_pictures_stand_behind_those_to_train_on(tmp_path, name):
    folder = parts_of(tmp_path / "animals")
    saved(folder / name, *drawn(6, seed=2))
    dataset = load(folder, tmp_path / "images")
    for found in (dataset, load_dataset(dataset.source)):
        assert (found.given, len(found.y_train), len(found.y_test)) == (6, 36, 9)
        np.testing.assert_array_equal(found.x_train[30:], drawn(6, seed=2)[0])
        np.testing.assert_array_equal(found.y_train[30:], drawn(6, seed=2)[1])
    known = describe(str(folder))
    assert (known.images, known.given) == (36, 6)
    (folder / "test").rename(tmp_path / "away")
    assert [load(folder).given, len(load(folder).y_test)] == [6, 4]  # cut off those to train on alone


def test_a_csv_file_may_name_validation_pictures_and_a_class_of_one_picture_to_train_on(tmp_path):
    for name in ("a", "b", "c", "d", "e"):
        Image.new("L", (3, 3)).save(tmp_path / f"{name}.png")
    splits = {"a": "train", "b": "train", "c": "val", "d": "Validation", "e": "test"}
    rows = [[f"{name}.png", "xy"[place % 2], split] for place, (name, split) in enumerate(splits.items())]
    dataset = load(table(tmp_path / "my.csv", "path,label,split", rows))
    assert (dataset.y_train.tolist(), dataset.y_test.tolist(), dataset.given) == ([0, 1, 0, 1], [0], 2)
    rows[2][1] = "z"
    with pytest.raises(DataError, match="'z' among the validation pictures, but not to train on"):
        load(table(tmp_path / "my.csv", "path,label,split", rows))


def patients(folder, groups, column="group"):
    """A CSV file of 90 pictures in three classes, three of each patient, and the patient of each in order."""
    files = sorted(classes_of(folder / "files", 90).rglob("*.png"))
    rows = [
        [file.relative_to(folder), file.parent.name, f"p{place // 3}" if groups else ""]
        for place, file in enumerate(files)
    ]
    return table(folder / "my.csv", f"path,label,{column}", rows), np.arange(90) // 3


def test_pictures_of_a_group_are_in_one_part_alone_and_parts_have_each_class_in_proportion(tmp_path):
    path, patient = patients(tmp_path, True)
    dataset = load(path, tmp_path / "images")
    assert (len(dataset.y_train), len(dataset.y_test)) == (75, 15)  # 13.5 would be 15 %
    by_pixels = {image.tobytes(): each for image, each in zip(drawn(90)[0], patient, strict=True)}
    of_train, of_test = ([by_pixels[image.tobytes()] for image in part] for part in (dataset.x_train, dataset.x_test))
    assert not {*of_train} & {*of_test}
    for found in (dataset, load_dataset(dataset.source)):
        drawn_parts = set()
        for seed in range(5):
            trains, scores = Split(seed, 18).indices(found.y_train, found.groups)
            assert len(trains) + len(scores) == 75
            assert not {of_train[each] for each in trains} & {of_train[each] for each in scores}
            assert np.bincount(found.y_train[scores]).tolist() == [6, 6, 6]
            drawn_parts.add(tuple(scores))
            few, same = Split(seed, 18, 10).indices(found.y_train, found.groups)
            assert (len(few), same.tolist()) == (10, scores.tolist())
            assert {*few} < {*trains}
        assert len(drawn_parts) == 5


def test_groups_decide_the_digest_and_empty_ones_do_not_count(tmp_path):
    digests = []
    for name, groups, column in (("a", True, "group"), ("b", False, "group"), ("c", True, "note")):
        (tmp_path / name).mkdir()
        digests.append(load(patients(tmp_path / name, groups, column)[0]).digest)
    assert digests[0] != digests[1] == digests[2]


def test_groups_that_leave_nothing_to_hold_out_are_refused(tmp_path):
    files = sorted(classes_of(tmp_path / "files", 30).rglob("*.png"))
    rows = [[file.relative_to(tmp_path), file.parent.name, file.parent.name] for file in files]
    with pytest.raises(DataError, match=r"my\.csv: No group can be held out for about 4 of 30 images: each has many"):
        load(table(tmp_path / "my.csv", "path,label,group", rows))


# -- the test part


def test_a_missing_test_part_is_cut_off_class_by_class_and_told(tmp_path):
    images, labels = drawn(60)
    dataset = load(saved(tmp_path / "animals", images, labels))
    assert [len(part) for _, part in parts(dataset)] == [51, 9]
    assert np.bincount(dataset.y_test).tolist() == [3, 3, 3]
    both = np.concatenate([dataset.x_train, dataset.x_test]).reshape(60, -1)
    assert sorted(both.tolist()) == sorted(images.reshape(60, -1).tolist())
    assert dataset.note == ("animals: There is no test part, so 9 of 60 images are cut off as one and sealed.")


def test_a_class_without_a_picture_to_test_is_told(tmp_path):
    folder = parts_of(tmp_path / "animals")
    shutil.rmtree(folder / "test" / "cats")
    for dataset in (load(folder), describe(str(folder))):
        assert dataset.note == "animals: Classes without a test image: 'cats'."


@pytest.mark.parametrize(("test", "tested"), [(0.5, 30), (12, 12), (1, 1)])
def test_a_study_may_say_how_many_are_cut_off(tmp_path, test, tested):
    assert len(load(classes_of(tmp_path / "animals", 60), test=test).y_test) == tested


def test_the_same_pictures_are_cut_off_whatever_size_and_colour_they_get(tmp_path):
    images, labels = drawn(60)
    images[...] = np.arange(60, dtype=np.uint8)[:, None, None, None] * 4  # each of a colour of its own
    folder = saved(tmp_path / "animals", images, labels)
    expected = load(folder).x_test[:, 0, 0, 0].tolist()
    for changed in ({"image_size": (3, 3)}, {"color": "grayscale"}, {"fit": "pad", "image_size": (9, 5)}):
        assert load(folder, **changed).x_test[:, 0, 0, 0].tolist() == expected


@pytest.mark.parametrize(("test", "says"), [(60, "test = 60 leaves none of the 60 images"), (58, "no image of class")])
def test_a_test_part_that_leaves_too_few_images_is_refused(tmp_path, test, says):
    with pytest.raises(DataError, match=says):
        load(classes_of(tmp_path / "animals", 60), test=test)


# -- how a picture becomes an image


def test_pictures_that_are_alike_stay_as_they_are(tmp_path):
    assert load(classes_of(tmp_path / "a", height=30, width=20)).image_shape == (30, 20, 3)
    assert load(saved(tmp_path / "b", drawn()[0][..., 0], drawn()[1])).image_shape == (6, 8, 1)


def test_pictures_of_many_sizes_get_the_median_of_their_sides_and_that_is_told(tmp_path):
    for place, (height, width) in enumerate([(20, 10), (30, 20), (40, 30), (500, 400)]):
        saved(tmp_path / "mixed" / "train", *drawn(3, height, width), suffix=f"{place}.png")
    saved(tmp_path / "mixed" / "test", *drawn(3, 20, 10))
    dataset = load(tmp_path / "mixed")
    assert dataset.image_shape == (25, 25, 3)
    assert dataset.note == (
        "mixed: The pictures have 4 sizes, from 20x10 to 500x400 pixels (height x width). All become 25x25. "
        "image_size = [height, width] sets another size."
    )
    saved(tmp_path / "large" / "train", *drawn(9, 300, 200))
    saved(tmp_path / "large" / "test", *drawn(3, 200, 300))
    assert load(tmp_path / "large").image_shape == (128, 128, 3)
    sized = load(tmp_path / "large", image_size=(7, 9), color="grayscale")
    assert (sized.image_shape, sized.note) == ((7, 9, 1), "")


def test_each_fit_does_with_a_wide_picture_what_its_name_says(tmp_path):
    picture = np.zeros((10, 20, 3), np.uint8)
    picture[:, :5] = picture[:, 15:] = 250
    saved(tmp_path / "animals", np.stack([picture] * 30), drawn(30)[1])
    found = {
        fit: load(tmp_path / "animals", image_size=(10, 10), fit=fit).x_train[0, ..., 0].astype(int)
        for fit in ("resize", "crop", "pad")
    }
    assert found["resize"][5, 0] > 200 > 50 > found["resize"][5, 5]
    assert (found["crop"] < 50).all()
    assert (found["pad"][:2] > 200).all()  # the median of the edges: more than half of them are light
    assert found["pad"][5, 5] < 50


def test_every_format_and_kind_of_picture_is_read(tmp_path):
    folder = tmp_path / "kinds"
    images, labels = drawn(9, 16, 16)
    saved(folder / "train", images, labels)
    saved(folder / "test", images, labels)
    one = Image.fromarray(np.full((16, 16, 3), (200, 100, 50), np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    tall = Image.fromarray(np.concatenate([np.full((16, 4, 3), 250, np.uint8), np.zeros((16, 12, 3), np.uint8)], 1))
    saves = {
        "a.jpg": (one, {}),
        "b.jpeg": (one.convert("CMYK"), {}),
        "c.bmp": (one, {}),
        "d.gif": (one, {"save_all": True, "append_images": [Image.new("RGB", (16, 16))]}),
        "e.webp": (one, {"lossless": True}),
        "f.png": (one.convert("P", palette=Image.Palette.ADAPTIVE), {}),
        "g.png": (one.convert("RGBA"), {}),
        "h.png": (Image.fromarray(np.full((16, 16), 128 * 257, np.uint16)), {}),
        "i.png": (one.convert("LA"), {}),
        "j.jpg": (tall, {"exif": turned}),
    }
    for name, (picture, how) in saves.items():
        picture.save(folder / "train" / "cats" / f"z{name}", **how)
    dataset = load(folder)
    assert dataset.image_shape == (16, 16, 3)
    found = dataset.x_train[dataset.y_train == 0][-len(saves) :].astype(int)
    for name, image in zip(saves, found, strict=True):
        expected = {"h.png": (128,) * 3, "i.png": (124,) * 3}.get(name, (200, 100, 50))
        if name != "j.jpg":
            assert np.abs(image - expected).max() < 20, name
    assert (found[-1][0].mean(), found[-1][-1].mean()) == pytest.approx((250, 0), abs=20)  # what was left is on top


def test_pixels_of_pictures_are_bytes_however_dark_they_are_and_are_never_inverted(tmp_path):
    images, labels = drawn(30)
    dark = load(saved(tmp_path / "animals", (images // 20)[..., 0], labels), fit="crop")
    assert dark.pixels == Pixels(0, 255, None, True, "crop")
    assert dark.pixels.name == "pixels_0_to_255_crop"


@pytest.mark.parametrize("fit", ["resize", "crop", "pad"])
@pytest.mark.parametrize("polarity", [None, True, False])
def test_the_name_of_an_input_tells_how_pictures_were_fitted(fit, polarity):
    for centred in (True, False):
        pixels = Pixels(0, 255, polarity, centred, fit)
        assert Pixels.named(pixels.name) == pixels


# -- kept


def count_decoded(monkeypatch):
    files = []
    read = _decoded.read
    monkeypatch.setattr(_decoded, "read", lambda path: files.append(path) or read(path))
    return files


def test_pictures_are_decoded_once_and_then_mapped(tmp_path, monkeypatch):
    folder, keep = parts_of(tmp_path / "animals"), tmp_path / "sweep.db.images"
    files = count_decoded(monkeypatch)
    told = []
    first = load_dataset(str(folder), folder=keep, progress=lambda *news: told.append(news))
    assert len(files) == 39
    sizes = sum(path.stat().st_size for path in folder.rglob("*.png"))
    assert told[-1] == ("decoding 39 pictures", sizes, sizes)
    again, by_worker = load(folder, keep), load_dataset(first.source)
    assert len(files) == 39
    assert is_kept(first.source)
    assert not is_kept(str(folder))
    for dataset in (again, by_worker):
        for name in ("name", "digest", "source", "names", "told"):
            assert getattr(dataset, name) == getattr(first, name)
        for (images, labels), (expected, known) in zip(parts(dataset), parts(first), strict=True):
            assert isinstance(images, np.memmap)
            np.testing.assert_array_equal(images, expected)
            np.testing.assert_array_equal(labels, known)
    assert [path.name for path in keep.iterdir()] == [Path(first.source).name]


def test_a_file_that_changed_and_another_size_are_decoded_anew(tmp_path, monkeypatch):
    folder, keep = parts_of(tmp_path / "animals"), tmp_path / "images"
    first = load(folder, keep)
    files = count_decoded(monkeypatch)
    assert load(folder, keep, image_size=(3, 4)).digest != first.digest
    assert len(files) == 39
    changed = folder / "train" / "cats" / "00000.png"
    Image.fromarray(drawn(1, seed=5)[0][0]).save(changed)
    os.utime(changed, ns=(time.time_ns(), time.time_ns() + 10**9))
    assert load(folder, keep).digest != first.digest
    assert len(files) == 78


def test_a_description_tells_what_loading_gives_and_decodes_nothing(tmp_path, monkeypatch):
    files = count_decoded(monkeypatch)
    for folder in (parts_of(tmp_path / "parts"), classes_of(tmp_path / "classes")):
        known = describe(str(folder))
        assert files == []
        dataset = load(folder)
        assert (known.image_shape, known.classes, known.images, known.note) == (
            dataset.image_shape,
            dataset.classes,
            len(dataset.y_train),
            dataset.note,
        )
        files.clear()


@pytest.mark.parametrize("file", ["images.npy", "labels.npy", "sweep-images.json"])
def test_kept_images_that_are_damaged_are_named_with_what_to_do(tmp_path, file):
    folder, keep = parts_of(tmp_path / "animals"), tmp_path / "images"
    kept = Path(load(folder, keep).source)
    (kept / file).write_bytes((kept / file).read_bytes()[:-7])
    with pytest.raises(DataError, match=r"damaged, .*\. Delete this folder: the next run writes it anew\."):
        load(folder, keep)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    folder = parts_of(tmp_path / "animals")
    (tmp_path / "images").write_text("a file")
    with pytest.raises(DataError, match=r"images: .* Images are kept there\."):
        load(folder, tmp_path / "images")


# -- what cannot be used


def break_some(folder, count):
    broken = sorted(folder.rglob("*.png"))[:count]
    for place, path in enumerate(broken):
        path.write_bytes(b"text" if place % 2 else path.read_bytes()[:-60])
    return broken


@pytest.mark.parametrize("preparation", [{}, {"image_size": (4, 4), "color": "rgb"}])
def test_files_that_cannot_be_used_are_named_at_once_and_nothing_is_kept(tmp_path, preparation):
    folder = parts_of(tmp_path / "animals")
    broken = break_some(folder, 5)
    (folder / "train" / "eels" / "lost.png").symlink_to(folder / "nowhere.png")
    with pytest.raises(DataError) as caught:
        load(folder, tmp_path / "images", **preparation)
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    for path in broken:
        (line,) = [each for each in lines if each.startswith(f"{path}: ")]
        assert "not a PNG, JPEG, BMP, GIF or WEBP picture." in line or "damaged or cut short" in line
    assert sum("lost.png: a symbolic link to " in line and "where nothing is" in line for line in lines) == 1
    assert not (tmp_path / "images").exists()


def test_of_many_broken_files_twenty_are_named_and_the_others_counted(tmp_path):
    folder = parts_of(tmp_path / "animals")
    break_some(folder, 30)
    with pytest.raises(DataError) as caught:
        load(folder)
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (21, "There are 10 more problems.")


def test_a_picture_of_too_many_pixels_is_refused(tmp_path, monkeypatch):
    folder = parts_of(tmp_path / "animals")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    with pytest.raises(DataError, match=r"00000\.png: more than 0 million pixels are too many; make it smaller"):
        load(folder)


@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        ([["a.png", "x", "1"]], ["3: 3 values for the 2 columns of the header."]),
        ([["lost.png", "x"]], ["3: there is no file 'lost.png'; paths start at the folder of this file."]),
        ([["", "x"]], ["3: there is no file ''"]),
        ([["a.png", ""]], ["3: 'a.png' has no label."]),
        ([["a.png", "x"], [], ["a.png", "y"]], ["5: 'a.png' stands in line 3 already."]),
        ([["lost.png", "x"], ["b.png"]], ["3: there is no file", "4: 1 value for the 2 columns"]),
    ],
)
def test_problems_of_a_csv_file_are_told_with_their_lines(tmp_path, rows, problems):
    for name in ("a.png", "b.png", "first.png"):
        Image.new("L", (3, 3)).save(tmp_path / name)
    path = table(tmp_path / "my.csv", "path,label", [["first.png", "x"], *rows])
    with pytest.raises(DataError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(problems)
    for line, problem in zip(lines, problems, strict=True):
        assert line.startswith(f"{path}:{problem}")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b"",
            r"my\.csv:1: the header has no column path, filename, file_name or image and no column label or",
        ),
        (b"path,lable\n", r"my\.csv:1: the header has no column label or class; it has 'path' and 'lable'"),
        (
            b"path,label,split,group\na.png,x,train,p1\nb.png,y,test,p1\n",
            r"my\.csv:3: group 'p1' is in train and in test\. Put all of it into one part\.",
        ),
        (b"path,label,split\na.png,x,tset\n", r"my\.csv:2: unknown split 'tset'\. Did you mean 'test'\?"),
        (b'path,label\n"a.png,x\n', r"my\.csv:2: not valid CSV: unexpected end of data"),
        (b"path,label\n\xff,x\n", r"my\.csv:2: not UTF-8\. Save the file as UTF-8\."),
        (b"path,label,Label\n", r"my\.csv:1: the header has the column label more than once\."),
        (b"path,label\na.png,x\n", r"my\.csv: all pictures are of class 'x'; 2 classes are the least"),
        (b"path,label\n", r"my\.csv: there are no pictures to train on; 2 classes are the least"),
        (b"path,label,split\na.png,x,val\n", r"my\.csv: there are no pictures to train on; 2 classes are the least"),
    ],
)
def test_a_csv_file_that_is_none_of_pictures_is_refused(tmp_path, content, says):
    for name in ("a.png", "b.png"):
        Image.new("L", (3, 3)).save(tmp_path / name)
    (tmp_path / "my.csv").write_bytes(content)
    with pytest.raises(DataError, match=says):
        load(tmp_path / "my.csv")


def test_folders_that_make_no_dataset_are_refused(tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    Image.new("L", (3, 3)).save(flat / "a.png")
    with pytest.raises(
        DataError, match=r"flat: pictures lie in this folder itself, such as 'a\.png'\. A folder of pictures has a"
    ):
        load(flat)
    saved(tmp_path / "one" / "train", drawn(3)[0][:1], [0])
    with pytest.raises(DataError, match="one: all pictures are of class 'cats'; 2 classes are the least"):
        load(tmp_path / "one")
    (tmp_path / "empty" / "cats").mkdir(parents=True)
    with pytest.raises(DataError, match=r"cats: no pictures of class 'cats'\. Put some there, or remove this folder"):
        load(tmp_path / "empty")
    other = parts_of(tmp_path / "other")
    (other / "extra").mkdir()
    with pytest.raises(DataError, match="other: beside the training pictures in train, extra would not be used"):
        load(other)
    unknown = parts_of(tmp_path / "unknown")
    (unknown / "test" / "cats").rename(unknown / "test" / "owls")
    with pytest.raises(DataError, match="unknown: 'owls' among the test pictures, but not to train on"):
        load(unknown)


@pytest.mark.parametrize("use", [load_dataset, describe])
def test_what_is_said_of_pictures_is_refused_of_arrays(tmp_path, use):
    np.savez(tmp_path / "my.npz", **{f"{x}_{part}": drawn()[x == "y"] for x in "xy" for part in ("train", "test")})
    for source in (str(tmp_path / "my.npz"), "mnist"):
        with pytest.raises(DataError, match="image_size and color are for picture files, but these images are arrays"):
            use(source, Preparation(image_size=(3, 3), color="rgb"))
        with pytest.raises(DataError, match=r"fit is for picture files, .* Leave it out"):
            use(source, Preparation(fit="pad"))
        with pytest.raises(DataError, match=r"test = 0\.2 cuts off test images, but the data have some"):
            use(source, Preparation(test=0.2))
    with pytest.raises(DataError, match=r"test = 3 cuts off test images, but the data have some"):
        use(str(parts_of(tmp_path / "animals")), Preparation(test=3))
