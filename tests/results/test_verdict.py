"""The documents of verdicts and ablations: those that earlier versions kept, and what they mean."""

import json
import math
from pathlib import Path

import pytest

from sweep.results.ablation import Ablation
from sweep.results.verdict import Conclusion, Estimate, Verdict

KEPT = json.loads((Path(__file__).parents[1] / "golden" / "verdicts.json").read_text())
"""Written by version 0.1.0, from made-up hits: of a network that fails, one seed, a change that cannot exist."""


def without_news(document):
    """A document of today without what version 0.1.0 did not know, which is null where it was read from one."""
    assert document.pop("tolerance") is None
    assert (document.pop("train_size"), document.pop("full_size")) == (None, None)
    assert document.pop("looks") == [len(document["seeds"])] * (len(document["seeds"]) > 2)
    assert all(each.pop("shortfall") is None for each in document["standings"])
    return document


@pytest.mark.parametrize("name", ["verdict", "one seed"])
def test_a_verdict_that_an_earlier_version_kept_is_read_and_written_as_it_was(name):
    verdict = Verdict.from_document(KEPT[name])
    assert without_news(verdict.as_document()) == KEPT[name]
    assert repr(Verdict.from_document(verdict.as_document())) == repr(verdict)  # == is false for NaN since Python 3.13


@pytest.mark.parametrize("name", ["ablation", "ablation of one seed"])
def test_an_ablation_that_an_earlier_version_kept_is_read_and_written_as_it_was(name):
    ablation = Ablation.from_document(KEPT[name])
    assert ablation.as_document() == KEPT[name] | {"train_size": None, "full_size": None}
    assert repr(Ablation.from_document(ablation.as_document())) == repr(ablation)


def test_a_verdict_knows_its_baseline_its_candidates_and_each_trial_by_its_number():
    verdict = Verdict.from_document(KEPT["verdict"])
    assert (verdict.baseline.trial, verdict.baseline.p, verdict.baseline.luck) == (0, None, pytest.approx(0))
    assert [each.trial for each in verdict.candidates] == [2, 1]
    assert verdict.conclusion is Conclusion.CHEAPER
    assert verdict.find(2) is verdict.trials[0]
    assert verdict.find(9) is None


def test_at_one_seed_there_is_a_difference_but_no_interval_and_no_p_value():
    (candidate,) = Verdict.from_document(KEPT["one seed"]).candidates
    assert candidate.difference.value == pytest.approx(0.005)
    assert all(map(math.isnan, (candidate.p, candidate.difference.p, candidate.difference.reach)))
    assert (candidate.better, candidate.worse) == (False, False)


def test_the_reach_of_an_estimate_is_half_of_its_interval():
    assert Estimate(0.5, 0.375, 0.75, 0.01).reach == 0.1875
