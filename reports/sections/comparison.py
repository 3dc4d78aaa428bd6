"""The best trial against the baseline: results, values, and both networks layer by layer."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from reports import frames, labels
from reports.blocks import Block, Columns, Head, Layer, Networks, NotYet, Row, Section, Sentence, Table
from sweep import wording
from sweep.data.metric import IN_WORDS
from sweep.models.model import Infeasible
from sweep.results.result import Result

RESULTS = ("score", "parameters", "flops", "seconds", "trained_epochs")
"""Columns that are compared in addition to a configuration's values."""


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Best against baseline: `name`, `baseline`, `best`, and `group`: result, changed or same.

    Results first, then what was changed, then what is the same. Parameters that neither has are left out;
    without a trial that has a score there are no rows.
    """
    columns = ["name", "baseline", "best", "group"]
    top, reference = frames.best(frame), frames.baseline(frame)
    if top is None:
        return pd.DataFrame(columns=columns)
    if reference is None:
        different, reference = set(), pd.Series(None, index=top.index, dtype=object)
    else:
        different = {name for name in frames.parameters(frame) if _differ(top[name], reference[name])}
    rows = [(name, reference[name], top[name], "result") for name in RESULTS]
    for group, wanted in (("changed", True), ("same", False)):
        rows += [
            (name, reference[name], top[name], group)
            for name in frames.parameters(frame)
            if (name in different) == wanted and not (wording.missing(top[name]) and wording.missing(reference[name]))
        ]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _differ(one: object, other: object) -> bool:
    """Whether two cells differ; what is missing in both is the same."""
    absent = wording.missing(one), wording.missing(other)
    return absent[0] != absent[1] if any(absent) else one != other


def layers_of(result: Result, trial: int) -> list[Layer] | None:
    """The layers of a trial's network; None where they are not known."""
    try:
        network = result.configuration(trial).inspect(result.image_shape, result.classes)
    except Infeasible:
        return None
    recorded = result.frame.set_index("trial").loc[trial, "parameters"]
    if network is None or wording.missing(recorded) or network.parameters != recorded:
        return None
    return [Layer(labels.layer(each.name), each.detail, each.output_shape) for each in network.layers]


def paired(one: Sequence[Layer], other: Sequence[Layer]) -> list[tuple[Layer | None, Layer | None]]:
    """The layers of two networks, those of the same name together, both in their order."""
    first, second = {layer.name: layer for layer in one}, {layer.name: layer for layer in other}
    names = list(first)
    before = -1
    for name in second:
        if name not in first:
            names.insert(before + 1, name)
        before = names.index(name)
    return [(first.get(name), second.get(name)) for name in names]


def _blocks(result: Result) -> Sequence[Block]:
    top, reference = frames.best(result.frame), frames.baseline(result.frame)
    if top is None:
        return [NotYet("No trial has a score yet.")]
    itself = reference is not None and reference["trial"] == top["trial"]
    heads = [Head("", number=False)]
    heads += [] if reference is None else [Head("Baseline", f"trial {reference['trial']}")]
    heads += [] if itself else [Head(f"Best: trial {top['trial']}")]
    rows = _rows(result, slice(0, 1) if itself else slice(1, 2) if reference is None else slice(0, 2))
    same = [replace(row, mark="") for row in rows if row.mark == "same"]
    alone = itself or reference is None
    fold = wording.several(len(same), "value") + (" of its network and training" if alone else " that both share")
    main = Table("Best vs baseline", heads, [row for row in rows if row.mark != "same"])
    return [
        *([Sentence("The baseline is the best trial.")] if itself else []),
        Columns([main, *_networks(result, [int(each["trial"]) for each in (reference, top) if each is not None])]),
        *([Table("Other values", heads, same, fold=fold)] if same else []),
    ]


def _rows(result: Result, shown: slice) -> list[Row]:
    said = {"score": f"validation {IN_WORDS[result.study.metric]}"}
    return [
        Row([said.get(name) or labels.label(name), *[labels.value(name, each) for each in (old, new)][shown]], group)
        for name, old, new, group in table(result.frame).itertuples(index=False, name=None)
    ]


def _networks(result: Result, trials: list[int]) -> list[Networks]:
    """The networks of these trials, layer by layer; equal networks once."""
    trials = list(dict.fromkeys(trials))
    found = [layers for trial in trials if (layers := layers_of(result, trial))]
    if len(found) < len(trials):
        return []
    if len(found) == 1 or found[0] == found[1]:
        return [Networks([""] if len(trials) == 1 else ["both alike"], [[layer] for layer in found[0]])]
    return [Networks(["Baseline", f"Best: trial {trials[1]}"], paired(*found))]


SECTION = Section(
    "comparison",
    "Best vs baseline",
    "One run each. Changed values and layers are marked. A layer is drawn as high as its map and as wide as its number "
    "of channels.",
    _blocks,
)
