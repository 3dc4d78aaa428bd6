"""Looking at a study: `write(result, path)` makes one self-contained HTML page; several results, one that compares.

In a notebook each chart is one call, as in ``reports.figures.history(result.frame)``.
"""

from reports import figures, tables
from reports.page import write

__all__ = ["figures", "tables", "write"]
