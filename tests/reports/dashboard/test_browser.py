"""The dashboard as whoever watches a study has it: in a real Chromium, which must be there."""

import pytest
from samples.browser import browser, opened
from samples.dashboard import served
from samples.databases import begin, keep
from samples.pages import LOADED, SCREENS, press, see_all
from samples.results import result_of, sample, study

from sweep.runs import Epoch, Outcome
from sweep.storage.store import Store
from sweep.system.processes import Identity

STUDIES = {
    "none": sample(0, name="none"),
    "one": sample(1, name="one"),
    "hundred": sample(100, name="hundred"),
    "failures": result_of(
        [{"trial": 0, "outcome": "failed", "reason": "no memory", "baseline": True}], name="failures"
    ),
}


@pytest.fixture(scope="module")
def chromium():
    with browser() as pipe:
        yield pipe


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Studies of every kind in one database."""
    storage = tmp_path_factory.mktemp("several") / "sweep.db"
    for result in STUDIES.values():
        keep(str(storage), result)
    with served(storage) as dashboard:
        yield dashboard


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    storage = tmp_path_factory.mktemp("huge") / "sweep.db"
    keep(str(storage), sample(10_000, name="huge"))
    with served(storage) as dashboard:
        yield dashboard


def strangers(page, dashboard):
    """What was asked for elsewhere."""
    return [url for url in page.requests if not url.startswith((dashboard.address, "data:", "blob:"))]


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_shown_whole_without_a_complaint_or_a_look_elsewhere(chromium, several, name):
    with opened(chromium, f"{several.address}study/{name}") as page:
        page.wait(LOADED)
        see_all(page)
        page.ask("document.querySelectorAll('thead button').forEach((button) => button.click())")
        assert page.problems == []
        assert strangers(page, several) == []


@pytest.mark.parametrize(("width", "dark"), SCREENS)
@pytest.mark.parametrize("path", ["", "compare", *(f"study/{name}" for name in STUDIES)])
def test_no_page_is_wider_than_its_window(chromium, several, path, width, dark):
    with opened(chromium, several.address + path, width=width, dark=dark) as page:
        page.wait(LOADED)
        see_all(page)
        assert page.ask("document.documentElement.scrollWidth") <= width
        assert page.problems == []


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_ten_thousand_trials_are_shown_whole_and_no_wider_than_the_window(chromium, huge, width, dark):
    with opened(chromium, f"{huge.address}study/huge", width=width, dark=dark) as page:
        page.wait(LOADED)
        see_all(page)
        assert page.ask("document.documentElement.scrollWidth") <= width
        assert page.problems == []
        assert strangers(page, huge) == []


def test_the_start_page_leads_to_every_study_and_to_their_comparison(chromium, several):
    with opened(chromium, several.address) as page:
        paths = page.ask("[...document.querySelectorAll('main a')].map((link) => new URL(link.href).pathname)")
        assert paths == [f"/study/{name}" for name in STUDIES]
        page.ask("[...document.querySelectorAll('nav a')].find((link) => link.textContent === 'Compare').click()")
        page.wait(f"location.pathname === '/compare' && {LOADED}")
        assert page.ask("document.querySelectorAll('#essence tbody tr').length") == len(STUDIES)
        assert strangers(page, several) == []


def test_the_start_page_has_a_bar_and_a_line_for_each_study_and_sorts(chromium, several):
    names = "[...document.querySelectorAll('#studies tbody th')].map((cell) => cell.textContent)"
    done = [(result.frame["outcome"] != "infeasible").sum() for result in STUDIES.values()]
    with opened(chromium, several.address) as page:
        bars = page.ask("[...document.querySelectorAll('#studies progress')].map((bar) => bar.value)")
        assert bars == done
        assert page.ask("document.querySelectorAll('#studies .spark').length") >= 2
        assert "UTC" in page.ask(text("#studies tbody"))
        press(page, "#studies th:nth-child(5) button")  # the best so far
        first = page.ask(names)
        assert first[0] == "hundred"
        assert set(first) == set(STUDIES)
        press(page, "#studies th:nth-child(1) button")
        assert page.ask(names) == sorted(STUDIES)
        assert page.problems == []


def test_the_start_page_waits_for_a_database_and_keeps_its_order_as_studies_change(chromium, tmp_path):
    names = "[...document.querySelectorAll('#studies tbody th')].map((cell) => cell.textContent)"
    with served(tmp_path / "later.db") as dashboard, opened(chromium, dashboard.address) as page:
        page.wait(LOADED)
        assert "no studies in this database yet" in page.ask(text("#studies"))
        keep(str(tmp_path / "later.db"), sample(3, name="a"))
        page.wait(f"{names}.join() === 'a'")
        press(page, "#studies th:nth-child(1) button")
        press(page, "#studies th:nth-child(1) button")  # the last of the alphabet first
        keep(str(tmp_path / "later.db"), sample(2, name="b"))
        page.wait(f"{names}.join() === 'b,a'")
        assert page.problems == []


def test_a_brush_stays_while_the_study_goes_on_and_holds_for_new_trials(chromium, run):
    rows = "[...document.querySelectorAll('#leaderboard tbody tr:not([hidden])')]"
    shown = f"{rows}.map((row) => row.cells[0].dataset.key).sort().join()"
    with opened(chromium, run.address, width=1440) as page:
        page.wait(LOADED)
        page.ask("document.querySelector('#parallel').scrollIntoView()")
        handle = "document.querySelector('#parallel [aria-label=\"learning rate, lowest shown\"]')"
        page.wait(f"!!{handle}")
        page.ask(f"{handle}.value = 60; {handle}.dispatchEvent(new Event('input'))")
        rates = float(page.ask("shown.text").split(" = ")[1].split("..")[0])
        assert 1e-4 < rates < 3e-4
        tried = [run.study.base.learning_rate, 1e-4, 2e-4, 3e-4]
        expected = [str(number) for number, rate in enumerate(tried) if rate >= rates]
        assert 0 < len(expected) < 4
        page.wait(f"{shown} === {','.join(expected)!r}")
        run.begin(4, batch_size=64, learning_rate=4e-4)
        run.epoch(4, 1, 0.975)
        run.end(4)
        page.ask("document.querySelector('#leaderboard').scrollIntoView()")
        page.wait(f"{shown} === {','.join([*expected, '4'])!r}")
        page.ask("document.querySelector('#parallel').scrollIntoView()")
        page.wait(f"{text('#parallel .asof')}.includes('trial 4') && Number({handle}?.value) > 0")
        assert page.problems == []


def test_ten_thousand_trials_are_paged_and_thinned_with_the_best_among_them(chromium, huge):
    places = "document.querySelector('#leaderboard .pager').textContent"
    scores = "[...document.querySelectorAll('#leaderboard tbody tr')].map((row) => Number(row.cells[1].dataset.key))"
    with opened(chromium, huge.address + "study/huge") as page:
        page.wait(LOADED)
        best = page.ask(scores)
        page.ask("document.querySelector('#leaderboard .pager button').click()")
        page.wait(f"{places}.includes('Places 101 to 200 of')")
        following = page.ask(scores)
        assert best + following == sorted(best + following, reverse=True)
        assert len(following) == 100
        drawn = page.ask(
            "[...document.querySelectorAll('figure.chart:not(.parallel) script')]"
            ".map((source) => JSON.parse(source.textContent).data"
            ".reduce((points, trace) => points + (trace.mode === 'markers' ? trace.x.length : 0), 0))"
        )
        assert max(drawn) <= 2000
        see_all(page)
        assert page.problems == []
        shown = page.ask("document.querySelector('#history figure script').textContent")
        assert f'"y":[{best[0]:g}' in shown or f"{best[0]:g}" in shown


class Run:
    """A study that somebody runs: this process holds it, and writes what it finds as a coordinator does."""

    def __init__(self, storage):
        self.storage = storage
        self.store = Store.open(str(storage))
        self.study = study(name="running", trials=9)
        self.id = self.store.studies.begin(self.study, "digest")
        self.store.leases.take(self.id, Identity.own(), None)
        self.trials = {}

    def begin(self, number, **changes):
        configuration = self.study.base.replaced(changes)
        self.trials[number] = begin(self.store, self.id, number, configuration, baseline=number == 0)

    def epoch(self, number, epoch, score):
        metrics = Epoch(epoch, 0.1, score, 0.1, score, 1.0)
        self.store.runs.add_epoch(self.trials[number].run.fingerprint, metrics, self.id, number)

    def end(self, number, outcome=Outcome.COMPLETED, reason=""):
        self.store.trials.end(self.id, number, outcome, reason)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr("reports.dashboard.sources.SLOWEST", 0)
    run = Run(tmp_path / "sweep.db")
    run.begin(0)
    for epoch in range(1, 6):
        run.epoch(0, epoch, 0.97 + epoch / 500)
    run.end(0)
    for number in range(1, 4):
        run.begin(number, batch_size=64, learning_rate=1e-4 * number)
        run.epoch(number, 1, 0.97 + number / 1000)
        run.end(number)
    with run.store, served(tmp_path / "sweep.db") as dashboard:
        run.address = f"{dashboard.address}study/running"
        yield run


def text(selector):
    return f"(document.querySelector({selector!r})?.textContent ?? '')"


def test_an_epoch_is_seen_when_it_ends_and_a_trial_when_it_starts_and_ends(chromium, run):
    with opened(chromium, run.address) as page:
        page.wait(LOADED)
        assert "No trial is in progress" in page.ask(text("#now"))
        run.begin(4, batch_size=32)
        page.wait(f"{text('#now')}.includes('1 trial in progress') && {text('#now tbody')}.includes('0 of 5')")
        for epoch, score in ((1, 0.981), (2, 0.9876)):
            run.epoch(4, epoch, score)
            row = text("#now tbody tr")
            page.wait(f"{row}.includes('{epoch} of 5') && {row}.includes('{100 * score:.2f}')")
        assert page.ask("document.querySelector('#now .own').points.length") == 2
        run.end(4, Outcome.COMPLETED)
        page.wait(f"{text('#summary .tiles')}.includes('98.76') && {text('#summary .tiles')}.includes('trial 4')")
        page.ask("document.querySelector('#leaderboard').scrollIntoView()")  # what nobody looks at is left as it is
        page.wait(f"{text('#leaderboard tbody tr')}.includes('4 · best')")
        assert page.problems == []


def test_an_update_keeps_what_the_reader_has_sorted_filtered_and_opened(chromium, run):
    table = "#leaderboard table"
    with opened(chromium, run.address, height=4000) as page:
        page.wait(LOADED)
        press(page, f"{table} th:nth-child(1) button")
        page.ask("document.querySelector('#leaderboard .toolbar details').open = true")
        page.ask("document.querySelector('#leaderboard .toolbar input[type=checkbox]:not(:checked)').click()")
        columns = page.ask("document.querySelectorAll('#leaderboard thead th.extra').length")
        field = "document.querySelector('#leaderboard input[type=search]')"
        page.ask(f"{field}.focus(); {field}.value = 'trial < 9'; {field}.dispatchEvent(new Event('input'))")
        page.ask("document.querySelector('#trial-2').closest('details').open = true")
        for number in (4, 5):
            run.begin(number, batch_size=32, learning_rate=1e-4 * number)
            run.epoch(number, 1, 0.95)
            run.end(number)
        rows = "[...document.querySelectorAll('#leaderboard tbody tr')].map((row) => row.cells[0].dataset.key)"
        page.wait(f"{rows}.length === 6")
        assert page.ask(rows) == ["5", "4", "3", "2", "1", "0"]
        assert page.ask(f"{field}.value") == "trial < 9"
        assert page.ask(f"document.activeElement === {field}")
        assert page.ask("document.querySelector('#leaderboard .toolbar details').open")
        assert page.ask("document.querySelectorAll('#leaderboard thead th.extra').length") == columns
        page.ask("document.querySelector('#stories').scrollIntoView()")
        page.wait("!!document.querySelector('#trial-4')")
        assert page.ask("document.querySelector('#trial-2').closest('details').open")
        assert page.problems == []


def test_within_ten_seconds_of_its_end_every_section_shows_the_whole_study(chromium, run, monkeypatch):
    """Also those that are not in the window, and although redrawing rests for an hour while the study runs."""
    monkeypatch.setattr("reports.dashboard.sources.SLOWEST", 3600)
    trials = "[...document.querySelectorAll('.asof span')].map((line) => line.textContent)"
    with opened(chromium, run.address) as page:
        page.wait(LOADED)
        for number in range(4, 9):
            run.begin(number, batch_size=32, learning_rate=1e-4 * number)
            run.epoch(number, 1, 0.97 + number / 1000)
            run.end(number)
            page.wait(f"{text('#now')}.includes('#{number}') || {text('#now tbody')}.includes('{number}')")
        run.store.leases.end(run.id, Identity.own())
        assert page.wait(f"{trials}.every((line) => line === 'as of trial 8') && {trials}.length > 10") < 10
        assert page.ask("document.title") == "9/9 · running"
        assert page.problems == []


def test_no_card_says_that_there_is_nothing_once_there_is_wherever_the_reader_looks(chromium, tmp_path, monkeypatch):
    """Each has something to show from two trials on; redrawing rests for an hour."""
    for name, value in (("SLOWEST", 3600), ("REDRAWING", 1e-9)):
        monkeypatch.setattr(f"reports.dashboard.sources.{name}", value)
    run = Run(tmp_path / "sweep.db")
    yet = "[...document.querySelectorAll('.yet')].map((card) => card.id)"
    with (
        run.store,
        served(run.storage) as dashboard,
        opened(chromium, f"{dashboard.address}study/running", height=300) as page,
    ):
        page.wait(LOADED)
        assert {"leaderboard", "history", "outcomes", "stories"} <= set(page.ask(yet))
        for number in range(2):
            run.begin(number, batch_size=32 * (number + 1))
            run.epoch(number, 1, 0.97 + number / 100)
            run.end(number)
        page.wait(f"!{yet}.some((id) => ['leaderboard', 'history', 'outcomes', 'stories'].includes(id))")
        assert page.problems == []


def test_a_section_that_is_behind_says_so_and_is_redrawn_when_asked(chromium, run, monkeypatch):
    for name, value in (("SLOWEST", 3600), ("READING", 1e-9), ("REDRAWING", 1e-9)):
        monkeypatch.setattr(f"reports.dashboard.sources.{name}", value)
    with served(run.storage) as dashboard, opened(chromium, f"{dashboard.address}study/running") as page:
        page.wait(LOADED)
        page.ask("document.querySelector('#leaderboard').scrollIntoView()")
        for number in range(4, 7):
            run.begin(number, batch_size=32, learning_rate=1e-4 * number)
            run.epoch(number, 1, 0.97)
            run.end(number)
            page.wait(f"{text('#now tbody')}.includes('{number}')")
        line = text("#leaderboard .asof span")
        page.wait(f"/^as of trial [45], \\d+ s ago$/.test({line})")
        page.ask("document.querySelector('#leaderboard .asof button').click()")
        page.wait(f"{line} === 'as of trial 6'")
        assert page.ask("document.querySelectorAll('#leaderboard tbody tr').length") == 7
        assert page.ask("document.querySelector('#leaderboard .asof button').hidden")
        assert page.problems == []


def test_the_tab_counts_the_trials_and_its_icon_fills(chromium, run):
    icon = "document.querySelector('link[rel=icon]').href"
    with opened(chromium, run.address) as page:
        page.wait("document.title === '4/9 · running'")
        before = page.ask(icon)
        assert before.startswith("data:image/svg+xml,")
        run.begin(4, batch_size=32)
        run.epoch(4, 1, 0.98)
        run.end(4)
        page.wait(f"document.title === '5/9 · running' && {icon} !== {before!r}")


def test_a_folded_card_stays_folded_through_updates_and_the_bar_opens_it(chromium, run):
    card = "document.querySelector('#history > .card')"
    with opened(chromium, run.address) as page:
        page.wait(LOADED)
        press(page, "#history > .card > summary")
        assert page.ask(f"{card}.open") is False
        run.begin(4, batch_size=32)
        run.epoch(4, 1, 0.98)
        run.end(4)
        page.wait(f"{text('#history .asof')}.includes('trial 4')")
        assert page.ask(f"{card}.open") is False
        page.ask("document.querySelector('.contents a[href=\"#history\"]').click()")
        page.wait(f"{card}.open")


def test_what_was_zoomed_into_stays_so(chromium, run):
    plot = "document.querySelector('#history .js-plotly-plot')"
    with opened(chromium, run.address) as page:
        page.wait(LOADED)
        page.ask("document.querySelector('#history').scrollIntoView()")
        page.wait(f"!!{plot}?._fullLayout")
        area = f"{plot}.querySelector('.nsewdrag').getBoundingClientRect()"
        box = f"(({{ x, y, width, height }}) => [x, y, width, height])({area})"
        x, y, width, height = page.ask(box)
        for kind, share in (("mousePressed", 0.2), ("mouseMoved", 0.5), ("mouseReleased", 0.5)):
            at = {"x": x + share * width, "y": y + share * height}
            page.send("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **at)
        page.wait(f"{plot}.layout.xaxis.range[0] > 0")
        zoomed = page.ask(f"{plot}.layout.xaxis.range")
        points = f"{plot}.data.reduce((points, trace) => points + trace.x.length, 0)"
        before = page.ask(points)
        run.begin(4, batch_size=32)
        run.epoch(4, 1, 0.95)
        run.end(4)
        page.wait(f"{points} > {before}")
        assert page.ask(f"{plot}.layout.xaxis.range") == zoomed


def test_any_trial_can_be_looked_at_and_copied(chromium, huge):
    untold = "[...document.querySelectorAll('#leaderboard tbody tr')].at(-1)"
    with opened(chromium, huge.address + "study/huge") as page:
        page.wait(LOADED)
        page.ask("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        number = page.ask(f"{untold}.cells[0].dataset.key")
        assert page.ask(f"document.getElementById('trial-{number}')") is None
        page.ask(f"{untold}.querySelector('button.copy').click()")
        page.wait("window.copied")
        page.ask(f"{untold}.querySelector('a').click()")
        story = f"document.getElementById('trial-{number}').closest('details')"
        page.wait(f"{story}.open")
        assert page.ask("window.copied") == page.ask(f"{story}.querySelector('pre').textContent") + "\n"
        assert page.problems == []


def test_a_study_that_is_yet_to_begin_is_shown_once_it_has(chromium, tmp_path):
    storage = tmp_path / "sweep.db"
    Store.open(str(storage)).__exit__()
    with served(storage) as dashboard, opened(chromium, f"{dashboard.address}study/running") as page:
        assert "no study called running" in page.ask(text("header"))
        with Run(storage).store:
            page.wait(f"{text('h1')} === 'running' && {LOADED}")


def test_the_page_says_when_the_dashboard_has_ended(chromium, tmp_path):
    keep(str(tmp_path / "sweep.db"), sample(3))
    with served(tmp_path / "sweep.db") as dashboard, opened(chromium, dashboard.address) as page:
        page.wait(LOADED)
        dashboard.shutdown()
        page.wait("!document.querySelector('#lost').hidden")
        assert "updates again once it is back" in page.ask(text("#lost"))
