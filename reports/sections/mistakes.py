"""Confusion matrices of the best network and the baseline, and the images on which they differ."""

import base64
import html
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reports.blocks import (
    Block,
    Cell,
    Columns,
    Gallery,
    Head,
    Matrix,
    NotYet,
    Picture,
    Row,
    Section,
    Sentence,
    Table,
    chart_or_reason,
)
from reports.drawing import intervals, marks
from reports.drawing.figure import Figure, nothing
from reports.drawing.style import BASELINE_MARKER, BEST, FAINT
from sweep import wording
from sweep.errors import DataError
from sweep.results.noise import share_interval
from sweep.results.predictions import Mistakes
from sweep.results.result import Result

MOST_CLASSES = 12
MOST_PICTURES = 24
MOST_PIXELS = 64
"""A side of a picture; of larger images, only every so many-th pixel is drawn."""


def classes(mistakes: Mistakes) -> pd.DataFrame:
    """Wrong predictions per class: `name`, `images`, and of them `baseline` and `ours`; in the order of classes.

    Of more than `MOST_CLASSES`, those that have the most mistakes. The index is the class's number.
    """
    wrong = {
        name: np.bincount(mistakes.labels[predicted != mistakes.labels], minlength=len(mistakes.names))
        for name, predicted in (("baseline", mistakes.baseline), ("ours", mistakes.ours))
    }
    images = np.bincount(mistakes.labels, minlength=len(mistakes.names))
    table = pd.DataFrame({"name": mistakes.names, "images": images} | wrong)
    worst = (table["baseline"] + table["ours"]).nlargest(MOST_CLASSES)
    return table.loc[sorted(worst.index)]


def confusion(labels: NDArray[Any], predicted: NDArray[Any], shown: Sequence[int]) -> pd.DataFrame:
    """Images by true class (rows) and predicted class (columns), for the classes `shown`."""
    matrix = np.zeros((int(max(labels.max(), predicted.max(), *shown)) + 1,) * 2, int)
    np.add.at(matrix, (labels, predicted), 1)
    return pd.DataFrame(matrix[np.ix_(shown, shown)], index=list(shown), columns=list(shown))


@dataclass(frozen=True)
class Agreement:
    """Of so many images: those that one network alone classifies wrong, and those that both do."""

    images: int
    baseline_alone: int
    ours_alone: int
    both: int


def agreement(mistakes: Mistakes) -> Agreement:
    ours, baseline = mistakes.ours != mistakes.labels, mistakes.baseline != mistakes.labels
    counts = (int(each.sum()) for each in (baseline & ~ours, ours & ~baseline, ours & baseline))
    return Agreement(len(ours), *counts)


def gallery(mistakes: Mistakes, of_baseline: bool) -> pd.DataFrame:
    """Images that one network classifies wrong and the other correctly: `image`, its place; `label`; `predicted`.

    By class, and of more than `MOST_PICTURES` evenly over them.
    """
    one, other = (mistakes.baseline, mistakes.ours) if of_baseline else (mistakes.ours, mistakes.baseline)
    found = np.flatnonzero((one != mistakes.labels) & (other == mistakes.labels))
    table = pd.DataFrame({"image": found, "label": mistakes.labels[found], "predicted": one[found]})
    table = table.sort_values(["label", "predicted", "image"], ignore_index=True)
    places = np.linspace(0, len(table) - 1, min(len(table), MOST_PICTURES)).round().astype(int)
    return table.iloc[places].reset_index(drop=True)


def picture(image: NDArray[np.uint8]) -> str:
    """An image in bytes, (height, width, channels), as an address that holds it as PNG."""
    step = max(1, -(-max(image.shape[:2]) // MOST_PIXELS))
    image = image[::step, ::step]
    height, width, channels = image.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)  # each as it is
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")
    content = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + content).decode()


def chart(mistakes: Mistakes) -> Figure:
    """The share of each class that the baseline and the best network classify wrong.

    `mistakes` are those of a `sweep.results.result.Result`.
    """
    table, total = classes(mistakes), len(mistakes.names)
    if table.empty:
        return nothing("There are no classes.")
    shares = {name: 100 * table[name] / table["images"].clip(lower=1) for name in ("baseline", "ours")}
    table = table.assign(row=[float(row) for row in range(len(table))])
    left = 24 + 7 * max(len(str(name)) for name in table["name"])
    figure = Figure("Mistakes by class", 64 + 26 * len(table), left)
    between = zip(shares["baseline"], shares["ours"], table["row"], strict=True)
    marks.bundle(figure, [([one, other], [row, row]) for one, other, row in between], "", FAINT, 4)
    trial = f"trial {mistakes.predictions.trial}"
    for name, who, marker in (("baseline", "baseline", BASELINE_MARKER), ("ours", trial, {"color": BEST, "size": 10})):
        hover = [
            f"{html.escape(str(each))}: {wrong:,} of {wording.several(images, 'image')} wrong by {html.escape(who)}"
            for each, wrong, images in zip(table["name"], table[name], table["images"], strict=True)
        ]
        intervals.dots(figure, table.assign(hover=hover), shares[name].round(3).tolist(), who, marker)
    marks.name_axis(figure, [str(name) for name in table["name"]])
    highest = max(0.1, *(float(share.max()) for share in shares.values()))
    figure.x_axis(title="wrong images of the class, %", range=[0, 1.04 * highest], nticks=7)
    fewer = f"the {len(table)} classes of {total:,} with the most mistakes" if len(table) < total else ""
    return figure.leaves_out(fewer)


def _blocks(result: Result) -> Sequence[Block]:
    try:
        found = result.mistakes()
    except DataError as error:
        return [NotYet(f"The images cannot be shown. {error}")]
    if found is None:
        return [NotYet("No predictions of the baseline and a better network are stored, so they cannot be compared.")]
    trial = f"trial {found.predictions.trial}"
    shown = classes(found)
    counts = {
        name: confusion(found.labels, each, list(shown.index))
        for name, each in (("baseline", found.baseline), (trial, found.ours))
    }
    names = shown["name"].tolist()
    matrices = [Matrix(name.capitalize(), names, _counted(matrix)) for name, matrix in counts.items()]
    change = Matrix(f"{trial.capitalize()} minus baseline", names, _compared(counts[trial] - counts["baseline"]))
    return [
        Sentence(_agreement(found, trial)),
        chart_or_reason(chart(found)),
        Columns([*matrices, change], narrow=True),
        _recall(found, trial),
        *_galleries(found, trial),
    ]


def recall(mistakes: Mistakes) -> pd.DataFrame:
    """Per class that has images: `name`, `images`, and of `baseline` and `ours` the recall, its `_low` and `_high`.

    Recall is the share of the images of a class that are predicted as that class, with its 95 % interval for other
    images. The index is the class's number.
    """
    images = np.bincount(mistakes.labels, minlength=len(mistakes.names))
    rows = {}
    for number in np.flatnonzero(images):
        row: dict[str, Any] = {"name": mistakes.names[number], "images": int(images[number])}
        for who, predicted in (("baseline", mistakes.baseline), ("ours", mistakes.ours)):
            right = int((predicted[mistakes.labels == number] == number).sum())
            low, high = share_interval(right, row["images"])
            row |= {who: right / row["images"], f"{who}_low": low, f"{who}_high": high}
        rows[int(number)] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def _recall(mistakes: Mistakes, trial: str) -> Table:
    table = recall(mistakes)
    heads = [Head("class", number=False), Head("images"), Head("baseline"), Head(trial)]
    rows = [
        Row(
            [row["name"], f"{row['images']:,}", _interval(row, "baseline"), _interval(row, "ours")],
            keys=[row["name"], row["images"], row["baseline"], row["ours"]],
        )
        for row in table.to_dict("records")
    ]
    mean = {who: wording.percent(table[who].mean()) for who in ("baseline", "ours")}
    after = (
        "Recall: the share of the images of a class that are predicted as that class, with its 95 % interval for other "
        f"images. The mean over classes is the balanced accuracy: baseline {mean['baseline']}, {trial} {mean['ours']}."
    )
    return Table("Recall of each class", heads, rows, fold="Recall of each class", after=after, tools=True)


def _interval(row: dict[Any, Any], who: str) -> str:
    return f"{wording.percent(row[who])} ({100 * row[f'{who}_low']:.2f} to {100 * row[f'{who}_high']:.2f})"


def _agreement(mistakes: Mistakes, trial: str) -> str:
    found, seed = agreement(mistakes), mistakes.predictions.seed
    return (
        f"On the same {found.images:,} validation images, trained with seed {seed}: {found.baseline_alone:,} are wrong "
        f"by the baseline alone, {found.ours_alone:,} by {trial} alone, and {found.both:,} by both."
    )


def _counted(matrix: pd.DataFrame) -> list[list[Cell]]:
    """Correct predictions are on the diagonal; mistakes are shaded by their number."""
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
    """More on the diagonal is better, more off it is worse."""
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
        table = gallery(mistakes, of_baseline)
        agreed = agreement(mistakes)
        count = agreed.baseline_alone if of_baseline else agreed.ours_alone
        shown = table[["image", "label", "predicted"]].to_numpy().tolist()
        pictures = [_picture(mistakes, image, label, predicted, wrong) for image, label, predicted in shown]
        if pictures:
            part = f"{len(pictures)} of {count:,}" if len(pictures) < count else f"{count:,}"
            title = f"Correct by {right}, wrong by {wrong}: {part}"
            blocks.append(Gallery(title, pictures))
    return blocks


def _picture(mistakes: Mistakes, image: int, label: int, predicted: int, wrong: str) -> Picture:
    name, other = mistakes.names[label], mistakes.names[predicted]
    alt = f"{name} that {wrong} predicts as {other}"
    return Picture(picture(mistakes.images[image]), alt, f"{name} → {other}")


SECTION = Section(
    "mistakes",
    "Confusion matrix",
    "Rows: true class. Columns: predicted class. Captions: true → predicted.",
    _blocks,
)
