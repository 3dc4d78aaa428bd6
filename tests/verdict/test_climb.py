"""Confirmations that climb from the study's own number of training images to all of them, by scripted workers."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from samples.laboratory import BASELINE, BIG, CHEAP, EQUAL, HUGE, Laboratory, units
from samples.results import confirmed, result_of, rows_of, shifted

from sweep.api import look
from sweep.engines.scripted import ScriptedEngine
from sweep.results.climb import climb_in_words, turn
from sweep.results.result import Result
from sweep.results.size import Size
from sweep.results.verdict import Verdict
from sweep.runs import Event, Run
from sweep.storage.store import Store

OWN, QUARTER, HALF, FULL = 300, 750, 1_500, 3_000
LONG = 1e6


def size_of(run: Run) -> int:
    """On how many images a run trains; 4,000 for the test images."""
    return 4_000 if run.split is None else run.split.train_size or FULL


def turning(at: int, fewer=EQUAL | {HUGE: 0.98}, more=EQUAL | {HUGE: 0.90}):
    """The accuracy of networks by their dense units: the one on fewer images than `at`, the other from there on."""
    return lambda run: (fewer if size_of(run) < at else more)[units(run)]


def sizes_of(result: Result) -> list[int]:
    return [each.size.images for each in result.verdicts]


def recommended(result: Result) -> list[int]:
    """By their dense units."""
    return [result.configuration(each.recommended).dense_units for each in result.verdicts]


def test_with_time_a_confirmation_climbs_to_all_images_and_recommends_for_them(laboratory):
    laboratory.search(train_size=OWN)
    result = laboratory.confirm(turning(HALF), within=LONG, tolerance=0.0)
    assert sizes_of(result) == [OWN, QUARTER, HALF, FULL]
    assert recommended(result)[:2] == [HUGE, HUGE]
    assert HUGE not in recommended(result)[2:]
    assert result.verdict.size == Size(None, FULL)
    assert result.recommended == result.verdict.recommended
    lines = list(result.verdict_lines())
    assert lines[0].startswith("recommended ")
    trial = result.smaller[0].recommended
    assert f"The order turns at 1,500 images: trial {trial} falls significantly behind " in " ".join(lines)
    assert result.verdict.test is not None


def test_all_sizes_have_the_same_networks_and_seeds_and_the_seal_is_broken_last(laboratory):
    laboratory.search(train_size=OWN)
    result = laboratory.confirm(seeds=3, within=LONG)
    assert {each.seeds for each in result.verdicts} == {result.verdict.seeds}
    runs = [(size_of(run), run.seed, units(run)) for run in laboratory.runs if run.split is not None]
    networks = (BASELINE, BIG, HUGE, CHEAP)
    assert runs == [
        (size, seed, each) for size in (OWN, QUARTER, HALF, FULL) for seed in result.verdict.seeds for each in networks
    ]
    sealed = [run.split is None for run in laboratory.runs]
    assert sealed == sorted(sealed)


def test_a_network_that_is_behind_on_few_images_is_recommended_if_it_is_the_best_on_all(laboratory):
    laboratory.search(train_size=OWN)
    shares = turning(FULL, EQUAL | {HUGE: 0.85}, EQUAL | {HUGE: 0.99})
    result = laboratory.confirm(shares, within=LONG)
    assert HUGE not in recommended(result)[:3]
    assert (recommended(result)[3], result.verdict.conclusion) == (HUGE, "better")
    assert "The order turns at 3,000 images: " in str(result)


def test_without_a_time_it_stays_at_the_studys_own_size_and_says_so_first(laboratory):
    laboratory.search(train_size=OWN)
    result = laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=3)
    assert {size_of(run) for run in laboratory.runs} == {OWN}
    first = "This holds for 300 of 3,000 training images, not yet for all of them. `sweep confirm test"
    assert next(result.verdict_lines()).startswith(first)


def test_the_time_that_is_proposed_is_enough_to_reach_full_size(laboratory):
    laboratory.search(train_size=OWN)
    first = next(laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=3).verdict_lines())
    minutes = int(first.partition("--within ")[2].partition("m ")[0])
    assert laboratory.confirm(EQUAL | {HUGE: 0.99}, within=60 * minutes).verdict.size.full


def test_a_study_on_all_images_has_one_size(laboratory):
    laboratory.search()
    result = laboratory.confirm(seeds=3, within=LONG)
    assert (sizes_of(result), {run.split.train_size for run in laboratory.runs if run.split}) == ([FULL], {None})
    assert "images:" not in str(result)


@dataclass
class Timed(ScriptedEngine):
    """Knows how long what was trained would have taken: a second an epoch of the study's own size, as in the search."""

    seconds: float = 0.0
    pace: float = 1.0

    def _epoch(self, trial: int, run: Run, epoch: int) -> list[Event]:
        took = self.pace * size_of(run) / OWN
        self.seconds += took
        (finished, *ended) = super()._epoch(trial, run, epoch)
        return [replace(finished, metrics=replace(finished.metrics, seconds=took)), *ended]


@pytest.fixture
def timed(monkeypatch) -> Timed:
    engine = Timed(lambda *_: 0.9)
    monkeypatch.setattr("sweep.coordinator.batch.time", SimpleNamespace(monotonic=lambda: engine.seconds))
    return engine


PAIR = 3 * 2 * 2
"""Seconds that the baseline and one network take at the study's own size: three seeds, two epochs of a second each."""


@pytest.mark.parametrize(
    ("seconds", "sizes", "tested"),
    [
        (1.2 * PAIR, [OWN], False),
        (1.2 * PAIR * (1 + 2.5), [OWN, QUARTER], False),
        (1.2 * PAIR * (1 + 5), [OWN, HALF], False),
        (1.2 * PAIR * (1 + 10), [OWN, FULL], False),
        (1.2 * PAIR * (1 + 2.5 + 5 + 10 + 4_000 / OWN), [OWN, QUARTER, HALF, FULL], True),
    ],
)
def test_it_climbs_as_far_as_there_is_time(laboratory, timed, seconds, sizes, tested):
    laboratory.search(train_size=OWN)
    result = laboratory.confirm(EQUAL | {HUGE: 0.99}, engine=timed, within=seconds)
    assert sizes_of(result) == sizes
    assert (result.verdict.test is not None) == tested
    assert timed.seconds <= seconds + 4_000 / OWN  # an epoch that has begun ends
    assert next(result.verdict_lines()).startswith("recommended " if FULL in sizes else "This holds for ")


def test_a_size_that_takes_longer_than_planned_is_not_started_and_the_one_before_counts(laboratory, timed):
    laboratory.search(train_size=OWN)
    timed.pace = 2.0
    result = laboratory.confirm(EQUAL | {HUGE: 0.99}, engine=timed, within=1.2 * PAIR * 11)
    assert sizes_of(result) == [OWN]
    assert len(result.verdict.seeds) >= 3
    assert next(result.verdict_lines()).startswith("This holds for 300 of 3,000 training images, not yet for all")


def test_a_later_confirmation_resumes_where_the_time_was_over(laboratory, timed):
    laboratory.search(train_size=OWN)
    laboratory.confirm(EQUAL | {HUGE: 0.99}, engine=timed, within=1.2 * PAIR * 6)
    before = set(timed.trained)
    result = laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=3, within=LONG)
    assert sizes_of(result) == [OWN, QUARTER, HALF, FULL]
    assert before & set(laboratory.engine.trained) == set()


def test_confirming_again_without_a_time_stays_at_the_sizes_that_are_known(laboratory):
    laboratory.search(train_size=OWN)
    laboratory.confirm(seeds=3, within=LONG)
    result = laboratory.confirm(seeds=5)
    assert {len(each.seeds) for each in result.verdicts} == {5}
    assert sizes_of(result) == [OWN, QUARTER, HALF, FULL]
    assert [each.looks for each in result.verdicts] == [(3, 5)] * 4


def test_the_verdict_at_full_size_counts_whichever_was_drawn_last_and_none_is_kept_twice(laboratory):
    laboratory.search(train_size=OWN)
    first = laboratory.confirm(seeds=3, within=LONG)
    again = laboratory.confirm(seeds=3, within=LONG)
    assert laboratory.engine.segments == []
    assert again.verdicts == first.verdicts
    with Store.open(laboratory.storage) as store:
        documents = store.verdicts.all(1)
        assert [each["train_size"] for each in documents] == [OWN, QUARTER, HALF, None]
        store.verdicts.keep(1, documents[0])
    assert look.result("test", storage=laboratory.storage).verdict == first.verdict


def test_a_verdict_of_an_earlier_version_is_of_the_studys_own_size(laboratory):
    laboratory.search(train_size=OWN)
    laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=3)
    with closing(sqlite3.connect(laboratory.storage)) as database:
        removed = "json_remove(document, '$.train_size', '$.full_size')"
        database.execute(f"UPDATE sweep_verdicts SET document = {removed}")
        database.commit()
    old = look.result("test", storage=laboratory.storage)
    assert old.verdict.size == Size(OWN, None)
    assert next(old.verdict_lines()).startswith("This holds for 300 training images, not yet for all of them.")
    assert sizes_of(laboratory.confirm(seeds=3, within=LONG)) == [OWN, QUARTER, HALF, FULL]


def test_of_20_planted_flips_19_are_found(source, tmp_path):
    """A network is 4 points ahead on fewer images and 4 behind on more, with the luck of 1,000 images and of a seed."""
    found = 0
    with pytest.MonkeyPatch.context() as patched:
        laboratory = Laboratory(str(tmp_path / "sweep.db"), source, patched)
        laboratory.search(train_size=OWN, base={"epochs": 1, "dense_units": BASELINE})
        with closing(sqlite3.connect(laboratory.storage)) as database:
            searched = database.serialize()
        for number in range(20):
            at = (QUARTER, HALF, FULL)[number % 3]
            mean = turning(at, EQUAL | {BIG: 0.985}, EQUAL | {BIG: 0.91})

            def share(run: Run, number: int = number, mean: Callable[[Run], float] = mean) -> float:
                return mean(run) + np.random.default_rng([number, size_of(run), run.seed, units(run)]).normal(0, 0.003)

            laboratory.storage = str(tmp_path / f"{number}.db")
            Path(laboratory.storage).write_bytes(searched)
            result = laboratory.confirm(share, top=2, seeds=3, within=LONG)
            turned = turn(result.verdicts)
            right = turned is not None and turned[1].size.images == at
            found += right and recommended(result)[0] == BIG != recommended(result)[-1]
    assert found >= 19


# -- in words


def verdict(best: int | None, images: int, seeds: int = 5) -> Verdict:
    """One in which that network is half a point better than all others; None: all are equal."""
    equal = shifted(0, 0.1, -0.1, 0.05, -0.05)[:seeds]
    scores = {each: [score + 0.005 * (each == best) for score in equal] for each in range(3)}
    found = confirmed(result_of(rows_of(0.98, 0.98, 0.98)), scores).verdict
    return replace(found, size=Size(images, 50_000))


def test_words_name_what_was_recommended_at_each_size_and_where_the_order_turns():
    turned = [verdict(1, 10_000), verdict(1, 25_000), verdict(2, 50_000)]
    assert climb_in_words(turned) == (
        "Recommended by training images: trial 1 on 10,000, trial 1 on 25,000 and trial 2 on 50,000. The order turns "
        "at 50,000 images: trial 1 falls significantly behind trial 2."
    )
    assert climb_in_words(turned[:2]).endswith("trial 1 on 25,000. The order does not turn.")
    assert climb_in_words([verdict(1, 10_000), verdict(None, 50_000)]).endswith(
        "The order turns at 50,000 images, but that may be chance."
    )
    assert climb_in_words(turned[:1]) == climb_in_words([]) == ""


def test_two_seeds_claim_no_turn():
    assert turn([verdict(1, 10_000), verdict(2, 50_000)]) is not None
    assert turn([verdict(1, 10_000), verdict(2, 50_000, seeds=2)]) is None
