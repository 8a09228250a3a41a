"""The large files of the page in a real browser: progress, the copy that is kept, and retries."""

import json
import time

import pytest

from sertk import app
from sertk.app import server as servers
from sertk.export import bundling
from tests import browser, fake_model

pytestmark = pytest.mark.browser
READY = "document.getElementById('start').disabled === false"
COMPARED = "document.getElementById('status').dataset.largest"
TROUBLE = "document.getElementById('trouble').textContent"
LARGE = ("bundle.zip", "ort-wasm.wasm")
RECORD = """
window.seen = [];
new MutationObserver(() => {
  const [bar, words] = ["progress", "progress-words"].map((id) => document.getElementById(id));
  if (bar) window.seen.push([bar.value, bar.max, words.textContent]);
}).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
"""


@pytest.fixture(scope="module", autouse=True)
def _needed():
    browser.require()


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    bundling.pack(fake_model.files_of_a_bundle(folder), folder / "bundle.zip")
    return folder / "bundle.zip"


@pytest.fixture(scope="module")
def files(packed):
    return app.files(packed)


@pytest.fixture
def page():
    """A browser that has never been here."""
    with browser.chromium() as page:
        yield page


def loaded(page):
    """List what the page itself has asked for, and how many bytes came."""
    return page.driver.execute_script(
        "return performance.getEntriesByType('resource').map((e) => [e.name, e.transferSize])"
    )


def kept(page):
    """List what the browser keeps for the page."""
    return page.driver.execute_async_script("""
        const done = arguments[0];
        (async () => {
          const stores = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
          const keys = await Promise.all(stores.map((store) => store.keys()));
          done(keys.flat().map(({ url }) => url));
        })();
    """)


def test_the_bar_counts_the_bytes(page, files):
    total = sum(about["bytes"] for about in json.loads(files["downloads.json"]).values())
    page.cdp("Page.addScriptToEvaluateOnNewDocument", source=RECORD)
    with app.Server(files, port=0) as server:
        page.open(server.address)
        page.until(READY)
        seen = page.driver.execute_script("return window.seen")
        assert not page.driver.find_element("id", "loading").is_displayed()
    steps = [value for value, most, words in seen if most == total and " of " in words]
    assert steps == sorted(steps)
    assert len({value for value in steps if 0 < value < total}) > 3
    assert steps[-1] == total
    assert any(words == f"{total / 1e6:.1f} of {total / 1e6:.1f} MB" for _, _, words in seen)
    assert page.driver.execute_script("return document.getElementById('progress').labels.length")


def test_a_second_visit_loads_nothing_large(page, files, tmp_path, monkeypatch):
    monkeypatch.setattr(servers, "_IDLE_SECONDS", 0.5)
    with app.Server(files, port=0) as server:
        page.open(server.address)
        page.until(READY)
        first = [url for url, _ in loaded(page) if any(name in url for name in LARGE)]
        assert len(first) == 2
        assert sorted(kept(page)) == sorted(first)
        for address in ("", "debug.html"):
            page.open(server.address + address)
            page.until(COMPARED if address else READY)
            again = loaded(page)
            assert [url for url, _ in again if any(name in url for name in LARGE)] == []
            assert sum(size for _, size in again) < 20_000  # what is unchanged costs its headers
        port = int(server.address.rstrip("/").rpartition(":")[2])
    time.sleep(1.0)  # connections that are open would be answered by the first server
    record = fake_model.spec(corpora=["another"])
    bundling.pack(fake_model.files_of_a_bundle(tmp_path, record), tmp_path / "other.zip")
    with app.Server(app.files(tmp_path / "other.zip"), port=port) as server:
        page.open(server.address)
        page.until("document.getElementById('facts').textContent.includes('another')")
        again = [url for url, _ in loaded(page) if any(name in url for name in LARGE)]
        assert len(again) == 1
        assert len(kept(page)) == 2
        assert again[0] in kept(page)


def test_a_browser_that_keeps_nothing_works(page, files):
    lacking = "delete window.caches; delete Window.prototype.caches;"
    page.cdp("Page.addScriptToEvaluateOnNewDocument", source=lacking)
    with app.Server(files, port=0) as server:
        for _ in range(2):
            page.open(server.address)
            page.until(READY)
            # the server confirms what the browser's own cache holds, and the model is there
            assert page.driver.execute_script("return window.caches === undefined")
            assert [url for url, _ in loaded(page) if any(name in url for name in LARGE)]


def test_a_damaged_copy_is_loaded_again(page, files):
    with app.Server(files, port=0) as server:
        page.open(server.address)
        page.until(READY)
        page.driver.execute_async_script("""
            const done = arguments[0];
            (async () => {
              const store = await caches.open((await caches.keys())[0]);
              for (const key of await store.keys()) await store.put(key, new Response("x"));
              done();
            })();
        """)
        page.open(server.address)
        page.until(READY)
        assert len([url for url, _ in loaded(page) if any(name in url for name in LARGE)]) == 2


class _Cut(bytes):
    """Content of which the last bytes never come."""

    def __len__(self):
        return super().__len__() + 1000


@pytest.mark.parametrize("how", ["shorter", "cut", "changed", "longer"])
def test_a_download_that_fails_can_be_tried_again(how, page, files, monkeypatch):
    monkeypatch.setattr(servers, "_IDLE_SECONDS", 1.0)
    whole = files["bundle.zip"]
    bad = {"shorter": whole[:-7], "cut": _Cut(whole[:-7]), "longer": whole + b"x",
           "changed": whole[:-1] + bytes([whole[-1] ^ 1])}  # fmt: skip
    words = {"changed": "it changed on the way", "longer": f"longer than {len(whole):,} bytes"}
    broken = {**files, "bundle.zip": bad[how]}
    with app.Server(broken, port=0) as server:
        page.open(server.address)
        trouble = page.until(TROUBLE)
        reason = words.get(how, f"{len(whole) - 7:,} of {len(whole):,} bytes arrived")
        assert trouble.startswith("Cannot load bundle.zip (")
        assert reason in trouble
        assert "try again" in trouble
        assert page.text("status") == "No model is loaded."
        assert not page.driver.find_element("id", "loading").is_displayed()
        assert page.driver.find_element("id", "again").is_displayed()
        broken["bundle.zip"] = whole
        page.click("again")
        page.until(READY)
        assert page.text("trouble") == ""
        assert not page.driver.find_element("id", "again").is_displayed()
