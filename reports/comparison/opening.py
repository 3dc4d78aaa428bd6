"""The page of several studies in a few plain sentences."""

from collections.abc import Sequence

from reports import labels
from reports.blocks import Block, Section, Sentence
from reports.comparison import overview, ranking, studies
from sweep import wording
from sweep.results.result import Result

SETTINGS = ("data", "validation", "folds", "train_size", "seed", "precision", "metric")
"""What makes scores of two studies comparable."""

UNLIKE = "neither their scores nor their gains compare across metrics"


def sentences(results: Sequence[Result]) -> list[str]:
    """What was compared, what gained most and whether that is more than chance, and what cannot be compared."""
    table = overview.table(results)
    trials, cost = int(table["trials"].sum()), float(table["cost"].sum())
    counted = f"{wording.several(len(results), 'study', 'studies')} with {wording.several(trials, 'trial')} in all"
    found = [f"{counted}, {wording.duration(cost)} of training."]
    for metric, alike in studies.by_metric(results):
        found += [f"{metric}{sentence}" for sentence in _gains(alike)]
    if names := differing(results):
        settings = wording.listed(labels.label(name) for name in names)
        own = "compare the gains over their own baselines, not their scores"
        found.append(f"The studies differ in {settings}: {UNLIKE if 'metric' in names else own}.")
    return found


def _gains(results: Sequence[Result]) -> list[str]:
    """What gained most of studies of one metric, and whether that is more than chance."""
    table, confirmed = overview.table(results), ranking.table(results)
    if not confirmed.empty:
        return [ranking.answer(confirmed)]
    known = table[table["difference"].notna()]
    if known.empty:
        return ["None of them has both a best trial and a baseline yet."]
    first = known.iloc[0]
    gain = wording.points(first["difference"], first["margin"])
    clear = known.loc[known["clear"], "study"].tolist()
    largest = f"The largest gain expected is that of `{first['study']}`: {gain} percentage points."
    return [largest, _significance(clear, known.loc[~known["clear"], "study"].tolist())]


def differing(results: Sequence[Result]) -> list[str]:
    """The settings that make scores comparable in which the studies differ."""
    return [name for name in SETTINGS if len({getattr(result.study, name) for result in results}) > 1]


def _significance(clear: list[str], rest: list[str]) -> str:
    if not clear:
        return "No gain is more than chance explains, with one run each."
    doubtful = f", that of {_named(rest)} is not" if rest else ""
    return (
        f"The gain of {_named(clear)} is more than chance explains{doubtful}. Each is the best of many runs, which is "
        "partly luck."
    )


def _blocks(results: Sequence[Result]) -> Sequence[Block]:
    return [Sentence(text) for text in sentences(results)]


def _named(studies: Sequence[str]) -> str:
    return wording.listed(f"`{study}`" for study in studies)


SECTION: Section[Sequence[Result]] = Section("summary", "", "", _blocks, quick=True)
