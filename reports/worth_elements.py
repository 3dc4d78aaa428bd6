"""What pages show of what changes are worth: suggestions ranked, and a study's recommendation taken apart."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reports import words, worth, worth_figures
from reports.blocks import Block, Head, Row, Sentence, Table, of_figure
from sweep import wording
from sweep.results.ablation import Ablation
from sweep.results.result import Result
from sweep.verdict.suggestions import WORTH

INTERVALS = f"± is half of a 95{words.SPACE}% interval over the seeds, each by itself, while p is corrected for"


def ranking(results: Sequence[Result]) -> Sequence[Block]:
    """The confirmed ones of these studies, by their gain, and whether that is more than chance."""
    table = worth.ranked(results)
    if table.empty:
        how = "`sweep suggestions` tries and confirms each of the tutorial's, `sweep confirm STUDY` any other."
        return [Sentence(f"None of them is confirmed on fresh seeds yet: {how}")]
    left = [f"`{result.study.name}`" for result in results if result.verdict is None]
    heads = [
        Head("Study", number=False),
        Head("Its best", "what differs from the baseline", number=False),
        Head("Gain", "mean difference to the baseline at the same seeds in percentage points, with its 95 % interval"),
        Head("p", "of that difference, corrected for all networks that were confirmed"),
        Head("Seeds", "fresh seeds, each with a fold of its own"),
        Head("Beside doing nothing", number=False),
        Head("Parameters", "and how many times those of the baseline"),
        Head("Training", "one run in the search, and how many times the baseline's"),
    ]
    rows = [_ranked(entry) for entry in table.to_dict("records")]
    note = (
        f"{INTERVALS} all networks that were confirmed in these studies. The seeds also chose which network stands for "
        f"a study: among equals, its interval holds the truth in about 94{words.SPACE}% of cases."
    )
    return [
        Sentence(worth.answer(table)),
        *([Sentence(f"Not confirmed: {words.listed(left)}.")] if left else []),
        of_figure(worth_figures.ranking(table)),
        Table("Confirmed gains", heads, rows, after=note),
    ]


def _ranked(entry: dict[Any, Any]) -> Row:
    cells = [
        str(entry["study"]),
        entry["what"],
        words.points(entry["difference"], entry["difference_reach"]),
        words.p_value(entry["p"]),
        f"{entry['seeds']}",
        WORTH[entry["worth"]],
        f"{words.count(entry['parameters'])}{_times(entry['more_parameters'])}",
        f"{words.duration(entry['seconds'])}{_times(entry['more_seconds'])}",
    ]
    return Row(cells, "best" if entry["worth"] == "better" and entry["tied"] else "")


def _times(more: float) -> str:
    return "" if words.missing(more) else f" ({wording.ratio(more)})"


def ablation(result: Result) -> Sequence[Block]:
    """What each change of the recommended trial contributes, beside the others and alone."""
    name, verdict, found = result.study.name, result.verdict, result.ablation
    if verdict is None:
        return [Sentence("Nothing is confirmed yet that could be taken apart.")]
    if verdict.recommended == 0:
        return [Sentence("The baseline itself is recommended: there is nothing to take apart.")]
    if found is None:
        return [Sentence(f"Not done yet: `sweep ablate {name}` puts each changed value back, alone.")]
    if found.trial != verdict.recommended:
        which = f"trial {found.trial}, while trial {verdict.recommended} is recommended by now"
        return [Sentence(f"What was taken apart is {which}: `sweep ablate {name}` takes that apart.")]
    table = worth.effects(found)
    return [Sentence(_gain(found)), of_figure(worth_figures.contributions(table)), _table(found, table)]


def _gain(found: Ablation) -> str:
    seeds = words.several(len(found.seeds), "seed")
    best, baseline = (words.percent(each.value, each.reach) for each in (found.best, found.baseline))
    points = words.points(found.gain.value, found.gain.reach)
    return f"Trial {found.trial} has {best}, the baseline {baseline}: {points} points on {seeds}."


def _table(found: Ablation, table: pd.DataFrame) -> Table:
    several = len(found.contributions) > 1
    heads = [
        Head("Change", number=False),
        Head("Best", number=False),
        Head("To the best", "what is lost where it is put back, in percentage points, with its 95 % interval"),
        Head("p"),
        Head("Alone", "what the baseline gains by it, likewise"),
        Head("p"),
        *([Head("In company", "by how much the former is more than the latter"), Head("p")] if several else []),
        Head("Parameters without", "what the best would have with it put back"),
    ]
    rows = []
    for parameter, effects in table.groupby("parameter", sort=False):
        first = effects.iloc[0]
        shown = effects if several else effects[effects["side"] != "interaction"]
        cells = [cell for effect in shown.to_dict("records") for cell in _effect(effect)]
        mark = "best" if worth.is_clear(first) and first["difference"] > 0 else ""
        rows.append(Row([words.label(str(parameter)), first["what"], *cells, words.count(first["without"])], mark))
    note = (
        f"{INTERVALS} the number of changes, in each column by itself. These seeds chose what is recommended: where it "
        "has equals, it and its changes look a little better than they are."
    )
    return Table("What each change contributes", heads, rows, after=note)


def _effect(effect: dict[Any, Any]) -> list[str]:
    if effect["reason"]:
        return [effect["reason"], words.NOTHING]
    return [words.points(effect["difference"], effect["difference_reach"]), words.p_value(effect["p"])]
