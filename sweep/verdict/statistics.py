"""Which network is really better: what the best few configurations and the baseline on fresh seeds show.

Each seed decides initial weights, shuffling and a validation fold, which all networks share. So the variance over seeds
holds all three kinds of luck (Bouthillier et al. 2021, arXiv:2103.03098). What networks have in common at a seed
cancels in their differences. Accuracies are from 0 to 1.

Intervals and p-values are those of `sweep.verdict.estimates`. How often the rules of this module are right:
`benchmarks/verdict.py`.

All figures are about the images that folds are drawn from, and about networks trained on such parts of them. The 60,000
images of MNIST are themselves a sample. For other images of the same kind, a mean at 98.5 % has a further standard
error of at most 0.05 points, a difference less. Networks trained on overlapping parts are taken as independent.

Validation images that come with the data are the same at every seed. Then the variance over seeds lacks the luck of the
images. What two seeds have in common of the variance over images is that luck, and no further seed takes it away. It is
added, and figures are about other images of this kind, too (Dorfman, Berbaum and Metz 1992, "Receiver operating
characteristic rating analysis", Invest. Radiol. 27: readers are seeds, cases are images).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sweep.defaults import TOLERANCE
from sweep.errors import InputError
from sweep.results.verdict import ALPHA, Conclusion, ConfirmedTrial, Estimate, Verdict
from sweep.verdict.estimates import Floats, Gap, beside_images, holm, means, standard_error, tail
from sweep.wording import listed

FIRST_LOOK = 3
"""Seeds that each network gets before the race may stop one, and that a claim needs."""
LOOKS = (2, FIRST_LOOK, 5, 7, 10, 15, 20)
"""Numbers of seeds at which a verdict is drawn."""
LEAST_FAMILY = 3
"""A verdict's p-values are corrected for so many networks at least, since others may join them later."""
LOOKING_AGAIN = 5 / 3
"""What p-values are multiplied by from the second look on: each gives luck another chance."""

Hits = NDArray[np.bool_] | Floats
"""Whether each image is right, (images,), or what it adds to a metric: see `sweep.data.metric.image_values`."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A configuration and its runs on the fresh seeds.

    `label` is its trial's number, `parameters` and `flops` what it costs, `score` the search's (None: it has none).
    `hits` has an array (images,) per seed, in the order of the seeds: which images of that seed's fold the network got
    right, or what each adds to the metric of the study; 0 of all of them if it diverged. A candidate that left the race
    has the first few seeds only, at least one. `same_images`: all folds are the same one.
    """

    label: int
    parameters: int
    flops: int
    score: float | None
    hits: tuple[Hits, ...]
    same_images: bool = False

    @cached_property
    def scores(self) -> Floats:
        """Accuracy at each seed, (seeds,), or what the study has as its metric."""
        return np.array([hits.mean() for hits in self.hits])

    @property
    def failed(self) -> bool:
        """Whether a run failed."""
        return one_failed(self.scores)


def one_failed(scores: ArrayLike) -> bool:
    """Whether a run got none of its images right, or at most half the share that another did; `scores` are (seeds,)."""
    return bool(np.min(scores) <= np.max(scores) / 2)


def accuracy(candidate: Candidate) -> Estimate:
    """The mean of its accuracies, which is no surer than their images allow."""
    return contrast([candidate], [])


def contrast(plus: Sequence[Candidate], minus: Sequence[Candidate]) -> Estimate:
    """The accuracies of `plus` less those of `minus`, each group's summed, at the seeds that all of them have.

    One on each side is a paired difference; two on each, by how much one change does more beside another.
    """
    return means([_contrast(plus, minus)])[0]


def require_look(seeds: int) -> None:
    """Raises InputError unless a verdict is drawn at so many seeds."""
    if type(seeds) is not int or seeds not in LOOKS:
        allowed = listed(map(str, LOOKS), "or")
        raise InputError(
            f"seeds must be {allowed}, not {seeds!r}. A verdict is drawn at these numbers alone, so that looking again "
            f"with more seeds stays honest."
        )


def corrected(differences: Sequence[Estimate], seeds: Sequence[int], again: bool) -> list[float]:
    """The p-values of a verdict's differences, each on so many `seeds`; `again`: it is not the first.

    So a network as good as the baseline is called better in at most 5 % of studies, with all looks up to ten seeds and
    all numbers of networks (`benchmarks/verdict.py`). NaN for fewer than three seeds.
    """
    known = [each.p if count >= FIRST_LOOK else math.nan for each, count in zip(differences, seeds, strict=True)]
    family = holm([*known, *[math.nan] * (LEAST_FAMILY - len(known))])[: len(known)]
    return [each if math.isnan(each) else min(1.0, each * (LOOKING_AGAIN if again else 1)) for each in family]


def significance(networks: int, again: bool) -> float:
    """Below which p-value, before it is corrected, the first of so many networks differs significantly."""
    return ALPHA / max(networks, LEAST_FAMILY) / (LOOKING_AGAIN if again else 1)


def behind(baseline: Candidate, candidates: Sequence[Candidate]) -> frozenset[int]:
    """The labels of those that should get no more seeds: clearly behind the leader, or failed.

    To be called after each seed, with all candidates, also those stopped before. Among networks equally noisy, one as
    good as the best is stopped as clearly behind in at most 2.5 % of races: look k from the third seed on may spend
    1 / (k (k + 1)) of that, which sums to 1 however long the race, divided by the number of rivals (Bonferroni). The
    baseline races with them, but is never stopped.

    Raises:
        ValueError: hits do not fit together, or a label occurs twice.
    """
    _check(baseline, candidates)
    racing = [candidate for candidate in candidates if len(candidate.hits) == len(baseline.hits)]
    stopped = {candidate.label for candidate in racing if candidate.failed}
    if len(baseline.hits) >= FIRST_LOOK and candidates:
        stopped |= _behind([baseline, *racing], race_level(len(baseline.hits), len(candidates)))
    return frozenset(stopped - {baseline.label})


def race_level(seeds: int, candidates: int) -> float:
    """Below which one-sided p-value a network is clearly behind after so many seeds, three or more."""
    look = seeds - FIRST_LOOK + 1
    return ALPHA / 2 / (look * (look + 1)) / candidates


def conclude(
    baseline: Candidate,
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    tolerance: float = TOLERANCE / 100,
    earlier: Sequence[int] = (),
) -> Verdict:
    """What these seeds say, without the test images.

    It is drawn at one of the numbers of seeds in `LOOKS`, and holds all networks that were ever confirmed: no p-value
    holds where a race ends because it looks good. `earlier` are the numbers of seeds of earlier verdicts.

    Recommended is the cheapest of those whose mean is within `tolerance` of the best: fewest parameters, then FLOPs,
    then the baseline, then the lowest label. One that left the race, failed, is worse than the baseline, or is clearly
    behind the leader (judged as in the race, at 2.5 %) is out of the question. So is one that is not itself better than
    the baseline, the baseline included, where a network is. At one seed no difference is known, and the baseline is
    recommended.

    Raises:
        ValueError: hits or seeds do not fit together, or a label occurs twice.
    """
    _check(baseline, candidates)
    if len(seeds) != len(baseline.hits):
        raise ValueError(f"the baseline has {len(baseline.hits)} seeds, not {len(seeds)}")
    entrants = [baseline, *candidates]
    racing = [each for each in entrants if len(each.hits) == len(seeds)]
    sound = [each for each in racing if not each.failed]
    lost = _behind(sound, ALPHA / 2 / max(1, len(candidates)))
    gaps = [_gap(each, baseline) for each in candidates]
    differences = means(gaps)
    p_values = corrected(differences, [len(each.hits) for each in candidates], again=bool(earlier))
    against = [(None, None, 0.0), *zip(differences, p_values, (each.fixed for each in gaps), strict=True)]
    found = [
        replace(
            _confirmed(entrant, *difference),
            tied=entrant in sound and entrant.label not in lost,
            raced_out=entrant not in racing,
            shortfall=_shortfall(entrant, sound) if entrant in sound else math.nan,
        )
        for entrant, difference in zip(entrants, against, strict=True)
    ]
    trials = tuple(sorted((replace(each, tied=each.tied and not each.worse) for each in found), key=_rank))
    reference = next(each for each in trials if each.difference is None)
    eligible = _eligible(trials, tolerance) if len(seeds) > 1 else []
    recommended = min(eligible, key=_cost, default=reference)
    conclusion = _conclusion(recommended, reference, eligible)
    looks = (*earlier, len(seeds)) if len(seeds) >= FIRST_LOOK else tuple(earlier)
    shared = baseline.same_images
    return Verdict(tuple(seeds), conclusion, recommended.trial, trials, tolerance, looks, same_images=shared)


def _eligible(trials: Sequence[ConfirmedTrial], tolerance: float) -> list[ConfirmedTrial]:
    """Those that may be recommended: no worse than the best, but for the tolerance."""
    tied = [each for each in trials if each.tied]
    pool = [each for each in tied if each.better] or tied
    least = max((each.mean.value for each in pool), default=0.0) - tolerance
    return [each for each in pool if each.mean.value >= least or math.isclose(each.mean.value, least)]


def _gap(entrant: Candidate, reference: Candidate) -> Gap:
    """By how much it is above the reference."""
    return replace(_contrast([entrant], [reference]), failed=entrant.failed)


def _shortfall(entrant: Candidate, finalists: Sequence[Candidate]) -> float:
    """By how much a finalist may be worse than the best of them, in at least 95 % of verdicts for all at once.

    Source: Hsu 1984, "Constrained simultaneous confidence intervals for multiple comparisons with the best", Ann. Stat.
    12, with Bonferroni's bound in place of Dunnett's. NaN at one seed.
    """
    rivals = [each for each in finalists if each is not entrant]
    above = [each.high for each in means([_gap(each, entrant) for each in rivals], 2 * ALPHA / max(1, len(rivals)))]
    return float(np.max([0.0, *above]))


def _confirmed(candidate: Candidate, found: Estimate | None, p: float | None, fixed: float) -> ConfirmedTrial:
    return ConfirmedTrial(
        trial=candidate.label,
        parameters=candidate.parameters,
        flops=candidate.flops,
        search_score=candidate.score,
        scores=tuple(map(float, candidate.scores)),
        mean=accuracy(candidate),
        difference=found,
        p=p,
        tied=False,
        raced_out=False,
        image_error=math.sqrt(fixed),
    )


def _conclusion(
    recommended: ConfirmedTrial, reference: ConfirmedTrial, eligible: Sequence[ConfirmedTrial]
) -> Conclusion:
    if not eligible:
        return Conclusion.UNKNOWN
    if recommended is reference:
        return Conclusion.BASELINE
    if recommended.better:
        return Conclusion.BETTER
    return Conclusion.CHEAPER if reference in eligible else Conclusion.UNPROVEN


def _rank(found: ConfirmedTrial) -> tuple[bool, float, int]:
    value = 0.0 if found.difference is None else found.difference.value
    return found.raced_out, -value, found.trial


def _cost(found: ConfirmedTrial) -> tuple[int, int, bool, int]:
    return found.parameters, found.flops, found.difference is not None, found.trial


def _contrast(plus: Sequence[Candidate], minus: Sequence[Candidate]) -> Gap:
    """What the former have more than the latter, in all, at each seed; with what the images make of that.

    In a paired difference of accuracies an image counts -1, 0 or 1: 0 where both are right or both are wrong (McNemar
    1947). In one of other metrics, it counts what it adds to either.
    """
    seeds = min(len(each.hits) for each in (*plus, *minus))
    counts = [_right(plus, seed) - _right(minus, seed) for seed in range(seeds)]  # (images,) each
    above, below = (np.sum([each.scores[:seeds] for each in group], axis=0) for group in (plus, minus))
    images = np.array([count.size for count in counts])
    squares = np.array([np.square(count).sum() for count in counts]) / images  # (seeds,), means over images
    values, fixed = above - below, 0.0
    variance = float(np.mean((squares - values**2) / images))
    if plus[0].same_images and seeds > 1:
        both = np.cov(np.array(counts), bias=True)  # (seeds, seeds), over images
        between = float(both.sum() - both.trace()) / (seeds * (seeds - 1))
        fixed = min(max(0.0, between / counts[0].size), variance)
    return Gap(values, variance - fixed, fixed=fixed)


def _right(group: Sequence[Candidate], seed: int) -> Any:
    """What each image of a seed's fold adds to their scores, (images,); int8 if it is right or wrong. 0 of none."""
    return sum(each.hits[seed] * np.int8(1) for each in group)


def _behind(entrants: Sequence[Candidate], level: float) -> set[int]:
    """The labels of entrants that are below the leader with a one-sided p below `level`; all have the same seeds.

    They are left out and the rest is judged again, since one bad network hides another.
    """
    inside = [entrant for entrant in entrants if not entrant.failed]
    while len(inside) > 1 and len(inside[0].hits) > 1:
        scores = np.array([entrant.scores for entrant in inside])  # (networks, seeds)
        leader = int(scores.mean(axis=1).argmax())
        kept = [entrant for place, entrant in enumerate(inside) if _chance(inside, scores, place, leader) >= level]
        if len(kept) == len(inside):
            break
        inside = kept
    return {entrant.label for entrant in entrants if entrant not in inside and not entrant.failed}


def _chance(inside: Sequence[Candidate], scores: Floats, place: int, leader: int) -> float:
    """The one-sided p-value of a network against the leader.

    The noise is what seeds and networks do not explain of the other networks' scores: a network that is noisier
    than the rest cannot hide behind its own noise. The price: one as good as the best, but 1.6 times as noisy, is
    stopped in 7 % of races of five seeds and six networks, one 2.2 times as noisy in 14 %.
    """
    others = scores if len(scores) == 2 else np.delete(scores, place, axis=0)
    rows, seeds = others.shape
    freedom = (rows - 1) * (seeds - 1)
    unexplained = others - others.mean(axis=1, keepdims=True) - others.mean(axis=0) + others.mean()
    gap = _contrast([inside[leader]], [inside[place]])
    error = standard_error(2 * float((unexplained**2).sum()) / freedom, gap.image_variance, freedom, seeds)
    return tail(float(gap.values.mean()), *beside_images(error, freedom, gap.fixed))


def _check(baseline: Candidate, candidates: Sequence[Candidate]) -> None:
    entrants = [baseline, *candidates]
    if len({each.label for each in entrants}) < len(entrants):
        raise ValueError("a label occurs twice; the baseline is not among the candidates")
    for each in entrants:
        if not 0 < len(each.hits) <= len(baseline.hits):
            raise ValueError(f"candidate {each.label} has {len(each.hits)} seeds, the baseline {len(baseline.hits)}")
        if any(one.shape != other.shape for one, other in zip(each.hits, baseline.hits, strict=False)):
            raise ValueError(f"candidate {each.label} was not scored on the images of the baseline")
