"""Colours, lines and markers, the same in every chart. They read on light and on dark backgrounds."""

from typing import Any

CONFIG: dict[str, Any] = {
    "showSendToCloud": False,  # Plotly 7 would add a button that uploads the chart
    "displayModeBar": False,  # dragging zooms, a double click resets
    "responsive": True,
}
"""What Plotly is given with every chart of a page."""

# Hues from Okabe and Ito, set so that each has a contrast of at least 3 to white and to near black.
BEST = "#2f7fc1"
BASELINE = "#d55e00"
OTHER = "#7d8796"
MEDIAN = "#0a9a74"
PAUSED = "#a8820a"
EVENT = "#b565a7"
FAINT = "rgba(125, 135, 150, 0.28)"
PRUNED = "rgba(125, 135, 150, 0.45)"
STOPPED = "#1a9fb5"
NOISE = "rgba(213, 94, 0, 0.13)"
TIED = "rgba(47, 127, 193, 0.13)"

RAMP = (
    "rgba(125, 135, 150, 0.3)",
    "rgba(106, 133, 161, 0.4)",
    "rgba(86, 131, 171, 0.5)",
    "rgba(67, 129, 182, 0.65)",
    "rgba(47, 127, 193, 0.85)",
)
"""From the lowest fifth of an axis to the highest."""

BASELINE_LINE = {"color": BASELINE, "width": 1.5, "dash": "dash"}
BASELINE_MARKER = {"color": BASELINE, "size": 10, "symbol": "diamond"}
SERIES = (
    (BEST, "circle"),
    (MEDIAN, "square"),
    (EVENT, "diamond"),
    (PAUSED, "triangle-up"),
    (STOPPED, "x"),
)
"""Colour and symbol of the first, second, ... of the curves or studies in one chart."""
