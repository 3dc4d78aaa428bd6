"""What commands print on standard output: tables, summaries, JSON. Loaded once a command has something to say."""

import json
import math
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sweep.cli.progress import changes
from sweep.results.noise import gain
from sweep.results.verdict import Estimate, known
from sweep.space.configuration import Configuration
from sweep.verdict.outlook import in_words, look_ahead
from sweep.wording import duration, margin, moment, p_value, percent, plain, points, several, value

if TYPE_CHECKING:
    from sweep.coordinator.batch import Trained
    from sweep.exports.prediction import Prediction
    from sweep.results.result import Result


LOG_LINES = 20
"""Of what a trial's worker said, so many are shown."""


def summary(result: "Result") -> Iterable[str]:
    """Best, baseline and the difference between them, with its noise."""
    frame = result.frame
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in frame["outcome"].value_counts().items())
    trials = several(len(frame), "trial")
    yield f"{result.study.name}: {trials} ({outcomes}), {duration(frame['cost'].sum())} of training"
    if not (frame["outcome"] == "completed").any():
        yield "no trial has completed"
        yield from sorted(set(frame["reason"]) - {""})[:3]
        return
    number = result.best_trial
    score, base = result.score(number), result.baseline_score
    yield f"best        {percent(score)}  trial {number}: {changes(result.best, result.study.base)}"
    yield f"baseline    {percent(base)}  {'the tutorial' if _is_tutorial(result) else 'the study'}'s configuration"
    if base is not None:
        found = gain(score, base, result.study.validation)
        difference = f"{points(found.difference)} percentage points (noise of single runs: {margin(found.noise)})"
        doubt = "" if found.clear else "; this may be luck"
        yield f"difference  {difference} on {several(result.study.validation, 'validation image')}{doubt}"
    ahead = look_ahead(result)
    for clause in [] if ahead is None else in_words(ahead, lambda edge: f"{edge.name} {value(edge.value)}"):
        yield f"outlook     {clause}"


VERDICTS = {
    "better": "better than the baseline",
    "cheaper": "tied with the baseline, and cheaper",
    "unproven": "tied with the best, and the cheapest of those; by itself not shown to be better than the baseline",
    "baseline": "nothing is shown to be better than the baseline, or as good and cheaper",
    "unknown": "nothing can be told apart: too few seeds, or nobody whose runs all succeeded",
}
"""What each of `sweep.verdict.statistics.Conclusion` means, of the recommended trial."""


def verdict(result: "Result") -> Iterable[str]:
    """What a confirmation concluded, in a few lines."""
    found = result.verdict
    assert found is not None
    number, recommended = found.recommended, found.find(found.recommended)
    assert recommended is not None
    tied = [each.trial for each in found.tied if each.trial != number]
    what = f": {changes(result.configuration(number), result.study.base)}" if number else ""
    yield f"recommended {_named(number)}{what}"
    yield f"            {VERDICTS[found.conclusion]}"
    if tied:
        yield f"            tied with it: {', '.join(map(_named, tied))}"
    if recommended.difference is not None:
        seeds = f"{len(recommended.scores)} fresh seeds, each with its own validation images"
        yield f"difference  {_gain(recommended.difference)} points to the baseline on {seeds}"
    yield f"test set    {', '.join(_test(result))}"


def _test(result: "Result") -> Iterable[str]:
    """What came of the sealed test, and how often the seal was broken."""
    assert result.verdict is not None
    test = result.verdict.test
    if test is not None:
        yield percent(test.recommended.value)
    if test is not None and test.difference is not None:
        yield f"the baseline {percent(test.baseline.value)}"
        yield f"{_gain(test.difference)} points"
    if test is not None and result.study.train_size is not None:
        yield f"trained on all training images, not {result.study.train_size:,} as above"
    times = {0: "still sealed", 1: "looked at once for this study", 2: "looked at twice for this study"}
    yield times.get(result.test_looks, f"looked at {result.test_looks} times for this study")


def _is_tutorial(result: "Result") -> bool:
    return result.study.base == Configuration()


def print_study(result: "Result", as_json: bool) -> None:
    frame = result.frame.sort_values(["score", "trial"], ascending=[False, True], na_position="last")
    if as_json:
        best = result.best_trial if (frame["outcome"] == "completed").any() else None
        trials = json.loads(frame.to_json(orient="records", date_format="iso"))
        return print_json({"study": result.study.as_document(), "best_trial": best, "trials": trials})
    for line in (*summary(result), *(verdict(result) if result.verdict else ())):
        print(plain(line))
    print()
    rows = [
        [
            str(row["trial"]),
            percent(row["score"]),
            f"{row['trained_epochs']:g}",
            row["outcome"],
            row["reason"],
            changes(result.configuration(row["trial"]), result.study.base),
        ]
        for row in frame.head(20).to_dict("records")
    ]
    print_table(
        ["trial", "accuracy", "epochs", "outcome", "reason", "what differs from the baseline"],
        rows,
        right=(0, 1, 2),
    )
    if len(frame) > 20:
        print(f"and {len(frame) - 20} more: sweep trials {result.study.name}")


def print_verdict(result: "Result", as_json: bool) -> None:
    """The table of a confirmation, and what follows from it."""
    found = result.verdict
    assert found is not None
    if as_json:
        return print_json(found.as_document() | {"test_looks": result.test_looks})
    rows = [
        [
            _named(each.trial),
            f"{len(each.scores)}{' (stopped)' if each.raced_out else ''}",
            percent(each.mean.value, each.mean.reach),
            "" if each.difference is None else _gain(each.difference),
            "" if known(each.p) is None else p_value(each.p),
            percent(each.search_score),
            "" if each.luck is None else points(each.luck),
            f"{each.parameters:,}",
            changes(result.configuration(each.trial), result.study.base),
        ]
        for each in found.trials
    ]
    columns = ["", "seeds", "accuracy", "to the baseline", "p", "in the search", "luck", "parameters", "what differs"]
    print_table(columns, rows, right=(3, 4, 5, 6, 7))
    print()
    for line in verdict(result):
        print(line)


def _named(trial: int) -> str:
    return f"trial {trial}" if trial else "baseline"


def _gain(difference: Estimate) -> str:
    return points(difference.value, difference.reach)


def print_trial(result: "Result", trial: int, as_json: bool) -> None:
    configuration = result.configuration(trial)
    row = result.frame[result.frame["trial"] == trial]
    curve = result.curves[result.curves["trial"] == trial]
    if as_json:
        facts = json.loads(row.to_json(orient="records", date_format="iso"))[0]
        return print_json(facts | {"curve": json.loads(curve.to_json(orient="records", date_format="iso"))})
    facts = row.iloc[0]
    reason = f" ({facts['reason']})" if facts["reason"] else ""
    away = math.nan if result.baseline_score is None or facts["baseline"] else facts["score"] - result.baseline_score
    beside = "" if math.isnan(away) else f" ({points(away)} points to the baseline)"
    accuracy = f"accuracy {percent(facts['score'])}{beside}"
    print(plain(f"trial {trial} of {result.study.name}: {facts['outcome']}{reason}, {accuracy}"))
    origin = f" from {facts['reused_from']}" if facts["reused_from"] else ""
    reused = f", {facts['reused_epochs']:g} of them reused{origin}" if facts["reused_epochs"] else ""
    took = f"{duration(facts['seconds'])} of training, {duration(facts['cost'])} of it for this trial"
    died = f"; {several(facts['attempts'] - 1, 'worker')} died over it" if facts["attempts"] > 1 else ""
    print(f"{facts['trained_epochs']:g} epochs{reused}: {took}{died}")
    if facts["finished"] == facts["finished"]:
        print(f"from {moment(facts['started'])} to {moment(facts['finished'])}")
    print(f"on {plain(result.where)}; seed {facts['seed']}; fingerprint {facts['fingerprint']}\n")
    base = result.study.base.values()
    values = configuration.values()
    print_table(
        ["parameter", "value", "baseline"],
        [
            [name, value(given), "" if base.get(name) == given else value(base.get(name))]
            for name, given in values.items()
        ],
    )
    print()
    print_table(
        ["epoch", "loss", "accuracy", "validation loss", "validation accuracy", "seconds"],
        [
            [
                f"{row['epoch']:g}",
                f"{row['loss']:.4f}",
                percent(row["accuracy"]),
                f"{row['val_loss']:.4f}",
                percent(row["val_accuracy"]),
                f"{row['seconds']:.1f}",
            ]
            for row in curve.to_dict("records")
        ],
        right=range(6),
    )
    if facts["detail"]:
        last = "\n".join(facts["detail"].strip().splitlines()[-LOG_LINES:])
        print(plain(f"\nits last lines\n{last}"))


def print_runs(runs: Mapping[int, "Trained"], validation: int, as_json: bool) -> None:
    """What became of one configuration's runs, by seed, and their mean with its 95 % interval."""
    from sweep.verdict.statistics import estimate

    last = {seed: run.curve[-1] for seed, run in runs.items() if not run.reason}
    scores = [epoch.val_accuracy for epoch in last.values()]
    mean = estimate(scores, sum(score * (1 - score) for score in scores) / len(scores) / validation) if scores else None
    interval = None if mean is None else {"value": mean.value, "low": known(mean.low), "high": known(mean.high)}
    if as_json:
        return print_json({"validation": validation, "runs": [_run(*each) for each in runs.items()], "mean": interval})
    rows = [
        [
            str(seed),
            percent(last[seed].val_accuracy) if seed in last else run.reason,
            f"{last[seed].val_loss:.4f}" if seed in last else "",
            f"{run.curve[-1].epoch:g}" if run.curve else "0",
            f"{sum(epoch.seconds for epoch in run.curve):.1f}",
        ]
        for seed, run in runs.items()
    ]
    if mean is not None and len(scores) > 1:
        loss = sum(epoch.val_loss for epoch in last.values()) / len(last)
        rows.append(["mean", percent(mean.value, mean.reach), f"{loss:.4f}", "", ""])
    print_table(["seed", "accuracy", "loss", "epochs", "seconds"], rows, right=(0, 2, 3, 4))
    held_out = f"{validation:,} training images that each seed holds out"
    print(f"scored on {held_out}; the test images stay sealed")


def _run(seed: int, run: "Trained") -> dict[str, Any]:
    last = None if run.reason else run.curve[-1]
    return {
        "seed": seed,
        "accuracy": None if last is None else last.val_accuracy,
        "loss": None if last is None else last.val_loss,
        "epochs": run.curve[-1].epoch if run.curve else 0,
        "seconds": sum(epoch.seconds for epoch in run.curve),
        "reason": run.reason,
    }


def print_predictions(predictions: Iterable["Prediction"], as_json: bool) -> None:
    """What a network takes pictures for."""
    if as_json:
        return print_json(
            [
                {"picture": str(each.picture), "digit": each.digit, "probability": each.probability}
                | {"probabilities": each.probabilities, "notes": each.notes}
                for each in predictions
            ]
        )
    rows = [
        [str(each.picture), str(each.digit), percent(each.probability), "; ".join(each.notes)] for each in predictions
    ]
    print_table(["picture", "digit", "probability", ""], rows, right=(1, 2))


def print_table(columns: list[str], rows: Iterable[list[str]], right: Iterable[int] = ()) -> None:
    """A table on standard output; as wide as it needs to be where that is no terminal."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in set(right) else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console = Console() if sys.stdout.isatty() else Console(width=10_000)
    console.print(table)


def print_json(document: object) -> None:
    print(json.dumps(document, indent=2))
