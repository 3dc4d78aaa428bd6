"""The class that a run gave each image that scores, by fingerprint and epochs."""

import zlib
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, select

from sweep.storage._subject import Subject
from sweep.storage._tables import predictions, put, trials
from sweep.storage.repeating import repeatable


class PredictionReader(Subject):
    """Reads predictions, by the run's fingerprint and epochs."""

    def ends(self, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], NDArray[np.uint16]]:
        """As `find`, of several at once; those that were not kept are missing."""
        fingerprints = {fingerprint for fingerprint, _ in wanted}
        rows = self._rows(select(predictions).where(predictions.c.fingerprint.in_(fingerprints)))
        kept = {(row["fingerprint"], row["epochs"]): row["classes"] for row in rows}
        return {end: _classes(kept[end]) for end in wanted if end in kept}

    def find(self, fingerprint: str, epochs_: int) -> NDArray[np.uint16] | None:
        """Those classes, (images,); None where they were not kept."""
        query = select(predictions.c.classes).where(
            predictions.c.fingerprint == fingerprint, predictions.c.epochs == epochs_
        )
        kept = self._value(query)
        return None if kept is None else _classes(kept)


class Predictions(PredictionReader):
    @repeatable
    def keep(self, fingerprint: str, epochs_: int, predicted: bytes) -> None:
        """Keeps the class that a run gave each image that scores, uint16 in bytes, after so many epochs."""
        if not predicted:
            return
        row = {"fingerprint": fingerprint, "epochs": epochs_, "classes": zlib.compress(predicted)}
        with self._database.transaction() as connection:
            put(connection, predictions, row)

    def drop(self, fingerprint: str) -> None:
        """Drops those of a run, unless it is a study's baseline, beside which the best is shown."""
        baseline = select(trials.c.number).where(trials.c.fingerprint == fingerprint, trials.c.baseline)
        self._change(delete(predictions).where(predictions.c.fingerprint == fingerprint, ~baseline.exists()))


def _classes(kept: bytes) -> NDArray[np.uint16]:
    return np.frombuffer(zlib.decompress(kept), np.uint16)
