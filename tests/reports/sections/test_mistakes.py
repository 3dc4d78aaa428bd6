"""What a page shows of mistakes, on real images of MNIST with made-up predictions."""

import base64
import re
import zlib
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from samples.results import result_of, rows_of
from scipy import stats

import reports
from reports.pages import contents, html
from reports.sections import mistakes
from reports.typography import NO_BREAK
from sweep.data.dataset import Split, load_dataset
from sweep.data.partition import partition
from sweep.results.predictions import Mistakes, Predictions

SPLIT = Split(0, 1000)


@pytest.fixture(scope="module")
def mnist():
    return load_dataset("mnist")


@pytest.fixture(scope="module")
def labels(mnist):
    return partition(mnist, SPLIT).y_score


def wrong(labels, places, taken):
    """Predictions that are right but for these places."""
    predicted = labels.astype(np.uint16)
    predicted[places] = taken
    return predicted


def places_of(labels, digit, count):
    return np.flatnonzero(labels == digit)[:count]


@pytest.fixture(scope="module")
def found(mnist, labels):
    """The baseline takes 40 fours for nines, trial 1 ten of these and five threes for eights."""
    fours, threes = places_of(labels, 4, 40), places_of(labels, 3, 5)
    ours = wrong(labels, fours[:10], 9)
    ours[threes] = 8
    predictions = Predictions(1, 0, SPLIT, "mnist", mnist.digest, ours, wrong(labels, fours, 9))
    return replace(result_of(rows_of(0.96, 0.985)), predictions=predictions)


def section(result):
    return re.search(r'<section id="mistakes".*?</section>', html.render(result), re.DOTALL).group(0)


def plain(markup):
    own = re.sub(r"<script.*?</script>", "", markup, flags=re.DOTALL)
    return unescape(re.sub("<.*?>", "", own)).replace(NO_BREAK, " ")


# Tables


def test_a_confusion_has_what_is_there_in_rows_and_what_it_was_taken_for_in_columns(found):
    seen = found.mistakes()
    matrix = mistakes.confusion(seen.labels, seen.baseline, range(10))
    assert matrix.loc[4, 9] == 40
    assert matrix.loc[9, 4] == 0
    assert matrix.to_numpy().sum() == 1000
    assert matrix.sum(axis=1).tolist() == np.bincount(seen.labels).tolist()


def test_classes_count_wrong_predictions(found):
    table = mistakes.classes(found.mistakes())
    assert table["name"].tolist() == list("0123456789")
    assert table.loc[4, ["baseline", "ours"]].tolist() == [40, 10]
    assert table.loc[3, ["baseline", "ours"]].tolist() == [0, 5]
    assert table["images"].sum() == 1000


def test_who_is_right_where_the_other_is_wrong_is_counted(found):
    assert mistakes.agreement(found.mistakes()) == mistakes.Agreement(1000, baseline_alone=30, ours_alone=5, both=10)


def test_a_gallery_holds_mistakes_of_one_network_alone_spread_over_classes(found):
    seen = found.mistakes()
    assert len(mistakes.gallery(seen, of_baseline=True)) == mistakes.MOST_PICTURES
    others = mistakes.gallery(seen, of_baseline=False)
    assert others["image"].tolist() == places_of(seen.labels, 3, 5).tolist()
    assert others[["label", "predicted"]].to_numpy().tolist() == [[3, 8]] * 5


def many(classes=40):
    """A dataset of many classes, of which the last has the most mistakes."""
    labels = np.repeat(np.arange(classes, dtype=np.int32), 3)
    ours = labels.astype(np.uint16)
    ours[-2:] = 0
    names = tuple(f"kind {number}" for number in range(classes))
    predictions = Predictions(1, 0, Split(0, len(labels)), "mine", "", ours, ours)
    return Mistakes(predictions, labels, np.zeros((len(labels), 4, 4, 1)), names)


def test_of_many_classes_those_with_the_most_mistakes_are_shown():
    table = mistakes.classes(many())
    assert len(table) == mistakes.MOST_CLASSES
    assert table.index[-1] == 39
    assert table.index.is_monotonic_increasing
    figure = reports.mistakes(many())
    assert figure.layout.meta["note"] == "The 12 classes of 40 with the most mistakes"


# Pictures


def pixels(address, channels):
    """What a PNG of ours shows, read by its own format."""
    content = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    length = int.from_bytes(content[33:37], "big")
    lines = np.frombuffer(zlib.decompress(content[41 : 41 + length]), np.uint8).reshape(height, -1)
    assert (lines[:, 0] == 0).all()  # no filter
    return lines[:, 1:].reshape(height, width, channels)


def test_a_picture_is_the_image_itself(mnist):
    assert (pixels(mistakes.picture(mnist.x_train[0]), 1) == mnist.x_train[0]).all()


def test_images_in_colour_and_large_ones_have_pictures():
    colours = np.random.default_rng(0).integers(0, 256, (200, 100, 3), np.uint8)
    assert (pixels(mistakes.picture(colours), 3) == colours[::4, ::4]).all()


# The figure


def test_the_figure_has_a_row_for_each_class(found):
    figure = reports.mistakes(found.mistakes())
    traces = {trace.name: trace for trace in figure.data if trace.name}
    assert list(traces) == ["baseline", "trial 1"]
    fours = (found.mistakes().labels == 4).sum()
    assert traces["baseline"].x[4] == pytest.approx(4000 / fours, abs=1e-3)
    assert traces["trial 1"].x[4] == pytest.approx(1000 / fours, abs=1e-3)
    assert figure.layout.yaxis.ticktext == tuple("0123456789")
    assert figure.layout.xaxis.range[0] == 0


# The section


def test_the_section_says_counts_and_shows_matrices_and_images(found):
    markup = section(found)
    said = plain(markup)
    assert (
        "On the same 1,000 validation images, trained with seed 0: 30 are wrong by the baseline alone, 5 by trial 1 "
        "alone, and 10 by both."
    ) in said
    assert markup.count('<table class="matrix">') == 3
    assert re.search(r'class="better" style="--share:1.00">−30<', markup)
    assert re.search(r'class="worse" style="--share:0.17">\+5<', markup)
    assert "Correct by trial 1, wrong by the baseline: 24 of 30" in said
    assert "Correct by the baseline, wrong by trial 1: 5" in said
    assert markup.count("<img") == 29
    assert markup.count('alt="4 that the baseline predicts as 9"') == 24
    assert len(markup) < 60_000


def test_the_images_are_in_the_page(found):
    addresses = re.findall(r'<img src="(.*?)"', section(found))
    assert all(address.startswith("data:image/png;base64,") for address in addresses)


def test_without_predictions_or_without_the_dataset_one_sentence_says_so(found, monkeypatch, tmp_path):
    assert "so they cannot be compared" in plain(section(result_of(rows_of(0.96, 0.985))))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    said = section(found)
    assert "The images cannot be shown. The dataset &#39;mnist&#39; is not on this machine." in said
    assert "<img" not in said
    assert "mistakes" in [element.key for element in contents.STUDY.sections]


# -- recall


def test_recall_is_the_share_of_a_class_that_is_predicted_as_it_with_wilsons_interval(found, labels):
    table = mistakes.recall(found.mistakes())
    images = int((labels == 4).sum())
    assert table.loc[4, "images"] == images
    assert table.loc[4, "baseline"] == pytest.approx(1 - 40 / images)
    assert table.loc[4, "ours"] == pytest.approx(1 - 10 / images)
    expected = stats.binomtest(images - 40, images).proportion_ci(method="wilson")
    assert (table.loc[4, "baseline_low"], table.loc[4, "baseline_high"]) == pytest.approx(tuple(expected), abs=1e-6)
    assert table.loc[0, "ours_high"] == 1
    assert table.loc[0, "ours_low"] < 1


def test_a_class_without_held_out_images_has_no_recall(found):
    own = found.mistakes()
    table = mistakes.recall(replace(own, names=(*own.names, "none of these")))
    assert table.index.tolist() == list(range(10))


def test_the_page_has_the_recall_of_each_class_and_their_mean(found):
    text = plain(section(found))
    table = mistakes.recall(found.mistakes())
    assert "Recall of each class" in text
    assert f"balanced accuracy: baseline {100 * table['baseline'].mean():.2f} %" in text
