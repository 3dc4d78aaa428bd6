"""The dashboard as HTTP has it: who is answered, with what, and what is drawn how often."""

import gzip
import http.client
import platform
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from samples.dashboard import served
from samples.databases import begin, keep
from samples.results import sample, study

from reports.dashboard import sources, views
from reports.dashboard.server import Dashboard
from reports.pages.contents import STUDY
from sweep.errors import InputError
from sweep.results.status import StatusReader
from sweep.runs import Epoch, Outcome
from sweep.storage.lease import Leases
from sweep.storage.store import Store
from sweep.system.processes import Identity


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("dashboard") / "sweep.db")
    keep(path, sample(12))
    keep(path, sample(3, name="other", seed=1))
    return path


@pytest.fixture(scope="module")
def dashboard(storage):
    with served(storage) as dashboard:
        yield dashboard


def ask(dashboard, path, method="GET", **headers):
    """The answer with its body read."""
    answer = ask_bytes(dashboard, path, method, **headers)
    answer.body = answer.body.decode()
    return answer


def ask_bytes(dashboard, path, method="GET", **headers):
    """The same with the bytes of the body."""
    connection = http.client.HTTPConnection("127.0.0.1", dashboard.port, timeout=60)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.body = answer.read()
    connection.close()
    return answer


# -- who is answered


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9000", "127.0.0.1", "127.0.0.1:8080", "[::1]:1"])
def test_this_machines_own_names_are_answered_whatever_the_port(dashboard, host):
    assert ask(dashboard, "/", Host=host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "10.0.0.1", "[", "localhost@evil.example"]
)
def test_a_page_elsewhere_that_bends_its_name_to_this_machine_gets_nothing(dashboard, host):
    answer = ask(dashboard, "/study/quickstart", Host=host)
    assert (answer.status, answer.body) == (421, "This dashboard does not answer to that host name.")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "<script>"])
def test_only_get_is_answered(dashboard, method):
    answer = ask(dashboard, "/", method)
    assert answer.status in (400, 405)
    assert "script" not in answer.body


@pytest.mark.parametrize(
    "path", ["/", "/study/quickstart", "/study/quickstart/section/history", "/nothing", "/compare"]
)
def test_every_answer_forbids_what_a_page_does_not_need(dashboard, path):
    headers = ask(dashboard, path).headers
    directives = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["connect-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Server"] == "sweep"


def test_on_another_address_a_token_is_required_and_becomes_a_cookie(storage):
    with served(storage, host="0.0.0.0") as dashboard:
        address, token = dashboard.address.split("?token=")
        assert address == f"http://{platform.node()}:{dashboard.port}/"
        assert len(token) >= 32
        for path in ("/", "/?token=", "/?token=no", "/study/quickstart/events", f"/?token={token[:-1]}"):
            assert ask(dashboard, path, Host=platform.node()).status == 403
        entered = ask(dashboard, f"/study/quickstart?token={token}")
        assert entered.status == 200
        assert 'url=/study/quickstart"' in entered.body
        cookie, *attributes = entered.headers["Set-Cookie"].split("; ")
        assert attributes == ["HttpOnly", "Path=/", "SameSite=strict"]
        assert ask(dashboard, "/study/quickstart", Cookie=cookie).status == 200
        assert ask(dashboard, "/study/quickstart", Cookie=cookie[:-1]).status == 403
        assert ask(dashboard, "/study/quickstart", Cookie='=;;é="').status == 403
        assert ask(dashboard, "/", Cookie=cookie, Host="evil.example").status == 421
        leading = ask(dashboard, f"//evil.example/?token={token}")
        assert 'url=/evil.example"' in leading.body


def test_two_dashboards_have_two_tokens(storage):
    with served(storage, host="0.0.0.0") as one, served(storage, host="0.0.0.0") as other:
        assert one.token != other.token


# -- with what


def test_there_is_a_list_of_studies_and_a_single_one_is_led_to(dashboard, tmp_path):
    assert re.findall(r'href="(/study/[^"]*)"', ask(dashboard, "/").body) == ["/study/quickstart", "/study/other"]
    keep(str(tmp_path / "one.db"), sample(2, name="alone"))
    with served(tmp_path / "one.db") as one:
        answer = ask(one, "/")
        assert (answer.status, answer.headers["Location"]) == (302, "/study/alone")
        assert ask(one, "/compare").status == 404


def test_a_page_comes_with_what_is_cheap_and_places_for_the_rest(dashboard):
    text = ask(dashboard, "/study/quickstart").body
    assert re.findall(r'<section id="(\w+)" class="[\w ]*" aria-busy="true"', text) == [
        "summary",
        *(element.key for element in STUDY.sections),
    ]
    assert "All planned trials are done" in text
    assert len(text) < 20_000


@pytest.mark.parametrize("key", ["now", "summary", *(element.key for element in STUDY.sections)])
def test_each_section_comes_by_itself_and_only_if_it_has_changed(dashboard, key):
    path = f"/study/quickstart/section/{key}"
    answer = ask(dashboard, path)
    assert answer.status == 200
    assert answer.body.startswith(f'<section id="{key}"')
    again = ask(dashboard, path, If_None_Match=answer.headers["ETag"])
    assert (again.status, again.body) == (304, "")


def test_scripts_and_styles_are_loaded_once_and_kept(dashboard):
    text = ask(dashboard, "/study/quickstart").body
    addresses = re.findall(r'(?:src|href)="(/static/[^"]*)"', text)
    assert len(addresses) == 3
    for address in addresses:
        answer = ask(dashboard, address)
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert ask(dashboard, address.replace("/static/", "/static/0")).status == 404
    assert not re.findall(r"<script[^>]*>(?!</script>)", text)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/study", "/study/none/section/now", "/study/none/events", "/study/quickstart/section/none",
        "/study/quickstart/section/../../..", "/static/../server.py", "/study/quickstart/trial/99", "/%00",
        "/study/%2e%2e",
        "/study/quickstart/trial/-1", "/study/quickstart/trial/9999999999999999999999", "/study/none/trial/1",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(dashboard, path):
    answer = ask(dashboard, path)
    assert answer.status == 404
    assert "Traceback" not in answer.body


@pytest.mark.parametrize("number", ["0", "1", "-1", "x", "9" * 30, ""])
def test_any_page_of_a_table_may_be_asked_for(dashboard, number):
    assert ask(dashboard, f"/study/quickstart/section/leaderboard?page={number}").status == 200


def test_details_of_any_trial_can_be_requested(dashboard):
    story = ask(dashboard, "/study/quickstart/trial/3").body
    assert 'id="trial-3"' in story
    assert "learning_rate = " in story


def test_an_internal_error_is_shown_in_the_terminal_and_not_in_the_browser(storage, monkeypatch, capsys):
    with served(storage) as dashboard:
        monkeypatch.setattr(dashboard.pages, "study", lambda name: 1 / 0)
        answer = ask(dashboard, "/study/quickstart")
    assert answer.status == 500
    assert "ZeroDivisionError" not in answer.body
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_unreadable_database_gives_a_sentence(tmp_path):
    path = tmp_path / "sweep.db"
    keep(str(path), sample(2))
    with served(path) as dashboard:
        assert ask(dashboard, "/study/quickstart").status == 200
        for each in tmp_path.iterdir():
            each.write_bytes(b"no database at all " * 1000)
        answer = ask(dashboard, "/study/quickstart")
    assert answer.status == 503
    assert answer.body.startswith("The database")


def test_a_database_that_is_replaced_is_noticed(tmp_path, monkeypatch):
    """The other one has a study of the same name with as many trials."""
    monkeypatch.setattr(sources, "WATCH_SECONDS", 0)
    keep(str(tmp_path / "sweep.db"), sample(4))
    keep(str(tmp_path / "other.db"), sample(4, seed=1))
    with served(tmp_path / "sweep.db") as dashboard:
        path = "/study/quickstart/section/leaderboard"
        before = ask(dashboard, path)
        assert ask(dashboard, path, If_None_Match=before.headers["ETag"]).status == 304
        (tmp_path / "other.db").replace(tmp_path / "sweep.db")
        after = ask(dashboard, path, If_None_Match=before.headers["ETag"])
        assert after.status == 200
    with served(tmp_path / "sweep.db") as fresh:
        assert ask(fresh, path).body == after.body


def test_scripts_and_sections_are_sent_compressed_to_browsers_that_can_read_that(dashboard):
    script = re.search(r'src="(/static/[^"]*plotly.js)"', ask(dashboard, "/study/quickstart").body)[1]
    for path, least in ((script, 3), ("/study/quickstart/section/leaderboard", 2)):
        plain = ask_bytes(dashboard, path)
        small = ask_bytes(dashboard, path, Accept_Encoding="br, gzip")
        assert (plain.headers["Content-Encoding"], small.headers["Content-Encoding"]) == (None, "gzip")
        assert gzip.decompress(small.body) == plain.body
        assert least * len(small.body) < len(plain.body)


def test_two_hundred_visitors_at_once_are_all_answered(dashboard):
    def visit(_):
        return [ask(dashboard, f"/study/quickstart{rest}").status for rest in ("", "/section/leaderboard")]

    with ThreadPoolExecutor(200) as visitors:
        assert list(visitors.map(visit, range(200))) == [[200, 200]] * 200


def test_visitors_beyond_the_limit_are_told_to_come_again(storage, monkeypatch):
    monkeypatch.setattr("reports.dashboard.server.MOST_CONNECTIONS", 3)
    with served(storage) as dashboard, socket.create_connection(("127.0.0.1", dashboard.port)):
        first = ask(dashboard, "/study/quickstart")
        with socket.create_connection(("127.0.0.1", dashboard.port)):
            second = ask(dashboard, "/study/quickstart")
    assert (first.status, second.status) == (200, 503)


def test_a_request_without_end_is_ended(dashboard):
    assert ask(dashboard, "/", X="x" * 8_000).status == 200
    said = b""
    with socket.create_connection(("127.0.0.1", dashboard.port)) as connection, suppress(ConnectionError):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 5_000_000)
        said = connection.recv(100)
    assert said == b"" or said.startswith(b"HTTP/1.1 400 ")


# -- while a study runs


@pytest.fixture
def running(tmp_path):
    """A store with a study that this process holds, and its id."""
    with Store.open(str(tmp_path / "sweep.db")) as store:
        tried = study(name="running", trials=9)
        study_id = store.studies.begin(tried, "digest")
        store.leases.take(study_id, Identity.own(), None)
        yield store, study_id, tried.base, str(tmp_path / "sweep.db")


def epoch(store, study_id, trial, number, score=0.98):
    store.runs.add_epoch(trial.run.fingerprint, Epoch(number, 0.1, score, 0.1, score, 2.0), study_id, trial.number)


def test_events_tell_of_every_change_and_of_nothing_else(running, monkeypatch):
    monkeypatch.setattr(sources, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr("reports.dashboard._application.WATCH_SECONDS", 0.01)
    store, study_id, base, path = running
    with served(path) as dashboard:
        connection = http.client.HTTPConnection("127.0.0.1", dashboard.port, timeout=60)
        connection.request("GET", "/study/running/events")
        stream = connection.getresponse()
        assert stream.headers["Content-Type"].startswith("text/event-stream")

        def told():
            return [stream.readline(), stream.readline()][0]

        seen = [told()]
        trial = begin(store, study_id, 0, base, baseline=True)
        seen.append(told())
        epoch(store, study_id, trial, 1)
        seen.append(told())
        store.leases.beat(study_id, Identity.own())  # that somebody is alive is no news
        store.trials.end(study_id, 0, Outcome.COMPLETED)
        seen.append(told())
        store.leases.end(study_id, Identity.own())
        seen.append(told())
        assert len(set(seen)) == 5
        assert all(line.startswith(b"data: ") for line in seen)
        connection.close()


def test_a_section_is_drawn_once_per_change_however_many_look(running, monkeypatch):
    monkeypatch.setattr(sources, "WATCH_SECONDS", 0)
    monkeypatch.setattr(sources, "SLOWEST", 0)
    store, study_id, base, path = running
    trial = begin(store, study_id, 0, base, baseline=True)
    with StatusReader.open(path) as reading:
        view = views.Pages(reading).study("running")
        drawn = []
        make = view.parts["outcomes"].read
        monkeypatch.setitem(
            view.parts, "outcomes", replace(view.parts["outcomes"], read=lambda: drawn.append(1) or make())
        )
        first = [view.drawn("outcomes") for _ in range(5)]
        assert len(drawn) == 1
        assert len({each.tag for each in first}) == 1
        store.trials.end(study_id, trial.number, Outcome.FAILED, "no memory")
        assert "no memory" in view.drawn("outcomes").html
        assert len(drawn) == 2


@pytest.fixture
def slow(monkeypatch):
    """Whatever is redrawn rests for an hour, or as long as it may."""
    monkeypatch.setattr(sources, "WATCH_SECONDS", 0)
    monkeypatch.setattr(sources, "READING", 1e-9)
    monkeypatch.setattr(sources, "REDRAWING", 1e-9)
    monkeypatch.setattr(sources, "SLOWEST", 3600)


def score(store, study_id, number, base, *scores):
    """Trains a trial to its end."""
    trial = begin(store, study_id, number, base.replaced({"batch_size": 16 * (number + 1)}), baseline=number == 0)
    for at, each in enumerate(scores, 1):
        epoch(store, study_id, trial, at, each)
    store.trials.end(study_id, number, Outcome.COMPLETED)


def test_what_is_redrawn_rests_but_this_moment_does_not(running, slow):
    store, study_id, base, path = running
    score(store, study_id, 0, base, 0.9)
    score(store, study_id, 1, base, 0.91)
    with StatusReader.open(path) as reading:
        view = views.Pages(reading).study("running")
        keys = ("now", "summary", "leaderboard", "outcomes")
        assert [view.drawn(key).wait for key in keys] == [0] * 4
        score(store, study_id, 2, base, 0.92)
        assert [">2 " in view.drawn("leaderboard").html, "3 completed" in view.drawn("summary").html] == [True] * 2
        assert view.drawn("leaderboard").wait == 0  # the first change is shown at once
        assert view.drawn("outcomes").trial == 2
        score(store, study_id, 3, base, 0.93)
        assert "#trial-3" in view.drawn("now").html
        for key in keys[1:]:
            assert view.drawn(key).wait > 60, key
            assert view.drawn(key).trial == 2
        assert "3 completed" in view.drawn("summary").html
        assert "4 completed" in view.drawn("summary", now=True).html
        assert view.drawn("leaderboard").trial == 3  # what follows each reading shows this one too


def test_nothing_rests_while_no_process_runs_the_study(running, slow):
    store, study_id, base, path = running
    with StatusReader.open(path) as reading:
        view = views.Pages(reading).study("running")
        for number in range(4):
            score(store, study_id, number, base, 0.9 + number / 100)
            for key in ("summary", "outcomes"):
                view.drawn(key)
        assert not view.beat().endswith("over")
        assert max(view.drawn(key).wait for key in ("summary", "outcomes")) > 60
        store.leases.end(study_id, Identity.own())
        assert view.beat().endswith(" over")
        for key in ("summary", "outcomes"):
            assert (view.drawn(key).wait, view.drawn(key).trial) == (0, 3)
        assert "4 completed" in view.drawn("summary").html


def test_a_card_that_was_only_ever_empty_does_not_rest(running, slow):
    """Each of these has something to show from another trial on, and shows it as soon as the study is read."""
    store, study_id, base, path = running
    with StatusReader.open(path) as reading:
        pages = views.Pages(reading)
        view = pages.study("running")
        assert 'class="yet"' in view.drawn("comparison").html
        for number in range(3):
            score(store, study_id, number, base, 0.9 + number / 100)
        view.drawn("outcomes")
        pages._paces.redrawing._rested = 1e12
        assert 'class="yet"' not in view.drawn("comparison").html
        assert view.drawn("comparison").wait == 0


def test_a_section_rests_a_minute_at_most(running, slow, monkeypatch):
    store, study_id, base, path = running
    with StatusReader.open(path) as reading:
        view = views.Pages(reading).study("running")
        for number in range(4):
            score(store, study_id, number, base, 0.9 + number / 100)
            view.drawn("outcomes")
        assert view.drawn("outcomes").trial < 3
        monkeypatch.setattr(sources, "SLOWEST", 0)
        assert view.drawn("outcomes").trial == 3


def test_a_section_comes_with_its_trial_and_its_age(dashboard):
    answer = ask(dashboard, "/study/quickstart/section/history")
    assert (answer.headers["Sweep-Trial"], answer.headers["Sweep-Wait"]) == ("11", None)
    assert 0 <= float(answer.headers["Sweep-Age"]) < 600
    assert ask(dashboard, "/study/quickstart/section/now").headers["Sweep-Trial"] is None
    assert ask(dashboard, "/study/quickstart/section/history", Sweep_Now="1").headers["Sweep-Trial"] == "11"


def test_looking_writes_nothing(running):
    store, study_id, base, path = running
    begin(store, study_id, 0, base, baseline=True)
    with StatusReader.open(path) as reading, pytest.raises(Exception, match="readonly"):
        Leases(reading._database).end(study_id, Identity.own())
    assert store.leases.holder(study_id) is not None


# -- where it listens


def test_a_port_in_use_is_an_error_and_without_one_the_next_is_taken(storage, monkeypatch):
    with StatusReader.open(storage) as reading, Dashboard(reading, port=0) as first:
        with pytest.raises(InputError, match=rf"port {first.port} of 127.0.0.1: Address already in use.*--port"):
            Dashboard(reading, port=first.port)
        monkeypatch.setattr("sweep.system.ports.PORTS", range(first.port, first.port + 1))
        with pytest.raises(InputError, match=r"Every port from .* is in use"):
            Dashboard(reading)
        monkeypatch.setattr("sweep.system.ports.PORTS", range(first.port, first.port + 50))
        with Dashboard(reading) as second:
            assert second.port > first.port


def test_an_address_of_another_machine_is_an_error(storage):
    with StatusReader.open(storage) as reading:
        for host in ("no.such.host.invalid", "203.0.113.7", "exa mple"):
            with pytest.raises(InputError, match="--host"):
                Dashboard(reading, host=host, port=0)
