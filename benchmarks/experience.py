"""What do trainings on one set of data say of another? And the small table that ships, packed of the tables.

    python benchmarks/experience.py [--pack]

Printed is the rank correlation between what `sweep.search.experience.Surrogate` says of the configurations of a table
and what they truly reach: taught by the other table, without the configurations that both have; by a random half of the
same table, for its other half; and by both together. The last two are means of twenty halves.

`--pack` writes `sweep/search/experience.json.gz`: of each table the points, and what each reached in the end.
"""

import argparse
import gzip
import json
import random
import statistics
from collections.abc import Sequence
from pathlib import Path

from replays import table
from scipy.stats import spearmanr
from search_table import TABLES

import sweep.search.experience
from sweep.models.parameters import Value
from sweep.search.experience import OTHER_DATA, Source, Surrogate

PACKED = Path(sweep.search.experience.__file__).with_name("experience.json.gz")
HALVES = 20
DIGITS = 4
"""Of a value of a point, and of a score."""


def truth(data: str, place: int) -> float:
    known = table(data)
    return known.truth(place, known.study.longest)


def source(data: str, places: Sequence[int], weight: float = 1.0) -> Source:
    base, points = table(data).study.base, table(data).points
    tried = [base.replaced(points[place]) for place in places]
    return Source(data, tried, [truth(data, place) for place in places], weight)


def agreement(sources: list[Source], data: str, places: Sequence[int]) -> float:
    """The rank correlation of what these sources say of places of a table with the truth."""
    asked = source(data, places)
    return float(spearmanr(Surrogate(sources)(asked.tried), asked.scores).statistic)


def report(data: str) -> str:
    (other,) = TABLES.keys() - {data}
    here, there = len(table(data).points), len(table(other).points)
    both, one = range(min(here, there)), range(min(here, there), max(here, there))
    taught, asked = (one, both) if there > here else (both, one)
    across = agreement([source(other, taught)], data, asked)
    alone, together = [], []
    for seed in range(HALVES):
        places = random.Random(seed).sample(range(here), here)
        half, rest = source(data, places[: here // 2]), places[here // 2 :]
        theirs = source(other, [place for place in range(there) if place not in rest], OTHER_DATA)
        alone.append(agreement([half], data, rest))
        together.append(agreement([half, theirs], data, rest))
    return (
        f"{data}: {across:.2f} taught by {len(taught)} of {other}; "
        f"{statistics.fmean(alone):.2f} by half of its own, {statistics.fmean(together):.2f} by these and {other}"
    )


def pack() -> None:
    def rounded(value: Value) -> Value:
        return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value

    tables = {}
    for data in TABLES:
        points = table(data).points
        scores = [round(truth(data, place) / 100, DIGITS) for place in range(len(points))]
        kept = [{name: rounded(value) for name, value in point.items()} for point in points]
        tables[data] = {"points": kept, "scores": scores}
    PACKED.write_bytes(gzip.compress(json.dumps(tables, separators=(",", ":")).encode(), mtime=0))
    print(f"wrote {PACKED}: {PACKED.stat().st_size / 1e3:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", action="store_true", help="write the table that ships")
    options = parser.parse_args()
    if options.pack:
        pack()
    for data in TABLES:
        print(report(data))


if __name__ == "__main__":
    main()
