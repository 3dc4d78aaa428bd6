import pytest

from reports.typography import MINUS, NO_BREAK, typeset, typeset_all
from sweep import wording


@pytest.mark.parametrize(
    ("plain", "page"),
    [
        (wording.percent(0.9856, 0.0011), "98.56_±_0.11_%"),
        (wording.points(-0.0035), "~0.35"),
        ("-0.35 points, of which (-0.20)", "~0.35 points, of which (~0.20)"),
        (wording.duration(192), "3_min 12_s"),
        (wording.count(1_111_946), "1.11_M"),
        (wording.p_value(0.0001), "<_0.001"),
        ("trained for 12 epochs on 2 machines", "trained for 12 epochs on 2 machines"),
    ],
)
def test_a_number_stays_with_its_unit_and_a_difference_has_a_real_minus(plain, page):
    assert typeset(plain) == page.replace("_", NO_BREAK).replace("~", MINUS)


@pytest.mark.parametrize("text", ["-1+1|cmd", "2026-11-22", "run a --trials 16", "1e-05", "study-0.25", "/a/-0.25"])
def test_what_people_write_stays_as_it_is(text):
    assert typeset(text) == text


def test_all_texts_of_a_chart_are_typeset_and_its_numbers_are_not_touched():
    content = {"x": [1.0, None, -0.25], "text": ["98.56 %"], "marker": {"color": "rgba(1, 2, 3, 0.28)"}}
    assert typeset_all(content) == content | {"text": [f"98.56{NO_BREAK}%"]}
