"""What each change contributes: the recommended network without it, and the baseline with it alone, on the same seeds.

From the best, a change is put back to the baseline's value; from the baseline, it is made alone. Where changes do not
touch each other both say the same, and what they differ by is how much a change does more in company (Fisher 1935,
"The Design of Experiments", chapter VI). All of it is paired over the seeds of the verdict, which chose the
recommended network: where that has equals, it is a little lucky on them, and so is what its changes contribute to it.

Intervals stand for themselves. p-values are corrected for the number of changes (Holm 1979), from the best, from the
baseline and of the interactions each for itself.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sweep.models.model import Architecture, Infeasible, Sizes
from sweep.models.parameters import Values
from sweep.results.ablation import Ablation, Change, Contribution, Effect
from sweep.results.size import FULL_SIZE, Size
from sweep.space.configuration import Configuration
from sweep.space.differences import differences
from sweep.space.space import Range, Space
from sweep.verdict.estimates import holm
from sweep.verdict.statistics import Candidate, Hits, accuracy, contrast

Shape = Callable[[Configuration], Architecture | Sizes | None]


NO_RANGES: Mapping[str, Range] = {}


def changes(best: Configuration, baseline: Configuration, ranges: Mapping[str, Range] = NO_RANGES) -> list[Change]:
    """What of `best` differs from `baseline`: each change can be undone by itself.

    What exists in one of the two alone belongs to the parameter that it depends on, and so does what varies in one of
    them alone by a condition of the `ranges` of the study. So does the stride of a pool that is as large as the pool in
    both, since Keras has it follow.
    """
    old, new = baseline.values(), best.values()
    space = Space(ranges, baseline)
    found: dict[str, list[str]] = {}
    for each in differences(best, baseline):
        root = _root(each.name, space, space.effective(old), space.effective(new))
        found.setdefault(root, []).append(each.name)
    return [
        Change(root, *({name: values[name] for name in _first(root, names) if name in values} for values in (old, new)))
        for root, names in found.items()
    ]


def _first(root: str, names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: name != root)


def _root(name: str, space: Space, old: Values, new: Values) -> str:
    """The changed parameter that this one goes with; often itself."""
    parameter = space.base.parameters[name]
    conditions = list(dict.fromkeys(filter(None, [parameter.when, *space.conditions(name)])))
    leader = parameter.follows
    if not conditions:
        return name
    if leader in old.keys() & new.keys() and all(each[leader] == each.get(name) for each in (old, new)):
        return _root(leader, space, old, new)
    broken = [when for when in conditions if when.holds(old) != when.holds(new)]
    if (name in old and name in new) if parameter.neutral is None else not broken:
        return name
    return _root([*broken, *conditions][0].parent, space, old, new)


class AblationEntry:
    """The best, the baseline, each change undone and each by itself, to be trained on seed after seed.

    `shape` gives the network of a configuration (None: only building it tells), or raises `Infeasible`. `ranges` are
    those of the study. `same_images`: all seeds score on the same ones.
    """

    def __init__(
        self,
        best: Configuration,
        baseline: Configuration,
        shape: Shape,
        ranges: Mapping[str, Range] = NO_RANGES,
        same_images: bool = False,
    ) -> None:
        self._best, self._baseline = best, baseline
        self._changes = changes(best, baseline, ranges)
        self._entrants: dict[Configuration, Candidate] = {}
        self._infeasible: dict[Configuration, str] = {}
        self._parameters: dict[Configuration, int | None] = {}
        self.seeds: tuple[int, ...] = ()
        one_less = (change.undone(best) for change in self._changes)
        one_alone = (change.alone(baseline) for change in self._changes)
        for label, each in enumerate(dict.fromkeys((baseline, best, *one_less, *one_alone))):
            try:
                network = shape(each)
            except Infeasible as reason:
                self._infeasible[each] = f"it cannot exist: {reason}"
            else:
                self._parameters[each] = None if network is None else network.parameters
                self._entrants[each] = Candidate(label, self._parameters[each] or 0, 0, None, (), same_images)

    @property
    def configurations(self) -> list[Configuration]:
        return list(self._entrants)

    def label(self, configuration: Configuration) -> str:
        labels = {each.alone(self._baseline): f"the baseline with {each.parameter}" for each in self._changes}
        labels |= {each.undone(self._best): f"the best without {each.parameter}" for each in self._changes}
        labels |= {self._baseline: "the baseline", self._best: "the best"}
        return labels[configuration]

    def take(self, seed: int, hits: Sequence[Hits]) -> None:
        for configuration, each in zip(self._entrants, hits, strict=True):
            entrant = self._entrants[configuration]
            self._entrants[configuration] = replace(entrant, hits=(*entrant.hits, each))
        self.seeds += (seed,)

    def contributions(self) -> list[Contribution]:
        """What its seeds say of each change; those that contribute most to the best first, the unknown last."""
        best, baseline, found = self._best, self._baseline, self._changes
        less, alone = [each.undone(best) for each in found], [each.alone(baseline) for each in found]
        effects = (
            [self._effect([best], [one]) for one in less],
            [self._effect([other], [baseline]) for other in alone],
            [self._effect([best, baseline], [one, other]) for one, other in zip(less, alone, strict=True)],
        )
        rows = zip(found, *map(_corrected, effects), map(self._parameters.get, less), strict=True)
        return sorted((Contribution(*row) for row in rows), key=_order)

    def ablation(self, trial: int, size: Size = FULL_SIZE) -> Ablation:
        """What its seeds say of networks trained on so many images; `trial` is the number of the best."""
        best, baseline = self._entrants[self._best], self._entrants[self._baseline]
        return Ablation(
            trial=trial,
            seeds=self.seeds,
            best=accuracy(best),
            best_parameters=best.parameters,
            baseline=accuracy(baseline),
            baseline_parameters=baseline.parameters,
            gain=contrast([best], [baseline]),
            contributions=tuple(self.contributions()),
            size=size,
        )

    def _effect(self, plus: Sequence[Configuration], minus: Sequence[Configuration]) -> Effect:
        """What the former have more than the latter."""
        reason = next(filter(None, map(self._trouble, (*plus, *minus))), "")
        if reason:
            return Effect(None, None, reason)
        found = contrast(*([self._entrants[each] for each in group] for group in (plus, minus)))
        return Effect(found, found.p, "")

    def _trouble(self, configuration: Configuration) -> str:
        """Why nothing can be said of a network; empty where something can."""
        if configuration in self._infeasible:
            return self._infeasible[configuration]
        if not self._entrants[configuration].failed:
            return ""
        whose = {self._best: "the recommended", self._baseline: "the baseline"}.get(configuration, "it")
        return f"a run of {whose} failed, or reached at most half of what another run did"


def _corrected(effects: Sequence[Effect]) -> list[Effect]:
    """The same with p-values that are corrected for how many are known."""
    p_values = iter(holm([each.p for each in effects if each.p is not None]))
    return [each if each.p is None else replace(each, p=next(p_values)) for each in effects]


def _order(found: Contribution) -> float:
    return math.inf if found.from_best.estimate is None else -found.from_best.estimate.value
