"""Trial details: what a trial changed, how it went, why it ended, and how to train it again."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reports import frames, labels
from reports.blocks import (
    Block,
    Definitions,
    Fold,
    Head,
    Labels,
    NotYet,
    Row,
    Section,
    Sentence,
    Story,
    Table,
    chart_of,
)
from reports.sections import curves
from sweep import wording
from sweep.data.metric import IN_WORDS, Metric
from sweep.errors import DataError
from sweep.results.predictions import Wrong
from sweep.results.result import Result, configuration_of
from sweep.space.configuration import Configuration
from sweep.space.differences import differences
from sweep.study import recipe

MOST_EPOCHS = 12
"""Scores that are listed."""
MOST_LINES = 20
"""Of a log."""
MOST_IMAGES, MOST_CLASSES = 20_000, 256
"""Of a study with more, the page does not compare mistakes: they would take too much room."""


@dataclass(frozen=True)
class _Study:
    """What the details of all trials share, looked up once; `reference` is the configuration of the baseline."""

    result: Result
    best: "pd.Series[Any] | None"
    baseline: "pd.Series[Any] | None"
    reference: Configuration | None
    points: Mapping[int, curves.Points]
    wrong: Wrong | None

    @property
    def metric(self) -> Metric:
        return self.result.study.metric

    def configuration(self, row: "Mapping[Any, Any] | pd.Series[Any]") -> Configuration:
        return configuration_of(row, self.result.study.base)


def _study(result: Result, trials: set[int]) -> _Study:
    frame, baseline = result.frame, frames.baseline(result.frame)
    wanted = trials if baseline is None else trials | {int(baseline["trial"])}
    points = curves.points_by_trial(result.curves[result.curves["trial"].isin(wanted)])
    reference = None if baseline is None else configuration_of(baseline, result.study.base)
    return _Study(result, frames.best(frame), baseline, reference, points, _wrong(result))


def _wrong(result: Result) -> Wrong | None:
    """What trials classify wrong, if that is known, the images are on this machine, and they are not too many."""
    try:
        found = result.wrong()
    except DataError:
        return None
    small = found is not None and len(found.labels) <= MOST_IMAGES and len(found.names) <= MOST_CLASSES
    return found if small else None


def _encoded(content: NDArray[np.uint8]) -> str:
    return base64.b64encode(content.tobytes()).decode()


def _story(study: _Study, row: Mapping[Any, Any]) -> Story:
    trial, configuration = int(row["trial"]), study.configuration(row)
    points, baseline = study.points.get(trial, ()), None if study.baseline is None else int(study.baseline["trial"])
    figure = curves.single(study.points, trial, baseline, study.metric) if points else None
    return Story(
        trial,
        _heading(study, row, configuration),
        labels.ended(row),
        _changes(study, row, configuration),
        Definitions("", _facts(study, row, points)),
        None if figure is None else chart_of(figure, interactive=False),
        recipe.text_of(study.result.study.recipe_for(configuration)),
        _tail(row["detail"]),
        _as_json(points),
        ""
        if study.wrong is None or trial not in study.wrong.trials
        else _encoded(np.packbits(study.wrong.trials[trial])),
    )


def _as_json(points: curves.Points) -> str:
    known = [[epoch, round(100 * score, 3)] for epoch, score in points if 0 <= score <= 1]
    return json.dumps(known) if known else ""


def _tail(detail: object) -> str:
    return "\n".join(str(detail).strip().splitlines()[-MOST_LINES:]) if labels.given(detail) else ""


def _heading(study: _Study, row: Mapping[Any, Any], configuration: Configuration) -> str:
    """As in "Trial 7, the best: 98.97 %"; without a score, the number and role alone."""
    best = study.best is not None and study.best["trial"] == row["trial"]
    roles = [role for role, holds in (("the best", best), ("the baseline", bool(row["baseline"]))) if holds]
    title = ", ".join([f"Trial {row['trial']}", *roles, *filter(None, [row["origin"]])])
    if wording.missing(row["score"]):
        return title
    so_far = wording.so_far(row["trained_epochs"], configuration.epochs, row["outcome"] == "completed")
    return f"{title}: {wording.percent(row['score'])}{so_far}"


def _changes(study: _Study, row: Mapping[Any, Any], configuration: Configuration) -> Table | None:
    if study.baseline is None or study.reference is None or study.baseline["trial"] == row["trial"]:
        return None
    heads = [Head("Differs from the baseline", number=False), Head("Baseline"), Head("This trial")]
    rows = [
        Row([labels.label(each.name), wording.value(each.before), wording.value(each.after)], "changed")
        for each in differences(configuration, study.reference)
    ]
    return Table(f"What trial {row['trial']} changed", heads, rows) if rows else None


def _facts(study: _Study, row: Mapping[Any, Any], points: curves.Points) -> list[tuple[str, str]]:
    """What is known of how the trial went; what a database does not hold is left out."""
    reused, away = row["reused_epochs"], row["difference"]
    at_that = "" if row["outcome"] == "completed" else f" after {wording.epochs(row['trained_epochs'])}"
    facts = {
        "note": row["note"],
        "vs baseline": "" if wording.missing(away) else f"{wording.points(away)} points{at_that}",
        "epochs": _epochs(row),
        f"{IN_WORDS[study.metric]} by epoch": _scores(points),
        "reuse": f"{wording.epochs(reused)} taken from the database" if reused > 0 else "",
        "reused from": row["reused_from"],
        "attempts": row["attempts"],
        "training time": wording.duration(row["seconds"]),
        "started": wording.moment(row["started"]),
        "finished": wording.moment(row["finished"]),
        "network": _network(row),
        "where": study.result.where,
        "seed": "" if wording.missing(row["seed"]) else f"{row['seed']}",
        "run": str(row["fingerprint"])[:12] if labels.given(row["fingerprint"]) else "",
    }
    return [(name, str(value)) for name, value in facts.items() if labels.given(value) and value != wording.NOTHING]


def _epochs(row: Mapping[Any, Any]) -> str:
    trained, planned = row["trained_epochs"], row.get("epochs")
    if wording.missing(planned) or trained == planned:
        return f"{trained:g}"
    return f"{trained:g} of {planned:g}"


def _scores(points: curves.Points) -> str:
    texts = [f"{100 * score:.2f}" + (f" (epoch {epoch:g})" if epoch % 1 else "") for epoch, score in points]
    if len(texts) > MOST_EPOCHS:
        texts = [*texts[: MOST_EPOCHS - 1], "…", texts[-1]]
    return " → ".join(texts) + " %" if texts else ""


def _network(row: Mapping[Any, Any]) -> str:
    if wording.missing(row["parameters"]):
        return ""
    return f"{wording.count(row['parameters'])} parameters, {wording.count(row['flops'])} FLOPs per image"


def story(result: Result, trial: int) -> Story | None:
    """One trial's details; None where there is no such trial."""
    rows = result.frame[result.frame["trial"] == trial]
    return _story(_study(result, {trial}), rows.to_dict("records")[0]) if len(rows) else None


def stories(result: Result) -> list[Story]:
    trials = frames.detailed(result.frame)
    return _stories(_study(result, set(trials)), trials)


def _stories(study: _Study, trials: Sequence[int]) -> list[Story]:
    frame = study.result.frame
    rows = {row["trial"]: row for row in frame[frame["trial"].isin(trials)].to_dict("records")}
    return [_story(study, rows[trial]) for trial in trials]


def _blocks(result: Result) -> Sequence[Block]:
    trials = frames.detailed(result.frame)
    if not trials:
        return [NotYet("There are no trials yet.")]
    study = _study(result, set(trials))
    found, wrong = _stories(study, trials), study.wrong
    images = [] if wrong is None else [Labels(_encoded(wrong.labels.astype(np.uint8)), wrong.names)]
    left = len(result.frame) - len(found)
    more = f"`{result.command('show', 'N')}` shows any of the {wording.several(left, 'other trial')}."
    blocks: list[Block] = [Fold(wording.several(len(found), "trial"), found)] if len(found) > 12 else [*found]
    return [*blocks, *([Sentence(more)] if left else []), *images]


SECTION = Section(
    "stories",
    "Trial details",
    "The best trials first, then some without a score: what each changed, how it went and why it ended.",
    _blocks,
)
