"""Drive the listening page in headless Chromium, cut off from every other host."""

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sertk.app import runtime
from sertk.errors import ConfigurationError

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-quic", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


def missing() -> str:
    """Say what is not here that the tests need; empty if nothing."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"{program} is not installed (apt-get install chromium chromium-driver)"
    if importlib.util.find_spec("selenium") is None:
        return "selenium is not installed (the extra dev)"
    try:
        runtime.read()
    except ConfigurationError as error:
        return str(error)
    return ""


def require() -> None:
    """Skip where something is missing; fail where CI says that it must be there."""
    reason = missing()
    if reason and os.environ.get("SERTK_BROWSER") == "required":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@contextmanager
def chromium(sound: Path | None = None, *flags: str) -> Iterator["Page"]:
    """Open a browser, whose microphone plays a file; without one, permission is refused."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    microphone = () if sound is None else (
        "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={sound}",
    )  # fmt: skip
    for flag in (*FLAGS, *microphone, *flags):
        options.add_argument(flag)
    service = webdriver.ChromeService(executable_path=str(shutil.which("chromedriver")))
    driver = webdriver.Chrome(options, service)
    driver.set_script_timeout(20)
    try:
        yield Page(driver)
    finally:
        driver.quit()


class Page:
    """What a visitor does and sees."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, address: str) -> None:
        self.driver.get(address)

    def until(self, script: str, seconds: float = 15.0):
        """Wait until a script returns something true, and return it."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, seconds, 0.1).until(
            lambda driver: driver.execute_script(f"return {script}")
        )

    def text(self, name: str) -> str:
        return self.driver.execute_script(f"return document.getElementById('{name}').textContent")

    def click(self, name: str) -> None:
        element = self.driver.find_element("id", name)
        # the page scrolls smoothly, and a click would miss what still moves
        self.driver.execute_script("arguments[0].scrollIntoView({behavior: 'instant'})", element)
        element.click()

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(key).perform()

    def drop(self, path: Path, name: str | None = None) -> None:
        """Drop a file on the page, as from a file manager."""
        self.driver.execute_script(_DROP, list(path.read_bytes()), name or path.name)

    def shares(self) -> dict[str, float]:
        """Read the bars: class -> probability."""
        found = self.driver.execute_script(_BARS)
        return {name: float(value) for name, value in found if value}

    def cdp(self, command: str, **words):
        """Ask the browser itself for something: a width, a permission."""
        return self.driver.execute_cdp_cmd(command, words)

    def size(self, width: int, height: int) -> None:
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=False)  # fmt: skip

    def complaints(self) -> list[str]:
        """List what the browser wrote to its console since the last time."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


def asked(log: Path) -> set[tuple[str, str]]:
    """Read what a browser that has ended asked for, its workers too: (who, address).

    Who is the origin of the page, or `not an origin` for what the browser does by itself.
    """
    text = log.read_text(encoding="utf-8").rstrip()
    try:
        events = json.loads(text)["events"]
    except json.JSONDecodeError:  # it was cut off while it wrote
        events = json.loads(text.rstrip(",") + "]}")["events"]
    about = [event["params"] for event in events if isinstance(event.get("params"), dict)]
    return {(p["initiator"], p["url"]) for p in about if "url" in p and "initiator" in p}


_DROP = """
const file = new File([new Uint8Array(arguments[0])], arguments[1]);
const transfer = new DataTransfer();
transfer.items.add(file);
document.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
"""
_BARS = """
return [...document.querySelectorAll("#bars li")].map(
  (bar) => [bar.children[0].textContent, bar.querySelector("data").value]);
"""
