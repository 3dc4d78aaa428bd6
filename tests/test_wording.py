"""Numbers and values in words: one format each, for the terminal, the pages and exported files."""

import math
import re
from datetime import date, datetime
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.cli.app import PANELS
from sweep.data.metric import Metric
from sweep.data.names import DATASETS
from sweep.data.preparation import Color
from sweep.space.configuration import PARAMETERS
from sweep.study.study import AnyPrecision, Pruner, Sampler, Study
from sweep.wording import (
    USUAL,
    count,
    did_you_mean,
    duration,
    epochs,
    listed,
    margin,
    missing,
    moment,
    number,
    p_value,
    percent,
    plain,
    points,
    ratio,
    several,
    shortened,
    shown,
    size,
    some_of,
    value,
    wrapped,
)

GAPS = (None, math.nan, float("nan"), np.nan, pd.NA, pd.NaT)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (percent(0.98561), "98.56 %"),
        (percent(1), "100.00 %"),
        (percent(np.float32(0.5)), "50.00 %"),
        (percent(0.9856, 0.0011), "98.56 ± 0.11 %"),
        (percent(0.9856, math.nan), "98.56 %"),
        (points(0.0093), "+0.93"),
        (points(-0.0035), "-0.35"),
        (points(0.0035, 0.0011), "+0.35 ± 0.11"),
        (points(0.0035, None), "+0.35"),
        (points(0.0), "0.00"),
        (points(-0.00001, 0.002), "0.00 ± 0.20"),
        (margin(0.0052), "±0.52"),
        (p_value(0.0123), "0.012"),
        (p_value(0.0004), "< 0.001"),
        (ratio(1.0), "×1"),
        (ratio(1.349), "×1.3"),
        (ratio(12345), "×12,000"),
        (count(850), "850"),
        (count(1_111_946), "1.11 M"),
        (count(999_600), "1.00 M"),
        (count(28_900_000), "28.9 M"),
        (size(512), "512 B"),
        (size(1_500_000), "1.50 MB"),
        (size(2e9), "2.00 GB"),
        (epochs(1), "1 epoch"),
        (epochs(0.25), "0.25 epochs"),
        (several(1, "trial"), "1 trial"),
        (several(10_000, "trial"), "10,000 trials"),
        (several(2, "study", "studies"), "2 studies"),
        (moment(datetime(2026, 11, 22, 14, 14, 52)), "2026-11-22 14:14:52 UTC"),
        (moment(pd.Timestamp("2026-11-22 14:14:52")), "2026-11-22 14:14:52 UTC"),
        (shortened("a" * 18), "a" * 18),
        (shortened("a" * 19), "a" * 17 + "…"),
    ],
)
def test_each_kind_of_number_has_one_format(said, text):
    assert said == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.04, "0.0 s"),
        (4.25, "4.2 s"),
        (9.95, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (192.0, "3 min 12 s"),
        (3599.6, "1 h"),
        (7500, "2 h 5 min"),
        (9e4, "25 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds, text):
    assert duration(seconds) == text


@given(st.floats(0, 1e7))
def test_a_duration_loses_half_of_its_last_digit_or_a_sixtieth_at_most(seconds):
    units = {"h": 3600, "min": 60, "s": 1}
    told = sum(float(amount) * units[unit] for amount, unit in re.findall(r"([\d.]+) (h|min|s)", duration(seconds)))
    assert abs(told - seconds) <= max(0.05 if seconds < 9.95 else 0.5, seconds / 60) + 1e-9


@pytest.mark.parametrize(
    ("given_value", "text"),
    [
        (True, "yes"),
        (np.bool_(False), "no"),
        (1e-4, "0.0001"),
        (1e-5, "0.00001"),
        (0.123456, "0.123"),
        (0.00026813, "0.000268"),
        (np.float64(0.0), "0"),
        (128, "128"),
        (np.int64(1024), "1,024"),
        (65_536, "65,536"),
        ("sgd", "sgd"),
        ("3.10", "3.10"),
    ],
)
def test_a_value_is_as_short_as_it_can_be(given_value, text):
    assert value(given_value) == text


@given(st.floats(1e-7, 1e7))
def test_a_number_keeps_three_significant_digits_and_needs_no_exponent(given_number):
    text = number(given_number)
    assert "e" not in text or given_number >= 9_999_999
    assert float(text.replace(",", "")) == pytest.approx(given_number, rel=0.005001)


@pytest.mark.parametrize("gap", GAPS)
def test_what_is_missing_is_told_by_a_dash(gap):
    assert missing(gap)
    assert {say(gap) for say in (percent, points, margin, p_value, duration, moment, count, value)} == {"–"}


@pytest.mark.parametrize("there", [0, 0.0, "", False, "nan", math.inf, pd.Timestamp(0)])
def test_what_is_empty_or_zero_is_not_missing(there):
    assert not missing(there)


def test_items_are_listed_as_in_a_sentence():
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(iter("abc"), "or")] == [
        "",
        "a",
        "a and b",
        "a, b or c",
    ]
    assert some_of("abcdef", 2, "letters") == "a, b and 4 more letters"
    assert some_of("abc", 2) == "a, b and c"  # "1 more" would be no shorter


def test_what_a_user_wrote_is_quoted_on_one_line():
    assert shown(date(2026, 1, 2)) == "2026-01-02"
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown("x" * 1000)) == 80
    assert shown(10**5000) == "a very large int"


@given(st.text())
def test_plain_text_cannot_steer_a_terminal(text):
    assert all(character.isprintable() or character in "\n\t" or ord(character) > 127 for character in plain(text))
    assert "\x1b" not in plain(text)


def test_plain_text_keeps_what_can_be_read():
    assert plain("naïve – 98.56 %\n\tmore") == "naïve – 98.56 %\n\tmore"
    assert plain("\x1b[31mred") == r"\x1b[31mred"


def test_a_close_word_is_suggested_and_all_are_named_where_none_is_close():
    assert did_you_mean("learing_rate", ["learning_rate", "epochs"]) == " Did you mean 'learning_rate'?"
    assert did_you_mean("EPOCHS", ["epochs"]) == " Did you mean 'epochs'?"
    assert did_you_mean("zzz", ["b", "a"]) == " Allowed: a, b."
    assert did_you_mean("zzz", []) == ""
    assert did_you_mean("zzz", ["b", "a"], "Studies there") == " Studies there: a, b."
    assert did_you_mean("zzz", [f"s{n:03}" for n in range(60)]).endswith(", s049, and 10 more.")


@pytest.mark.parametrize(
    ("word", "allowed", "meant"),
    [
        *((short, PARAMETERS, "learning_rate") for short in ("lr", "LR", "eta", "step-size")),
        ("bs", PARAMETERS, "batch_size"),
        ("wd", PARAMETERS, "weight_decay"),
        ("units", PARAMETERS, "dense_units"),
        ("kernel_size", PARAMETERS, "conv1_kernel_size"),
        ("bayes", get_args(Sampler), "tpe"),
        ("bayesian-optimization", get_args(Sampler), "tpe"),
        ("gaussian process", get_args(Sampler), "gp"),
        ("sobol", get_args(Sampler), "qmc"),
        ("n_trials", Study.model_fields, "trials"),
        ("dataset", Study.model_fields, "data"),
        ("fashion", DATASETS, "fashion-mnist"),
        ("f1", get_args(Metric), "macro_f1"),
        ("balanced_accuracy_score", get_args(Metric), "balanced_accuracy"),
    ],
)
def test_what_is_called_otherwise_elsewhere_is_known(word, allowed, meant):
    assert did_you_mean(word, allowed) == f" Did you mean {meant!r}?"


def test_no_word_of_ours_is_taken_for_another():
    for words in (PARAMETERS, Study.model_fields, get_args(Sampler), get_args(Pruner)):
        for word in words:
            assert did_you_mean(word, words) == f" Did you mean {word!r}?"


def test_every_name_that_is_explained_is_one_of_ours():
    commands = {command.__name__.rstrip("_") for panel in PANELS.values() for command in panel}
    ours = {*PARAMETERS, *Study.model_fields, *DATASETS, *commands, "low", "high"}
    ours |= {word for words in (Sampler, Pruner, AnyPrecision, Color, Metric) for word in get_args(words)}
    ours |= {word for each in PARAMETERS.values() for word in each.choices}
    assert set(USUAL) <= ours


@pytest.mark.parametrize("width", range(10, 60, 7))
def test_a_line_never_ends_inside_a_command(width):
    text = "This holds for 1,000 images. `sweep confirm 'my own' --within 12m` finds out whether it holds for all."
    lines = wrapped(text, width)
    assert " ".join(lines) == text
    assert [line for line in lines if line.count("`") % 2] == []
    assert [line for line in lines if len(line) > width and "`" not in line and " " in line] == []
