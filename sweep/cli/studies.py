"""A study and its trials, as `sweep show` prints them."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sweep.cli.tables import print_json, print_table
from sweep.cli.terminal import print_lines
from sweep.data.metric import IN_WORDS
from sweep.results.forecast import standing
from sweep.space.configuration import Configuration
from sweep.space.differences import changes_in_words, differences
from sweep.wording import duration, epochs, moment, percent, plain, points, value

if TYPE_CHECKING:
    from sweep.results.result import Result

LOG_LINES = 20
"""How many of the last lines of a trial's worker are shown."""
MOST_REQUESTS = 5
"""How many of the last requests are shown."""
WAITS = "no answer yet"
MOST_TRIALS = 20
"""How many trials of a study are shown, completed ones first."""


def print_study(result: "Result", as_json: bool, all_of_them: str) -> None:
    """How far a study is, what it has found, and its best trials; `all_of_them` is the command that shows the rest."""
    frame = standing(result.frame)
    if as_json:
        best = result.best_trial if result.has_best else None
        trials = json.loads(frame.to_json(orient="records", date_format="iso"))
        by_hand = {
            "notes": [{"trial": each.trial, "text": each.text, "written": str(each.written)} for each in result.notes],
            "queue": [vars(each) for each in result.queue],
            "requests": [
                {"act": each.act, "trial": each.trial, "asked": str(each.asked), "answer": each.answer}
                for each in result.requests
            ],
        }
        return print_json({"study": result.study.as_document(), "best_trial": best, "trials": trials} | by_hand)
    print_lines([*str(result).splitlines(), *_by_hand(result)])
    print()
    extra = [name for name in ("origin", "note") if (frame[name] != "").any()]
    rows = [
        [
            str(row["trial"]),
            percent(row["score"]),
            f"{row['trained_epochs']:g}",
            row["outcome"],
            row["reason"],
            changes_in_words(result.configuration(row["trial"]), result.study.base),
            *(row[name] for name in extra),
        ]
        for row in frame.head(MOST_TRIALS).to_dict("records")
    ]
    columns = ["trial", IN_WORDS[result.study.metric], "epochs", "outcome", "reason", "changes to the baseline", *extra]
    print_table(columns, rows, right=(0, 1, 2), cut=range(4, len(columns)))
    if len(frame) > MOST_TRIALS:
        print(f"and {len(frame) - MOST_TRIALS} more: {all_of_them}")


def _by_hand(result: "Result") -> Iterator[str]:
    """What another process does with a study, notes on it, its queue, and the last of what users asked of it."""
    if result.work is not None:
        yield f"in progress  {result.work}"
    yield from (f"note        {each.text}" for each in result.notes if each.trial is None)
    for each in result.queue:
        changes = changes_in_words(Configuration.of(result.study.base.model, each.values), result.study.base)
        yield f"queue       {each.origin}: {changes}"
    for request in result.requests[-MOST_REQUESTS:]:
        yield f"asked       {moment(request.asked)}: {request.in_words} ({request.answer or WAITS})"


def print_trial(result: "Result", trial: int, as_json: bool) -> None:
    configuration = result.configuration(trial)
    row = result.frame[result.frame["trial"] == trial]
    curve = result.curves[result.curves["trial"] == trial]
    if as_json:
        facts = json.loads(row.to_json(orient="records", date_format="iso"))[0]
        return print_json(facts | {"curve": json.loads(curve.to_json(orient="records", date_format="iso"))})
    _print_facts(result, row.iloc[0].to_dict())
    _print_values(configuration, result.study.base)
    _print_curve(curve.to_dict("records"), IN_WORDS[result.study.metric])
    if detail := row.iloc[0]["detail"]:
        last = "\n".join(detail.strip().splitlines()[-LOG_LINES:])
        print(plain(f"\nthe last lines of its worker\n{last}"))


def _print_facts(result: "Result", found: Mapping[Any, Any]) -> None:
    reason = f" ({found['reason']})" if found["reason"] else ""
    gain, so_far = found["difference"], epochs(found["trained_epochs"])
    after = "" if found["outcome"] == "completed" else f" after {so_far}"
    against = "" if math.isnan(gain) else f" ({points(gain)} points to the baseline{after})"
    score = f"{IN_WORDS[result.study.metric]} {percent(found['score'])}{against}"
    print(plain(f"trial {found['trial']} of {result.study.name}: {found['outcome']}{reason}, {score}"))
    for what in ("origin", "note"):
        if found[what]:
            print(plain(f"{what}: {found[what]}"))
    origin = f" from {found['reused_from']}" if found["reused_from"] else ""
    reused = f", {found['reused_epochs']:g} of them reused{origin}" if found["reused_epochs"] else ""
    took = f"{duration(found['seconds'])} of training, {duration(found['cost'])} of it for this trial"
    died = f"; workers that died: {found['attempts'] - 1}" if found["attempts"] > 1 else ""
    print(f"{epochs(found['trained_epochs'])}{reused}: {took}{died}")
    if found["finished"] == found["finished"]:
        print(f"from {moment(found['started'])} to {moment(found['finished'])}")
    print(f"on {plain(result.where)}; seed {found['seed']}; fingerprint {found['fingerprint']}\n")


def _print_values(configuration: Configuration, base: Configuration) -> None:
    before = {each.name: value(each.before) for each in differences(configuration, base)}
    rows = [[name, value(given), before.get(name, "")] for name, given in configuration.values().items()]
    print_table(["parameter", "value", "baseline"], rows)
    print()


def _print_curve(curve: Iterable[Mapping[Any, Any]], metric: str) -> None:
    rows = [
        [
            f"{row['epoch']:g}",
            f"{row['loss']:.4f}",
            percent(row["accuracy"]),
            f"{row['val_loss']:.4f}",
            percent(row["val_accuracy"]),
            f"{row['seconds']:.1f}",
        ]
        for row in curve
    ]
    columns = ["epoch", "loss", "accuracy", "validation loss", f"validation {metric}", "seconds"]
    print_table(columns, rows, right=range(6))
