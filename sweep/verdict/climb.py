"""The same networks on the same seeds, at one number of training images after the other."""

from collections.abc import Callable, Iterator, Sequence

from sweep.results.size import Size
from sweep.results.verdict import Verdict
from sweep.verdict.folds import Folds, train_together
from sweep.verdict.race import Race
from sweep.verdict.statistics import FIRST_LOOK


def climb(
    race_of: Callable[[], Race],
    sizes: Sequence[Size],
    seeds: Sequence[int],
    folds: Folds,
    look: Callable[[str], None],
    planned: int = FIRST_LOOK,
) -> Iterator[Verdict]:
    """The verdict at each of the sizes that there is time for, the smallest first.

    All networks race anew at each size, since one that is behind on few images may be the best on more. A size before
    the last gets more than three seeds only if there is time for as many at all that follow. A larger size begins, and
    counts, only with three seeds, or as many as there are.

    `race_of` gives a race before its first seed. The time is enough for as many seeds as are `planned`. `look` is
    called when the seal of the test images is broken, with the reason.

    Raises:
        InputError: there was no time for one seed of the first size.
    """
    least = seeds[:FIRST_LOOK]
    for place, size in enumerate(sizes):
        at, race, larger = folds.at(size), race_of(), sizes[place + 1 :]
        wanted = {each: race.label(each) for each in race.configurations}
        if place and not at.has_time_for(at.untrained(wanted, least)):
            return
        test = 2 * at.test_weight if sizes[-1].full else 0.0
        then = test + len(wanted) * sum(map(at.sizes.weight, larger))
        train_together([race], seeds, at, then, then_first=bool(larger), planned=min(planned, FIRST_LOOK))
        if place and len(race.seeds) < len(least):
            return
        yield race.tested_verdict(at, look)
