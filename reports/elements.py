"""A study's page from top to bottom: elements, each a heading, a line on how to read it, and what it shows.

To add one, write its function from a result to blocks and give it an entry in `ELEMENTS`.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from reports import (
    confirmed_elements,
    effects,
    figures,
    mistakes_elements,
    networks,
    stories,
    summary,
    tables,
    words,
    worth_elements,
)
from reports.blocks import (
    Beside,
    Block,
    Definitions,
    Fold,
    Head,
    Networks,
    Pager,
    Row,
    Sentence,
    Table,
    of_figure,
    of_figures,
)
from sweep.results.result import Result

MOST_ROWS = 100
MOST_COLUMNS = 5
"""Parameters that the leaderboard shows before any are picked."""
MOST_CHARTS = 12

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Element(Generic[Subject]):
    """A section of the page about a subject: one result, or several.

    `paged` gives one page of what `make` can show the beginning of only, from 0, to whoever can ask for the others.
    """

    key: str
    title: str
    note: str
    make: Callable[[Subject], Sequence[Block]]
    paged: Callable[[Subject, int], Sequence[Block]] | None = None


def _comparison(result: Result) -> Sequence[Block]:
    table = tables.comparison(result.frame)
    top, reference = tables.best(result.frame), tables.baseline(result.frame)
    if top is None:
        return [Sentence("No trial has completed yet.")]
    itself = reference is not None and reference["trial"] == top["trial"]
    heads = [Head("", number=False)]
    heads += [] if reference is None else [Head("Baseline", f"trial {reference['trial']}")]
    heads += [] if itself else [Head(f"Best: trial {top['trial']}")]
    rows = []
    for name, old, new, group in table.itertuples(index=False, name=None):
        said = [words.value(name, old), words.value(name, new)]
        kept = said[:1] if itself else said[1:] if reference is None else said
        rows.append(Row([words.label(name), *kept], group))
    alone = itself or reference is None
    same = [replace(row, mark="") for row in rows if row.mark == "same"]
    fold = words.several(len(same), "value") + (" of its network and training" if alone else " that both share")
    main = Table("Best against baseline", heads, [row for row in rows if row.mark != "same"])
    return [
        *([Sentence("The baseline is itself the best trial.")] if itself else []),
        Beside([main, *_networks(result, [int(each["trial"]) for each in (reference, top) if each is not None])]),
        *([Table("Other values", heads, same, fold=fold)] if same else []),
    ]


def _networks(result: Result, trials: list[int]) -> list[Networks]:
    """The networks of these trials, layer by layer; the same one once."""
    trials = list(dict.fromkeys(trials))
    found = [layers for trial in trials if (layers := networks.layers(result, trial))]
    if len(found) < len(trials):
        return []
    if len(found) == 1 or found[0] == found[1]:
        return [Networks([""] if len(trials) == 1 else ["both alike"], [[layer] for layer in found[0]])]
    return [Networks(["Baseline", f"Best: trial {trials[1]}"], networks.beside(*found))]


def _leaderboard(result: Result, number: int | None = None) -> Sequence[Block]:
    table = tables.leaderboard(result.frame)
    if table.empty:
        return [Sentence("No trial has a score yet.")]
    varied = [name for name in effects.ordered(result.frame, result.study.drawn) if name in table]
    parameters = [
        Head(words.label(name), words.explanation(name), extra=place >= MOST_COLUMNS)
        for place, name in enumerate(varied)
    ]
    heads = [
        Head("Trial"),
        Head("Accuracy", "share of validation images classified right after the last trained epoch"),
        Head("To baseline", "difference to the baseline in percentage points"),
        *parameters,
        Head("Network", "number of values the network learns or moves"),
        Head("FLOPs", "operations for one image", extra=True),
        Head("Epochs", "epochs trained"),
        Head("Reused", "epochs taken from the store", extra=True),
        Head("Time", "seconds of training and scoring"),
        Head("Outcome", number=False),
    ]
    columns = ["score", "difference", *varied, "parameters", "flops", "trained_epochs", "reused_epochs", "seconds"]
    top = tables.best(result.frame)
    best = -1 if top is None else int(top["trial"])
    told = set(stories.chosen(result) if number is None else table["trial"])
    first = MOST_ROWS * (number or 0)
    rows = [_leader(entry, columns, best, told) for entry in table[first : first + MOST_ROWS].to_dict("records")]
    after, pager = "", None
    if (more := len(table) - len(rows)) and number is None:
        after = f"{words.several(more, 'more trial')} below; `sweep trials {result.study.name}` lists them all."
    elif more and number is not None:
        said = f"Places {first + 1:,} to {first + len(rows):,} of {len(table):,}"
        pager = Pager(said, number, (len(table) - 1) // MOST_ROWS)
    name, tall = "Trials by validation accuracy", len(rows) > 25
    total = len(table) if more else None
    return [Table(name, heads, rows, after=after, tall=tall, tools=True, total=total, pager=pager)]


def _leader(entry: Mapping[Hashable, Any], columns: Sequence[str], best: int, told: set[int]) -> Row:
    mark = "best" if entry["trial"] == best else "baseline" if entry["baseline"] else ""
    word = " · baseline" if entry["baseline"] else " · best" if mark else ""
    said = {name: words.value(name, entry[name]) for name in columns}
    said["difference"] = words.NOTHING if entry["baseline"] else words.points(entry["difference"])
    outcome = str(entry["outcome"])
    cells = [f"{entry['trial']}{word}", *said.values(), outcome]
    scales = {"score": 100, "difference": 100}  # as they are shown
    keys = [words.key(entry[name] * scales[name] if name in scales else entry[name]) for name in ("trial", *columns)]
    return Row(cells, mark, [*keys, outcome], f"#trial-{entry['trial']}" if entry["trial"] in told else "")


def _outcomes(result: Result) -> Sequence[Block]:
    table = tables.outcomes(result.frame)
    if table.empty:
        return [Sentence("There are no trials yet.")]
    heads = [Head("Outcome", number=False), Head("Trials"), Head("Meaning, and reasons given", number=False)]
    rows = []
    for outcome, reasons in table.groupby("outcome", sort=False):
        rows.append(Row([str(outcome), f"{reasons['trials'].sum():,}", words.OUTCOMES.get(str(outcome), "")], "total"))
        told = zip(reasons["reason"], reasons["trials"], strict=True)
        rows += [Row(["", f"{trials:,}", reason], "part") for reason, trials in told if reason]
    return [Table("How the trials ended", heads, rows)]


def _history(result: Result) -> Sequence[Block]:
    found = [draw(result.frame, result.study.validation) for draw in (figures.history, figures.spending)]
    return [of_figures(found)]


def _going_on(result: Result) -> Sequence[Block]:
    said = summary.going_on(result)
    return [Sentence(f"{text[:1].upper()}{text[1:]}.") for text in said] or [Sentence("Too few trials have completed.")]


def _curves(result: Result) -> Sequence[Block]:
    return [of_figure(figures.curves(result.frame, result.curves))]


def _importance(result: Result) -> Sequence[Block]:
    frame, space = result.frame, result.study.drawn
    found = [figures.importance(frame, space)]
    if not found[0].data:
        return [of_figure(found[0])]
    names = [name for name in effects.ordered(frame, space) if name in frame]
    if len(names) >= 2:
        found.append(figures.pair(frame, space, (names[0], names[1])))
    return [Beside([of_figure(figure) for figure in found])]


def _parameters(result: Result) -> Sequence[Block]:
    frame, space = result.frame, result.study.drawn
    names = effects.ordered(frame, space)
    found = list(figures.parameters(frame, {name: space[name] for name in names[:MOST_CHARTS]}).values())
    if not found:
        return [Sentence("Two trials with a score are needed to compare values.")]
    others = figures.parameters(frame, {name: space[name] for name in names[MOST_CHARTS:]}, sketch=True)
    fold = f"{words.several(len(others), 'parameter')} that explain less"
    rest = [of_figures(list(others.values()), fold=fold)] if others else []  # thirty charts would make too large a page
    return [of_figures(found), *rest]


def _parallel(result: Result) -> Sequence[Block]:
    return [of_figure(figures.parallel(result.frame, result.study.drawn))]


def _fronts(result: Result) -> Sequence[Block]:
    columns = ("parameters", "flops", "seconds")
    charts = of_figures([figures.front(result.frame, column) for column in columns])
    return [*_cheapest(result, columns), charts]


def _cheapest(result: Result, columns: Sequence[str]) -> list[Sentence]:
    """Trials that are cheaper than the best and no worse than chance explains."""
    top = tables.best(result.frame)
    needs: dict[str, list[str]] = {}
    for column in columns:
        least = tables.cheapest(result.frame, column, result.study.validation)
        if top is None or least is None:
            continue
        who = f"trial {least['trial']} ({words.percent(least['score'])})"
        need = f"{words.value(column, least[column])} instead of {words.value(column, top[column])}"
        needs.setdefault(who, []).append(f"{words.label(column)} {need}")
    return [Sentence(f"Within the noise of the best, {who}: {words.listed(each)}.") for who, each in needs.items()]


def _timeline(result: Result) -> Sequence[Block]:
    return [of_figure(figures.timeline(result.frame, result.curves))]


def _stories(result: Result) -> Sequence[Block]:
    told = stories.stories(result)
    if not told:
        return [Sentence("There are no trials yet.")]
    left = len(result.frame) - len(told)
    more = f"`sweep show {result.study.name} N` tells any of the {words.several(left, 'other trial')}."
    blocks = [Fold(words.several(len(told), "trial"), told)] if len(told) > 12 else told
    return [*blocks, *([Sentence(more)] if left else [])]


def _searched(result: Result) -> Sequence[Block]:
    heads = [Head("Parameter", number=False), Head("Range", number=False), Head("Meaning", number=False)]
    table = tables.searched(result.study.space)
    rows = [Row([words.label(name), span, meaning]) for name, span, meaning in table.itertuples(index=False)]
    return [Table("What was searched", heads, rows)]


def _provenance(result: Result) -> Sequence[Block]:
    table = tables.provenance(result)
    parts = table.groupby("part", sort=False)[["name", "value"]]
    return [Definitions(str(part).capitalize(), list(rows.itertuples(index=False, name=None))) for part, rows in parts]


ELEMENTS: tuple[Element[Result], ...] = (
    Element(
        "comparison",
        "Best against baseline",
        "One run each. Changed values and layers are marked; a layer is drawn as high as its map and as wide as its "
        "channels are many.",
        _comparison,
    ),
    Element(
        "confirmation",
        "Is it really better?",
        "The best few and the baseline, trained again on seeds that the search never saw, the same for everybody; a "
        "dot is the mean difference to the baseline at the same seeds, its line the 95\N{NO-BREAK SPACE}% interval.",
        confirmed_elements.confirmation,
    ),
    Element(
        "ablation",
        "What each change contributes",
        "Each change of the recommended network put back, alone, and made alone to the baseline, on the same seeds; a "
        "dot is what it adds to the accuracy, its line the 95\N{NO-BREAK SPACE}% interval.",
        worth_elements.ablation,
    ),
    Element(
        "history",
        "Best so far",
        "Each mark is a trial; the band is what chance among the validation images does to the baseline.",
        _history,
    ),
    Element(
        "outlook",
        "Is it worth going on?",
        "An hour as good as the last trials, at the pace so far; a range ends too soon where most of the best trials "
        "lie at its end.",
        _going_on,
    ),
    Element(
        "leaderboard",
        "Leaderboard",
        "Every trial with a score, best first; a trial's number leads to its story.",
        _leaderboard,
        paged=_leaderboard,
    ),
    Element(
        "importance",
        "What mattered",
        "Left, how much of the trials' ranking each parameter explains by itself: the bar is where that share lies in "
        "90 of 100 random halves of the trials; if none did anything, all would be within the grey in 95 of 100 cases. "
        "Right, the two parameters at the top.",
        _importance,
    ),
    Element(
        "parameters",
        "What each parameter does",
        "Every trial over the value it had, and the median of completed ones. The others vary at the same time.",
        _parameters,
    ),
    Element(
        "parallel",
        "All parameters at once",
        "Each line is a completed trial, from parameter to parameter.",
        _parallel,
    ),
    Element("fronts", "What accuracy costs", "Completed trials; up and to the left is better.", _fronts),
    Element(
        "mistakes",
        "What each gets wrong",
        "A row of a matrix is what is on an image, a column what it was taken for; so stands it under a picture.",
        mistakes_elements.mistakes,
    ),
    Element(
        "curves",
        "Learning curves",
        "Accuracy on the validation images after each epoch. The scale widens towards the top.",
        _curves,
    ),
    Element(
        "timeline",
        "When it was trained",
        "A bar is a stretch of a trial's training, a lane what ran at the same time; a trial whose epochs were all "
        "known is a thin line.",
        _timeline,
    ),
    Element("outcomes", "How the trials ended", "", _outcomes),
    Element(
        "stories",
        "Trial by trial",
        "The best ones first, then some that have no score: what was tried, how it went, and why it ended.",
        _stories,
    ),
    Element("searched", "What was searched", "", _searched),
    Element("provenance", "Where the numbers come from", "", _provenance),
)
