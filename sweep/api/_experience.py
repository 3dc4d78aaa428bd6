"""What a study learns from when it begins: earlier studies of its database, others that it names, and what ships."""

from collections.abc import Iterator
from pathlib import Path

from sweep.data.dataset import Dataset
from sweep.errors import InputError, NoDatabase
from sweep.results.forecast import JUDGED, LEARNT, Forecast
from sweep.runs import Outcome
from sweep.search.experience import OTHER_DATA, Source, is_for, promising, shipped, teaches
from sweep.space.configuration import Configuration
from sweep.storage.by_hand import EXPERIENCE, Queued
from sweep.storage.store import Reader
from sweep.storage.studies import StudyRow
from sweep.study.files import load
from sweep.study.origins import place_and_name
from sweep.study.study import Study
from sweep.wording import listed, several

LEAST = 10
"""Trials with a score that a study has at least, so that others learn from it."""
MOST = 2_000
"""So many trials are enough to learn from, those of the latest studies; of one study no more are read."""
SHIPPED_FROM = "everything"
"""The study whose space has the points of the trainings that ship."""
NAMES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}


def first_lessons(study: Study, dataset: Dataset, storage: str) -> list[Queued]:
    """What experience has a study try first; nothing where it is for no such study, or there is none.

    Raises:
        InputError: a study that it names is not there, or says nothing of this one.
        StoreError: a database cannot be used.
    """
    if not study.experience or not is_for(study):
        return []
    if isinstance(study.experience, tuple):
        sources = [_named(study, origin, dataset, storage) for origin in study.experience]
    else:
        sources = [*_earlier(study, dataset, storage), *(shipped() if teaches(load(SHIPPED_FROM), study) else [])]
    if not sources:
        return []
    found = promising(study, sources, dataset.image_shape, dataset.classes)
    if not found and isinstance(study.experience, tuple):
        raise InputError(
            f"experience names {listed(study.experience)}, which has nothing to teach: the scores of its trials do not "
            "follow from their values. Leave it out, or name a study with more trials."
        )
    return [Queued(each.values(), f"{EXPERIENCE}: {in_words(sources)}") for each in found]


def in_words(sources: list[Source]) -> str:
    """As in "192 trainings on MNIST and Fashion-MNIST"."""
    data = dict.fromkeys(NAMES.get(source.data, Path(source.data).stem) for source in sources)
    return f"{several(sum(len(source.scores) for source in sources), 'training')} on {listed(data)}"


def _earlier(study: Study, dataset: Dataset, storage: str) -> Iterator[Source]:
    """What the latest studies of the study's own database have shown."""
    found = 0
    try:
        with Reader.open(storage) as store:
            for row in reversed(store.studies.all()):
                if row.study.name == study.name or row.counted < LEAST or not teaches(row.study, study):
                    continue
                source = _shown(store, row, dataset.digest)
                if len(source.scores) >= LEAST:
                    yield source
                    found += len(source.scores)
                if found >= MOST:
                    return
    except NoDatabase:
        return


def _named(study: Study, origin: str, dataset: Dataset, storage: str) -> Source:
    place, name = place_and_name(origin)
    try:
        with Reader.open(place or storage) as store:
            row = store.studies.find(name)
            source = _shown(store, row, dataset.digest)
    except InputError as error:
        raise InputError(f"experience names {origin!r}. {error}") from None
    if not teaches(row.study, study):
        raise InputError(
            f"experience names {origin!r}, which varies fewer than half of this study's parameters, or another network."
        )
    if len(source.scores) < LEAST:
        has = several(len(source.scores), "trial")
        raise InputError(f"experience names {origin!r}, which has {has} with a score; {LEAST} are needed.")
    return source


def _shown(store: Reader, row: StudyRow, digest: str) -> Source:
    """What the trials of a study have shown: the score that each should reach in the end, 0 for one that diverged."""
    study, tried, scores = row.study, list[Configuration](), list[float]()
    forecast = Forecast.after(store.trials.first_completed(row.id, LEARNT), study.scoring)
    for trial in store.trials.rows(row.id)[-MOST:]:
        outcome, score, reached = trial["outcome"], trial["score"], trial["trained_epochs"]
        known = Configuration.of(study.base.model, trial["configuration"])
        if outcome == Outcome.DIVERGED:
            score = 0.0
        elif outcome in JUDGED and score is not None and reached > 0:
            epochs = reached if outcome == Outcome.COMPLETED else known.epochs
            score = forecast.expected(score, reached, epochs)
        else:
            continue
        tried.append(known)
        scores.append(score)
    return Source(study.data, tried, scores, 1.0 if row.data_digest == digest else OTHER_DATA)
