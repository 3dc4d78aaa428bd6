"""The model card: README.md for people and metrics.json for programs, the same in both.

`templates/metrics.schema.json` says what metrics.json holds.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sweep.data.metric import unit
from sweep.data.names import DATASETS
from sweep.exports.formats import FORMATS, MODEL, Written
from sweep.exports.selection import Sealed, Selection, confirmed_trial
from sweep.models.parameters import Value
from sweep.results.result import Result
from sweep.results.verdict import Estimate
from sweep.runs import BASELINE
from sweep.shell import sweep_command
from sweep.space.configuration import Configuration
from sweep.space.differences import differences
from sweep.verdict.estimates import difference
from sweep.wording import duration, percent, points, several, shown

VERSION = 1
"""Of the schema: raised where a program that reads the older would misread the newer."""


def metrics(selection: Selection, written: Written, provenance: dict[str, Any]) -> dict[str, Any]:
    """The document of metrics.json; accuracies are from 0 to 1, losses in nats, intervals 95 %."""
    result, study, dataset = selection.result, selection.result.study, selection.dataset
    return {
        "version": VERSION,
        "study": study.name,
        "metric": study.metric,
        "trial": selection.trial,
        "conclusion": str(result.verdict.conclusion) if result.verdict else None,
        "limit": result.limit or None,
        "recommended": result.verdict is not None and result.recommended == selection.trial,
        "configuration": selection.configuration.values(),
        "parameters": selection.network.parameters,
        "flops": selection.network.flops,
        "model": {
            "file": None if MODEL in written.missing else MODEL,
            "seed": selection.run.seed,
            "precision": study.precision,
            "accuracy": written.scores["accuracy"],
            "scores": written.scores,
            "loss": written.loss,
        },
        "formats": {
            name: {"file": FORMATS[name].file, "largest_difference": difference}
            for name, difference in written.differences.items()
        },
        "missing": written.missing,
        "build": study.build and {"function": study.build.place, "digest": study.build.digest},
        "accuracy": _accuracy(selection, selection.trial, selection.tested) | _beside_the_baseline(selection),
        "baseline": {"configuration": study.base.values()} | _accuracy(selection, BASELINE, selection.baseline_tested),
        "data": {
            "name": study.data,
            "digest": dataset.digest,
            "training_images": len(dataset.y_train),
            "test_images": len(dataset.y_test),
            "test_looks": result.test_looks,
            "image_shape": list(dataset.image_shape),
            "classes": dataset.classes,
            "class_names": list(dataset.names),
            "pixels": vars(dataset.pixels),
        },
        "search": _search(result, len(dataset.y_train)),
        "versions": provenance["versions"],
        "machine": {name: provenance["machine"][name] for name in ("system", "processor", "cores")},
    }


def as_card(document: dict[str, Any], sources: Mapping[str, str] | None = None) -> str:
    """README.md, from the document of metrics.json, and the texts of the files of a network of the user's own."""
    texts = sources or {}
    environment = Environment(
        loader=PackageLoader("sweep.exports"), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    environment.filters |= {"duration": duration, "percent": _percent, "interval": _interval, "points": _points}
    environment.filters["shown"] = shown
    name = document["data"]["name"]
    fence = "`" * (1 + max([2, *(len(run) for text in texts.values() for run in re.findall("`+", text))]))
    more = {"source": name if name in DATASETS else shown(name), "changes": _changes(document)}
    more["scored"] = f",{metric}" if (metric := unit(document["metric"])) else ""
    more["score"] = document["model"]["scores"][document["metric"]]
    more["confirm"] = sweep_command("confirm", document["study"])
    return environment.get_template("card.md.j2").render(document | more | {"sources": texts, "fence": fence})


def _search(result: Result, images: int) -> dict[str, Any]:
    """What was searched; `images` are all training images, held-out ones included."""
    study = result.study
    return {
        "space": {name: str(span) for name, span in study.space.items()},
        "sampler": study.sampler,
        "pruner": study.pruner,
        "trials": len(result.frame),
        "outcomes": {str(name): int(count) for name, count in result.frame["outcome"].value_counts().items()},
        "seconds": float(result.frame["cost"].sum()),
        "training_images": study.train_size or images - study.validation,
        "validation_images": study.validation,
        "folds": study.folds or 1,
        "seed": study.seed,
    }


def _accuracy(selection: Selection, trial: int, tested: Sealed) -> dict[str, Any]:
    """What is known of a trial: in the search, on fresh seeds, and on the test images."""
    score = selection.result.completed_score(trial)
    found = confirmed_trial(selection.result, trial)
    return {
        "search": None if score is None or math.isnan(score) else score,
        "fresh_seeds": found and {"seeds": len(found.scores)} | _mean(found.mean),
        "test": None if tested.mean is None else {"seeds": len(tested.accuracies)} | _mean(tested.mean),
        "test_score": _test_score(selection.result, trial),
    }


def _test_score(result: Result, trial: int) -> dict[str, Any] | None:
    """What the sealed test found of a trial by the study's metric; None if it did not test that trial."""
    verdict = result.verdict
    if verdict is None or verdict.test is None:
        return None
    found = {BASELINE: verdict.test.baseline, verdict.recommended: verdict.test.recommended}.get(trial)
    return None if found is None else {"seeds": verdict.test.seeds or len(verdict.seeds)} | _mean(found)


def _beside_the_baseline(selection: Selection) -> dict[str, Any]:
    """Differences to the baseline, seed by seed, and where one more run of the trial would come out."""
    own, baseline = selection.tested.accuracies, selection.baseline_tested.accuracies
    found = confirmed_trial(selection.result, selection.trial)
    tested = selection.trial != BASELINE and 0 < len(own) == len(baseline)
    return {
        "fresh_seeds_difference": _mean(found.difference) if found and found.difference else None,
        "test_difference": _mean(difference(own, baseline)) if tested else None,
        "one_more_run": dict(zip(("low", "high"), selection.tested.one_more_run, strict=True))
        if selection.tested.one_more_run
        else None,
    }


def _mean(estimate: Estimate) -> dict[str, float | None]:
    """Value and bounds; a bound that one seed does not give is null."""
    document = estimate.as_document()
    return {name: document[name] for name in ("value", "low", "high")}


def _changes(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What differs from the tutorial: name, value, the tutorial's value. Of a network of the user's own, every value.

    That stands beside the baseline's.
    """
    if document["build"]:
        before = document["baseline"]["configuration"]
        return [(name, _cell(each), _cell(before.get(name))) for name, each in document["configuration"].items()]
    found = differences(Configuration().replaced(document["configuration"]), Configuration())
    return [(each.name, _cell(each.after), _cell(each.before)) for each in found if each.after is not None]


def _cell(value: Value | None) -> str:
    return "-" if value is None else json.dumps(value)


def _percent(share: float | None) -> str:
    return "not known" if share is None else percent(share)


def _interval(mean: dict[str, Any] | None) -> str:
    if mean is None:
        return "not known"
    seeds = several(mean["seeds"], "seed")
    if mean["low"] is None:
        return f"{percent(mean['value'])} ({seeds})"
    return f"{percent(mean['value'])} (95 % interval {percent(mean['low'])} to {percent(mean['high'])}, {seeds})"


def _points(mean: dict[str, Any]) -> str:
    half = None if mean["low"] is None else (mean["high"] - mean["low"]) / 2
    return f"{points(mean['value'], half)} points"
