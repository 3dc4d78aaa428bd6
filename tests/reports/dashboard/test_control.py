"""What visitors may do with `--control`: who is let, and that it is done to a study that really runs."""

import http.client
import threading
import time
from urllib.parse import urlencode

import pytest
from samples.browser import browser, opened
from samples.dashboard import served
from samples.databases import keep
from samples.pages import LOADED
from samples.results import sample
from samples.studies import RATES, run, study_of

import sweep
from sweep.cli.control import acts
from sweep.coordinator.coordinator import Stopped
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import InputError
from sweep.storage.store import Store

PAUSE = "/study/quickstart/act/pause"


@pytest.fixture
def done():
    """What visitors have done."""
    return []


@pytest.fixture
def dashboard(tmp_path, done):
    """Its one act is kept in `done`, and fails for trial 9."""

    def pause(study, given):
        if given.get("trial") == "9":
            raise InputError("There is no trial 9.")
        done.append((study, dict(given)))
        return "paused <b>"

    keep(str(tmp_path / "sweep.db"), sample(3))
    with served(tmp_path / "sweep.db", acts={"pause": pause}) as dashboard:
        yield dashboard


def send(dashboard, path=PAUSE, method="POST", body="", **headers):
    """A form as a page of the dashboard sends it, but for these headers (None: left out)."""
    host = f"127.0.0.1:{dashboard.port}"
    usual = {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin", "Cookie": cookie_of(dashboard)}
    usual |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", dashboard.port, timeout=60)
    connection.request(method, path, body, {name: value for name, value in usual.items() if value is not None})
    answer = connection.getresponse()
    answer.text = answer.read().decode()
    connection.close()
    return answer


def cookie_of(dashboard):
    return f"sweep-{dashboard.port}={dashboard.token}"


# -- who is let


def test_a_form_from_a_page_of_the_dashboard_is_done_and_answered(dashboard, done):
    answer = send(dashboard, body=urlencode({"trial": "3", "text": "läßt & <b>"}))
    assert (answer.status, answer.text) == (200, "paused <b>")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert done == [("quickstart", {"trial": "3", "text": "läßt & <b>"})]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": None}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "https://127.0.0.1"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Sec_Fetch_Site": "none"}, 403),
        ({"Cookie": None}, 403),
        ({"Cookie": "sweep-1=guessed"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 421),
        ({"Content_Length": "200001"}, 413),
        ({"Content_Length": None, "Transfer_Encoding": "chunked"}, 413),
    ],
)
def test_a_form_from_elsewhere_is_not_done(dashboard, done, headers, status):
    assert send(dashboard, **headers).status == status
    assert done == []


def test_a_token_in_the_address_lets_nobody_act(dashboard, done):
    assert send(dashboard, path=f"{PAUSE}?token={dashboard.token}", Cookie=None).status == 403
    assert done == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_nothing_is_done_but_by_post(dashboard, done, method):
    assert send(dashboard, method=method).status == 405
    assert done == []


@pytest.mark.parametrize("path", ["/study/none/act/pause", "/study/quickstart/act/none", "/study/quickstart/act/"])
def test_what_is_not_there_is_not_found(dashboard, done, path):
    assert send(dashboard, path=path).status == 404
    assert done == []


def test_what_cannot_be_done_is_told_in_a_sentence(dashboard, done):
    answer = send(dashboard, body="trial=9")
    assert (answer.status, answer.text) == (400, "There is no trial 9.")


def test_with_control_the_token_is_needed_for_reading_too(dashboard):
    assert f"?token={dashboard.token}" in dashboard.address
    assert send(dashboard, "/study/quickstart", "GET", Cookie=None).status == 403
    assert "Control this study" in send(dashboard, "/study/quickstart", "GET").text


def test_without_control_there_is_no_panel_and_no_post(tmp_path):
    keep(str(tmp_path / "sweep.db"), sample(3))
    with served(tmp_path / "sweep.db") as dashboard:
        assert "Control this study" not in send(dashboard, "/study/quickstart", "GET").text
        assert send(dashboard).status == 405


def test_control_is_for_this_machine_alone(tmp_path):
    with (
        pytest.raises(InputError, match=r"--control is for this machine alone, without --host 0\.0\.0\.0"),
        served(tmp_path / "sweep.db", host="0.0.0.0", acts={"pause": str}),
    ):
        pass


# -- in a browser


@pytest.fixture(scope="module")
def chromium():
    with browser() as pipe:
        yield pipe


def slow(*_):
    time.sleep(0.05)
    return 0.9


@pytest.fixture
def running(storage):
    """A study that really runs, on two scripted workers; call it to wait for the end and know why it stopped."""
    study = study_of(RATES, trials=9, base={"epochs": 90})
    run(study, storage, ScriptedEngine(stop_after=1))
    ended = []
    thread = threading.Thread(target=lambda: ended.append(run(study, storage, ScriptedEngine(slow, workers=2))[1]))
    thread.start()

    def stopped():
        thread.join(60)
        return ended[0]

    yield stopped
    if thread.is_alive():
        sweep.pause("test", storage=storage)
    thread.join()


def submit(page, act, at=0, **fields):
    """Fills in a form of the panel and sends it; gives what the page says then."""
    form = f"document.querySelectorAll('.control form[data-act={act}]')[{at}]"
    said = "document.querySelector('.control [role=status]').textContent"
    page.ask("document.querySelector('.control').open = true")
    for name, value in fields.items():
        page.ask(f"{form}.elements.{name}.value = {value!r}")
    page.ask(f"document.querySelector('.control [role=status]').textContent = ''; {form}.requestSubmit()")
    page.wait(f"{said}.length > 1")
    return page.ask(said)


def test_a_running_study_is_controlled_from_its_page(chromium, storage, running):
    told = []
    with served(storage, acts=acts(storage, told.append)) as dashboard, opened(chromium, dashboard.address) as page:
        page.wait(f"location.pathname === '/study/test' && {LOADED}")
        assert submit(page, "note", text="a good one", trial="0") == "noted: trial 0 of test"
        assert submit(page, "try", values="learning_rate=0.02") == "next in the queue of test: learning_rate 0.02"
        assert submit(page, "stop", at=1, trial="0") == "stopped: trial 0 of test"
        page.wait("document.querySelector('#now').textContent.includes('by hand, after')")
        assert "has no trial 77" in submit(page, "stop", at=1, trial="77")
        assert submit(page, "pause") == "paused: test. Every finished epoch is kept."
        page.wait("document.querySelector('#now').textContent.includes('Not running')")
        assert "No process runs study 'test'" in submit(page, "pause")
        complaints = [each for each in page.problems if "400" not in each]  # of what cannot be done
        assert complaints == []
    assert running() is Stopped.PAUSED
    result = sweep.result("test", storage=storage)
    assert result.frame.loc[0, "outcome"] == "stopped"
    assert [(note.trial, note.text) for note in result.notes] == [(0, "a good one")]
    assert (result.frame["origin"] == "by hand").sum() + len(result.queue) == 1
    with Store.open(storage) as store:
        assert [(each.act, each.trial) for each in store.requests.all(1)] == [("stop", 0), ("pause", None)]
    assert told == [
        "noted: trial 0 of test",
        "next in the queue of test: learning_rate 0.02",
        "stopped: trial 0 of test",
        "paused: test. Every finished epoch is kept.",
    ]


def test_a_search_is_stopped_from_its_page(chromium, storage, running):
    with served(storage, acts=acts(storage, print)) as dashboard, opened(chromium, dashboard.address) as page:
        page.wait(f"location.pathname === '/study/test' && {LOADED}")
        assert submit(page, "stop") == "stopped: the search of test"
    assert running() is Stopped.BY_HAND


def test_the_panel_fits_a_narrow_window(chromium, storage, running):
    window = {"width": 360, "dark": True}
    with served(storage, acts=acts(storage, print)) as dashboard, opened(chromium, dashboard.address, **window) as page:
        page.wait(f"location.pathname === '/study/test' && {LOADED}")
        page.ask("document.querySelector('.control').open = true")
        assert page.ask("document.documentElement.scrollWidth") <= 360
        assert page.problems == []
