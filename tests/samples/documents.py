"""What the tests of README.md and docs/ share: pages taken apart."""

import re
import typing
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
PAGES = [README, ROOT / "ARCHITECTURE.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page that are in one of these languages, in their order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [text for language, text in found if language in languages]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def table(page: Path, mark: str) -> list[list[str]]:
    """The cells of the table that follows a comment, row by row, without its head."""
    lines = page.read_text().split(f"<!-- {mark} -->\n", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def anchors(page: Path) -> set[str]:
    """What links may name after `#`: a page's headings, in small letters and with dashes, as GitHub names them."""
    headings: typing.Iterable[str] = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
