"""What a study's page shows of mistakes: "What each gets wrong"."""

from collections.abc import Sequence

import pandas as pd

from reports import mistakes as tables
from reports.blocks import Beside, Block, Cell, Gallery, Matrix, Picture, Sentence, of_figure
from reports.mistakes_figures import class_errors
from sweep.errors import DataError
from sweep.results.predictions import Mistakes
from sweep.results.result import Result


def mistakes(result: Result) -> Sequence[Block]:
    """Which classes the best network and the baseline confuse, how often, and on which images they differ."""
    try:
        found = result.mistakes()
    except DataError as error:
        return [Sentence(f"The images cannot be shown. {error}")]
    if found is None:
        return [Sentence("The predictions of the baseline and of a better network are not there to be compared.")]
    trial = f"trial {found.predictions.trial}"
    shown = tables.classes(found)
    counts = {
        name: tables.confusion(found.labels, each, list(shown.index))
        for name, each in (("baseline", found.baseline), (trial, found.ours))
    }
    names = shown["name"].tolist()
    matrices = [Matrix(name.capitalize(), names, _counted(matrix)) for name, matrix in counts.items()]
    change = Matrix(f"{trial.capitalize()} less baseline", names, _compared(counts[trial] - counts["baseline"]))
    return [
        Sentence(_agreement(found, trial)),
        of_figure(class_errors(shown, trial, len(found.names))),
        Beside([*matrices, change], narrow=True),
        *_galleries(found, trial),
    ]


def _agreement(mistakes: Mistakes, trial: str) -> str:
    found, seed = tables.agreement(mistakes), mistakes.predictions.seed
    return (
        f"On the same {found.images:,} validation images, trained with seed {seed}: {trial} gets "
        f"{found.baseline_alone:,} right that the baseline gets wrong, and {found.ours_alone:,} the other way round; "
        f"{found.both:,} both get wrong."
    )


def _counted(matrix: pd.DataFrame) -> list[list[Cell]]:
    """What was right stands on the diagonal; mistakes are shaded by how many they are."""
    rows = matrix.to_numpy().tolist()
    most = max([1, *(count for row, counts in enumerate(rows) for at, count in enumerate(counts) if row != at)])
    return [
        [
            Cell(f"{count}", "right", 0) if row == at else Cell(f"{count or ''}", "worse", count / most)
            for at, count in enumerate(counts)
        ]
        for row, counts in enumerate(rows)
    ]


def _compared(matrix: pd.DataFrame) -> list[list[Cell]]:
    """More on the diagonal is better, more beside it is worse."""
    rows = matrix.to_numpy().tolist()
    most = max([1, *(abs(count) for counts in rows for count in counts)])
    return [
        [
            Cell(_signed(count), "better" if (count > 0) == (row == at) else "worse", abs(count) / most)
            for at, count in enumerate(counts)
        ]
        for row, counts in enumerate(rows)
    ]


def _signed(count: int) -> str:
    return f"{count:+}".replace("-", "−") if count else ""


def _galleries(mistakes: Mistakes, trial: str) -> list[Block]:
    blocks: list[Block] = []
    for of_baseline, right, wrong in ((True, trial, "the baseline"), (False, "the baseline", trial)):
        table = tables.gallery(mistakes, of_baseline)
        agreed = tables.agreement(mistakes)
        count = agreed.baseline_alone if of_baseline else agreed.ours_alone
        shown = table[["image", "label", "taken"]].to_numpy().tolist()
        pictures = [_picture(mistakes, image, label, taken, wrong) for image, label, taken in shown]
        if pictures:
            part = f"{len(pictures)} of {count:,}" if len(pictures) < count else f"{count:,}"
            title = f"Right by {right}, wrong by {wrong}: {part}"
            blocks.append(Gallery(title, pictures))
    return blocks


def _picture(mistakes: Mistakes, image: int, label: int, taken: int, wrong: str) -> Picture:
    name, other = mistakes.names[label], mistakes.names[taken]
    said = f"{name} that {wrong} takes for {other}"
    return Picture(tables.picture(mistakes.images[image]), said, f"{name} → {other}")
