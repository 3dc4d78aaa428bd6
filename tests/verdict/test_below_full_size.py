"""A verdict below full size says so first, wherever a reader meets what it recommends."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from samples.commands import ended
from samples.exports import selected
from samples.laboratory import EQUAL, HUGE, Laboratory, npz

from reports.dashboard.views import Pages
from reports.pages import html as pages
from sweep.api import ablate
from sweep.cli.rankings import print_ranking
from sweep.cli.taking_away import _print_export
from sweep.data.metric import IN_WORDS
from sweep.exports import _card as card
from sweep.exports import _script as script
from sweep.exports.folder import as_toml
from sweep.exports.formats import Written
from sweep.results.result import Result
from sweep.results.size import Size
from sweep.results.status import StatusReader
from sweep.verdict.suggestions import ranking

LIMIT = (
    "holds for 1,000 of 3,000 training images, not yet for all of them. `sweep confirm test --within 2m --storage {}` "
    "finds out whether it holds at full size."
)
SAID = LIMIT.partition(" 2m")[0].replace("`", "")


@pytest.fixture(scope="module", params=[1_000, None])
def confirmed(request, tmp_path_factory) -> SimpleNamespace:
    """A study on 1,000 of 3,000 images, and one on all of them: confirmed and ablated."""
    folder = tmp_path_factory.mktemp("sizes")
    with pytest.MonkeyPatch.context() as patched:
        laboratory = Laboratory(str(folder / "sweep.db"), npz(folder / "small.npz"), patched)
        laboratory.search(train_size=request.param)
        laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=3)
        result = ablate.ablate("test", storage=laboratory.storage, workers=1)
        yield SimpleNamespace(storage=laboratory.storage, result=result)


def document(result: Result) -> dict:
    provenance = {"versions": {"keras": "3"}, "machine": {"system": "s", "processor": "p", "cores": 1}}
    return card.metrics(
        selected(result, trial=result.recommended), Written(dict.fromkeys(IN_WORDS, 0.5), 0.7), provenance
    )


def dashboard(result: Result, storage: str) -> str:
    with StatusReader.open(storage) as reading:
        view = Pages(reading).study("test")
        return view.drawn("confirmation").html


COMMANDS = (
    "show test",
    "confirm test --seeds 3",
    "confirm test --seeds 3 --json",
    "ablate test",
    "ablate test --json",
    "compare test",
)
SURFACES = {
    "print(result)": lambda result, _: str(result),
    "sweep suggestions": lambda result, _: print_ranking(ranking([result]), [], as_json=False),
    "sweep suggestions --json": lambda result, _: print_ranking(ranking([result]), [], as_json=True),
    "report": lambda result, _: pages.render(result),
    "report of two": lambda result, _: pages.render([result, replace(result, study=result.study.replaced(name="b"))]),
    "dashboard": dashboard,
    "sweep export": lambda result, _: _print_export(Path("best"), document(result), by_default=True),
    "metrics.json": lambda result, _: json.dumps(document(result)),
    "model card": lambda result, _: card.as_card(document(result)),
    "best.toml": lambda result, _: as_toml(result, result.recommended),
    "train.py": lambda result, _: script.as_script(selected(result, trial=result.recommended)),
}


def plain(text: str) -> str:
    """A surface's words, without markup and marks of comments, in one line."""
    words = html.unescape(re.sub(r"<[^>]*>|\n#", " ", text)).replace("`", "")
    return " ".join(words.replace("\u202f", " ").split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_for_how_many_images_a_recommendation_holds(confirmed, capsys, command):
    shown = ended(capsys, *command.split(), "--storage", confirmed.storage, code=0).out
    assert (SAID in plain(shown)) == (not confirmed.result.verdict.size.full)


@pytest.mark.parametrize("surface", SURFACES)
def test_every_other_surface_says_it_too(confirmed, capsys, surface):
    shown = SURFACES[surface](confirmed.result, confirmed.storage) or capsys.readouterr().out
    assert (SAID in plain(shown)) == (not confirmed.result.verdict.size.full)


def test_the_first_sentence_of_a_verdict_says_it(confirmed):
    first = next(confirmed.result.verdict_lines())
    full = confirmed.result.verdict.size.full
    assert first == ("recommended trial 3: dense_units 256" if full else f"This {LIMIT.format(confirmed.storage)}")


def test_the_test_images_stay_sealed_until_a_verdict_at_full_size(confirmed):
    result = confirmed.result
    assert (result.verdict.test is None) == (result.test_looks == 0) == (not result.verdict.size.full)


def test_a_size_is_full_if_all_images_train_that_are_not_held_out():
    assert [Size(None, 3_000).full, Size(3_000, 3_000).full, Size().full] == [True] * 3
    assert [Size(1_000, 3_000).full, Size(1_000).full] == [False] * 2
    assert str(Size(1_000)) == "1,000 training images"  # in a verdict of version 0.1.0
