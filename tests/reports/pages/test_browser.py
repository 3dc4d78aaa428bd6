"""The page as its reader has it: in a real Chromium, which must be there."""

import re
from dataclasses import replace

import numpy as np
import pytest
from samples.browser import browser, opened
from samples.pages import DRAWN, EVERYTHING, SCREENS, press, see_all
from samples.results import HOSTILE, confirmed, frame_of, halted, result_of, rows_of, sample, shifted

import reports
from reports import frames
from reports.pages import contents
from sweep.data.dataset import Split, load_dataset
from sweep.data.partition import partition
from sweep.results.predictions import Predictions, Searched
from sweep.results.result import Result
from sweep.space.space import Choice, Float


@pytest.fixture(scope="module")
def chromium():
    with browser() as pipe:
        yield pipe


def hostile():
    rows = [
        *rows_of(0.98, 0.985, 0.99),
        {"trial": 3, "outcome": "failed", "reason": HOSTILE, "learning_rate": 0.001},
        {"trial": 4, "outcome": HOSTILE, "reason": HOSTILE, "score": 0.98, "learning_rate": 0.001},
    ]
    bare = result_of(rows, description=HOSTILE, data=f"/pictures/{HOSTILE}")
    return Result(bare.study, frame_of(rows), bare.curves, {HOSTILE: {HOSTILE: [HOSTILE, 1]}})


def mistaken():
    """A study on real images, with made-up predictions that differ on some of them."""
    dataset, split = load_dataset("mnist"), Split(0, 1000)
    labels = partition(dataset, split).y_score.astype(np.uint16)
    wrong = {name: np.random.default_rng(seed).random(1000) < 0.05 for seed, name in enumerate(("ours", "baseline"))}
    predicted = {name: np.where(there, (labels + 1) % 10, labels) for name, there in wrong.items()}
    searched = Searched(split, "mnist", dataset.digest, {3: predicted["ours"], 0: predicted["baseline"]})
    known = Predictions(3, 0, split, "mnist", dataset.digest, **predicted)
    return replace(sample(12), predictions=known, searched=searched)


PAGES = {
    "none": sample(0),
    "one": sample(1),
    "twelve": sample(12),
    "confirmed": confirmed(
        sample(12),
        {0: shifted(0, 0.1, -0.1), 1: shifted(0.3, 0.5, 0.2), 2: shifted(0.4, 0.5, 0.2), 3: [0.1], 4: shifted(-3, -2)},
        test=(shifted(0.3, 0.5, 0.2), shifted(0, 0.1, -0.1)),
    ),
    "hundred": sample(100),
    "ten thousand": sample(10_000),
    "halted": halted(60),
    "mistakes": mistaken(),
    "failures": result_of([{"trial": 0, "outcome": "failed", "reason": "no memory", "baseline": True}]),
    "running": result_of([*rows_of(0.98, 0.99), {"trial": 2, "outcome": "running", "score": 0.5}]),
    "hostile": hostile(),
    "several": [sample(20, name="one"), sample(12, name="other", seed=1), sample(0, name="none")],
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, results in PAGES.items():
        reports.write(results, folder / f"{name}.html")
    return folder


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_and_complains_about_nothing(chromium, files, name):
    path = files / f"{name}.html"
    with opened(chromium, path) as page:
        see_all(page)
        page.ask("document.querySelectorAll('thead button').forEach((button) => button.click())")
        assert page.problems == []
        assert [url for url in page.requests if not url.startswith(("data:", "blob:"))] == [path.as_uri()]


@pytest.mark.parametrize(("width", "dark"), SCREENS)
@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_its_window(chromium, files, name, width, dark):
    with opened(chromium, files / f"{name}.html", width=width, dark=dark) as page:
        see_all(page)
        assert page.problems == []
        assert page.ask("document.documentElement.scrollWidth") <= width
        wide = page.ask("[...document.querySelectorAll('figure.chart svg.main-svg')].map((svg) => svg.clientWidth)")
        assert all(0 < each <= width for each in wide)


CONTRAST = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  function rgb(color) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  }
  function light(color) {  // relative luminance as in WCAG 2
    const parts = color.slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function behind(element) {
    for (; element; element = element.parentElement) {
      const color = rgb(getComputedStyle(element).backgroundColor);
      if (color[3] > 250) return color;
    }
    return [255, 255, 255, 255];
  }
  const kinds = "h1, h2, h3, p, td, th, dt, dd, a, summary, button, li, small, pre, .main-svg text, .still text";
  const there = (each) => each.textContent.trim() && each.getClientRects().length;
  const seen = [...document.querySelectorAll(kinds)].filter(there);
  return seen.map((each) => {
    const style = getComputedStyle(each);
    const color = each instanceof SVGElement ? style.fill : style.color;
    const [one, other] = [light(rgb(color)), light(behind(each))].sort((a, b) => b - a);
    return [(one + 0.05) / (other + 0.05), each.tagName, each.textContent.trim().slice(0, 30)];
  });
})()
"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("name", "texts"), [("hundred", 500), ("confirmed", 200), ("mistakes", 200)])
def test_every_text_stands_out_from_what_is_behind_it(chromium, files, name, texts, dark):
    with opened(chromium, files / f"{name}.html", dark=dark) as page:
        see_all(page)
        seen = page.ask(CONTRAST)
        assert len(seen) > texts
        assert [each for each in seen if each[0] < 4.5] == []


def test_colours_follow_when_the_scheme_changes(chromium, files):
    color = "getComputedStyle(document.querySelector('.js-plotly-plot .xtick text')).fill"
    with opened(chromium, files / "twelve.html") as page:
        see_all(page)
        light = page.ask(color)
        page.look(dark=True)
        page.wait(f"{color} !== {light!r}")


def again(page):
    """Loads the page anew."""
    page.ask("window.old = true")
    page.send("Page.reload")
    page.wait("window.old === undefined && document.readyState === 'complete'")


BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_the_readers_theme_wins_over_the_systems_and_is_kept(chromium, files):
    choose = (
        "(() => {{ const theme = document.querySelector('select.theme'); theme.value = {!r};"
        " theme.dispatchEvent(new Event('change')); }})()"
    )
    color = "getComputedStyle(document.querySelector('.js-plotly-plot .xtick text')).fill"
    with opened(chromium, files / "twelve.html") as page:
        see_all(page)
        light = page.ask(BACKGROUND), page.ask(color)
        page.ask(choose.format("dark"))
        page.wait(f"{color} !== {light[1]!r}")
        assert page.ask(BACKGROUND) != light[0]
        again(page)
        assert page.ask(BACKGROUND) != light[0]
        page.look(dark=True)
        page.ask(choose.format("light"))
        assert page.ask(BACKGROUND) == light[0]
        page.ask(choose.format("system"))
        assert page.ask(BACKGROUND) != light[0]
        page.look(dark=False)
        page.wait(f"{BACKGROUND} === {light[0]!r}")


def test_the_page_uses_a_wide_window_and_its_bar_stays_and_shows_the_place(chromium, files):
    box = "document.querySelector({!r}).getBoundingClientRect()"
    with opened(chromium, files / "hundred.html", width=1440) as page:
        used = f"{box.format('main')}.right - {box.format('.contents')}.left"
        assert page.ask(used) >= 1280
        page.ask("document.querySelector('#timeline').scrollIntoView()")
        page.wait("document.querySelector('.contents [aria-current]')?.textContent === 'Timeline'")
        assert page.ask(f"{box.format('.contents')}.top") == 0
    with opened(chromium, files / "hundred.html", width=390) as page:
        page.ask("document.querySelector('#timeline').scrollIntoView()")
        page.wait("document.querySelector('.contents [aria-current]')?.textContent === 'Timeline'")
        place = f"(({{ left, right, top }}) => [left, right, top])({box.format('.contents [aria-current]')})"
        page.wait(f"{place}[1] <= 390")
        left, _, top = page.ask(place)
        assert (left >= 0, top) == (True, 0)


def test_cards_fold_also_without_scripts_and_a_folded_one_is_printed(chromium, files):
    height = "document.querySelector('#leaderboard').getBoundingClientRect().height"
    with opened(chromium, files / "twelve.html", scripts=False) as page:
        before = page.ask(height)
        press(page, "#leaderboard > .card > summary")
        assert page.ask(height) < 80 < before
        page.look(medium="print")
        assert page.ask(height) > 200


def test_cards_that_have_nothing_yet_come_last_in_a_line_each(chromium, files):
    tops = (
        "[...document.querySelectorAll('main > section')].map((each) =>"
        " [each.id, each.className, each.offsetTop, each.offsetHeight])"
    )
    with opened(chromium, files / "twelve.html", width=1440) as page:
        placed = sorted(page.ask(tops), key=lambda each: each[2])
        assert [name for name, *_ in placed[:3]] == ["summary", "comparison", "history"]
        yet = [each for each in placed if each[1] == "yet"]
        assert yet == placed[-len(yet) :]
        assert {name for name, *_ in yet} == {"confirmation", "ablation", "mistakes", "notes"}
        assert max(height for *_, height in yet) < 60


def test_the_next_command_is_copied_as_it_is(chromium, files):
    with opened(chromium, files / "twelve.html") as page:
        page.ask("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        press(page, ".strip button")
        page.wait("window.copied")
        assert page.ask("window.copied") == "sweep confirm quickstart"


def test_without_scripts_every_chart_is_a_picture_and_every_table_is_there(chromium, files):
    with opened(chromium, files / "hundred.html", scripts=False) as page:
        boxes = page.ask(
            "[...document.querySelectorAll('.charts .still > svg')].map((svg) => svg.getBoundingClientRect().width)"
        )
        assert sum(width > 200 for width in boxes) >= 10
        assert page.ask("document.querySelectorAll('.js-plotly-plot').length") == 0
        assert page.ask("document.querySelectorAll('#leaderboard tbody tr').length") == 96
        assert page.ask("document.querySelectorAll('button, input').length") == 0
        assert page.problems == []


def column(page, at):
    rows = "[...document.querySelectorAll('#leaderboard tbody tr:not([hidden])')]"
    return page.ask(f"{rows}.map((row) => row.cells[{at}].dataset.key)")


COUNTED = "document.querySelector('#leaderboard [role=status]').textContent"


def test_the_leaderboard_sorts_by_keyboard_with_missing_values_last(chromium, files):
    with opened(chromium, files / "hundred.html") as page:
        press(page, "#leaderboard th:nth-child(1) button")
        descending = [int(key) for key in column(page, 0)]
        assert descending == sorted(descending, reverse=True)
        press(page, "#leaderboard th:nth-child(1) button")
        assert [int(key) for key in column(page, 0)] == descending[::-1]
        assert page.ask("document.querySelector('#leaderboard th').ariaSort") == "ascending"


def test_the_leaderboard_filters_by_words_and_by_numbers(chromium, files):
    frame = PAGES["hundred"].frame
    type_in = (
        "(() => {{ const field = document.querySelector('#leaderboard input[type=search]'); field.value = {!r};"
        " field.dispatchEvent(new Event('input')); }})()"
    )
    with opened(chromium, files / "hundred.html") as page:
        for text, expected in (
            ("pruned", frame["outcome"] == "pruned"),
            ("learning rate < 0.001", frame["learning_rate"] < 0.001),
            ("completed, batch size >= 64", (frame["outcome"] == "completed") & (frame["batch_size"] >= 64)),
            ("accuracy > 98.6", frame["score"] > 0.986),
            ("learning_rate<0.001", frame["learning_rate"] < 0.001),
            ("lr<0.001 and completed", (frame["learning_rate"] < 0.001) & (frame["outcome"] == "completed")),
            ("0.0005 < lr <= 0.001", (frame["learning_rate"] > 0.0005) & (frame["learning_rate"] <= 0.001)),
            ("outcome != pruned", frame["outcome"] != "pruned"),
            ("batch size = 32..64, bs != 64", frame["batch_size"] == 32),
            ("batch_size != 32..64", frame["batch_size"] > 64),
            ("outcome = diverged", frame["outcome"] == "diverged"),
            ("", frame["score"].notna()),
        ):
            page.ask(type_in.format(text))
            left = set(frame.loc[expected & frame["score"].notna(), "trial"])
            assert {int(key) for key in column(page, 0)} == left
            assert page.ask(COUNTED) == (f"{len(left)} of 96 trials" if text else "96 trials")
    with opened(chromium, files / "one.html") as page:
        assert page.ask(COUNTED) == "1 trial"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochz=9 and batch size<64", 'No column is called "epochz". Columns: trial, accuracy, vs baseline,'),
        ("pruned, lr <", "Compare lr with a number."),
        ("lr < small", "Compare lr with a number."),
        ("= 3", 'No column is called "".'),
    ],
)
def test_a_condition_that_cannot_be_understood_says_so_and_hides_nothing(chromium, files, text, said):
    with opened(chromium, files / "hundred.html") as page:
        page.ask(
            "(() => { const field = document.querySelector('#leaderboard input[type=search]');"
            f" field.value = {text!r}; field.dispatchEvent(new Event('input')); }})()"
        )
        assert page.ask(COUNTED).startswith(said)
        assert len(column(page, 0)) == 96
        assert page.problems == []


def cells(page, panel):
    """The rows of a panel's table below the leaderboard, as text."""
    rows = f"[...document.querySelectorAll('#leaderboard {panel} tr')]"
    return page.ask(f"{rows}.map((row) => [...row.cells].map((cell) => cell.textContent))")


def tick(page, *trials):
    for trial in trials:
        page.ask(f"document.querySelector('#leaderboard input[aria-label=\"Compare trial {trial}\"]').click()")


def test_ticked_trials_are_compared_side_by_side(chromium, files):
    frame = PAGES["hundred"].frame.set_index("trial")
    best, second = frames.best_first(PAGES["hundred"].frame)["trial"].iloc[:2].tolist()
    button = "[...document.querySelectorAll('#leaderboard .toolbar button')].find((each) => !each.hidden)"
    traces = (
        "document.querySelector('#leaderboard .compared .js-plotly-plot')?.data.map((trace) => [trace.name, trace.y])"
    )
    with opened(chromium, files / "hundred.html") as page:
        tick(page, best)
        assert page.ask(f"{button} === undefined")
        tick(page, second)
        assert page.ask(f"{button}.textContent") == "Compare 2 trials"
        page.ask(f"{button}.click()")
        page.wait("document.querySelector('#leaderboard .compared table') !== null")
        head, *rows = cells(page, ".compared")
        assert head == ["", f"Trial {best}", f"Trial {second}"]
        assert all(one != other for _, one, other in rows)
        different = bool(frame.loc[best, "learning_rate"] != frame.loc[second, "learning_rate"])
        assert ("learning rate" in [name for name, *_ in rows]) is different
        page.ask("document.querySelector('#leaderboard .compared figure').scrollIntoView()")
        page.wait(f"({traces} ?? []).length === 2")
        curves = PAGES["hundred"].curves
        for (name, scores), trial in zip(page.ask(traces), (best, second), strict=True):
            assert name == f"trial {trial}"
            assert scores == pytest.approx(list(100 * curves[curves["trial"] == trial]["val_accuracy"]), abs=1e-3)
        tick(page, second)
        page.wait("document.querySelector('#leaderboard .compared table') === null")
        assert page.problems == []


def test_mistakes_of_ticked_trials_are_compared_on_the_same_images(chromium, files):
    found = PAGES["mistakes"].wrong()
    ours, theirs = found.trials[3], found.trials[0]
    other = next(trial for trial in frames.completed(PAGES["mistakes"].frame)["trial"] if trial not in (0, 3))
    with opened(chromium, files / "mistakes.html") as page:
        for trial in (3, 0, other):
            tick(page, trial)
        page.ask("[...document.querySelectorAll('#leaderboard .toolbar button')].find((each) => !each.hidden).click()")
        table = "document.querySelector('#leaderboard [aria-label=\"Mistakes side by side\"]')"
        page.wait(f"{table} !== null")
        head, wrong, alone, *classes = page.ask(
            f"[...{table}.querySelectorAll('tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
        )
        assert head == ["", "Trial 3", "Trial 0"]
        assert wrong == ["wrong images", f"{ours.sum()}", f"{theirs.sum()}"]
        assert alone == ["wrong by this trial alone", f"{(ours & ~theirs).sum()}", f"{(theirs & ~ours).sum()}"]
        for number, (name, *counts) in enumerate(classes):
            assert name == f"wrong images of class {found.names[number]}"
            assert counts == [f"{(each & (found.labels == number)).sum()}" for each in (ours, theirs)]
        assert len(classes) == 10
        said = page.ask("document.querySelector('#leaderboard .compared').textContent")
        assert "Of the same 1,000 validation images." in said
        assert f"All of these trials are wrong on {(ours & theirs).sum()} of them." in said
        assert f"not of trial {other}." in said
        assert page.problems == []


def test_trials_are_grouped_by_a_parameter_as_the_filter_shows_them(chromium, files):
    choose = (
        "(() => {{ const select = document.querySelector('#leaderboard select'); select.value = {!r};"
        " select.dispatchEvent(new Event('change')); }})()"
    )
    frame = PAGES["ten thousand"].frame
    frame = frame[frame["outcome"] == "completed"]
    with opened(chromium, files / "ten thousand.html") as page:
        page.ask(choose.format("batch size"))
        _, *rows = cells(page, ".grouped")
        by_value = frame.groupby("batch_size")["score"]
        assert [[row[0], int(row[1])] for row in rows] == [[f"{size}", len(group)] for size, group in by_value]
        for row, (_, group) in zip(rows, by_value, strict=True):
            expected = [100 * each for each in (group.mean(), group.std(), group.max())]
            assert [float(text) for text in row[2:]] == pytest.approx(expected, abs=0.006)
        page.ask(choose.format("learning rate"))
        _, *ranges = cells(page, ".grouped")
        assert len(ranges) == 5
        assert sum(int(row[1]) for row in ranges) == frame["learning_rate"].notna().sum()
        page.ask(
            "(() => { const field = document.querySelector('#leaderboard input[type=search]');"
            " field.value = 'batch size = 32'; field.dispatchEvent(new Event('input')); })()"
        )
        page.ask(choose.format("batch size"))
        assert [row[0] for row in cells(page, ".grouped")[1:]] == ["32"]
        page.ask(choose.format(""))
        assert cells(page, ".grouped") == []
        assert page.problems == []


def test_the_last_column_of_the_leaderboard_is_not_cut(chromium, files):
    box = "document.querySelector('#leaderboard .scroll')"
    with opened(chromium, files / "hundred.html", width=1440) as page:
        assert page.ask(f"{box}.scrollWidth <= {box}.clientWidth")


def test_nothing_hides_the_outcome_of_a_trial_however_wide_its_values_are(chromium, tmp_path):
    kinds = {"schedule": Choice(("constant", "cosine", "exponential", "warm-hold-cool"))}
    rates = {name: Choice((0.0, 0.05, 0.1)) for name in ("warmup", "cooldown", "final_rate")}
    reports.write(sample(24, {"learning_rate": Float(1e-4, 3e-3, log=True)} | kinds | rates), tmp_path / "wide.html")
    uncovered = """
      [...document.querySelectorAll('#leaderboard tbody td:nth-last-child(2)')].slice(0, 5).map((cell) => {
        cell.scrollIntoView({ block: 'center' });
        const words = document.createRange();
        words.selectNodeContents(cell);
        const { right, top, bottom } = words.getBoundingClientRect();
        return document.elementFromPoint(right - 2, (top + bottom) / 2) === cell;
      })"""
    with opened(chromium, tmp_path / "wide.html", width=1440) as page:
        page.wait("!!document.querySelector('#leaderboard td.copier')")
        assert page.ask(uncovered) == [True] * 5


@pytest.mark.parametrize("width", [360, 1100, 1440])
def test_the_number_of_a_tile_is_on_one_line_inside_of_it(chromium, files, width):
    wide = "[...document.querySelectorAll('.tiles strong')].map((each) => [each.scrollWidth, each.clientWidth])"
    for name in ("twelve", "confirmed"):
        with opened(chromium, files / f"{name}.html", width=width) as page:
            assert all(needed <= given for needed, given in page.ask(wide)), (name, page.ask(wide))


LINES = "document.querySelector('#parallel .plane')"
AXES = f"[...{LINES}.querySelectorAll('.axis')]"


def lines_of(page):
    """Waits until the parallel coordinates are drawn by the page."""
    page.ask("document.querySelector('#parallel').scrollIntoView()")
    page.wait(f"!!{LINES}")


def drag(page, name, begin, end):
    """Drags along an axis, from one share of it to another."""
    rail = f"{AXES}.find((axis) => axis.textContent.startsWith({name!r})).querySelector('.rail')"
    page.ask(f"{rail}.scrollIntoView({{ block: 'center' }})")
    x, y, width, height = page.ask(
        f"(({{ x, y, width, height }}) => [x, y, width, height])({rail}.getBoundingClientRect())"
    )

    def at(share):
        upright = height > width
        return {
            "x": x + (width / 2 if upright else share * width),
            "y": y + ((1 - share) * height if upright else height / 2),
        }

    for kind, share in (
        ("mousePressed", begin),
        ("mouseMoved", (begin + end) / 2),
        ("mouseMoved", end),
        ("mouseReleased", end),
    ):
        page.send("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **at(share))


FILTER = "document.querySelector('#leaderboard input[type=search]').value"
IN_TABLE = (
    "[...document.querySelectorAll('#leaderboard tbody tr:not([hidden])')]"
    ".map((row) => Number(row.cells[0].dataset.key))"
)


def in_charts(section):
    """The trials in the charts of a section that Plotly has drawn."""
    return (
        f"[...new Set([...document.querySelectorAll('{section} .js-plotly-plot')].flatMap((plot) =>"
        " plot.data.flatMap((trace) => trace.visible === false ? [] : trace.customdata ?? [])))].sort((a, b) => a - b)"
    )


@pytest.mark.parametrize("width", [1440, 390])
def test_brushing_an_axis_filters_the_leaderboard_and_every_chart_of_trials(chromium, files, width):
    frame = PAGES["hundred"].frame
    scored = set(frame.loc[frame["score"].notna(), "trial"])
    with opened(chromium, files / "hundred.html", width=width) as page:
        see_all(page)
        lines_of(page)
        assert page.ask(f"{LINES}.classList.contains('upright')") == (width > 760)
        sections = ("#history", "#parameters", "#fronts", "#curves")
        before = {section: set(page.ask(in_charts(section))) for section in sections}
        assert before["#history"] == scored
        drag(page, "learning rate", 0.5, 0.9)
        asked = page.ask(FILTER)
        low, high = map(float, re.fullmatch(r"learning rate = (\S+)\.\.(\S+)", asked).groups())
        assert 1e-4 < low < high < 3e-3
        left = scored & set(frame.loc[frame["learning_rate"].between(low, high), "trial"])
        assert 5 < len(left) < len(scored) - 5
        assert set(page.ask(IN_TABLE)) == left
        for section in sections:
            page.wait(f"{in_charts(section)}.every((trial) => {sorted(map(int, left))}.includes(trial))")
            assert set(page.ask(in_charts(section))) == before[section] & left
        said = page.ask("document.querySelector('.filtered').textContent")
        assert said.startswith(f"{len(left)} of {len(scored)} trials: {asked}")
        page.ask("document.querySelector('.filtered button').click()")
        assert page.ask(FILTER) == ""
        assert len(page.ask(IN_TABLE)) == len(scored)
        page.wait(f"{in_charts('#history')}.length === {len(scored)}")
        assert page.ask("document.querySelector('.filtered').hidden")
        assert page.problems == []


def test_a_brush_is_the_filter_that_the_reader_may_type_as_well(chromium, files):
    frame = PAGES["hundred"].frame
    with opened(chromium, files / "hundred.html", width=1440) as page:
        lines_of(page)
        drag(page, "batch size", 0.1, 0.5)
        assert page.ask(FILTER) == "batch size = 32|64"
        drag(page, "accuracy", 0.8, 0.99)
        assert re.fullmatch(r"batch size = 32\|64, accuracy = \S+", page.ask(FILTER))
        drag(page, "batch size", 0.9, 0.9)  # a click on an option
        assert re.fullmatch(r"accuracy = \S+, batch size = 128", page.ask(FILTER))
        page.ask(
            "(() => { const field = document.querySelector('#leaderboard input[type=search]');"
            " field.value = 'lr = 0.0005..0.001 and completed'; field.dispatchEvent(new Event('input')); })()"
        )
        rate = f"{AXES}.find((axis) => axis.textContent.startsWith('learning rate'))"
        assert page.ask(f"{rate}.classList.contains('marked')")
        assert page.ask(f"{LINES}.querySelectorAll('.marked').length") == 1
        assert page.ask(
            f"[...{rate}.querySelectorAll('input')].map((each) => Number(each.ariaValueText))"
        ) == pytest.approx([0.0005, 0.001], rel=0.02)
        left = frame["learning_rate"].between(0.0005, 0.001) & (frame["outcome"] == "completed")
        assert set(page.ask(IN_TABLE)) == set(frame.loc[left, "trial"])
        drag(page, "learning rate", 0.4, 0.4)  # a click on a scale takes its range away
        assert page.ask(FILTER) == "completed"
        assert page.problems == []


def test_an_axis_is_brushed_by_keyboard_and_says_its_value(chromium, files):
    with opened(chromium, files / "hundred.html", width=1440) as page:
        lines_of(page)
        handle = f"{LINES}.querySelector('[aria-label=\"batch size, lowest shown\"]')"
        page.ask(f"{handle}.focus()")
        for kind in ("keyDown", "keyUp"):
            page.send("Input.dispatchKeyEvent", type=kind, key="ArrowUp", code="ArrowUp", windowsVirtualKeyCode=38)
        assert page.ask(FILTER) == "batch size = 64|128"
        assert page.ask(f"{handle}.ariaValueText") == "64"
        for kind in ("keyDown", "keyUp"):
            page.send("Input.dispatchKeyEvent", type=kind, key="Home", code="Home", windowsVirtualKeyCode=36)
        assert page.ask(FILTER) == ""


def test_hovering_a_line_tells_its_trial_and_a_click_opens_it(chromium, files):
    with opened(chromium, files / "twelve.html", width=1440) as page:
        lines_of(page)
        box = f"(({{ left, top, width, height }}) => [left, top, width, height])({LINES}.getBoundingClientRect())"
        page.ask(f"{LINES}.scrollIntoView({{ block: 'center' }})")
        left, top, width, height = page.ask(box)
        tip = f"{LINES}.querySelector('.tip')"
        for share in range(20, 95):
            at = {"x": left + 0.45 * width, "y": top + height * share / 100}
            page.send("Input.dispatchMouseEvent", type="mouseMoved", **at)
            if not page.ask(f"{tip}.hidden"):
                break
        text = page.ask(f"{tip}.textContent")
        trial = int(re.match(r"trial (\d+)", text).group(1))
        row = PAGES["twelve"].frame.set_index("trial").loc[trial]
        assert f"accuracy: {100 * row['score']:g} %" in text
        assert f"batch size: {row['batch_size']:g}" in text
        for kind in ("mousePressed", "mouseReleased"):
            page.send("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)
        page.wait(f"location.hash === '#trial-{trial}'")
        assert page.problems == []


INKED = """
(() => {
  const canvas = document.querySelector('#parallel canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((_, at) => at % 4 === 3).filter(Boolean).length;
})()
"""


def test_trials_that_are_not_trained_to_their_end_are_drawn_on_demand_which_is_kept(chromium, files):
    box = "document.querySelector('#parallel .note input')"
    with opened(chromium, files / "hundred.html", width=1440) as page:
        lines_of(page)
        page.wait(f"{INKED} > 0")
        before = page.ask(INKED)
        page.ask(f"{box}.click()")
        page.wait(f"{INKED} > {before}")
        again(page)
        lines_of(page)
        assert page.ask(f"{box}.checked")
        page.ask("localStorage.clear()")


def test_ten_thousand_lines_are_thinned_and_follow_a_brush_at_twenty_frames_a_second(chromium, files):
    """Counted is the processor time of the page's thread, since other programs run beside."""
    moves = """
    (async () => {
      const handle = document.querySelector('#parallel [aria-label="learning rate, lowest shown"]');
      for (let step = 1; step <= 40; step += 1) {
        handle.value = step;
        handle.dispatchEvent(new Event('input'));
        await new Promise(requestAnimationFrame);
      }
    })()
    """

    def spent():
        return {each["name"]: each["value"] for each in page.send("Performance.getMetrics")["metrics"]}["TaskDuration"]

    frame = PAGES["ten thousand"].frame
    with opened(chromium, files / "ten thousand.html", width=1440) as page:
        lines_of(page)
        page.send("Performance.enable", timeDomain="threadTicks")
        before = spent()
        page.ask(moves)
        assert (spent() - before) / 40 < 0.05
        low = float(re.match(r"learning rate = ([^.]+\.\d+)\.\.", page.ask(FILTER)).group(1))
        left = (frame["score"].notna() & (frame["learning_rate"] >= low)).sum()
        assert page.ask("document.querySelector('.filtered').textContent").startswith(f"{left:,} of ")
        assert page.problems == []


def test_the_filter_understands_quotes_so_that_names_and_words_may_hold_what_separates(chromium, tmp_path):
    ask = "[...Array(3).keys()].filter((trial) => wanted.has(trial)).join()"
    known = (
        "(() => { const wanted = filtering();"
        " const record = (values) => ({ values, words: () => Object.values(values).join(' ').toLowerCase() });"
        " wanted.know(['depth and width', 'kind'], [[0, record({ 'depth and width': 3, kind: 'a, b' })],"
        " [1, record({ 'depth and width': 5, kind: 'x|y' })], [2, record({ 'depth and width': '', kind: 'A..1' })]]);"
        " %s; return [wanted.text, " + ask + "]; })()"
    )
    reports.write(PAGES["twelve"], tmp_path / "page.html")
    with opened(chromium, tmp_path / "page.html") as page:
        for given, text, left in (
            ("wanted.ask('depth and width', '3..4')", '"depth and width" = 3..4', "0"),
            ("wanted.ask('kind', ['a, b', 'A..1'])", 'kind = "a, b"|"A..1"', "0,2"),
            ("wanted.ask('kind', ['x|y'])", 'kind = "x|y"', "1"),
            ('wanted.set(\'kind != "x|y" AND "depth and width" < 4\')', None, "0"),
            ("wanted.set('\"a, b\"')", '"a, b"', "0"),
            ("wanted.ask('kind', 'q'); wanted.ask('kind', '')", "", "0,1,2"),
        ):
            found = page.ask(known % given)
            assert text is None or found[0] == text
            assert found[1] == left


def test_an_entry_of_a_key_hides_and_shows_its_curves(chromium, files):
    names = (
        "document.querySelector('#curves .js-plotly-plot').data.filter((trace) => trace.visible)"
        ".map((trace) => trace.name)"
    )
    button = "document.querySelector('#curves .key button')"
    with opened(chromium, files / "hundred.html") as page:
        see_all(page)
        before = page.ask(names)
        what = page.ask(f"{button}.textContent.trim()")
        assert what in before
        press(page, "#curves .key button")
        page.wait(f"!{names}.includes({what!r})")
        assert page.ask(names) == [name for name in before if name != what]
        assert page.ask(f"{button}.ariaPressed") == "false"
        press(page, "#curves .key button")
        page.wait(f"{names}.includes({what!r})")
        assert page.ask("document.querySelectorAll('#parallel .key button').length") == 0
        assert page.problems == []


def test_the_entry_of_a_line_and_its_band_hides_both(chromium, files):
    plot = "document.querySelector('#history .js-plotly-plot')"
    entry = (
        "[...document.querySelectorAll('#history .key button')].find((each) => each.textContent.includes('of single'))"
    )
    with opened(chromium, files / "hundred.html") as page:
        see_all(page)
        assert page.ask(f"{plot}.layout.shapes.length") == 2
        page.ask(f"{entry}.click()")
        page.wait(f"!{plot}.layout.shapes?.length")
        page.ask(f"{entry}.click()")
        page.wait(f"{plot}.layout.shapes?.length === 2")
        assert page.problems == []


def test_columns_can_be_picked(chromium, files):
    shown = "[...document.querySelectorAll('#leaderboard thead th')].filter((head) => head.offsetWidth).length"
    with opened(chromium, files / "hundred.html") as page:
        before = page.ask(shown)
        page.ask(
            "document.querySelectorAll('#leaderboard .toolbar input[type=checkbox]').forEach((box) => box.click())"
        )
        hidden = page.ask("document.querySelectorAll('#leaderboard thead th.extra').length")
        assert (before, page.ask(shown)) == (12, 14 - hidden)
        again(page)  # what was picked is kept
        assert page.ask(shown) == 14 - hidden
        page.ask("localStorage.clear()")


def test_a_trial_leads_to_its_details_and_can_be_copied(chromium, files):
    result = PAGES["hundred"]
    best = int(frames.best(result.frame)["trial"])
    with opened(chromium, files / "hundred.html") as page:
        page.ask("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        page.ask("document.querySelector('#leaderboard tbody a').click()")
        story = f"document.getElementById('trial-{best}').closest('details')"
        page.wait(f"{story}.open && {story}.getBoundingClientRect().top < innerHeight")
        press(page, "#leaderboard tbody tr button.copy")
        page.wait("window.copied")
        assert page.ask("window.copied") == page.ask(f"{story}.querySelector('pre').textContent") + "\n"
        rate = float(re.search(r"learning_rate = (\S+)", page.ask("window.copied")).group(1))
        assert rate == result.configuration(best).learning_rate


def test_a_click_on_a_mark_opens_the_details_of_its_trial(chromium, files):
    best = int(frames.best(PAGES["hundred"].frame)["trial"])
    with opened(chromium, files / "hundred.html") as page:
        page.ask("document.querySelector('#history figure').scrollIntoView()")
        page.wait(f"{DRAWN} > 0")
        plot = "document.querySelector('#history .js-plotly-plot')"
        page.ask(f"{plot}.emit('plotly_click', {{ points: [{{ customdata: {best} }}] }})")
        assert page.ask("location.hash") == f"#trial-{best}"


def test_everything_that_can_be_pressed_is_reached_by_keyboard_and_has_a_name(chromium, files):
    with opened(chromium, files / "hundred.html") as page:
        page.ask(EVERYTHING)
        nameless = page.ask(
            "[...document.querySelectorAll('a, button, input, summary, [tabindex]')].filter((each) =>"
            " each.tabIndex < 0 || !(each.textContent.trim() || each.ariaLabel || each.closest('label'))).length"
        )
        assert nameless == 0
        assert page.ask("[...document.querySelectorAll('h2')].length") == len(contents.STUDY.sections)


def test_the_page_prints_in_black_on_white_with_its_charts(chromium, files):
    with opened(chromium, files / "twelve.html", dark=True) as page:
        for width in (1400, 794):
            page.look(width=width, dark=True, medium="print")
            assert page.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
            assert page.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
        printed = page.send("Page.printToPDF", printBackground=True)["data"]
        assert len(printed) > 50_000


def test_without_scripts_the_verdict_is_a_picture_with_a_row_for_each_network(chromium, files):
    with opened(chromium, files / "confirmed.html", scripts=False, width=390) as page:
        assert page.ask("document.querySelectorAll('#confirmation tbody tr').length") == 5
        assert page.ask("document.querySelector('#confirmation .still > svg').getBoundingClientRect().width") > 150
        assert page.ask("document.documentElement.scrollWidth") <= 390


def test_without_scripts_matrices_and_images_are_there_also_where_it_is_narrow_and_dark(chromium, files):
    with opened(chromium, files / "mistakes.html", scripts=False, width=360, dark=True) as page:
        assert page.ask("document.querySelectorAll('#mistakes .matrix').length") == 3
        seen = page.ask("[...document.querySelectorAll('#mistakes img')].map((image) => image.naturalWidth)")
        assert len(seen) > 40
        assert set(seen) == {28}
        cells = "[...document.querySelectorAll('#mistakes .matrix td')]"
        assert page.ask(f"{cells}.filter((cell) => cell.scrollWidth > cell.clientWidth + 1).length") == 0


def test_a_hostile_study_runs_nothing(chromium, files):
    with opened(chromium, files / "hostile.html") as page:
        see_all(page)
        assert page.ask("document.querySelectorAll('img, iframe, a[href^=http]').length") == 0
