"""What axe-core has against the pages: nothing serious."""

import hashlib
import subprocess
import tarfile

import pytest
from samples.browser import browser, opened
from samples.dashboard import served
from samples.databases import keep
from samples.pages import EVERYTHING, LOADED
from samples.results import confirmed, sample, shifted

import reports
from sweep.system.files import atomic_write

AXE = "axe-core@4.11.0"
SHA256 = "e9e5863c33a874f09bc01acd9234b7e3c871479f5eef8802fa582544465e6d01"
RUN = """
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations
  .filter(({ impact }) => ["serious", "critical"].includes(impact))
  .map(({ id, nodes }) => [id, nodes.length, nodes[0].html.slice(0, 200), nodes[0].failureSummary.slice(0, 300)]))
"""
CONFIRMED = confirmed(sample(12), {trial: shifted(trial, trial + 0.1, trial - 0.1) for trial in range(4)})


@pytest.fixture(scope="module")
def axe(pytestconfig):
    """The script, fetched with npm once and kept in pytest's cache."""
    path = pytestconfig.cache.mkdir("axe-core") / f"{SHA256}.js"
    if not path.exists():
        with atomic_write(path) as temporary:
            command = ["npm", "pack", AXE, "--ignore-scripts", "--silent"]
            subprocess.run(command, cwd=temporary.parent, check=True, capture_output=True)
            archive = temporary.parent / f"{AXE.replace('@', '-')}.tgz"
            with tarfile.open(archive) as package:
                temporary.write_bytes(package.extractfile("package/axe.min.js").read())
            archive.unlink()
    text = path.read_bytes()
    assert hashlib.sha256(text).hexdigest() == SHA256
    return text.decode()


@pytest.fixture(scope="module")
def chromium():
    with browser() as pipe:
        yield pipe


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Addresses of a report of one study, of several, and of each page of a dashboard."""
    folder = tmp_path_factory.mktemp("pages")
    reports.write(CONFIRMED, folder / "one.html")
    reports.write([CONFIRMED, sample(12, name="other", seed=1)], folder / "several.html")
    for result in (sample(12), sample(12, name="other", seed=1)):
        keep(str(folder / "sweep.db"), result)
    with served(folder / "sweep.db") as dashboard:
        files = {f"report of {name}": (folder / f"{name}.html").as_uri() for name in ("one", "several")}
        yield files | {path: dashboard.address + path for path in ("", "compare", "study/quickstart")}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["report of one", "report of several", "", "compare", "study/quickstart"])
def test_axe_finds_nothing_serious(chromium, pages, axe, name, dark):
    with opened(chromium, pages[name], dark=dark) as page:
        page.wait(LOADED)
        page.ask(EVERYTHING)
        if page.ask("!!document.querySelector('.parallel')"):
            page.ask("document.querySelector('#parallel').scrollIntoView()")
            page.wait("!!document.querySelector('.plane')")
            page.ask("shown.set('completed')")
        page.ask(f"{axe}; 0")
        assert page.ask(RUN) == []


def test_axe_finds_what_is_wrong(chromium, tmp_path, axe):
    path = tmp_path / "wrong.html"
    path.write_text("<!doctype html><html lang=en><title>wrong</title><img src='data:,'><button></button>")
    with opened(chromium, path) as page:
        page.ask(f"{axe}; 0")
        assert {found[0] for found in page.ask(RUN)} == {"button-name", "image-alt"}
