import numpy as np
import pytest

from sweep.data.dataset import Split, load_dataset
from sweep.data.partition import partition
from sweep.data.published import PUBLISHED
from sweep.errors import DataError
from sweep.results.predictions import Predictions, mistakes

SPLIT = Split(3, 500)


@pytest.fixture(scope="module")
def mnist():
    return load_dataset("mnist")


def predictions(source, digest, classes=None):
    guessed = np.zeros(SPLIT.validation, np.uint16) if classes is None else classes.astype(np.uint16)
    return Predictions(1, 3, SPLIT, source, digest, guessed, guessed)


def test_predictions_find_the_images_and_labels_they_are_of(mnist):
    split = partition(mnist, SPLIT)
    found = mistakes(predictions("mnist", mnist.digest, split.y_score))
    assert (found.labels == split.y_score).all()
    assert (found.images == split.x_score).all()
    assert (found.ours == found.labels).all()
    assert found.names == tuple("0123456789")


def test_a_dataset_that_is_not_here_is_told_and_not_fetched(monkeypatch, tmp_path, mnist):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"^The dataset 'mnist' is not on this machine\.$"):
        mistakes(predictions("mnist", mnist.digest))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="no such file or folder"):
        mistakes(predictions(str(tmp_path / "mine.npz"), mnist.digest))


def test_images_of_another_dataset_are_not_taken_for_those_that_were_seen():
    with pytest.raises(DataError, match="The dataset 'mnist' is not the one that the networks saw"):
        mistakes(predictions("mnist", "another digest"))


def test_classes_that_are_no_digits_have_names():
    assert len(set(PUBLISHED["fashion-mnist"].classes)) == 10
