"""Is what a search says of its best trial true? Searches among made-up networks whose true gains are known.

    python benchmarks/expectation.py [--searches 1000]

Each network is trained once, with a noise of 0.17 points over seeds, and scored on 10,000 images; the baseline's true
gain is 0. Printed are, in points, by how much the expected accuracy and the expected gain of the best network are above
the truth on average, the same of the gain as the scores show it, and how often a gain is called more than chance.
`tests/results/test_winner.py` holds the same bounds with fewer searches.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweep.results.noise import noise_of_score
from sweep.results.winner import expected

IMAGES, TRUTH, NOISE = 10_000, 0.985, 0.0017

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]
WORLDS: dict[str, Draw] = {
    "all are equal": lambda _, count: np.zeros(count),
    "gains of N(-0.3, 0.3) points": lambda source, count: source.normal(-0.003, 0.003, count),
    "a third fails, the rest are equal": lambda source, count: np.where(source.random(count) < 1 / 3, -0.2, 0.0),
    "half are worse by up to several points": lambda source, count: (
        -source.exponential(0.03, count) * (source.random(count) < 0.5)
    ),
}
"""The true gains of so many networks over the baseline."""


@dataclass(frozen=True)
class Said:
    """Of one search, in points: how far its best network's accuracy, its gain and the gain as seen are above the truth.

    `claimed`: the gain is called more than chance.
    """

    accuracy: float
    gain: float
    seen: float
    claimed: bool


def search(draw: Draw, networks: int, seed: int) -> Said:
    """One run of each network and of the baseline; where the baseline has the best score, no gain is said."""
    source = np.random.default_rng([networks, seed])
    gains = draw(source, networks)
    scores = np.clip(TRUTH + gains + NOISE * source.standard_normal(networks), 0, 1)
    baseline, best = TRUTH + NOISE * source.standard_normal(), int(scores.argmax())
    if baseline >= scores[best]:
        return Said(0.0, 0.0, 0.0, False)
    ordered = np.array([baseline, scores[best], *np.delete(scores, best)])
    found = expected(ordered, np.array([noise_of_score(each, IMAGES) / 2 for each in ordered]))
    truth = float(gains[best])
    errors = found.accuracy - TRUTH - truth, found.difference - truth, found.seen - truth
    return Said(100 * errors[0], 100 * errors[1], 100 * errors[2], found.clear)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=1000)
    searches = range(parser.parse_args().searches)
    print(f"{'':46}{'accuracy':>10}{'gain':>10}{'as seen':>10}{'claimed':>10}")
    for networks in (12, 50):
        for world, draw in WORLDS.items():
            said = [search(draw, networks, seed) for seed in searches]
            means = [np.mean([getattr(each, name) for each in said]) for name in ("accuracy", "gain", "seen")]
            claimed = np.mean([each.claimed for each in said])
            cells = "".join(f"{mean:+10.3f}" for mean in means)
            print(f"{networks} networks: {world:33}{cells}{claimed:10.3f}", flush=True)


if __name__ == "__main__":
    main()
