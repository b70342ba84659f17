"""A headless Chromium, spoken to over two pipes: what a page shows, asks for and reports once its scripts have run.

DevTools protocol over --remote-debugging-pipe: JSON objects, each ended by a zero byte, on descriptors 3 and 4.
"""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--window-size=1280,1000",
)
_WITHIN_S = 60.0


def find_chromium() -> str | None:
    """The browser's program, if one is installed."""
    return next((path for path in map(shutil.which, _NAMES) if path is not None), None)


class Page:
    """A tab. ``requests`` are the URLs it asked for, ``reports`` its errors and what its policy refused."""

    def __init__(self, to: IO[bytes], back: IO[bytes]) -> None:
        self._to, self._back, self._last, self._session = to, back, 0, ""
        self.requests: list[str] = []
        self.reports: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self._call(f"{domain}.enable")

    def open(self, path: Path) -> None:
        """Go to a file."""
        self._call("Page.navigate", url=path.as_uri())

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, in JSON; of a promise, what it comes to."""
        options = {"returnByValue": True, "awaitPromise": True}
        answer = self._call("Runtime.evaluate", expression=expression, **options)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Until it is true."""
        deadline = time.monotonic() + _WITHIN_S
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, (expression, self.reports)
            time.sleep(0.05)

    def point_at(self, x: float, y: float) -> None:
        """Move the mouse there, in pixels of the window."""
        for place in ((x - 1, y), (x, y)):
            self._call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self._call("Input.insertText", text=text)

    def screenshot(self) -> bytes:
        """What is seen, as a PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._last += 1
        session = {"sessionId": self._session} if self._session else {}
        self._to.write(json.dumps({"id": self._last, "method": method, "params": params, **session}).encode() + b"\0")
        self._to.flush()
        while True:
            message = self._receive()
            if message.get("id") == self._last:
                assert "error" not in message, message
                return message["result"]
            self._note(message.get("method"), message.get("params", {}))

    def _receive(self) -> dict[str, Any]:
        read = bytearray()
        while (byte := self._back.read(1)) != b"\0":
            assert byte, "the browser has ended"
            read += byte
        return json.loads(read)

    def _note(self, event: str | None, params: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event == "Log.entryAdded":
            self.reports.append(params["entry"]["text"])
        elif event == "Runtime.exceptionThrown":
            self.reports.append(params["exceptionDetails"]["text"])


@contextmanager
def open_page(program: str, profile: Path) -> Iterator[Page]:
    """A tab of a browser of its own, which ends with the block."""
    browser = _start(program, profile)
    try:
        assert browser.stdin is not None
        assert browser.stdout is not None
        yield Page(browser.stdin, browser.stdout)
    finally:
        _end(browser)


def _start(program: str, profile: Path) -> subprocess.Popen[bytes]:
    """It reads 3, here the standard input, and writes 4, here the standard output; it ends when 3 does."""
    command = (program, *_OPTIONS, f"--user-data-dir={profile}", "about:blank")
    return subprocess.Popen(
        ["bash", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1', "bash", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _end(browser: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        browser.communicate(timeout=10)
    browser.kill()
    browser.wait()
