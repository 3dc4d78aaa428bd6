"""What a study would do, before it does."""

from pathlib import Path

from sweep.api.search import loaded
from sweep.data.dataset import load_dataset
from sweep.data.names import DATASETS
from sweep.search.preview import Preview, preview
from sweep.study.study import Study


def check(study: Study | str | Path) -> tuple[Study, Preview]:
    """A study and what it would do: samples of its space and its expected cost.

    Images of the user's own are read, since they decide which networks can exist; others are not downloaded.

    Args:
        study: a `Study`, the name of one that ships, or the path of a TOML file.

    Raises:
        InputError: the study or its data cannot be used.
    """
    wanted = loaded(study)
    if wanted.data in DATASETS:
        return wanted, preview(wanted)
    dataset = load_dataset(wanted.data)
    return wanted, preview(wanted, dataset.image_shape, dataset.classes, len(dataset.x_train))
