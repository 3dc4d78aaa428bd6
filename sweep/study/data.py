"""What a study says of its data: which they are, how they are read, and which of their images score it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationInfo

from sweep.data.metric import Metric, images_that_count
from sweep.data.names import (
    DATASETS,
    FOLDS,
    GIVEN,
    NONE_GIVEN,
    NamedDataset,
    held_out_in_folds,
    misfit,
    settled,
    share_of,
)
from sweep.data.preparation import AS_THEY_ARE, Preparation, problem_of
from sweep.defaults import VALIDATION
from sweep.errors import DataError
from sweep.study._values import Problems


def described(data: str, preparation: Preparation) -> NamedDataset:
    """The shape, classes and number of a dataset's training images. Pictures are not decoded.

    Raises:
        DataError: it cannot be found or read, or not be prepared like that.
    """
    if data in DATASETS and preparation == AS_THEY_ARE:
        return DATASETS[data]
    from sweep.data.dataset import describe  # NumPy, which is not needed for names

    return describe(data, preparation)


def with_given(fields: dict[str, Any], known: NamedDataset | None = None) -> dict[str, Any]:
    """A study's fields; if the validation images of its data score it, `validation` is their number: {"given": 500}.

    They do if it says "given", or nothing, and there are some. `known` are its data; None: they are described here.
    """
    data = fields.get("data", "mnist")
    elsewhere = fields.get(FOLDS) is not None or fields.get("validation", GIVEN) != GIVEN
    if elsewhere or not isinstance(data, str | Path) or not str(data):
        return fields
    try:
        known = known or described(settled(str(data)), Preparation.of(fields))
    except DataError:  # which is told when its fields are read, or its images
        return fields
    return fields | ({"validation": {GIVEN: known.given}} if known.given else {})


MOST_FOLDS = 20


def with_folds(fields: dict[str, Any], known: NamedDataset | None = None) -> dict[str, Any]:
    """A study's fields; with folds, `validation` is the size of one, as in {"folds": 500}, or what is wrong with them.

    `known` are its data; None: they are described here.
    """
    folds, data = fields.get(FOLDS), fields.get("data", "mnist")
    if folds is None:
        return fields
    if type(folds) is not int or not 2 <= folds <= MOST_FOLDS or not isinstance(data, str | Path) or not str(data):
        return fields | {"validation": {FOLDS: 1}}  # what is wrong is told with the field itself
    said = fields.get("validation")
    if isinstance(said, Mapping) and said.keys() == {FOLDS}:
        return fields
    if said is not None:
        why = f"{FOLDS} = {folds} holds out every image once, so validation = {json.dumps(said)} has no part in it."
        return fields | {"validation": {FOLDS: f"{why} Leave one of them out."}}
    try:
        known = known or described(settled(str(data)), Preparation.of(fields))
    except DataError as error:
        return fields | {"validation": {FOLDS: f"{FOLDS} = {folds} shares out images that cannot be read. {error}"}}
    return fields | {"validation": {FOLDS: held_out_in_folds(folds, known)}}


def numbered(fields: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A study's fields with a number as `validation`, and whether that is of the validation images of its data."""
    fields = with_given(with_folds(fields))
    said = fields.get("validation")
    if not isinstance(said, Mapping) or said.keys() != {GIVEN}:
        return fields, False
    return fields | {"validation": said[GIVEN]}, True


def counted(known: NamedDataset, validation: int, metric: Metric) -> float:
    """How many of so many held-out images a score by this metric counts; 0 where the classes are not known: all."""
    counts = [count for _, count in known.counts]
    return validation * images_that_count(metric, counts) / sum(counts) if counts else 0


def read_data(given: object) -> object:
    text = str(given) if isinstance(given, Path) else given
    return settled(text) if isinstance(text, str) else text


def read_prepared(given: object, info: ValidationInfo) -> object:
    if given is not None and (problem := problem_of(str(info.field_name), given)):
        raise Problems([((), problem)])
    return tuple(given) if isinstance(given, list) else given


def read_validation(given: object, info: ValidationInfo) -> object:
    if isinstance(given, Mapping) and given.keys() == {FOLDS}:
        if isinstance(given[FOLDS], str):
            raise Problems([((), given[FOLDS])])
        return given[FOLDS]
    data = info.data.get("data")
    if data is None:
        return VALIDATION if given == GIVEN else given
    if given != GIVEN and not (isinstance(given, float) and 0 < given < 1):
        return given
    try:
        images = described(data, Preparation.of(info.data)).images
    except DataError as error:
        what = f"validation = {json.dumps(given)} takes images that cannot be read"
        raise Problems([((), f"{what}. {error}")]) from None
    if isinstance(given, float):
        if (found := misfit(images, given, None)) is not None:
            raise Problems([((), found[1])])
        return share_of(images, given)
    raise Problems([((), NONE_GIVEN)])
