"""Each kind of bad picture at the command line: exit code 2, a sentence with file and line, and nothing is kept."""

import csv
import shutil

import pytest
from PIL import Image
from samples.commands import say
from samples.pictures import parts_of

MARK = "\N{RIGHT-TO-LEFT OVERRIDE}"
STUDY = 'name = "mine"\ndata = "{data}"\nvalidation = 6\n[space]\nbatch_size = [8, 16]\n'
CATS = "animals/train/cats"


def one(folder, name, size=(8, 6)):
    folder.mkdir(exist_ok=True)
    Image.new("RGB", size).save(folder / name, format="PNG")


def cut_short(here):
    file = here / CATS / "00000.png"
    file.write_bytes(file.read_bytes()[:-40])


def with_link(here):
    one(here / "elsewhere", "a.png")
    (here / CATS / "link.png").symlink_to(here / "elsewhere" / "a.png")


def with_one_class(here):
    for name in ("dogs", "eels"):
        shutil.rmtree(here / "animals" / "train" / name)


def with_validation_of_no_class(here):
    (here / "animals" / "val").mkdir()
    one(here / "animals" / "val" / "owls", "a.png")


def class_called(name):
    return lambda here: [one(here / "animals" / "train" / name, f"{place}.png") for place in (1, 2)]


FOLDERS = {
    "one class": (with_one_class, "animals: all pictures are of class 'cats'; 2 classes are the least."),
    "a class of one picture": (
        lambda here: one(here / "animals" / "train" / "owls", "1.png"),
        "animals: one picture to train on of class 'owls'; 2 are the least",
    ),
    "a class of none": (
        lambda here: (here / "animals" / "train" / "owls").mkdir(),
        "animals/train/owls: no pictures of class 'owls'.",
    ),
    "names that differ in case": (class_called("Cats"), "classes 'Cats' and 'cats' differ in their spelling alone."),
    "a formula": (class_called("=cmd()"), "class '=cmd()' begins like a formula"),
    "a line break": (class_called("a\nb"), "class 'a\\nb' has an invisible character in its name."),
    "a mark": (class_called(f"{MARK}gnp"), "class '\\u202egnp' has an invisible character in its name."),
    "text": (
        lambda here: (here / CATS / "00000.png").write_text("no picture"),
        f"{CATS}/00000.png: not a PNG, JPEG, BMP, GIF or WEBP picture.",
    ),
    "cut short": (cut_short, f"{CATS}/00000.png: cannot be read: damaged or cut short"),
    "a bomb": (
        lambda here: Image.new("1", (10_000, 10_000)).save(here / CATS / "00000.png"),
        f"{CATS}/00000.png: more than 89 million pixels are too many; make it smaller.",
    ),
    "a link out of the folder": (with_link, f"{CATS}/link.png: a link out of "),
    "a stray picture": (
        lambda here: one(here / "animals" / "train", "stray.png"),
        "animals/train: pictures lie in this folder itself, such as 'stray.png'.",
    ),
    "validation pictures of a class that is not there": (
        with_validation_of_no_class,
        "animals: 'owls' among the validation pictures, but not to train on.",
    ),
}

TABLES = {
    "a missing file": ([["lost.png", "cats"]], "my.csv:9: there is no file 'lost.png'"),
    "a row twice": ([["cats/00000.png", "cats"]], "my.csv:9: 'cats/00000.png' stands in line 2 already."),
    "two labels of a picture": (
        [["./cats/00000.png", "dogs"]],
        "my.csv:9: './cats/00000.png' stands in line 2 already.",
    ),
    "a label twice spelled": ([["more.png", "Cats"]], "my.csv:9: classes 'Cats' and 'cats' differ in their spelling"),
    "no label": ([["more.png", ""]], "my.csv:9: 'more.png' has no label."),
    "a formula": ([["more.png", "=cmd()"]], "my.csv:9: class '=cmd()' begins like a formula"),
    "a line break": ([["more.png", "a\nb"]], "class 'a\\nb' has an invisible character in its name."),
}


def refused(here, capsys, monkeypatch, data, says):
    (here / "mine.toml").write_text(STUDY.format(data=data))
    monkeypatch.chdir(here)
    before = sorted(here.rglob("*"))
    said = say(capsys, "run", "mine.toml", "--storage", "own.db", code=2)
    assert says in said
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_bad_picture_or_class_ends_a_command_with_a_sentence_and_nothing_is_kept(tmp_path, capsys, monkeypatch, kind):
    damage, says = FOLDERS[kind]
    parts_of(tmp_path / "animals")
    damage(tmp_path)
    refused(tmp_path, capsys, monkeypatch, "animals", says)


@pytest.mark.parametrize("kind", TABLES)
def test_a_bad_row_of_a_csv_file_ends_a_command_with_its_line_and_nothing_is_kept(tmp_path, capsys, monkeypatch, kind):
    rows, says = TABLES[kind]
    for name in ("cats", "dogs"):
        for place in range(3):
            one(tmp_path / name, f"0000{place}.png")
    one(tmp_path, "more.png")
    own = [[f"{name}/0000{place}.png", name] for name in ("cats", "dogs") for place in range(3)]
    with (tmp_path / "my.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["path", "label"], *own, [], *rows])
    refused(tmp_path, capsys, monkeypatch, "my.csv", says)
