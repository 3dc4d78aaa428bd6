"""What the tests do with an open page: unfold all of it, wait until its charts are drawn, press a button."""

SCREENS = [(1600, False), (360, True)]
"""Widths in pixels, each with whether the reader prefers dark."""

LOADED = "document.readyState === 'complete' && document.querySelectorAll('[aria-busy]').length === 0"
"""Holds once a dashboard has fetched all of its sections."""

EVERYTHING = "document.querySelectorAll('details').forEach((fold) => { fold.open = true; })"
CHARTS = "document.querySelectorAll('figure.chart:not(.parallel) script').length"
DRAWN = "document.querySelectorAll('.js-plotly-plot .main-svg').length"


def see_all(page):
    """Opens every fold and goes past every chart that Plotly draws, until all are drawn."""
    page.ask(EVERYTHING)
    page.ask(
        "(async () => { for (const source of document.querySelectorAll('figure.chart script')) {"
        " const chart = source.parentElement, began = performance.now();"
        " chart.scrollIntoView();"
        " do await Promise.race([new Promise(requestAnimationFrame), new Promise((next) => setTimeout(next, 50))]);"
        " while (!chart.querySelector('.main-svg') && performance.now() - began < 200); }"
        " await new Promise((next) => setTimeout(next, 200)); })()"  # the last is coloured by then
    )
    page.wait(f"{DRAWN} >= {CHARTS}")


def press(page, selector):
    """A click by keyboard: focus and Enter."""
    page.ask(f"document.querySelector({selector!r}).focus()")
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
