"""What each change of the recommended network contributes: values for every reader, and their JSON document.

`sweep.verdict.ablation` computes it. Its document is what a database keeps and what `sweep ablate --json` prints.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sweep.models.parameters import Values
from sweep.results.size import FULL_SIZE, Size
from sweep.results.verdict import ALPHA, GAIN, LOSS, NO_EFFECT, Estimate, known
from sweep.space.configuration import Configuration


@dataclass(frozen=True)
class Change:
    """A parameter that two configurations have different values of, with those that exist or move with it.

    `baseline` and `best` are the values of all of these in each; the parameter's own stands first in both.
    """

    parameter: str
    baseline: Values
    best: Values

    def undone(self, best: Configuration) -> Configuration:
        """The best without it."""
        return _with(best, self.baseline)

    def alone(self, baseline: Configuration) -> Configuration:
        """The baseline with it."""
        return _with(baseline, self.best)


def _with(configuration: Configuration, values: Values) -> Configuration:
    """A configuration with these values; every other stays as it is, also where it would follow one of them."""
    return configuration.replaced(configuration.values() | values)


@dataclass(frozen=True)
class Effect:
    """By how much a change raises the accuracy, from -1 to 1; `p` is corrected for the number of changes.

    Where a network cannot exist or a run failed, `estimate` and `p` are None, and `reason` says why. `p` is NaN at one
    seed.
    """

    estimate: Estimate | None
    p: float | None
    reason: str

    @property
    def finding(self) -> str:
        """`GAIN`, `LOSS` or `NO_EFFECT`; empty where nothing is known."""
        if self.estimate is None or self.p is None or math.isnan(self.p):
            return ""
        return NO_EFFECT if self.p >= ALPHA else GAIN if self.estimate.value > 0 else LOSS

    def as_document(self) -> dict[str, Any]:
        estimate = self.estimate and self.estimate.as_document()
        return {"estimate": estimate, "p": known(self.p), "reason": self.reason}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        if document["estimate"] is None:
            return cls(None, None, document["reason"])
        p = math.nan if document["p"] is None else document["p"]
        return cls(Estimate.from_document(document["estimate"]), p, document["reason"])


@dataclass(frozen=True)
class Contribution:
    """A change's effect beside all the others, by itself, and by how much the former is more than the latter.

    `parameters_without` is how many parameters the best has without it; None where that cannot exist.
    """

    change: Change
    from_best: Effect
    from_baseline: Effect
    interaction: Effect
    parameters_without: int | None

    def as_document(self) -> dict[str, Any]:
        return {
            "parameter": self.change.parameter,
            "values": {"baseline": self.change.baseline, "best": self.change.best},
            "from_best": self.from_best.as_document(),
            "from_baseline": self.from_baseline.as_document(),
            "interaction": self.interaction.as_document(),
            "parameters_without": self.parameters_without,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        values = document["values"]
        return cls(
            change=Change(document["parameter"], values["baseline"], values["best"]),
            from_best=Effect.from_document(document["from_best"]),
            from_baseline=Effect.from_document(document["from_baseline"]),
            interaction=Effect.from_document(document["interaction"]),
            parameters_without=document["parameters_without"],
        )


@dataclass(frozen=True)
class Ablation:
    """A recommended network and the baseline on the same seeds, and what each change between them contributes.

    `trial` is the number of the recommended trial, `best` its mean accuracy, `gain` its mean difference to the
    baseline. The `contributions` are in their order: the largest to the best first, those not known last. `size` says
    on how many training images all of these were trained.
    """

    trial: int
    seeds: tuple[int, ...]
    best: Estimate
    best_parameters: int
    baseline: Estimate
    baseline_parameters: int
    gain: Estimate
    contributions: tuple[Contribution, ...]
    size: Size = FULL_SIZE

    @property
    def findings(self) -> dict[str, list[str]]:
        """The parameters of which each finding holds in the best, and those that interact with other changes."""
        found = {
            finding: [each.change.parameter for each in self.contributions if each.from_best.finding == finding]
            for finding in (GAIN, LOSS, NO_EFFECT)
        }
        interacting = [each for each in self.contributions if each.interaction.finding in (GAIN, LOSS)]
        found["interaction"] = [each.change.parameter for each in interacting]
        return {finding: parameters for finding, parameters in found.items() if parameters}

    def as_document(self) -> dict[str, Any]:
        return {
            "trial": self.trial,
            "seeds": list(self.seeds),
            **self.size.as_document(),
            "best": self.best.as_document() | {"parameters": self.best_parameters},
            "baseline": self.baseline.as_document() | {"parameters": self.baseline_parameters},
            "gain": self.gain.as_document(),
            "changes": [each.as_document() for each in self.contributions],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        best, baseline = document["best"], document["baseline"]
        return cls(
            trial=document["trial"],
            seeds=tuple(document["seeds"]),
            best=Estimate.from_document(best),
            best_parameters=best["parameters"],
            baseline=Estimate.from_document(baseline),
            baseline_parameters=baseline["parameters"],
            gain=Estimate.from_document(document["gain"]),
            contributions=tuple(map(Contribution.from_document, document["changes"])),
            size=Size.from_document(document),
        )
