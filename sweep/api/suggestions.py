"""`sweep.suggestions`: each of the tutorial's suggestions by itself, confirmed together and ranked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from sweep.api._networks import precision_of
from sweep.api.budget import Budget, countdown
from sweep.api.confirm import confirm_together
from sweep.api.look import result
from sweep.api.search import begin, ranges, search_on
from sweep.api.workplace import Workplace, WorkplaceOptions
from sweep.bounds import require_seconds
from sweep.coordinator.coordinator import Stopped
from sweep.data.dataset import Dataset
from sweep.defaults import CONFIRMED, SUGGESTED
from sweep.results.result import Result
from sweep.search.preview import seconds_for
from sweep.study.study import Study
from sweep.verdict.statistics import require_look
from sweep.verdict.suggestions import Suggestion, ranking, suggested
from sweep.wording import duration

TRAIN_SIZES = (20_000, 10_000, 5_000, 3_000, 2_000, 1_000)
"""Numbers of training images that are offered where the time is too short for all images."""


@dataclass(frozen=True)
class Suggested:
    """The `results` of the seven studies, those that are confirmed `ranked`; `complete` if the time was enough."""

    results: list[Result]
    ranked: list[Suggestion]
    complete: bool

    @property
    def names(self) -> list[str]:
        return [each.study.name for each in self.results]

    @property
    def unconfirmed(self) -> list[str]:
        """The names of the studies without a verdict."""
        return [each.study.name for each in self.results if each.verdict is None]


def suggestions(
    *,
    within: float | None = None,
    seeds: int = CONFIRMED,
    train_size: int | None = None,
    **workplace: Unpack[WorkplaceOptions],
) -> list[Suggestion]:
    """Searches each of the tutorial's seven suggestions by itself, confirms the best of each, and ranks them by gain.

    The test images stay sealed. Call it again to resume.

    Args:
        within: seconds in all; as many trials and seeds as fit.
        seeds: on how many fresh seeds the best of each are confirmed: 2, 3, 5, 7, 10, 15 or 20.
        train_size: train on so many images, in studies of their own; None: on all.
        **workplace: the fields of `Workplace`.

    Returns:
        The suggestions that are confirmed, the one with the highest gain first.

    Raises:
        InputError: an argument cannot be used, or another study has the name of one of these.
        StoreError: the database cannot be used.
        EngineError: no worker can be started.
        KeyboardInterrupt: Ctrl-C; every finished epoch is kept.
    """
    return suggested_by(Workplace(**workplace), within=within, seeds=seeds, train_size=train_size).ranked


def suggested_by(
    place: Workplace, *, within: float | None = None, seeds: int = CONFIRMED, train_size: int | None = None
) -> Suggested:
    """As `suggestions` does at a place.

    Raises: as `suggestions`.
    """
    require_look(seeds)
    require_seconds("within", within)
    place.writable()
    budget, tried = Budget(within, confirms=True), suggested(train_size)
    names, costs = [study.name for study in tried], _seconds(tried, seeds)
    place.display.note(_expected(sum(costs), within, seeds))
    dataset = place.load(tried[0].data, tried[0].preparation)
    begin(tried, dataset, place)
    with place.keeping_workers() as kept:
        searched = _search_each(list(zip(tried, costs, strict=True)), dataset, budget, kept)
        place.display.note(f"the best {SUGGESTED} of each and the baseline on {seeds} fresh seeds")
        confirmed = confirm_together(names, kept, top=SUGGESTED, seeds=seeds, within=budget.left)
    results = [result(name, storage=place.storage) for name in names]
    return Suggested(results, ranking(results), searched and confirmed)


def _search_each(costs: list[tuple[Study, float]], dataset: Dataset, budget: Budget, place: Workplace) -> bool:
    """Searches studies one after the other, each for its share of the time by its cost; whether that was enough.

    What one of them leaves, later ones get.

    Raises:
        KeyboardInterrupt: Ctrl-C, or a user has paused one; every finished epoch is kept.
    """
    enough, ahead = True, sum(cost for _, cost in costs)
    for study, cost in costs:
        left = budget.left_to_search
        seconds = None if left is None else left * cost / ahead
        place.display.note(f"{study.name}: {ranges(study)}")
        searched = search_on(dataset, study, result(study.name, storage=place.storage), place, countdown(seconds))
        if searched.stopped in (Stopped.SIGNAL, Stopped.PAUSED):
            raise KeyboardInterrupt
        enough, ahead = enough and searched.stopped is not Stopped.TIMEOUT, ahead - cost
    return enough


def _seconds(tried: Sequence[Study], seeds: int) -> list[float]:
    return seconds_for(tried, SUGGESTED, seeds, precision_of(tried[0]))


def _expected(needed: float, within: float | None, seeds: int) -> str:
    """What trying all suggestions will take, and what to do where that is too long."""
    roughly = f"all of it takes roughly {duration(needed)} on this machine, less what is stored already"
    if within is None or needed <= within:
        return roughly
    fitting = [size for size in TRAIN_SIZES if sum(_seconds(suggested(size), seeds)) <= within]
    smaller = f"; --train-size {fitting[0]} would fit" if fitting else ""
    return f"{roughly}: within {duration(within)} there will be fewer trials or seeds{smaller}"
