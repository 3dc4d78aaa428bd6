"""Progress as a table that is redrawn in place."""

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sweep.data.metric import IN_WORDS
from sweep.progress.tally import Tally
from sweep.space.differences import changes_in_words
from sweep.wording import percent, several

BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class LiveTable:
    """Runs in progress with their curves, the best so far, what is done and what is left."""

    tally: Tally

    def __rich__(self) -> RenderableType:
        tally = self.tally
        table = Table(box=None, pad_edge=False, header_style="dim")
        node = ["node"] if tally.nodes else []
        for column in ("run", "epoch", "curve", IN_WORDS[tally.metric], *node):
            table.add_column(column, no_wrap=True)
        table.add_column(_cut("changes to the baseline"))  # the one that shrinks in a narrow terminal
        for run, curve in tally.running.values():
            configuration = run.configuration
            so_far = f"{tally.epochs.get(run.label, 0):.1f}/{configuration.epochs}"
            table.add_row(
                f"{run.label}{run.on_fold}",
                "waits" if run.label in tally.waiting else so_far,
                sparkline([metrics.val_accuracy for metrics in curve]),
                percent(curve[-1].val_accuracy if curve else None),
                *(tally.nodes.get(run.label, "") for _ in node),
                _cut(changes_in_words(configuration, tally.base)),
            )
        if not tally.running:
            verb = "is" if tally.workers == 1 else "are"
            starting = f"{several(tally.workers, 'worker')} {verb} starting"
            table.add_row("", "", "", "", Text(starting, style="dim"))
        return Group(table, self.in_all())

    def in_all(self) -> RenderableType:
        lines = [Text(self.tally.comparison(), style="bold"), Text(self.tally.state(), style="dim")]
        if said := self.tally.outlook():
            lines.append(Text(said, style="dim"))
        return Group(*lines)


def _cut(text: str) -> Text:
    """A text that ends in an ellipsis where there is no room for all of it."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def sparkline(values: list[float], width: int = 12) -> str:
    """The last values as little bars, between the smallest and the largest of them."""
    values = [value for value in values if value == value][-width:]
    if not values:
        return ""
    low, high = min(values), max(values)
    places = [(value - low) / (high - low) if high > low else 0 for value in values]
    return "".join(BARS[round(place * (len(BARS) - 1))] for place in places)
