"""Pictures and names that cannot be used: a sentence each, with the file or the line, and nothing is kept."""

import numpy as np
import pytest
from PIL import Image
from samples.pictures import classes_of, drawn, parts_of, saved, table

from sweep.data import _classes
from sweep.data.dataset import describe, load_dataset
from sweep.data.preparation import Preparation
from sweep.errors import DataError

MARK = "\N{RIGHT-TO-LEFT OVERRIDE}"


def refused(path, tmp_path, **preparation):
    """The lines with which a dataset is refused; nothing is kept."""
    with pytest.raises(DataError) as caught:
        load_dataset(str(path), Preparation(**preparation), folder=tmp_path / "images")
    assert not (tmp_path / "images").exists()
    lines = str(caught.value).split("\n")
    assert all(line.endswith((".", "?")) and line.isprintable() for line in lines)
    return lines


def add(folder, name, count=3):
    folder = folder / name
    folder.mkdir(exist_ok=True)
    for place, image in enumerate(drawn(count)[0]):
        Image.fromarray(image).save(folder / f"{place}.png")
    return folder


# -- classes


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("CATS", "classes 'CATS' and 'cats' differ in their spelling alone. Give them one name, or different ones."),
        ("cats ", "classes 'cats' and 'cats ' differ in their spelling alone."),
        ("ﬁsh", "classes 'fish' and 'ﬁsh' differ in their spelling alone."),
        ("=cmd()", "class '=cmd()' begins like a formula, which a spreadsheet would compute. Rename it."),
        ("@SUM(A1)", "class '@SUM(A1)' begins like a formula"),
        ("-cmd", "class '-cmd' begins like a formula"),
        ("a\nb", "class 'a\\nb' has an invisible character in its name. Rename it."),
        (f"gpj.{MARK}exe", "class 'gpj.\\u202eexe' has an invisible character in its name."),
        ("\x1b[2J", "class '\\x1b[2J' has an invisible character in its name."),
        ("x" * 101, "has a name of more than 100 characters. Shorten it."),
    ],
)
@pytest.mark.parametrize("by", ["folder", "csv"])
def test_a_class_whose_name_cannot_be_shown_or_told_apart_is_refused(tmp_path, by, name, says):
    folder = classes_of(tmp_path / "animals")
    add(folder, "fish")
    add(folder, name)
    if by == "csv" and name != "cats ":  # spaces around a value of a CSV file do not count
        files = sorted(folder.rglob("*.png"))
        for place, file in enumerate(files):
            (tmp_path / f"{place}.png").write_bytes(file.read_bytes())
        rows = [[f"{place}.png", file.parent.name] for place, file in enumerate(files)]
        lines = refused(table(tmp_path / "all.csv", "path,label", rows), tmp_path)
        assert lines[0].startswith(f"{tmp_path / 'all.csv'}:")
    else:
        lines = refused(folder, tmp_path)
        assert lines[0].startswith(f"{folder}/")
    assert says in lines[0]


def test_names_of_classes_may_be_of_any_script_and_numbers_with_signs(tmp_path):
    folder = classes_of(tmp_path / "animals")
    names = ("-1", "+1", "Füchse", "a, b", "חתול", "می\N{ZERO WIDTH NON-JOINER}خواهم", "猫", "<b>", "a=b")
    for name in names:
        add(folder, name)
    assert set(names) < set(load_dataset(str(folder)).names)


def test_leading_zeros_do_not_make_another_class():
    assert list(_classes.alike(["1", "01", "10", "0", "00", "x1"])) == [("0", "00"), ("01", "1")]


def test_a_class_of_one_picture_and_a_class_of_none_are_refused(tmp_path):
    folder = parts_of(tmp_path / "animals")
    add(folder / "train", "owls", 1)
    (line,) = refused(folder, tmp_path)
    assert line == (
        f"{folder}: one picture to train on of class 'owls'; 2 are the least, one to train on and one to score."
    )
    (folder / "train" / "owls" / "0.png").unlink()
    (folder / "train" / "owls" / "notes.txt").write_text("none")
    (line,) = refused(folder, tmp_path)
    assert line.startswith(f"{folder / 'train' / 'owls'}: no pictures of class 'owls'.")


# -- files


def test_files_with_names_that_cannot_be_shown_are_refused_line_by_line(tmp_path):
    folder = classes_of(tmp_path / "animals")
    for name in ("a\nb.png", f"gpj.{MARK}png.png", "\x1b[2J.png"):
        Image.fromarray(drawn(1)[0][0]).save(folder / "cats" / name)
    lines = refused(folder, tmp_path)
    assert len(lines) == 3
    assert all("the file has an invisible character in its name. Rename it." in line for line in lines)


def test_links_out_of_the_folder_and_links_to_folders_are_refused(tmp_path):
    folder, outside = classes_of(tmp_path / "animals"), classes_of(tmp_path / "outside")
    (folder / "cats" / "link.png").symlink_to(outside / "cats" / "00000.png")
    (folder / "dogs" / "more").symlink_to(outside / "dogs")
    first, second = refused(folder, tmp_path)
    assert first == (
        f"{folder / 'cats' / 'link.png'}: a link out of {folder}. Put a copy there, or name the pictures in a CSV file."
    )
    assert second.startswith(f"{folder / 'dogs' / 'more'}: a link out of {folder}.")
    (folder / "cats" / "link.png").unlink()
    (folder / "dogs" / "more").unlink()
    (folder / "owls").symlink_to(outside / "cats")
    assert refused(folder, tmp_path)[0].startswith(f"{folder / 'owls'}: a link out of")
    (folder / "owls").unlink()
    (folder / "dogs" / "again").symlink_to(folder / "cats")
    assert "again: a link to a folder, whose pictures would count twice." in refused(folder, tmp_path)[0]


def test_a_link_within_the_folder_and_a_link_to_the_folder_are_followed(tmp_path):
    folder = classes_of(tmp_path / "animals")
    expected = load_dataset(str(folder))
    (folder / "cats" / "00000.png").rename(folder / "cats" / "moved")
    (folder / "cats" / "00000.png").symlink_to(folder / "cats" / "moved")
    (tmp_path / "link").symlink_to(folder)
    assert load_dataset(str(tmp_path / "link")).digest == expected.digest


def test_pictures_beside_the_folders_of_classes_are_not_left_out_in_silence(tmp_path):
    folder = parts_of(tmp_path / "animals")
    Image.fromarray(drawn(1)[0][0]).save(folder / "train" / "stray.png")
    assert refused(folder, tmp_path)[0].startswith(
        f"{folder / 'train'}: pictures lie in this folder itself, such as 'stray.png'."
    )
    (folder / "train" / "stray.png").rename(folder / "stray.png")
    assert refused(folder, tmp_path)[0].startswith(f"{folder}: pictures lie in this folder itself")


def test_two_folders_of_one_part_are_refused(tmp_path):
    folder = parts_of(tmp_path / "animals")
    saved(folder / "Training", *drawn(9))
    assert refused(folder, tmp_path) == [f"{folder}: Training and train are one part. Put their pictures together."]


@pytest.mark.parametrize("preparation", [{}, {"image_size": (4, 4), "color": "rgb"}])
def test_a_bomb_a_text_and_a_picture_that_is_cut_short_are_told_at_once(tmp_path, preparation, monkeypatch):
    folder = classes_of(tmp_path / "animals")
    one, two, three = sorted((folder / "cats").iterdir())[:3]
    one.write_text("<html>")
    two.write_bytes(two.read_bytes()[:-60])
    Image.new("L", (200, 200)).save(three)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    lines = sorted(refused(folder, tmp_path, **preparation))
    assert len(lines) == 3
    assert lines[0] == f"{one}: not a PNG, JPEG, BMP, GIF or WEBP picture."
    assert lines[1].startswith(f"{two}: cannot be read: damaged or cut short")
    assert lines[2] == f"{three}: more than 0 million pixels are too many; make it smaller."


def test_a_study_may_leave_out_what_cannot_be_read(tmp_path):
    folder, good = parts_of(tmp_path / "animals"), parts_of(tmp_path / "good")
    cats = sorted((folder / "train" / "cats").iterdir())
    cats[0].write_text("<html>")
    cats[1].write_bytes(cats[1].read_bytes()[:-60])
    for file in cats[:2]:
        (good / file.relative_to(folder)).unlink()
    skipping = Preparation(skip_bad=True)
    known = describe(str(folder), skipping)
    dataset = load_dataset(str(folder), skipping, folder=tmp_path / "images")
    assert dataset.digest == load_dataset(str(good)).digest
    assert dataset.note == known.note
    assert dataset.note == (
        "animals: 2 pictures left out that cannot be read: 'animals/train/cats/00000.png' and "
        "'animals/train/cats/00001.png'."
    )
    assert (known.images, len(dataset.y_train)) == (28, 28)
    cats[0].write_bytes(cats[2].read_bytes())
    assert describe(str(folder), skipping).images == 29
    for file in cats[:9]:
        file.write_text("none")
    with pytest.raises(DataError, match="one picture to train on of class 'cats'"):
        load_dataset(str(folder), skipping)


def test_of_an_animated_picture_the_first_image_counts_and_that_is_told(tmp_path):
    folder = parts_of(tmp_path / "animals", height=16, width=16)
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    for name, how in (("y.gif", {}), ("z.webp", {"lossless": True})):
        frames[0].save(folder / "train" / "cats" / name, save_all=True, append_images=frames[1:], **how)
    dataset = load_dataset(str(folder))
    assert dataset.note == "animals: Of 2 animated pictures, the first image counts."
    of_them = dataset.x_train[dataset.y_train == 0][-2:]
    assert np.abs(of_them.astype(int) - (255, 0, 0)).max() < 20


# -- CSV files


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([["a.png", "x"], ["./a.png", "x"]], "3: './a.png' stands in line 2 already."),
        ([["a.png", "x"], ["sub/../a.png", "y"]], "3: 'sub/../a.png' stands in line 2 already."),
        ([["a.png", "x"], ["link.png", "y"]], "3: 'link.png' stands in line 2 already."),
        ([["x" * 5000, "x"]], "2: there is no file 'xxxx"),
        ([["a.png", "cat"], ["b.png", "dog"], ["c.png", "Cat"]], "4: classes 'Cat' and 'cat' differ in their spelling"),
        ([["a.png", "=cmd()"], ["b.png", "dog"]], "2: class '=cmd()' begins like a formula"),
        (
            [["a.png", "x"], ["notes.txt", "y"]],
            "3: 'notes.txt' does not end in .bmp, .gif, .jpeg, .jpg, .png or .webp.",
        ),
        ([["a.png", "x"], ["b.png", "x"], ["c.png", "y"]], " one picture to train on of class 'y'; 2 are the least"),
    ],
)
def test_rows_that_cannot_be_used_are_told_with_their_lines(tmp_path, rows, says):
    for name in ("a.png", "b.png", "c.png"):
        Image.new("L", (3, 3)).save(tmp_path / name)
    (tmp_path / "sub").mkdir()
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    path = table(tmp_path / "my.csv", "path,label", rows)
    assert refused(path, tmp_path)[0].startswith(f"{path}:{says}")
