"""The page that compares studies, from top to bottom; see `reports.elements` for that of one."""

from collections.abc import Sequence
from typing import Any

from reports import compared, compared_figures, summary, words, worth, worth_elements
from reports.blocks import Beside, Block, Definitions, Head, Row, Sentence, Table, of_figure, of_figures
from reports.elements import Element
from sweep import wording
from sweep.results.result import Result


def sentences(results: Sequence[Result]) -> list[str]:
    """What was compared, what gained most and whether that is more than chance, and what cannot be compared."""
    table = compared.essence(results)
    trials, cost = int(table["trials"].sum()), float(table["cost"].sum())
    counted = f"{words.several(len(results), 'study', 'studies')} with {words.several(trials, 'trial')} in all"
    found = [f"{counted}, {words.duration(cost)} of training."]
    known, confirmed = table[table["difference"].notna()], worth.ranked(results)
    if not confirmed.empty:
        found.append(worth.answer(confirmed))
    elif known.empty:
        return [*found, "None of them has both a best trial and a baseline yet."]
    else:
        first = known.iloc[0]
        found.append(
            f"Most was gained by `{first['study']}`: {words.percent(first['best'])}, "
            f"{words.points(first['difference'])} ({wording.margin(first['margin'])}) percentage points over "
            "its baseline."
        )
        clear = known.loc[known["clear"], "study"].tolist()
        found.append(_sure(clear, known.loc[~known["clear"], "study"].tolist()))
    if unlike := compared.unlike(results):
        names = words.listed(words.label(name) for name in unlike)
        found.append(f"They differ in {names}: compare what each gained over its own baseline, not their accuracies.")
    return found


def _sure(clear: list[str], rest: list[str]) -> str:
    if not clear:
        return "No gain can be told from chance on one run each."
    doubtful = f", but not of {_named(rest)}" if rest else ""
    return (
        f"The gain of {_named(clear)} is more than chance among the images explains{doubtful}; each is the best of "
        "many runs, which is partly luck."
    )


def _named(studies: Sequence[str]) -> str:
    return words.listed(f"`{study}`" for study in studies)


def _essence(results: Sequence[Result]) -> Sequence[Block]:
    heads = [
        Head("Study", number=False),
        Head("Best"),
        Head("Baseline"),
        Head("Gain", "percentage points, with two standard errors of one run each"),
        Head("Trials", "completed, of all"),
        Head("Training"),
        Head("Until the best"),
        Head("What mattered most", number=False),
    ]
    rows = [_row(entry) for entry in compared.essence(results).to_dict("records")]
    return [of_figure(compared_figures.gains(results)), Table("Studies side by side", heads, rows)]


def _row(entry: dict[Any, Any]) -> Row:
    return Row(
        [
            str(entry["study"]),
            words.percent(entry["best"]),
            words.percent(entry["baseline"]),
            words.points(entry["difference"], entry["margin"]),
            f"{entry['completed']:,} of {entry['trials']:,}",
            words.duration(entry["cost"]),
            words.duration(entry["until_best"]),
            words.label(entry["matters"]) if entry["matters"] else words.NOTHING,
        ]
    )


def _progress(results: Sequence[Result]) -> Sequence[Block]:
    ordered = compared.in_order(results)
    found = [compared_figures.spending(ordered), compared_figures.distributions(ordered)]
    return [Beside([of_figure(figure) for figure in found])]


def _parameters(results: Sequence[Result]) -> Sequence[Block]:
    ordered = compared.in_order(results)
    names = compared.shared(ordered)
    if not names:
        return [Sentence("No parameter was searched by more than one of them.")]
    return [of_figures([compared_figures.parameter(ordered, name) for name in names])]


def _each(results: Sequence[Result]) -> Sequence[Block]:
    told = [(result.study.name, " ".join(summary.sentences(result)[:2])) for result in compared.in_order(results)]
    return [Definitions("", [(name, text.replace("`", "")) for name, text in told])]


ELEMENTS: tuple[Element[Sequence[Result]], ...] = (
    Element(
        "worth",
        "Which one is worth it?",
        "What each study's best gains over the baseline on seeds that no search saw; a dot is the mean difference, its "
        "line the 95\N{NO-BREAK SPACE}% interval.",
        worth_elements.ranking,
    ),
    Element(
        "essence",
        "Side by side",
        "Each study's best against its own baseline, one run each; the bar is two standard errors of the difference.",
        _essence,
    ),
    Element(
        "progress",
        "What time bought",
        "Left, the best so far over the time trained. Right, how many of the completed trials stay below a score.",
        _progress,
    ),
    Element(
        "parameters",
        "Parameters in common",
        "Completed trials of every study that searched it, and their median. The others vary at the same time.",
        _parameters,
    ),
    Element("each", "Each study in short", "", _each),
)
