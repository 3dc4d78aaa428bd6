"""How a verb shares its time between searching and confirming."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from sweep.api._networks import precision_of
from sweep.bounds import require_seconds
from sweep.coordinator.coordinator import TimeLeft
from sweep.data.dataset import Dataset
from sweep.defaults import SEARCH_SHARE
from sweep.errors import InputError
from sweep.search.preview import preview
from sweep.search.schedule import Arrival
from sweep.study.study import Study
from sweep.verdict.sizes import Sizes
from sweep.verdict.time_plan import Prices, TimePlan, prices_of, time_plan


@dataclass(frozen=True)
class Budget:
    """So many `seconds` from now on, None: as long as it takes. `confirms`: a confirmation shares them."""

    seconds: float | None = None
    confirms: bool = False
    began: float = field(default_factory=lambda: time.monotonic())

    @classmethod
    def of(cls, timeout: float | None, within: float | None, confirm: bool) -> "Budget":
        """The budget of a run.

        Raises:
            InputError: both `timeout` and `within` are given, or one is not above 0.
        """
        if timeout is not None and within is not None:
            raise InputError("Give timeout or within, not both: within is the time for search and confirmation.")
        require_seconds("timeout", timeout)
        require_seconds("within", within)
        return cls(timeout if within is None else within, confirm or within is not None)

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    @property
    def left_to_search(self) -> float | None:
        """Seconds that searching may take from now on, where nothing is known of what a confirmation takes."""
        return self._until(SEARCH_SHARE)

    @property
    def left(self) -> float | None:
        """Seconds from now on, in all."""
        return self._until(1.0)

    def _until(self, share: float) -> float | None:
        return None if self.seconds is None else max(0.0, share * self.seconds - self.spent)


def countdown(seconds: float | None) -> TimeLeft:
    """Says how many of so many seconds are left, from now on; None: without end."""
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    return lambda _: deadline - time.monotonic()


class SearchTime:
    """The time left to search within a budget that a confirmation shares. It looks at the trials once a second.

    `counted` is how many images score a run, as the study's metric counts them; `workers` how many trials are trained
    side by side.
    """

    def __init__(self, budget: Budget, study: Study, dataset: Dataset, counted: float, workers: int) -> None:
        assert budget.seconds is not None
        self._budget, self._within, self._study, self._workers = budget, budget.seconds, study, workers
        self._dataset, self._counted = dataset, counted
        self._sizes = Sizes(study, len(dataset.y_train))
        self._search = SEARCH_SHARE * self._within
        self._looked = 0.0

    def estimate(self) -> TimePlan:
        """The plan before anything is measured: as if every network took as long as the baseline."""
        dataset = self._dataset
        shape, classes, images = dataset.image_shape, dataset.classes, len(dataset.y_train)
        seen = preview(self._study, shape, classes, images, precision=precision_of(self._study))
        each = Prices.at_pace(seen.workers * seen.seconds / seen.baselines, self._sizes)
        return time_plan(self._within, each, [[each]], self._sizes, self._workers)

    def __call__(self, arrivals: Mapping[int, Arrival]) -> float:
        if self._budget.spent >= self._looked + 1:
            self._looked = self._budget.spent
            if prices := prices_of(arrivals, self._counted, self._sizes):
                (baseline,), *groups = prices
                self._search = time_plan(self._within, baseline, groups, self._sizes, self._workers).search
        return self._search - self._budget.spent
