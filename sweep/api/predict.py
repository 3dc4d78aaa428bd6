"""`sweep.predict`: what an exported model sees on pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.system.apart import apart

if TYPE_CHECKING:
    from sweep.exports.prediction import Prediction


def predict(
    folder: str | Path, pictures: str | Path | Sequence[str | Path], *, as_is: bool = False
) -> "list[Prediction]":
    """Classifies picture files of any size (PNG, JPEG, BMP, GIF or WebP) by the model that `sweep.export` wrote.

    Args:
        folder: the folder of the export.
        pictures: the files.
        as_is: only pad and resize a picture. By default its ink is sized and centred as in MNIST if that is so in the
            training images. It is inverted if it is dark on light and all training images are light on dark, or the
            other way round.

    Raises:
        InputError: there is no such model, it is not safe to load, or a picture cannot be read.
        EngineError: TensorFlow cannot be used.
    """
    from sweep.exports import prediction

    files = [pictures] if isinstance(pictures, str | Path) else pictures
    return apart(prediction.predict, Path(folder), [Path(file) for file in files], as_is=as_is)
