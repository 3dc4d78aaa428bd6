"""Remakes the README's pictures of a report: `python tests/screenshots.py DATABASE STUDY`."""

import base64
import sys
import tempfile
from pathlib import Path

from samples.browser import browser, opened

import reports
import sweep

FOLDER = Path(__file__).parent.parent / "reports" / "screenshots"
SECTIONS = ("history", "mistakes")


def main(database: str, study: str) -> None:
    with tempfile.TemporaryDirectory() as folder, browser() as pipe:
        path = Path(folder, "report.html")
        reports.write(sweep.result(study, storage=database), path)
        for scheme in ("light", "dark"):
            with opened(pipe, path, scripts=False, width=1100, height=680, dark=scheme == "dark") as page:
                top = page.send("Page.captureScreenshot")["data"]
                (FOLDER / f"opening-{scheme}.png").write_bytes(base64.b64decode(top))
                for section in SECTIONS:
                    page.screenshot(FOLDER / f"{section}-{scheme}.png", f"#{section}")


if __name__ == "__main__":
    main(*sys.argv[1:])
