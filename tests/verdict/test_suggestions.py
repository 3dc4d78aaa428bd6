"""Rankings of made-up verdicts, and of simulated families of equal networks."""

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from contracts.stores import trained
from samples.results import confirmed, result_of, rows_of, shifted
from samples.worlds import World

import studies
from sweep.api import look, search, workplace
from sweep.cli import app as cli
from sweep.data.dataset import load_dataset
from sweep.defaults import CONFIRMED
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import StudyError
from sweep.results.verdict import SealedTest
from sweep.space.configuration import Configuration
from sweep.space.space import Choice
from sweep.storage.store import Store
from sweep.study.files import load
from sweep.verdict.candidates import best_and_confirmed
from sweep.verdict.estimates import estimate
from sweep.verdict.folds import fresh_seeds
from sweep.verdict.race import Race, verdict_to_keep
from sweep.verdict.suggestions import Finding, ranking, suggested
from sweep.verdict.suggestions import as_document as suggestion_document

BASE = shifted(0, 0.1, -0.1, 0.05, -0.05)
MUCH = shifted(0.9, 1.01, 0.8, 0.94, 0.86)
MORE = shifted(0.5, 0.61, 0.4, 0.56, 0.44)
LIKE_MORE = shifted(0.47, 0.66, 0.36, 0.6, 0.4)
WILD = shifted(1.4, 0.6, 0.8, -0.2, 0.4)
SAME = shifted(0.06, 0.02, -0.06, 0.1, -0.1)
LESS = shifted(-0.5, -0.4, -0.62, -0.44, -0.55)


def study(name, scores, sizes=None, **fields):
    """One whose trials differ in their learning rate; `scores` are those of its verdict by trial."""
    rows = rows_of(0.985, *(0.99 - trial / 1000 for trial in range(1, 5)))
    for row in rows:
        row["seconds"] = 60.0 * (1 + row["trial"])
    return confirmed(result_of(rows, name=name, trials=5, **fields), scores, sizes=sizes)


def by_name(results):
    return {each.study: each for each in ranking(results)}


# -- which studies


def test_the_suggestions_are_the_tutorials_seven_around_its_baseline():
    tried = suggested()
    assert [each.name for each in tried] == studies.SUGGESTIONS
    assert len(tried) == 7
    alike = {(each.data, each.validation, each.train_size, each.seed, each.base) for each in tried}
    assert len(alike) == 1  # so that their folds and their baseline are the same


def test_on_fewer_images_they_are_studies_of_their_own():
    tried = suggested(3_000)
    assert [each.name for each in tried] == [f"{name}-3000" for name in studies.SUGGESTIONS]
    assert {each.train_size for each in tried} == {3_000}
    with pytest.raises(StudyError, match="train_size must be a whole number from 1"):
        suggested(0)


# -- the ranking


def test_they_are_ranked_by_confirmed_gain():
    results = [study("same", {0: BASE, 1: SAME}), study("much", {0: BASE, 1: MUCH}), study("more", {0: BASE, 1: MORE})]
    found = ranking(results)
    assert [each.study for each in found] == ["much", "more", "same"]
    assert found[0].gain.value == pytest.approx(results[1].verdict.find(1).difference.value)
    assert [each.finding for each in found] == [Finding.BETTER, Finding.BETTER, Finding.CHEAPER]
    assert [each.seeds for each in found] == [5, 5, 5]


def test_all_networks_beside_the_same_runs_of_the_baseline_share_their_variance():
    """The same seeds of the baseline, in whichever study; and the correction is for all networks, shown or not."""
    results = [study("a", {0: BASE, 1: MORE, 2: SAME}), study("b", {0: BASE, 1: WILD, 3: LESS})]
    found = by_name(results)
    own, *others = (np.subtract(each, BASE) for each in (MORE, SAME, WILD, LESS))
    expected = estimate(own, 0.0, others)
    assert found["a"].gain.reach == pytest.approx(expected.reach)
    assert found["a"].p == pytest.approx(4 * expected.p)
    assert found["a"].gain.reach > by_name(results[:1])["a"].gain.reach  # of quieter networks alone


def test_networks_beside_other_runs_of_the_baseline_share_no_variance():
    """Another study's seeds, images or baseline: what varies there says nothing here."""
    elsewhere = study("b", {0: shifted(0.2, 0.1, -0.3, 0.05, -0.05), 1: WILD})
    alone, beside = (by_name([study("a", {0: BASE, 1: MORE}), *others])["a"] for others in ([], [elsewhere]))
    assert beside.gain == alone.gain


def test_a_network_of_which_a_run_failed_shares_no_variance():
    failed = study("b", {0: BASE, 1: [0.1, *MORE[1:]]})
    alone, beside = (by_name([study("a", {0: BASE, 1: MORE}), *others])["a"] for others in ([], [failed]))
    assert beside.gain == alone.gain
    found = by_name([study("a", {0: BASE, 1: MORE}), failed])["b"]
    assert found.gain.reach > 0.4


def test_looking_again_is_paid_for_in_a_ranking_too():
    once = study("a", {0: BASE, 1: MUCH}), study("b", {0: BASE, 1: MORE})
    again = replace(once[1], verdict=replace(once[1].verdict, looks=(3, 5)))
    first, second = (by_name([once[0], each]) for each in (once[1], again))
    assert [second[name].p for name in "ab"] == [pytest.approx(first[name].p * 5 / 3) for name in "ab"]


def test_two_seeds_claim_nothing_in_a_ranking():
    (found,) = ranking([study("a", {0: BASE[:2], 1: MUCH[:2]})])
    assert math.isnan(found.p)
    assert found.finding is Finding.OPEN


def test_a_study_stands_for_what_its_verdict_recommends():
    found = by_name([study("a", {0: BASE, 1: MORE, 2: LIKE_MORE}, sizes={2: 10})])["a"]
    assert (found.trial, found.recommended) == (2, True)
    assert found.values == {"learning_rate": pytest.approx(3e-4)}


def test_where_the_baseline_is_recommended_the_best_of_the_others_shows_what_was_tried():
    sizes = {1: 2_000_000, 2: 2_000_000}
    found = by_name([study("a", {0: BASE, 1: LESS, 2: SAME}, sizes=sizes)])["a"]
    assert (found.trial, found.recommended, found.finding) == (2, False, Finding.OPEN)


def test_cheaper_and_worse_are_told_apart_from_doing_nothing():
    found = by_name([study("cheap", {0: BASE, 1: SAME}, sizes={1: 10}), study("bad", {0: BASE, 1: LESS})])
    assert {name: each.finding for name, each in found.items()} == {"cheap": Finding.CHEAPER, "bad": Finding.WORSE}
    assert (found["cheap"].parameters, found["cheap"].baseline_parameters) == (10, 1_000_000)


def test_who_cannot_be_told_from_the_first_is_tied_with_it():
    results = [study(name, {0: BASE, 1: scores}) for name, scores in (("a", MORE), ("b", LIKE_MORE), ("c", SAME))]
    assert {name: each.tied for name, each in by_name(results).items()} == {"a": True, "b": True, "c": False}


def test_costs_stand_beside_the_baselines():
    found = by_name([study("a", {0: BASE, 2: MORE})])["a"]
    assert (found.seconds, found.baseline_seconds) == (180.0, 60.0)


def test_a_network_that_was_dropped_stands_last_and_is_not_tied():
    quick = study("quick", {0: BASE, 1: [*LESS[:3]]})
    found = ranking([quick, study("worse", {0: BASE, 1: shifted(-1, -1.1, -0.9, -1.2, -0.8)})])
    assert [(each.study, each.seeds, each.tied) for each in found] == [("worse", 5, True), ("quick", 3, False)]


def test_studies_without_a_verdict_are_left_out():
    assert ranking([result_of(rows_of(0.98, 0.99))]) == []
    assert ranking([]) == []


def test_one_seed_tells_nothing_apart():
    (found,) = ranking([study("a", {0: BASE[:1], 1: MORE[:1]})])
    assert math.isnan(found.p)
    assert (found.finding, found.tied) == (Finding.OPEN, True)


def test_the_document_is_json_without_what_is_not_known():
    unknown = study("a", {0: BASE[:1], 1: MORE[:1]})
    unknown = replace(unknown, frame=unknown.frame.assign(seconds=math.nan))
    document = suggestion_document(ranking([unknown])[0])
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert (document["p"], document["gain"]["low"], document["seconds"]) == (None, None, None)
    assert document["worth"] == "open"


# -- how often it errs


EACH, TOP = 6, 3
SHAPE = SimpleNamespace(parameters=1, flops=1)
SEARCHED = result_of([row | {"trial": trial} for trial, row in enumerate(rows_of(*[0.98] * (EACH + 1)))])
"""Any of the seven, without its scores."""


def family(world, seeds):
    """The ranking of seven studies, of whose six values a search presents the best three, and which intervals hold."""
    studies_ = [range(1 + EACH * place, 1 + EACH * (place + 1)) for place in range(7)]
    everybody = np.arange(1 + EACH * 7)
    scores = world.runs(everybody).mean(axis=1)
    races = {}
    for own in studies_:
        best = sorted(own, key=lambda number: -scores[number])[:TOP]
        races[own] = Race(SEARCHED, [1 + number - own[0] for number in best], lambda _: SHAPE)
    for seed in range(seeds):
        hits = world.runs(everybody)
        for own, race in races.items():
            race.take(seed, [hits[own[number - 1] if number else 0] for number in race.racing])
    found = ranking(
        [
            replace(SEARCHED, study=SEARCHED.study.replaced(name=f"s{own[0]}"), verdict=race.verdict())
            for own, race in races.items()
        ]
    )
    truths = [world.accuracy[int(each.study[1:]) + each.trial - 1] - world.accuracy[0] for each in found]
    return found, [each.gain.low < truth < each.gain.high for each, truth in zip(found, truths, strict=True)]


@pytest.mark.parametrize("seeds", [3, 5])
def test_among_equals_a_suggestion_is_told_from_doing_nothing_in_at_most_5_percent_of_rankings(seeds):
    """Over all seven, of which the searches present the luckiest values, and the seeds choose one of three."""
    world = World(seeds, [0.0] * EACH * 7)
    families = [family(world, seeds) for _ in range(80)]
    told = [any(each.finding in (Finding.BETTER, Finding.WORSE) for each in found) for found, _ in families]
    assert np.mean(told) <= 0.05
    assert np.mean([all(each.tied for each in found) for found, _ in families]) >= 0.88
    assert 0.94 <= np.mean([covered for _, covered in families]) <= 0.985


def test_the_intervals_of_the_ranked_hold_the_truth_where_values_differ():
    world = World(1, [0.006, 0.004, 0.002, 0.0, -0.002, -0.004] * 7)
    families = [family(world, 5) for _ in range(50)]
    assert 0.93 <= np.mean([covered for _, covered in families]) <= 0.97
    assert np.mean([each.finding is Finding.BETTER for found, _ in families for each in found]) > 0.3


def test_what_is_half_a_point_better_is_found_with_the_usual_seeds():
    """The best value of one suggestion alone."""
    world = World(7, [0.005] + [0.0] * (EACH * 7 - 1))
    families = [family(world, CONFIRMED)[0] for _ in range(30)]
    best = [next(each for each in found if each.study == "s1") for found in families]
    assert np.mean([each.finding is Finding.BETTER for each in best]) >= 0.9
    assert np.mean([found[0].study == "s1" and found[0].tied for found in families]) >= 0.9


# -- the command, by scripted workers on two of the seven


@pytest.fixture
def engine(monkeypatch):
    """Workers that learn nothing, and whose networks with fewer filters or larger batches see more."""
    monkeypatch.setattr(studies, "SUGGESTIONS", ["batch-size", "filters"])
    return working(monkeypatch, ScriptedEngine(lambda configuration, _: share(configuration)))


def share(configuration):
    return 0.9 + 0.02 * (configuration.batch_size > 128) + 0.04 * (configuration.conv1_filters < 32)


def working(monkeypatch, engine):
    mnist = load_dataset("mnist")
    engine.predict = predicting(mnist, lambda run: share(run.configuration))
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: engine)
    return engine


def predicting(dataset, share):
    def predict(run):
        labels = dataset.y_train[run.split.indices(dataset.y_train)[1]]  # an error where it has none
        key = [run.seed, *(ord(letter) for letter in run.fingerprint[:8])]
        right = np.random.default_rng(key).random(len(labels)) < share(run)
        return np.where(right, labels, (labels + 1) % 10).astype(np.uint16).tobytes()

    return predict


def told(capsys, *arguments, code=0):
    """What a command prints, on standard output and standard error."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.argv", ["sweep", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert ended.value.code == code
    return capsys.readouterr()


OPTIONS = ("--train-size", "1000", "--seeds", "3", "--workers", "1")


def test_all_are_searched_confirmed_and_ranked_and_the_test_images_stay_sealed(engine, capsys, storage, monkeypatch):
    printed = told(capsys, "suggestions", *OPTIONS, "--storage", storage).out.splitlines()
    assert printed[0].split("  ")[0] == "suggestion"
    assert printed[1].startswith("filters-1000")
    assert printed[2].startswith("batch-size-1000")
    assert any(line.startswith("highest gain: filters-1000 (conv1_filters 16") for line in printed)
    assert printed[-1] == f"next: sweep report batch-size-1000 filters-1000 --storage {storage}"
    assert all(segment.run.split.train_size == 1_000 for segment in engine.segments)
    results = [look.result(name, storage=storage) for name in ("batch-size-1000", "filters-1000")]
    assert [(result.test_looks, result.verdict.test) for result in results] == [(0, None)] * 2
    assert [result.verdict.seeds for result in results] == [fresh_seeds(results[0].study, 3)] * 2
    assert results[0].verdict.baseline.scores == results[1].verdict.baseline.scores
    assert [len(result.verdict.trials) for result in results] == [4, 4]
    tutorials = [segment.run.seed for segment in engine.segments if segment.run.configuration == Configuration()]
    assert sorted(tutorials) == sorted([0, *fresh_seeds(results[0].study, 3)])  # for both of them

    idle = working(monkeypatch, ScriptedEngine())
    document = json.loads(told(capsys, "suggestions", *OPTIONS, "--json", "--storage", storage).out)
    assert idle.segments == []
    assert [each["study"] for each in document["suggestions"]] == ["filters-1000", "batch-size-1000"]
    assert document["unconfirmed"] == []
    rows = json.loads(told(capsys, "compare", "--json", "--storage", storage).out)
    assert [row["confirmed"] for row in rows] == [
        next(each for each in document["suggestions"] if each["study"] == row["study"]) for row in rows
    ]
    assert "highest gain: filters-1000" in told(capsys, "compare", "--storage", storage).out


def test_interrupted_in_the_search_or_in_the_confirmation_the_same_command_resumes(
    engine, capsys, storage, monkeypatch
):
    arguments = ["--seeds", "3", "--train-size", "1000", "--workers", "1", "--storage", storage]
    trained = []
    for stop_after in (12, 40, 40, None):
        engine = working(
            monkeypatch, ScriptedEngine(lambda configuration, _: share(configuration), stop_after=stop_after)
        )
        printed = told(capsys, "suggestions", *arguments, code=0 if stop_after is None else 130)
        trained += engine.trained
        if stop_after is not None:
            said = "Interrupted. Every finished epoch is kept. To resume:"
            assert printed.out.splitlines() == [said, " ".join(["sweep suggestions", *arguments])]
    assert len(trained) == len(set(trained))
    assert "filters-1000" in printed.out


def test_too_little_time_is_said_beforehand_with_what_would_fit(engine, capsys, storage, monkeypatch):
    monkeypatch.setattr("sweep.search.preview._matrix_product_rate", lambda: 1e11)
    monkeypatch.setattr("sweep.search.preview.cores", lambda: 2)
    noted = told(capsys, "suggestions", "--within", "15m", "--seeds", "2", "--workers", "1", "--storage", storage).err
    assert "within 15 min there will be fewer trials or seeds; --train-size " in noted
    assert "all of it takes roughly " in noted


def test_without_time_for_one_seed_nothing_is_concluded_and_it_says_how_to_go_on(engine, capsys, storage, monkeypatch):
    for each in suggested(1_000):
        search.run(each, storage=storage, workers=1)
    monkeypatch.setattr("sweep.api.budget.Budget.left", 0.0)
    printed = told(capsys, "suggestions", *OPTIONS, "--within", "1s", "--storage", storage, code=1).out.splitlines()
    again = f"sweep suggestions --within 1s --seeds 3 --train-size 1000 --workers 1 --storage {storage}"
    assert printed == [
        "no suggestion is confirmed yet",
        "not confirmed: batch-size-1000, filters-1000",
        "The time is over. Every finished epoch is kept. To resume:",
        again,
    ]


def test_a_study_of_another_kind_under_such_a_name_is_an_error_before_anything_is_trained(engine, capsys, storage):
    mine = load("filters").replaced(space={"conv1_filters": Choice((8, 16))}, precision="float32")
    with Store.open(storage) as store:
        trained(store, mine)
    error = told(capsys, "suggestions", "--storage", storage, code=2).err
    assert "Study 'filters' was started with other settings" in error
    assert engine.segments == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seeds", "1"], "seeds must be 2, 3, 5, 7, 10, 15 or 20, not 1."),
        (["--within", "soon"], "1h30m, from 1s to 8784h, not 'soon'."),
        (["--train-size", "0"], "train_size must be a whole number from 1"),
        (
            ["--train-size", "60000"],
            "train_size = 60,000 is more than the 50,000 that validation = 10,000 leaves of 60,000 training images.",
        ),
    ],
)
def test_bad_input_is_a_sentence(engine, capsys, storage, arguments, sentence):
    error = told(capsys, "suggestions", *arguments, "--storage", storage, code=2).err
    assert sentence in " ".join(error.replace("│", " ").split())
    assert "Traceback" not in error
    assert engine.segments == []
    assert not Path(storage).exists()


def test_a_verdict_on_more_seeds_stays_and_what_the_test_images_said_of_the_same_too():
    test = SealedTest(estimate([0.99, 0.98]), estimate([0.97, 0.98]), estimate([0.02, 0.0]))
    before = replace(study("a", {0: BASE, 1: MORE}).verdict, test=test)
    race = Race(SEARCHED, [1], lambda _: SHAPE)
    for seed, _ in enumerate(BASE, start=1):
        race.take(seed, [np.arange(10_000) < right for right in (9_850 + seed, 9_900 + seed)])
    found = verdict_to_keep(race.verdict(), before)
    assert (found.recommended, found.test) == (1, test)
    assert found.trials == race.verdict().trials != before.trials
    assert verdict_to_keep(race.verdict(), None).test is None
    more = replace(before, seeds=(1, 2, 3, 4, 5, 6))
    assert verdict_to_keep(race.verdict(), more) is more
    assert verdict_to_keep(race.verdict(), replace(before, recommended=0)).test is None


def test_who_was_confirmed_before_is_confirmed_again():
    result = study("a", {0: BASE, 1: MORE, 4: SAME})
    frame = result.frame.assign(epochs=5, fingerprint=[f"run {trial}" for trial in result.frame["trial"]])
    assert best_and_confirmed(replace(result, frame=frame), 2) == [1, 2, 4]
    assert best_and_confirmed(replace(result, frame=frame[frame["baseline"]], verdict=None), 2) == []
