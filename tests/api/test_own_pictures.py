"""A study on pictures of one's own, from their files to a script, with a real worker on a few of them."""

import json
import sqlite3

import numpy as np
import pytest
from PIL import Image
from samples.pictures import CLASSES, drawn, parts_of, saved
from samples.workers import lasting_workers

import sweep
from sweep.coordinator.watcher import SilentWatcher
from sweep.data.dataset import load_dataset
from sweep.data.kept import is_kept
from sweep.errors import InputError
from sweep.results.predictions import mistakes
from sweep.storage.lease import Lease, Work
from sweep.storage.store import Store
from sweep.study import recipe

pytestmark = pytest.mark.usefixtures("forked")

STUDY = """
data = "{data}"
validation = 30
trials = 2
sampler = "grid"
[base]
conv1_filters = 4
conv2_filters = 4
conv1_kernel_size = 3
conv2_kernel_size = 3
dense_units = 8
epochs = 1
[space]
batch_size = [16, 32]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    parts_of(folder / "animals", 90, 30, height=16, width=16)
    (x_train, y_train), (x_test, y_test) = drawn(90, 16, 16), drawn(30, 16, 16, seed=1)
    np.savez(folder / "animals.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    for name, data in (("files", "animals"), ("arrays", "animals.npz")):
        (folder / f"{name}.toml").write_text(f'name = "{name}"' + STUDY.format(data=data))
    return folder


@pytest.fixture(scope="module")
def place(folder):
    with lasting_workers():
        yield {"storage": folder / "own.db", "workers": 1, "progress": False}


@pytest.fixture(scope="module")
def found(folder, place):
    return sweep.run(folder / "files.toml", **place)


def test_each_trial_is_trained_on_the_images_that_are_kept_beside_the_database(found, folder):
    assert found.frame["outcome"].tolist() == ["completed"] * 2
    (kept,) = (folder / "own.db.images").iterdir()
    with sqlite3.connect(folder / "own.db") as connection:
        sources = {source for (source,) in connection.execute("SELECT data FROM sweep_runs")}
    assert sources == {str(kept)}
    assert is_kept(str(kept))
    assert found.study.data == str(folder / "animals")


def test_a_study_of_the_same_pixels_in_an_npz_reuses_every_run(found, folder, place):
    again = sweep.run(folder / "arrays.toml", **place)
    assert again.frame["score"].tolist() == found.frame["score"].tolist()
    assert again.frame["reused_epochs"].tolist() == [1, 1]


def test_mistakes_show_the_pictures_and_the_names_of_their_classes(found, folder):
    (folder / "animals").rename(folder / "elsewhere")  # what is kept is enough
    try:
        shown = mistakes(found.predictions)
    finally:
        (folder / "elsewhere").rename(folder / "animals")
    dataset = load_dataset(str(folder / "animals"))
    _, held_out = found.predictions.split.indices(dataset.y_train)
    assert shown.names == CLASSES
    assert (shown.labels == dataset.y_train[held_out]).all()


def test_a_trial_is_written_as_a_recipe_that_names_the_pictures(found, place, tmp_path):
    study = found.study.replaced(image_size=(16, 16))
    (tmp_path / "best.toml").write_text(recipe.text_of(study.recipe_for(found.configuration(1))))
    (trained,) = sweep.train(tmp_path / "best.toml", seed=3, **place)
    assert not trained.reason


def test_the_exported_model_calls_classes_by_their_names_and_sizes_pictures_as_it_learnt_them(found, place, tmp_path):
    sweep.export("files", tmp_path / "best", trial=1, **place)
    images, _ = drawn(30, 16, 16, seed=1)
    wide = np.repeat(images[0], 2, axis=1)  # distorted, it is the same picture again
    pictures = []
    for name, picture in (("a.png", images[0]), ("wide.png", wide)):
        Image.fromarray(picture).save(tmp_path / name)
        pictures.append(tmp_path / name)
    plain, resized = sweep.predict(tmp_path / "best", pictures)
    assert plain.name == CLASSES[plain.digit]
    assert resized.digit == plain.digit
    assert resized.probabilities == pytest.approx(plain.probabilities, abs=0.2)
    assert "of 3 classes: 'cats', 'dogs', 'eels'." in (tmp_path / "best" / "README.md").read_text()
    document = json.loads((tmp_path / "best" / "metrics.json").read_text())
    assert document["data"]["class_names"] == list(CLASSES)
    assert document["data"]["pixels"] == {
        "black": 0,
        "white": 255,
        "light_on_dark": None,
        "centred": True,
        "fit": "resize",
    }


class Looking(SilentWatcher):
    """Looks, after each epoch, at what the study called "files" is held for."""

    def __init__(self, storage):
        self.storage, self.seen = str(storage), []

    def epoch(self, *_):
        with Store.open(self.storage) as store:
            self.seen.append(store.leases.at_work(store.studies.find("files").id)[1])


def test_an_export_that_trains_holds_its_study_meanwhile(found, place, tmp_path):
    watcher = Looking(place["storage"])
    sweep.export("files", tmp_path / "base", trial=0, **place | {"progress": watcher})
    assert watcher.seen
    assert set(watcher.seen) == {Work.EXPORT}
    with Store.open(watcher.storage) as store:
        assert store.leases.at_work(store.studies.find("files").id) == (None, None)


def test_an_export_does_without_the_study_while_a_search_holds_it(found, place, tmp_path):
    watcher = Looking(place["storage"])
    with Store.open(watcher.storage) as store:
        study_id = store.studies.find("files").id
        with Lease(store.leases, study_id, "files"):
            sweep.export("files", tmp_path / "again", trial=0, **place | {"progress": watcher})
            assert store.leases.at_work(study_id)[1] is Work.SEARCH
    assert set(watcher.seen) <= {Work.SEARCH}


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A study that is scored on the validation pictures of its data, confirmed, and where it is."""
    folder = tmp_path_factory.mktemp("given")
    saved(parts_of(folder / "animals", 90, 30, height=16, width=16) / "val", *drawn(30, 16, 16, seed=2))
    study = STUDY.format(data="animals").replace("validation = 30\n", "")
    (folder / "my.toml").write_text('name = "my"' + study)
    where = {"storage": folder / "own.db", "workers": 1, "progress": False}
    return folder, where, sweep.run(folder / "my.toml", **where), sweep.confirm("my", top=1, seeds=2, **where)


def test_validation_pictures_score_the_search_and_each_seed_of_the_confirmation(scored):
    folder, where, found, confirmed = scored
    dataset = load_dataset(str(folder / "animals"))
    assert (found.study.validation, found.study.given) == (30, True)
    assert mistakes(found.predictions).labels.tolist() == dataset.y_train[-30:].tolist()
    assert sweep.result("my", storage=where["storage"]).study == found.study
    assert confirmed.verdict.same_images
    assert confirmed.predictions.seed == confirmed.verdict.seeds[0]
    assert mistakes(confirmed.predictions).labels.tolist() == dataset.y_train[-30:].tolist()
    with sqlite3.connect(where["storage"]) as connection:
        splits = [json.loads(split) for (split,) in connection.execute("SELECT split FROM sweep_runs") if split]
    assert {(each["validation"], each["given"]) for each in filter(None, splits)} == {(30, True)}


def test_a_recipe_of_such_a_study_is_scored_alike_and_its_script_trains_on_all_but_the_test(scored, tmp_path):
    _, where, found, _ = scored
    sweep.export("my", tmp_path / "best", trial=1, **where)
    recipe_text = (tmp_path / "best" / "best.toml").read_text()
    assert 'validation = "given"' in recipe_text
    assert "on 30 validation images of" in recipe_text
    assert "# On 2 fresh seeds, all on the same images: " in recipe_text
    (trained,) = sweep.train(tmp_path / "best" / "best.toml", seed=found.study.seed, **where)
    assert trained.curve[-1].val_accuracy == found.score(1)
    assert "x_train, y_train = images[:120], labels[:120]" in (tmp_path / "best" / "train.py").read_text()
    with pytest.raises(InputError, match=r'validation = "given", but these data have no validation images'):
        sweep.train(tmp_path / "best" / "best.toml", data="mnist", **where)


@pytest.fixture(scope="module")
def in_folds(folder, place):
    (folder / "folds.toml").write_text(
        'name = "folds"' + STUDY.format(data="animals").replace("validation = 30", "folds = 3")
    )
    sweep.run(folder / "folds.toml", **place)
    return sweep.confirm("folds", top=1, seeds=2, **place)


def test_each_picture_scores_a_trial_once_if_there_are_folds(in_folds, folder):
    with sqlite3.connect(folder / "own.db") as connection:
        rows = connection.execute("SELECT fingerprint, configuration, seed, split FROM sweep_runs").fetchall()
        scores = dict(
            connection.execute("SELECT fingerprint, val_accuracy FROM sweep_epochs WHERE epoch = 1").fetchall()
        )
        predictions = dict(connection.execute("SELECT fingerprint, length(classes) FROM sweep_predictions").fetchall())
    on_folds = {}
    for fingerprint, configuration, seed, split in rows:
        split = json.loads(split) if split else {}
        if "fold" in split and json.loads(configuration)["batch_size"] == in_folds.study.base.batch_size:
            on_folds[split["fold"]] = scores[fingerprint]
            assert seed == split["fold"] - 1
            assert split["validation"] == 30
            assert fingerprint in predictions
    assert sorted(on_folds) == [1, 2, 3]
    assert in_folds.frame["folds"][0] == 3
    assert in_folds.frame["score"][0] == pytest.approx(np.mean(list(on_folds.values())))
    assert in_folds.images == 90


def test_what_is_found_in_folds_is_confirmed_reported_and_exported_as_any_other(in_folds, place, tmp_path):
    assert in_folds.verdict is not None
    assert in_folds.predictions.split.fold in (0, 1)
    sweep.report("folds", tmp_path / "report.html", storage=place["storage"])
    assert "0 failed" not in (tmp_path / "report.html").read_text()
    sweep.export("folds", folder := tmp_path / "best", trial=0, **place)
    assert "the mean over 3 folds" in (folder / "train.py").read_text()
    assert json.loads((folder / "metrics.json").read_text())["search"]["folds"] == 3
    assert "in the search, mean over folds" in (folder / "README.md").read_text()


def test_the_study_after_one_in_folds_has_folds(in_folds, folder, place):
    sweep.init(folder / "next.toml", after="folds", storage=place["storage"])
    text = (folder / "next.toml").read_text()
    assert "folds = 3" in text
    assert "validation" not in text
    assert sweep.load(str(folder / "next.toml")).folds == 3


def test_broken_files_end_the_command_before_anything_is_kept(tmp_path):
    parts_of(tmp_path / "animals", 90, 30, height=16, width=16)
    (tmp_path / "animals" / "train" / "cats" / "00000.png").write_text("no picture")
    (tmp_path / "my.toml").write_text('name = "my"' + STUDY.format(data="animals"))
    with pytest.raises(InputError, match=r"00000\.png: not a PNG, JPEG, BMP, GIF or WEBP picture"):
        sweep.run(tmp_path / "my.toml", storage=tmp_path / "own.db", progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["animals", "my.toml"]
