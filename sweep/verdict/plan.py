"""What a confirmation is about to train, what that takes, and what it can prove; afterwards, what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.results.size import FULL_SIZE, Size
from sweep.results.verdict import Verdict, known
from sweep.verdict.power import Noise, detectable, noise_of_verdicts
from sweep.verdict.statistics import FIRST_LOOK
from sweep.verdict.time_plan import Depth
from sweep.wording import distance, duration, listed, several


@dataclass(frozen=True)
class Plan:
    """What a confirmation is about to do.

    Attributes:
        trials: the numbers of the trials that race with the baseline.
        seeds: on how many fresh seeds, those that are known included.
        seconds: what training takes with all workers, the sealed test included; what is stored takes nothing.
        difference: the difference to the baseline that is significant with a chance of 80 %, from 0 to 1; NaN where it
            cannot be, on fewer than three seeds.
        assumed: no seeds are known, so the noise is that of single runs.
        sizes: on how many training images, one after the other; the difference is that on the most.
        test_seeds: on how many of the seeds the best trial and the baseline meet the sealed test; 0: it stays sealed.
    """

    trials: tuple[int, ...]
    seeds: int
    seconds: float
    difference: float
    assumed: bool
    sizes: tuple[Size, ...] = (FULL_SIZE,)
    test_seeds: int = 0

    @property
    def runs(self) -> int:
        """How many runs that is, those that are stored included."""
        return (len(self.trials) + 1) * len(self.sizes) * self.seeds + 2 * self.test_seeds

    def lines(self) -> Iterator[str]:
        """What it is in words."""
        named = listed(map(str, sorted(self.trials)))
        trials = f"{'trial' if len(self.trials) == 1 else 'trials'} {named}"
        last = self.sizes[-1]
        tested = " with the sealed test" if self.test_seeds else ""
        time = f"about {duration(self.seconds)}{tested}" if self.seconds else "all of it is stored"
        yield f"plan: {trials} and the baseline on {self.seeds} fresh seeds, {time}"
        if len(self.sizes) > 1:
            yield f"plan: first on {', then on '.join(map(str, self.sizes))}"
        elif not last.full:
            yield f"plan: on {last}; --within TIME trains on more"
        if self.seeds < FIRST_LOOK:
            yield "plan: two seeds give a recommendation, but show no difference to be significant"
            return
        source = "assumed noise: that of single runs" if self.assumed else "noise: that of the seeds that are known"
        yield f"plan: a gain of {distance(self.difference)} points is significant with a chance of 80 % ({source})"

    def __str__(self) -> str:
        """The lines that `sweep confirm --plan` prints."""
        return "\n".join(self.lines())

    def as_document(self) -> dict[str, Any]:
        """As JSON has it: null where a number is not known."""
        sizes = [each.as_document() for each in self.sizes]
        return vars(self) | {"trials": list(self.trials), "difference": known(self.difference), "sizes": sizes}


def promised(
    trials: Sequence[int],
    depth: Depth,
    seconds: float,
    before: Verdict | None,
    elsewhere: Sequence[Verdict],
    assumed: Noise,
) -> Plan:
    """The plan for these trials, after the verdict `before`.

    The noise is that of its seeds, else of verdicts `elsewhere` on such images, else it is `assumed`.
    """
    own = None if before is None else noise_of_verdicts([before], len(before.seeds))
    found = own or noise_of_verdicts(elsewhere)
    again = before is not None and bool(before.looks)
    difference = detectable(found or assumed, depth.seeds, len(trials), again)
    return Plan(
        tuple(trials),
        depth.seeds,
        seconds,
        difference,
        assumed=found is None,
        sizes=depth.sizes,
        test_seeds=depth.test_seeds,
    )


def came(verdict: Verdict, seconds: float) -> str:
    """As in "came: 2 trials on 3 fresh seeds, sealed test on 2, in 11 min; with their noise, ..."."""
    trials, seeds = several(len(verdict.candidates), "trial"), several(len(verdict.seeds), "fresh seed")
    tested = "no sealed test" if verdict.test is None else f"sealed test on {verdict.test.seeds}"
    on = "" if verdict.size.full else f" and {verdict.size}"
    text = f"came: {trials} on {seeds}{on}, {tested}, in {duration(seconds)}"
    noise = noise_of_verdicts([verdict])
    if noise is None or len(verdict.seeds) < FIRST_LOOK:
        return text
    difference = detectable(noise, len(verdict.seeds), len(verdict.candidates), again=len(verdict.looks) > 1)
    return f"{text}; with their noise, a gain of {distance(difference)} points is significant with a chance of 80 %"
