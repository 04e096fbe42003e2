"""Chromium without a window, driven over a pipe (Chrome DevTools Protocol, NUL between messages).

    with Browser.started(folder) as browser:
        page = browser.open(path)
        page.value("document.title")

`folder` takes the profile. No library is needed, no port is opened, and nothing is loaded from
anywhere but the file. Tests that need it are left out, by name, where Chromium is missing.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

PATIENCE = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--hide-scrollbars", "--mute-audio",
    "--remote-debugging-pipe", "--force-color-profile=srgb", "--font-render-hinting=none",
)  # fmt: skip


def chromium() -> str:
    """Its path, "" where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), "")


PLACED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads commands from 3 and answers on 4."""


class BrowserFailed(Exception):
    """It ended, or did not answer in time."""


@dataclass(slots=True)
class Page:
    """One tab. `complaints` are errors and warnings of its console, `requests` all URLs asked."""

    browser: Browser
    session: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def call(self, method: str, **parameters: Any) -> Any:
        """One command, answered."""
        return self.browser.call(method, parameters, self.session)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression yields, as JSON. AssertionError when it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)  # fmt: skip
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Of the window, in CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=mobile)  # fmt: skip

    def media(self, *, media: str = "", scheme: str = "light") -> None:
        """`print` or "", and `light` or `dark`."""
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": scheme}])  # fmt: skip

    def key(self, name: str, text: str = "", *, shift: bool = False) -> None:
        """A key pressed and released."""
        shared = {"key": name, "modifiers": 8 if shift else 0}
        typed = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **shared,
                  **typed)  # fmt: skip
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def move(self, x: float, y: float) -> None:
        """The pointer, without a button."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """A PNG of the whole page."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def pdf(self) -> bytes:
        """As it prints on A4."""
        answer = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69,
                           printBackground=True)  # fmt: skip
        return base64.b64decode(answer["data"])


@dataclass(slots=True)
class Browser:
    """The process and its two ends of the pipe."""

    process: subprocess.Popen[bytes]
    reads: int
    writes: int
    pages: dict[str, Page] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)
    _last: int = 0
    _rest: bytes = b""
    _answers: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator[Self]:
        """Until the end of the block."""
        theirs_in, writes = os.pipe()
        reads, theirs_out = os.pipe()
        # Above 9, so that putting them on 3 and 4 never closes one of the two.
        given = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (theirs_in, theirs_out)]
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", PLACED, *map(str, given), chromium(), *FLAGS,
                 f"--user-data-dir={folder}", "about:blank"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
                pass_fds=given,
            )  # fmt: skip
        finally:
            for each in (theirs_in, theirs_out, *given):
                os.close(each)
        browser = cls(process, reads, writes)
        try:
            yield browser
        finally:
            browser.close()

    def close(self) -> None:
        """Asked first, then ended."""
        for each in (self.writes, self.reads):
            os.close(each)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def open(
        self, path: Path, *, width: int = 1280, height: int = 900, scheme: str = "light"
    ) -> Page:
        """A page from a file, loaded."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = self.pages[session["sessionId"]] = Page(self, session["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.size(width, height)
        page.media(scheme=scheme)
        self.loaded.discard(page.session)
        page.call("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + PATIENCE
        while page.session not in self.loaded:
            self._read(until)
        return page

    def call(self, method: str, parameters: Mapping[str, Any], session: str = "") -> Any:
        """One command; AssertionError when it is refused."""
        self._last += 1
        number = self._last
        message = {"id": number, "method": method, "params": dict(parameters)}
        if session:
            message["sessionId"] = session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while number not in self._answers:
            self._read(until)
        answer = self._answers.pop(number)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def _read(self, until: float) -> None:
        ready, _, _ = select.select([self.reads], [], [], max(0.0, until - time.monotonic()))
        data = os.read(self.reads, 1 << 20) if ready else b""
        if not data:
            raise BrowserFailed("Chromium ended" if ready else "Chromium did not answer in time")
        *whole, self._rest = (self._rest + data).split(b"\0")
        for text in whole:
            self._heard(json.loads(text))

    def _heard(self, message: Mapping[str, Any]) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
            return
        page = self.pages.get(message.get("sessionId", ""))
        method, params = message["method"], message.get("params", {})
        if page is None:
            return
        if method == "Page.loadEventFired":
            self.loaded.add(page.session)
        elif method == "Runtime.exceptionThrown":
            page.complaints.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            page.complaints.append(str(params["args"]))
        elif method == "Log.entryAdded":
            page.complaints.append(f"{params['entry']['source']}: {params['entry']['text']}")
        elif method == "Network.requestWillBeSent":
            page.requests.append(params["request"]["url"])
