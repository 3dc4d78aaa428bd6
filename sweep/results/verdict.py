"""What confirming a study concludes: values for every reader, and the JSON document that a database keeps.

Accuracies and differences of accuracies are fractions: accuracies from 0 to 1, differences from -1 to 1.
`sweep.verdict.statistics` computes a verdict. The keys of its document are those that `sweep confirm --json` prints.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from sweep.results.size import FULL_SIZE, Size

ALPHA = 0.05
"""How often each kind of claim may be wrong."""

GAIN, LOSS, NO_EFFECT = "significant gain", "significant loss", "no measurable effect"
"""What the seeds say of a difference in accuracy, by its corrected p-value and its sign."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % interval, which is not cut at 0 or 1.

    `p` is the two-sided p-value of its being zero, for differences. `low`, `high` and `p` are NaN at one seed.
    """

    value: float
    low: float
    high: float
    p: float

    @property
    def reach(self) -> float:
        """Half of the interval; NaN at one seed."""
        return (self.high - self.low) / 2

    def as_document(self) -> dict[str, float | None]:
        """As JSON has it: null where it is not known."""
        return {name: known(value) for name, value in vars(self).items()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """An estimate from its document; further keys do not matter."""
        return cls(*(_number(document[name]) for name in ("value", "low", "high", "p")))


class Conclusion(StrEnum):
    """What the seeds say of the recommended trial."""

    BETTER = "better"  # than the baseline
    CHEAPER = "cheaper"  # than the baseline, and both are as good as the best but for the tolerance
    UNPROVEN = "unproven"  # as good as the best, which the baseline is not, but not shown to be better than it
    BASELINE = "baseline"  # it is the baseline
    UNKNOWN = "unknown"  # it is the baseline, since there is one seed only, or each network had a run that failed


@dataclass(frozen=True)
class ConfirmedTrial:
    """A trial on the fresh seeds; the baseline is one of them, without `difference` and `p`.

    `trial` is its number, `parameters` and `flops` are what it costs, `search_score` is the score of the search (None:
    it has none), `scores` has its accuracy at each seed, and `mean` is their mean.

    `difference` is the mean difference to the baseline over the seeds that both have. Its interval and its own p-value
    stand for themselves, while `p` is corrected for the number of candidates and for repeated looks (NaN for fewer than
    three seeds). So the interval may exclude zero where `p` is above 0.05.

    `tied`: it is the best of the verdict, or not significantly worse than the best.

    `shortfall`: by how much it may be worse than the truly best, with 95 % confidence for all trials at once. NaN where
    that is not known: at one seed, for those that failed or left the race, and in verdicts of version 0.1.0.

    `raced_out`: the race stopped it early, so it has fewer seeds than the baseline. A trial that is as good as the
    others and is stopped nevertheless had bad luck: its interval holds the truth in about 80 % of such cases.

    `image_error` is the standard error that the images alone give the difference, if all seeds score on the same ones.
    It is part of the interval. 0 if each seed has images of its own.
    """

    trial: int
    parameters: int
    flops: int
    search_score: float | None
    scores: tuple[float, ...]
    mean: Estimate
    difference: Estimate | None
    p: float | None
    tied: bool
    raced_out: bool
    shortfall: float = math.nan
    image_error: float = 0.0

    @property
    def luck(self) -> float | None:
        """By how much the score of the search is above the mean on fresh seeds; None without such a score."""
        return None if self.search_score is None else self.search_score - self.mean.value

    @property
    def better(self) -> bool:
        """Significantly better than the baseline: falsely in at most 5 % of studies, with looks up to ten seeds."""
        return self.difference is not None and self.p is not None and self.p < ALPHA and self.difference.value > 0

    @property
    def worse(self) -> bool:
        """Significantly worse than the baseline, as surely."""
        return self.difference is not None and self.p is not None and self.p < ALPHA and self.difference.value < 0

    def as_document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "trial": self.trial,
            "parameters": self.parameters,
            "flops": self.flops,
            "search_score": self.search_score,
            "luck": self.luck,
            "scores": list(self.scores),
            "mean": self.mean.as_document(),
            "difference": self.difference and self.difference.as_document(),
            "p": known(self.p),
            "better": self.better,
            "worse": self.worse,
            "tied": self.tied,
            "raced_out": self.raced_out,
            "shortfall": known(self.shortfall),
            **({"image_error": self.image_error} if self.image_error else {}),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """A trial from its document; what follows from other values in it is not read."""
        difference = document["difference"]
        return cls(
            trial=document["trial"],
            parameters=document["parameters"],
            flops=document["flops"],
            search_score=document["search_score"],
            scores=tuple(document["scores"]),
            mean=Estimate.from_document(document["mean"]),
            difference=difference and Estimate.from_document(difference),
            p=None if difference is None else _number(document["p"]),
            tied=document["tied"],
            raced_out=document["raced_out"],
            shortfall=_number(document.get("shortfall")),
            image_error=document.get("image_error", 0.0),
        )


@dataclass(frozen=True)
class SealedTest:
    """Recommended and baseline, trained on all training images with each seed, on the test images.

    `difference` is None where the baseline is recommended. `seeds` is on how many of the verdict's seeds, `images` how
    many test images there are, or count (`sweep.data.metric.images_that_count`). They are None in verdicts of version
    0.1.0, which tested on all seeds.
    """

    recommended: Estimate
    baseline: Estimate
    difference: Estimate | None
    seeds: int | None = None
    images: float | None = None

    @property
    def image_error(self) -> float | None:
        """The standard error of the recommended network's accuracy on other images of this kind: the images' own.

        The interval of `recommended` speaks of other seeds on the same images.
        """
        share = self.recommended.value
        return None if self.images is None else math.sqrt(share * (1 - share) / self.images)

    def as_document(self) -> dict[str, Any]:
        """As JSON has it."""
        estimates = {name: each and each.as_document() for name, each in self._estimates().items()}
        return estimates | {name: own for name in ("seeds", "images") if (own := getattr(self, name)) is not None}

    def _estimates(self) -> dict[str, Estimate | None]:
        return {"recommended": self.recommended, "baseline": self.baseline, "difference": self.difference}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """A sealed test from its document."""
        recommended, baseline, gap = (
            each and Estimate.from_document(each)
            for each in (document[name] for name in ("recommended", "baseline", "difference"))
        )
        return cls(recommended, baseline, gap, document.get("seeds"), document.get("images"))


@dataclass(frozen=True)
class Verdict:
    """What confirming a study concludes.

    `seeds` are the fresh seeds of the baseline, `recommended` is the number of the recommended trial, and `test` says
    how it does on the test images (None: they are still sealed for it).

    `tolerance`: the recommended is the cheapest whose mean is no further below the best. None in verdicts of version
    0.1.0, which recommended the cheapest of the tied.

    `looks`: the numbers of seeds at which a verdict was drawn for this study, this one last. A verdict on fewer than
    three seeds claims nothing and is none of them.

    `size`: on how many training images all of these were trained, for which alone the verdict holds.

    `same_images`: all seeds were scored on the same images, the validation images that came with the data.

    `trials` are all that were confirmed, the baseline among them: by difference to it, highest first; those that the
    race stopped last. These seeds choose the first: where it has equals, its interval holds the truth in about 90 %
    of verdicts.
    """

    seeds: tuple[int, ...]
    conclusion: Conclusion
    recommended: int
    trials: tuple[ConfirmedTrial, ...]
    tolerance: float | None = None
    looks: tuple[int, ...] = ()
    test: SealedTest | None = None
    size: Size = FULL_SIZE
    same_images: bool = False

    @property
    def baseline(self) -> ConfirmedTrial:
        """The baseline on the fresh seeds."""
        return next(each for each in self.trials if each.difference is None)

    @property
    def candidates(self) -> tuple[ConfirmedTrial, ...]:
        """All but the baseline, in the same order."""
        return tuple(each for each in self.trials if each.difference is not None)

    @property
    def tied(self) -> tuple[ConfirmedTrial, ...]:
        """The best and those that are not significantly worse."""
        return tuple(each for each in self.trials if each.tied)

    def looks_before(self, seeds: tuple[int, ...], trials: set[int]) -> tuple[int, ...]:
        """The looks before one on these seeds at these trials, which may be the same as this verdict's."""
        same = (self.seeds, {each.trial for each in self.trials}) == (seeds, trials)
        return self.looks[:-1] if same and len(seeds) in self.looks else self.looks

    @property
    def contenders(self) -> tuple[ConfirmedTrial, ...]:
        """Those that may be the best: the tied ones that are better than the baseline or, without any, all tied."""
        return tuple(each for each in self.tied if each.better) or self.tied

    @property
    def best(self) -> ConfirmedTrial | None:
        """The contender with the highest mean."""
        return next(iter(self.contenders), None)

    def find(self, trial: int) -> ConfirmedTrial | None:
        """A trial by its number; None where it was not confirmed."""
        return next((each for each in self.trials if each.trial == trial), None)

    def as_document(self) -> dict[str, Any]:
        """As a database keeps it, in JSON: null where a number is not known."""
        return {
            "seeds": list(self.seeds),
            "conclusion": str(self.conclusion),
            "recommended": self.recommended,
            "tolerance": self.tolerance,
            "looks": list(self.looks),
            **({"same_images": True} if self.same_images else {}),
            **self.size.as_document(),
            "standings": [each.as_document() for each in self.trials],
            "test": self.test and self.test.as_document(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """A verdict from its document."""
        test = document["test"]
        return cls(
            seeds=tuple(document["seeds"]),
            conclusion=Conclusion(document["conclusion"]),
            recommended=document["recommended"],
            trials=tuple(map(ConfirmedTrial.from_document, document["standings"])),
            tolerance=document.get("tolerance"),
            looks=tuple(document.get("looks", [each] if (each := len(document["seeds"])) > 2 else [])),
            test=test and SealedTest.from_document(test),
            size=Size.from_document(document),
            same_images=document.get("same_images", False),
        )


def known(value: float | None) -> float | None:
    """As JSON has a number: null where it is NaN."""
    return None if value is None or math.isnan(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value
