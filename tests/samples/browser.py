"""A real Chromium for the report's tests, driven over its own pipe (the DevTools protocol): no driver to install."""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-renderer-backgrounding",  # else a page that it takes for hidden may never be drawn
    "--disable-backgrounding-occluded-windows",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
PATIENCE = 120
"""Seconds after which a page that does not answer is an error."""
NUDGE = 5
"""Seconds after which a page that shows nothing new is brought to the front and drawn once more."""


def _chromium():
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise RuntimeError("These tests look at the page in a real browser: `apt-get install chromium`.")
    return found


@contextmanager
def browser():
    """A running Chromium; give it to `opened`."""
    chromium = _chromium()
    ours, theirs = os.pipe(), os.pipe()
    read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (ours[0], theirs[1]))  # away from 3 and 4
    os.close(ours[0])
    os.close(theirs[1])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(read), str(write), chromium, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(read, write),
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        with os.fdopen(ours[1], "wb", buffering=0) as to, os.fdopen(theirs[0], "rb", buffering=0) as answers:
            try:
                yield _Pipe(to, answers)
            finally:
                process.terminate()
                process.wait(timeout=PATIENCE)


class _Pipe:
    """Commands out, answers and events in; each ends with a null character."""

    def __init__(self, to, answers):
        self._to, self._answers = to, answers
        self._numbers = itertools.count(1)
        self._read = b""
        self.listeners = []

    def send(self, method, session=None, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[self._to.write(data) :]
        deadline = time.monotonic() + PATIENCE
        while (answer := self._next(deadline)).get("id") != number:
            for listener in self.listeners:
                listener(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _next(self, deadline):
        while b"\0" not in self._read:
            if not select.select([self._answers], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"Chromium has not answered within {PATIENCE} seconds.")
            found = self._answers.read(2**20)
            if not found:
                raise RuntimeError("Chromium ended.")
            self._read += found
        text, _, self._read = self._read.partition(b"\0")
        return json.loads(text)


class Page:
    """An open page: what it asked for, what it complained about, and what it says when asked."""

    def __init__(self, pipe, session):
        self._pipe, self._session = pipe, session
        self.requests, self.problems = [], []

    def send(self, method, **parameters):
        return self._pipe.send(method, self._session, **parameters)

    def hear(self, message):
        method, facts = message.get("method"), message.get("params", {})
        if message.get("sessionId") != self._session:
            return
        if method == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.problems.append(facts["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif method == "Runtime.consoleAPICalled" and facts["type"] in ("error", "warning", "assert"):
            self.problems.append(str([each.get("value") for each in facts["args"]]))
        elif method == "Log.entryAdded" and facts["entry"]["level"] in ("error", "warning"):
            self.problems.append(facts["entry"]["text"])

    def ask(self, expression):
        """The value of a JavaScript expression in the page."""
        found = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description", expression))
        return found["result"].get("value")

    def wait(self, condition):
        """Until a JavaScript condition holds; returns the seconds that took."""
        began = nudged = time.monotonic()
        while not self.ask(condition):
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError(f"{condition} did not come true; the page says: {self.problems}")
            if time.monotonic() - nudged > NUDGE:  # Chromium may take it for hidden, and never draw it
                self.send("Page.bringToFront")
                self.send("Page.captureScreenshot")
                nudged = time.monotonic()
            time.sleep(0.02)
        return time.monotonic() - began

    def look(self, width=1400, height=900, dark=False, medium="screen"):
        """Sets the window and what the reader prefers."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.send("Emulation.setEmulatedMedia", media=medium, features=[scheme])

    def screenshot(self, path, selector=None):
        """The whole page, or what a selector names, as PNG."""
        box = self.ask(
            "(() => { const box = document.querySelector("
            + json.dumps(selector or "html")
            + ").getBoundingClientRect(); return [box.x + scrollX, box.y + scrollY, box.width, box.height] })()"
        )
        clip = dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"scale": 1}
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        Path(path).write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def opened(pipe, path, scripts=True, **look):
    """A file, or what is at an address, in a page of its own, loaded."""
    target = pipe.send("Target.createTarget", url="about:blank")["targetId"]
    session = pipe.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    page = Page(pipe, session)
    pipe.listeners.append(page.hear)
    for domain in ("Page", "Network", "Runtime", "Log"):
        page.send(f"{domain}.enable")
    page.send("Page.bringToFront")
    page.send("Emulation.setScriptExecutionDisabled", value=not scripts)
    page.look(**look)
    page.send("Page.navigate", url=path if "://" in str(path) else Path(path).resolve().as_uri())
    page.wait("document.readyState === 'complete' && location.href !== 'about:blank'")
    try:
        yield page
    finally:
        pipe.listeners.remove(page.hear)
        pipe.send("Target.closeTarget", targetId=target)
