"""The documents cannot lie: their tables are checked, their commands exist, their studies parse, their Python runs."""

import ast
import inspect
import re
import shlex
from pathlib import Path

import pytest
import typer
from cli_page import FILE, page
from samples.commands import forking, python
from samples.documents import PAGES, README, ROOT, anchors, blocks, prose, table

import studies
import sweep
from reports.pages.contents import COMPARISON, STUDY
from sweep.cli.app import app
from sweep.results.columns import CURVE_COLUMNS, TRIAL_COLUMNS
from sweep.space.configuration import PARAMETERS
from sweep.study.files import parse_study
from sweep.study.study import Study

DOCS = ROOT / "docs"
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
MOST_WORDS = 25
DIALECT = ("whoever", "whichever of", "somebody", "nobody", "anybody", "what is another", "befalls", "becomes of")

by_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


# -- commands


def shown_commands(path: Path) -> list[str]:
    lines = [line for text in blocks(path, "text", "sh") for line in text.splitlines() if path != FILE]
    commands = [match[1] for line in lines if (match := re.match(r"(sweep [a-z].*?)(?:  +.*|)$", line))]
    return commands + re.findall(r"`(sweep [a-z][^`]*)`", prose(path))


@by_page
def test_every_command_that_a_page_shows_exists_with_those_options(path):
    for line in shown_commands(path):
        _, command, *words = shlex.split(line)
        options = {name for parameter in COMMANDS[command].params for name in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line
        if command in ("run", "check") and words and words[0].islower() and not words[0].endswith(".toml"):
            assert words[0] in studies.texts(), line


def test_every_command_is_in_the_readme_and_on_a_page():
    assert {line.split()[1] for line in shown_commands(README)} == set(COMMANDS)
    others = {line.split()[1] for path in PAGES if path not in (README, FILE) for line in shown_commands(path)}
    assert others == set(COMMANDS)


def test_the_page_of_the_command_line_is_what_the_commands_say():
    assert FILE.read_text() == page(), "run `python tests/cli_page.py`"


# -- studies


def test_the_table_of_keys_is_that_of_a_study():
    expected = [[f"`{name}`", str(field.description)] for name, field in Study.model_fields.items()]
    assert table(DOCS / "studies.md", "keys") == expected


def test_the_table_of_parameters_is_what_a_space_may_hold():
    left_out = re.compile(r"(conv|pool)[245]_")
    assert table(DOCS / "studies.md", "parameters") == [
        [
            f"`{name}`",
            each.summary,
            each.allowed,
            "always" if each.when is None or each.neutral is not None else f"`{each.when}`",
        ]
        for name, each in PARAMETERS.items()
        if not left_out.match(name)
    ]


def test_the_studies_that_ship_are_listed():
    text = (DOCS / "studies.md").read_text()
    assert [name for name in studies.texts() if f"| `{name}` |" not in text] == []


@pytest.mark.parametrize("text", [text for path in PAGES for text in blocks(path, "toml")])
def test_every_study_that_a_page_shows_can_be_read(text, tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "best.toml").write_text("conv1_filters = 8\n")
    name = parse_study(text, "page.toml", tmp_path).name
    assert name not in studies.texts() or text == studies.texts()[name]


# -- Python


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the Python of all pages runs, page after page, with one database."""
    return tmp_path_factory.mktemp("pages")


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path, "python")], ids=lambda path: path.stem)
def test_the_python_of_a_page_runs_from_top_to_bottom(path, folder):
    text = "\n".join(blocks(path, "python"))
    done = python("-W", "error", "-c", forking(text), cwd=folder, seconds=600)
    assert done.returncode == 0, done.stderr


def test_the_page_of_python_uses_every_public_name():
    text = "\n".join(blocks(DOCS / "python.md", "python"))
    unused = [name for name in sweep.__all__ if f"sweep.{name}" not in text]
    # the first is raised by a user's own network, the second trains for minutes: its call is held below
    assert unused == ["Infeasible", "baseline"]


@by_page
def test_every_call_that_a_sentence_shows_fits_its_function(path):
    for text in re.findall(r"`(sweep\.\w+\([^`]*\))`", prose(path)):
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Attribute)
        keywords = {each.arg: None for each in call.keywords}
        inspect.signature(getattr(sweep, call.func.attr)).bind(*call.args, **keywords)


@pytest.mark.parametrize(
    ("mark", "columns"), [("columns of result.frame", TRIAL_COLUMNS), ("columns of result.curves", CURVE_COLUMNS)]
)
def test_the_columns_of_a_result_are_listed(mark, columns):
    assert table(DOCS / "python.md", mark) == [[f"`{name}`", meaning] for name, meaning in columns.items()]


# -- links and words


@by_page
def test_relative_links_lead_somewhere(path):
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", prose(path))
    for link in (first or second for first, second in links):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@by_page
def test_the_files_that_a_page_names_are_there(path):
    places = re.findall(
        r"(?:^|`)((?:sweep|reports|tests|studies|docs|benchmarks|examples)/[\w./-]*)", path.read_text(), re.MULTILINE
    )
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_the_picture_of_the_house_has_every_package():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    packages = [f"{each.parent.relative_to(ROOT)}/" for each in ROOT.glob("*/*/__init__.py")]
    ours = [each for each in packages if each.startswith(("sweep/", "reports/"))]
    assert ours
    assert [each for each in ours if f"\n{each} " not in text] == []


def sentences(path: Path) -> list[str]:
    """The sentences of a page's paragraphs and list items; tables and headings are none."""
    text = re.sub(r"<!--.*?-->|</?(?:picture|source|img)\b[^>]*>", "", prose(path), flags=re.DOTALL)
    paragraphs = re.split(r"\n\s*\n|^\s*(?:[-*]|\d+\.) ", text, flags=re.MULTILINE)
    found = [" ".join(each.split()) for each in paragraphs if not re.match(r"\s*[|#>]", each)]
    return [sentence for each in found for sentence in re.split(r"(?<=[.?!:])\s+(?=[A-Z`*\[])", each)]


@by_page
def test_a_sentence_has_at_most_25_words(path):
    assert [each for each in sentences(path) if len(each.split()) > MOST_WORDS] == []


@by_page
def test_a_page_speaks_plain_english(path):
    text = "" if path == FILE else prose(path).lower()
    assert [word for word in DIALECT if word in text] == []


# -- the report


@pytest.mark.parametrize(
    ("mark", "sections"), [("sections of a study", STUDY.sections), ("sections of a comparison", COMPARISON.sections)]
)
def test_the_page_of_reports_names_every_section_in_order(mark, sections):
    assert [row[0] for row in table(DOCS / "reports.md", mark)] == [each.title for each in sections]
