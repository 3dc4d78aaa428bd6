import math

import pytest

from reports import labels
from reports.typography import NO_BREAK
from sweep import wording


def plain(text):
    return text.replace(NO_BREAK, " ")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("learning_rate", 0.0003, "0.0003"),
        ("learning_rate", 1e-5, "0.00001"),
        ("learning_rate", 0.00026813, "0.000268"),
        ("dropout", 0.0, "0"),
        ("batch_size", 128.0, "128"),  # a column with a gap holds floats
        ("dense_units", 1024, "1,024"),
        ("rescale", True, "yes"),
        ("optimizer", "adam", "adam"),
        ("momentum", math.nan, "–"),
        ("score", 0.98561, "98.56 %"),
        ("parameters", 1_111_946, "1.11 M"),
        ("parameters", 999_600, "1.00 M"),
        ("parameters", 850, "850"),
        ("flops", 28_900_000, "28.9 M"),
        ("seconds", 4.25, "4.2 s"),
        ("seconds", 192.0, "3 min 12 s"),
        ("seconds", 60.2, "1 min"),
        ("seconds", 7500, "2 h 5 min"),
        ("seconds", None, "–"),
    ],
)
def test_values_have_their_units(name, value, text):
    assert plain(labels.value(name, value)) == text


def test_differences_carry_their_sign_unless_they_are_none():
    assert [wording.points(x) for x in (0.0035, -0.0035, 0.000001, math.nan)] == ["+0.35", "-0.35", "0.00", "–"]


def test_labels_have_no_underscores():
    assert labels.label("conv1_kernel_size") == "conv 1 kernel size"
    assert labels.label("learning_rate") == "learning rate"
