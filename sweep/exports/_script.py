"""A configuration as a script or a notebook that needs Keras alone: load, build, train, test, compare."""

import json
import math
import re
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from sweep.data.dataset import Dataset
from sweep.data.idx import IDX_NAMES, IDX_TYPES
from sweep.data.kept import is_kept
from sweep.data.metric import unit
from sweep.data.names import DATASETS, settled
from sweep.data.published import HOST, PUBLISHED
from sweep.exports import _training as training
from sweep.exports.selection import Selection, heading
from sweep.models.tutorial.source import marked
from sweep.results.noise import noise_of_score
from sweep.space.configuration import Configuration
from sweep.wording import margin, percent

NETWORK = "the_network"
"""Stands for it while a script is cut into steps: its own lines may look like the beginning of one."""

READ_NPZ = """with np.load(path) as arrays:
    x_train, y_train, x_test, y_test = (arrays[name] for name in ("x_train", "y_train", "x_test", "y_test"))"""

READ_KEPT = """path = {path!r}  # the images, as sweep has read them
images, labels = np.load(f"{{path}}/images.npy"), np.load(f"{{path}}/labels.npy")
x_train, y_train = images[:{train}], labels[:{train}]
x_test, y_test = images[{train}:], labels[{train}:]"""

READ_IDX = f"""

def read_idx(name):
    plain = pathlib.Path(path, name)
    content = (plain if plain.exists() else pathlib.Path(f"{{plain}}.gz")).read_bytes()
    if content.startswith(b"\\x1f\\x8b"):
        content = gzip.decompress(content)
    types = {IDX_TYPES}
    sizes = np.frombuffer(content, ">u4", count=content[3], offset=4)
    return np.frombuffer(content, types[content[2]], offset=4 + 4 * content[3]).reshape(sizes)


{"".join(f'{name} = read_idx("{file_name}")' + chr(10) for name, file_name in IDX_NAMES.items()).rstrip()}"""


def as_script(selection: Selection) -> str:
    """train.py: it exits with 1 if its accuracy is outside the 99.9 % prediction interval of one more run."""
    return _render(selection, _network(selection), notebook=False)


def as_notebook(selection: Selection) -> str:
    """The same as a Jupyter notebook (nbformat 4.5): a heading and a cell for each step."""
    cells: list[dict[str, object]] = []
    script, network = _render(selection, NETWORK, notebook=True), _network(selection)
    for number, step in enumerate(re.split(r"^(?=# \d\. )", script, flags=re.MULTILINE)):
        lines = step.splitlines()
        comments = next(place for place, line in enumerate(lines) if not line.startswith("#"))
        title, *text = (line.removeprefix("#").strip() for line in lines[:comments])
        words = "\n".join([f"## {title}", "", *text] if number else [title, *text]).strip()
        code: dict[str, object] = {"execution_count": None, "outputs": []}
        code["source"] = "\n".join(network if line == NETWORK else line for line in lines[comments:]).strip()
        cells.append({"cell_type": "markdown", "id": f"step-{number}", "metadata": {}, "source": words})
        cells.append({"cell_type": "code", "id": f"code-{number}", "metadata": {}, **code})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _network(selection: Selection) -> str:
    dataset = selection.dataset
    return selection.configuration.source(dataset.image_shape, dataset.classes, selection.result.study.precision)


def _render(selection: Selection, network: str, notebook: bool) -> str:
    configuration, study, dataset = selection.configuration, selection.result.study, selection.dataset
    load_data = _load_data(study.data, dataset)
    environment = Environment(
        loader=PackageLoader("sweep.exports"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    usual = Configuration.of(configuration.model, {})
    whose = "the tutorial" if study.build is None else "its default"
    return environment.get_template("train.py.j2").render(
        notebook=notebook,
        heading=heading(selection.result, selection.trial),
        seed=selection.unused_seed,
        policy="mixed_bfloat16" if study.precision == "bfloat16" else None,
        load_data=load_data,
        reads_idx=load_data.endswith(READ_IDX),
        own_data=study.data not in DATASETS,
        floats=dataset.x_train.dtype != np.uint8,
        grey=dataset.image_shape[2] == 1,
        whose=whose,
        own=study.build is not None,
        network=network,
        preparation=training.preparation(configuration, dataset, study.precision, whose),
        optimizer=marked(training.optimizer(configuration), training.optimizer(usual), whose),
        loss=marked(training.loss(configuration), training.loss(usual), whose),
        balanced=configuration.class_weight == "balanced",
        smoothed=bool(configuration.label_smoothing),  # of the loss alone: the test's is plain
        batch_size=marked(f"batch_size={configuration.batch_size}", f"batch_size={usual.batch_size}", whose),
        epochs=marked(f"epochs={configuration.epochs}", f"epochs={usual.epochs}", whose),
        interval=selection.tested.one_more_run,
        sound=selection.tested.any_sound_run,
        runs=len(selection.tested.accuracies),
        mean=None if selection.tested.mean is None else percent(selection.tested.mean.value),
        hint=_hint(selection),
    )


def _hint(selection: Selection) -> str:
    """What stands in place of an expectation: what the search saw once, and how much of that is chance."""
    study, score = selection.result.study, selection.result.score(selection.trial)
    if math.isnan(score):
        return "the search has not scored it either"
    if selection.result.completed_score(selection.trial) is None:
        return "the search has not trained it to its last epoch"
    images = "all others" if study.train_size is None else f"{study.train_size:,} others"
    folds = selection.result.folds(selection.trial)
    once = "once" if folds == 1 else f"as the mean over {folds} folds"
    chance = noise_of_score(score, selection.result.images)
    return (
        f"the search saw {percent(score)}{unit(study.metric)} on {study.validation:,} held-out images after training "
        f"on {images}, {once}: its images and its seed make that uncertain by about {margin(chance)} points"
    )


def _load_data(source: str, dataset: Dataset) -> str:
    """The lines that load a dataset into x_train, y_train, x_test and y_test."""
    if is_kept(dataset.source):
        return READ_KEPT.format(path=dataset.source, train=len(dataset.y_train))
    if source == "mnist":  # not keras.datasets: that refuses any copy but its own, wherever it came from
        return f'path = keras.utils.get_file("mnist.npz", "{HOST}mnist.npz")\n' + READ_NPZ
    place = Path(settled(source))
    if source in DATASETS:
        found = PUBLISHED[source].place()
        if found is None or found.path == PUBLISHED[source].in_cache.path:
            return f"(x_train, y_train), (x_test, y_test) = keras.datasets.{source.replace('-', '_')}.load_data()"
        place = found.path
    return f"path = {str(place)!r}\n" + (READ_NPZ if place.is_file() else READ_IDX)
