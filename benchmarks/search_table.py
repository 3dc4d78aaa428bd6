"""Trains the tables that `benchmarks/search.py` replays searches on, and writes them beside itself.

    python benchmarks/search_table.py [--dataset fashion-mnist] [--workers 2]

Configurations drawn at random from the study `everything`, the baseline first, each trained for 9 epochs on 15,000
images of the data set and scored on 10,000 others at every epoch and at three places within the first; the best of them
once more on each of some other seeds. Drawn are only networks with no more arithmetic than the baseline's: the rest, up
to forty times as much, would take days of a small computer. What is trained is appended to a file of lines, so that a
call that was interrupted goes on; the last step packs it. What a table holds already is not trained again.

The table on MNIST was trained in float32; the one on Fashion-MNIST in bfloat16, on a processor with AMX.
"""

import argparse
import gzip
import json
import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sweep.data.dataset import Split, load_dataset
from sweep.models.model import Infeasible
from sweep.models.parameters import Values
from sweep.models.tutorial.parameters import Network
from sweep.models.tutorial.shapes import architecture
from sweep.runs import Precision, Run
from sweep.space.space import Space
from sweep.study.files import load

if TYPE_CHECKING:
    from sweep.training.loop import Images


class Table(NamedTuple):
    """Where a table is kept, how many configurations it has, how many of them have three seeds, and its precision."""

    path: Path
    configurations: int
    repeated: int
    precision: Precision


HERE = Path(__file__).parent
TABLES = {
    "mnist": Table(HERE / "search_table.json.gz", 192, 20, "float32"),
    "fashion-mnist": Table(HERE / "search_table_fashion.json.gz", 96, 10, "bfloat16"),
}
LOOKS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
"""Where on its curve a run is scored, in epochs."""
SEEDS = (1, 2)
"""On which seeds the best are trained again, beside 0."""
IMAGES, VALIDATION = 15_000, 10_000


def points(count: int) -> list[Values]:
    """The baseline's point and others at random, of networks with at most the baseline's FLOPs, all for 9 epochs."""
    study = load("everything")
    space = Space(study.space, study.base)
    most = architecture(Network.of(study.base.values()), (28, 28, 1), 10).flops
    rng = random.Random(0)
    found = [space.point_of(study.base) or {}]
    while len(found) < count:
        point = space.sample(rng)
        try:
            shape = architecture(Network.of(space.configuration(point).values()), (28, 28, 1), 10)
        except Infeasible:
            continue
        if shape.flops <= most:
            found.append(point)
    return [point | {"epochs": int(LOOKS[-1])} for point in found]


SPLIT = Split(0, VALIDATION, IMAGES)


def set_up() -> None:
    from sweep.training.loop import set_up

    set_up(threads=1)


@cache
def images(dataset: str) -> "Images":
    from sweep.training.loop import Images

    return Images(load_dataset(dataset), SPLIT)


def train(dataset: str, place: int, point: Values, seed: int) -> dict[str, Any]:
    """The accuracies of one run at `LOOKS`, and the seconds of each stretch; None once its loss is not finite."""
    from sweep.training.loop import Training

    study = load("everything")
    run = Run(study.searched.configuration(point), seed, dataset, "", SPLIT, TABLES[dataset].precision)
    training = Training(run, images(dataset))
    accuracies: list[float | None] = []
    seconds: list[float | None] = []
    for look in LOOKS:
        metrics = training.advance(to=look)
        assert metrics is not None
        if not metrics.finite:
            break
        accuracies.append(round(metrics.val_accuracy, 4))
        seconds.append(round(metrics.seconds, 2))
    missing: list[None] = [None] * (len(LOOKS) - len(accuracies))
    return {"place": place, "seed": seed, "accuracies": accuracies + missing, "seconds": seconds + missing}


def last(row: dict[str, Any]) -> float:
    """A run's accuracy in the end, 0 where it diverged."""
    return float(row["accuracies"][-1] or 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=TABLES, default="mnist")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--lines", type=Path, default=Path("search_table.jsonl"), help="where rows are kept meanwhile")
    options = parser.parse_args()
    table = TABLES[options.dataset]
    drawn = points(table.configurations)
    rows = json.loads(gzip.decompress(table.path.read_bytes()))["runs"] if table.path.exists() else []
    rows += [json.loads(line) for line in options.lines.read_text().splitlines()] if options.lines.exists() else []
    rows = list({(row["place"], row["seed"]): row for row in rows}.values())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, context, set_up) as pool, options.lines.open("a") as file:

        def have(wanted: list[tuple[int, int]]) -> None:
            missing = [each for each in wanted if each not in {(row["place"], row["seed"]) for row in rows}]
            submitted = [pool.submit(train, options.dataset, place, drawn[place], seed) for place, seed in missing]
            for future in as_completed(submitted):
                rows.append(future.result())
                print(json.dumps(rows[-1]), file=file, flush=True)
                print(f"{len(rows)}: {rows[-1]}", flush=True)

        have([(place, 0) for place in range(table.configurations)])
        best = sorted((row for row in rows if row["seed"] == 0), key=last, reverse=True)[: table.repeated]
        have([(row["place"], seed) for seed in SEEDS for row in best])
    rows.sort(key=lambda row: (row["seed"], row["place"]))
    facts = {"looks": LOOKS, "images": IMAGES, "validation": VALIDATION, "points": drawn, "runs": rows}
    table.path.write_bytes(gzip.compress(json.dumps(facts).encode(), mtime=0))
    print(f"wrote {table.path}: {len(rows)} runs, {table.path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
