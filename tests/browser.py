"""A real headless Chromium, driven over its DevTools protocol: keys and mouse as a person's, and every request it made.

with browser(tmp_path) as chromium:
    page = chromium.open(tmp_path / "report.html")
    page.press("Tab")
    assert page.outside() == []
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt-get install chromium)")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", "--no-first-run", "--remote-debugging-port=0",
)  # fmt: skip
START_S = 60
WAIT_S = 20
"""How long a reply or a condition may take, on a machine that does other things too."""
INNER = ("data:", "blob:", "about:")
"""Addresses that are no request to anywhere."""
KEYS = {
    "Enter": 13, "Tab": 9, "Escape": 27, " ": 32, "Backspace": 8, "Delete": 46, "Home": 36, "End": 35, "PageUp": 33,
    "PageDown": 34, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
}  # fmt: skip
"""Key codes of keys that are no letters, by name."""
TEXT_OF = {"Enter": "\r", " ": " "}
"""What keys with a name write."""
ALT, CTRL, META, SHIFT = 1, 2, 4, 8
"""Modifiers of `Page.press`, to be added."""


class Failed(AssertionError):
    """The page threw an error, or a condition did not come true."""


@dataclass(frozen=True)
class Asked:
    """One request of a page."""

    url: str
    method: str
    kind: str
    """As the protocol calls it: Document, Script, Image, Fetch ..."""


@dataclass
class Page:
    """A tab."""

    socket: Any
    count: int = 0
    requests: list[Asked] = field(default_factory=list)
    """Every request since the tab was opened, of pages that were left as well."""
    statuses: dict[str, int] = field(default_factory=dict)
    """HTTP status of the last answer from each address."""
    errors: list[str] = field(default_factory=list)
    """Errors and warnings on the console, uncaught exceptions and what the browser blocked."""
    loaded: int = 0
    """How many pages have loaded."""
    dialogs: list[str] = field(default_factory=list)
    """What alerts and questions said; each is answered with yes."""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        self.count += 1
        number = self.count
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            message = self._receive(until - time.monotonic())
            if message and message.get("id") == number:
                if "error" in message:
                    raise Failed(f"{method}: {message['error']['message']}")
                found: dict[str, Any] = message["result"]
                return found
        raise Failed(f"{method}: no answer in {WAIT_S} s")

    def pump(self, seconds: float) -> None:
        """Note what happens in some time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._receive(left)

    def _receive(self, seconds: float) -> dict[str, Any] | None:
        from websocket import WebSocketTimeoutException

        self.socket.settimeout(max(seconds, 0.001))
        try:
            message: dict[str, Any] = json.loads(self.socket.recv())
        except WebSocketTimeoutException:
            return None
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event: str, params: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            request = params["request"]
            self.requests.append(Asked(request["url"], request["method"], params.get("type", "")))
        elif event == "Network.responseReceived":
            self.statuses[params["response"]["url"]] = params["response"]["status"]
        elif event == "Page.loadEventFired":
            self.loaded += 1
        elif event == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(part.get("value", part.get("description"))) for part in params["args"]))
        elif event == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())
        elif event == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])
            self.count += 1
            answer = {"id": self.count, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
            self.socket.send(json.dumps(answer))

    def goto(self, address: str | Path) -> None:
        """Open an address or a file, and wait until it has loaded."""
        before, url = self.loaded, address.resolve().as_uri() if isinstance(address, Path) else address
        result = self.call("Page.navigate", url=url)
        if result.get("errorText"):
            raise Failed(f"{url}: {result['errorText']}")
        if "loaderId" in result:
            self._until(lambda: self.loaded > before, f"{url} did not load")
        else:  # another place on the same page
            self.wait(f"location.href === {json.dumps(url)}")

    def reload(self) -> None:
        """Load the page again, and wait until it has loaded."""
        before = self.loaded
        self.call("Page.reload")
        self._until(lambda: self.loaded > before, "the page did not load again")

    def _until(self, holds: Any, otherwise: str, seconds: float = WAIT_S) -> None:
        until = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > until:
                raise Failed(f"{otherwise} in {seconds} s; console: {self.errors}")
            self.pump(0.03)

    def js(self, expression: str) -> Any:
        """The value of an expression, awaited if it is a promise; raises `Failed` with what it threw."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise Failed(f"{expression}: {details.get('exception', {}).get('description', details['text'])}")
        return result["result"].get("value")

    def wait(self, expression: str, seconds: float = WAIT_S) -> Any:
        """The value of an expression once it is true."""
        found: list[Any] = []

        def holds() -> bool:
            with suppress(Failed):  # while a page loads, its names are missing
                found.append(self.js(expression))
            return bool(found and found[-1])

        self._until(holds, f"{expression}: not true", seconds)
        return found[-1]

    def text(self, selector: str = "body") -> str:
        """What a person reads of an element."""
        return str(self.js(f"document.querySelector({json.dumps(selector)}).innerText"))

    def press(self, key: str, modifiers: int = 0) -> None:
        """Press and release a key: a character, or a name as in `KEYS`."""
        code = KEYS.get(key, ord(key.upper()[0]))
        event: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        if len(key) == 1 and key.isalpha():
            event["code"] = f"Key{key.upper()}"
        elif len(key) == 1 and key.isdigit():
            event["code"] = f"Digit{key}"
        else:
            event["code"] = "Space" if key == " " else key
        text = TEXT_OF.get(key, key if len(key) == 1 else "") if not modifiers & ~SHIFT else ""
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text: str) -> None:
        """Type characters one by one."""
        for character in text:
            self.press(character)

    def middle(self, selector: str) -> tuple[float, float]:
        """The middle of an element in the window, scrolled to."""
        found = self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;"
            "e.scrollIntoView({block: 'center', behavior: 'instant'}); const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        if found is None:
            raise Failed(f"{selector}: not on the page")
        return found[0], found[1]

    def mouse(self, kind: str, x: float, y: float, buttons: int = 0) -> None:
        """One event of the mouse: `mouseMoved`, `mousePressed`, `mouseReleased`."""
        button = "none" if kind == "mouseMoved" and not buttons else "left"
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=buttons, clickCount=1)

    def click_at(self, x: float, y: float) -> None:
        """Click a place in the window."""
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, 1)
        self.mouse("mouseReleased", x, y)

    def click(self, selector: str) -> None:
        """Click the middle of an element."""
        self.click_at(*self.middle(selector))

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 5) -> None:
        """Press at one place, move to another, release."""
        self.mouse("mouseMoved", *start)
        self.mouse("mousePressed", *start, 1)
        for k in range(1, steps + 1):
            x, y = (a + (b - a) * k / steps for a, b in zip(start, end, strict=True))
            self.mouse("mouseMoved", x, y, 1)
        self.mouse("mouseReleased", *end)

    def viewport(self, width: int, height: int, *, phone: bool = False, scale: float = 1) -> None:
        """Size of the window in CSS pixels; `phone`: with touch and without scroll bars that take room."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def media(self, kind: str = "", **features: str) -> None:
        """Show the page as `print`, or with features such as `prefers_color_scheme="dark"`."""
        wanted = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=kind, features=wanted)

    def scripts(self, allowed: bool) -> None:
        """Whether the pages opened next may run scripts."""
        self.call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def screenshot(
        self, path: Path, *, whole: bool = False, clip: tuple[float, float, float, float] | None = None
    ) -> None:
        """A PNG of the window, of the whole page, or of `clip`: x, y, width and height on the page."""
        params: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole or clip is not None}
        if clip:
            x, y, width, height = clip
            params["clip"] = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **params)["data"]))

    def pdf(self, path: Path) -> None:
        """The page as printed, A4."""
        size = {"paperWidth": 8.27, "paperHeight": 11.69}
        result = self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True, **size)
        path.write_bytes(base64.b64decode(result["data"]))

    def outside(self) -> list[str]:
        """Addresses asked for beyond the page itself: a page that stands alone asks for none."""
        self.pump(0.3)
        return [asked.url for asked in self.requests if asked.kind != "Document" and not asked.url.startswith(INNER)]


@dataclass
class Browser:
    """A running Chromium with a profile of its own."""

    process: subprocess.Popen[bytes]
    port: int
    pages: list[Page] = field(default_factory=list)

    def tab(self) -> Page:
        """A new, empty tab."""
        from websocket import create_connection

        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=WAIT_S) as answer:
            address = json.load(answer)["webSocketDebuggerUrl"]
        page = Page(create_connection(address, timeout=WAIT_S, suppress_origin=True, http_no_proxy=["127.0.0.1"]))
        self.pages.append(page)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.call("Page.bringToFront")  # a tab that nobody sees does not draw
        return page

    def open(self, address: str | Path) -> Page:
        """A new tab with an address or a file in it, loaded."""
        page = self.tab()
        page.goto(address)
        return page

    def kill(self) -> None:
        """End it as a crash does (kill -9), with all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for page in self.pages:
            page.socket.shutdown()
        self.pages.clear()


@contextmanager
def browser(folder: Path, *more_flags: str) -> Iterator[Browser]:
    """A Chromium with a new profile in a folder; skips the test where none is installed."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium (Debian: apt-get install chromium)")
    profile = folder / f"chromium-{time.monotonic_ns()}"
    profile.mkdir(parents=True)
    with (profile / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [CHROMIUM, *FLAGS, *more_flags, f"--user-data-dir={profile}", "about:blank"],
            stdout=stderr, stderr=stderr, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    running = Browser(process, 0)
    try:
        running.port = _port(process, profile)
        yield running
    finally:
        running.kill()


def _port(process: subprocess.Popen[bytes], profile: Path) -> int:
    """Where it listens, as it writes into its profile."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError, IndexError, ValueError):
            return int((profile / "DevToolsActivePort").read_text().splitlines()[0])
        time.sleep(0.05)
    said = (profile / "stderr").read_text(errors="replace")[-2000:]
    raise Failed(f"Chromium did not start within {START_S} s: {said}")
