"""The listening page in a real browser: Python's answers, its mistakes, and no word to anybody."""

import csv
import dataclasses
import json
import time
from collections import Counter

import numpy as np
import pytest
import soundfile

from sertk import Preprocessing, app, audio, predict, splits
from sertk.export import bundling
from tests import browser, small_corpus

pytestmark = pytest.mark.browser
READY = "document.getElementById('start').disabled === false"
TROUBLE = "document.getElementById('trouble').textContent !== ''"


@pytest.fixture(scope="module", autouse=True)
def _needed():
    browser.require()


@pytest.fixture(scope="module")
def packed(small_root, tmp_path_factory):
    """A bundle of a network that has learned the small corpus in a few seconds."""
    from sertk import training

    rows = splits.by_speaker(small_corpus.manifest(small_root), val=1, test=1)
    folder = tmp_path_factory.mktemp("app")
    run = training.cross_validate(
        "mlp", rows, Preprocessing("log_mel", clip_seconds=0.6), folder=folder / "run",
        epochs=30, batch_size=16, learning_rate=3e-3,
    )  # fmt: skip
    return bundling.to_bundle(run, folder / "bundle.zip", roots={"small": small_root}).path


@pytest.fixture(scope="module")
def sounds(small_root, tmp_path_factory):
    """Clips at the model's rate, at others, and a silence."""
    folder = tmp_path_factory.mktemp("sounds")
    wave, _ = soundfile.read(small_root / "dan" / "sad_1.wav", dtype="float32")
    quiet = np.zeros(8000, "float32")
    soundfile.write(folder / "same.wav", np.concatenate([quiet, wave, quiet, wave / 3]), 16_000)
    both = np.stack([np.repeat(wave, 3), np.zeros(48_000, "float32")], axis=1)
    soundfile.write(folder / "other.flac", both, 48_000)
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(folder / "short.wav", wave[:6000], 16_000)
    return folder


@pytest.fixture(scope="module")
def predictor(packed):
    return predict.load(packed)


@pytest.fixture(scope="module")
def spoken(predictor, small_root, tmp_path_factory):
    """A recording for the microphone to play, and its label: the one that the network doubts least.

    It is at the microphone's own rate, and one tone without a seam.
    """
    table = predictor.files(predict.find([small_root / "ann", small_root / "dan"])).frame()
    path = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    for name in table.sort_values("probability", ascending=False)["path"]:
        wave, _ = soundfile.read(name, dtype="float32")
        soundfile.write(path, audio.resample(np.tile(wave, 4), 16_000, 48_000), 48_000)
        along = predictor.timeline(path).frame()
        label = along["label"].mode()[0]
        if (along["label"] == label).all() and along["probability"].min() > 0.45:
            return path, label
    pytest.fail("the network learned nothing that it is sure of")


@pytest.fixture(scope="module")
def server(packed, sounds):
    clips = [sounds / name for name in ("same.wav", "silent.wav", "short.wav")]
    with app.Server(app.files(packed, clips=clips), port=0) as server:
        yield server


@pytest.fixture(scope="module")
def page(server, spoken, tmp_path_factory):
    """One browser, whose microphone plays a clip; at the end, whom it asked is looked at."""
    log = tmp_path_factory.mktemp("net") / "net.json"
    with browser.chromium(spoken[0], "--window-size=1280,1000", f"--log-net-log={log}") as page:
        yield page
    origin = server.address.rstrip("/")
    asked = browser.asked(log)
    by_the_page = {url for who, url in asked if who == origin}
    assert len(by_the_page) > 10
    assert any(url.endswith("ort-wasm.js") for url in by_the_page)  # workers are heard too
    for who, url in asked:
        # the browser's own wishes have no origin, and reach nobody
        assert who == "not an origin" or url.startswith(server.address), (who, url)


@pytest.fixture(scope="module")
def plain():
    """A browser on a machine without a microphone."""
    with browser.chromium() as page:
        yield page


@pytest.fixture
def opened(page, server):
    page.open(server.address)
    page.until(READY)
    yield page
    assert [w for w in page.complaints() if "Content Security Policy" in w] == []


def test_the_microphone_gets_the_top_class_of_python(opened, spoken):
    opened.driver.execute_script("document.getElementById('rows').open = true")
    opened.click("start")
    opened.until("document.querySelectorAll('#rows-body tr').length >= 6")
    labels = opened.driver.execute_script(
        "return [...document.querySelectorAll('#rows-body tr td:nth-child(3)')]"
        ".map((cell) => cell.textContent)"
    )
    assert Counter(labels).most_common(1)[0][0] == spoken[1]
    assert spoken[1] in opened.text("said")
    assert opened.text("level-words").endswith("dB")
    opened.click("pause")
    assert opened.text("pause") == "Resume"
    time.sleep(0.6)
    count = "document.querySelectorAll('#rows-body tr').length"
    before = opened.driver.execute_script(f"return {count}")
    time.sleep(1.2)
    assert opened.driver.execute_script(f"return {count}") == before
    opened.click("start")
    assert opened.text("start-words") == "Start listening"


def test_a_changed_mind_leaves_no_microphone_open(opened):
    opened.driver.execute_script(
        "const button = document.getElementById('start'); button.click(); button.click();"
    )
    time.sleep(1.0)
    assert opened.text("start-words") == "Start listening"
    assert opened.text("of") == "No sound yet"
    opened.click("start")
    opened.until("document.getElementById('of').textContent.startsWith('The last')")


@pytest.mark.parametrize(("name", "close"), [("same.wav", 1e-5), ("other.flac", 1e-3)])
def test_a_dropped_file_gets_the_probabilities_of_python(name, close, opened, sounds, predictor):
    row = predictor.file(sounds / name)
    opened.drop(sounds / name)
    opened.until(f"document.getElementById('of').textContent.startsWith('{name}')")
    found = opened.shares()
    assert opened.text("label") == row["label"]
    assert found == pytest.approx({c: row[f"p_{c}"] for c in predictor.classes}, abs=close)


def test_silence_and_short_sounds_are_told(opened, sounds):
    opened.drop(sounds / "silent.wav")
    opened.until("document.getElementById('label').textContent === 'no speech'")
    assert opened.shares() == {}
    opened.drop(sounds / "short.wav")
    opened.until("document.getElementById('of').textContent.includes('short, unreliable')")


def test_the_saved_timeline_is_that_of_python(opened, sounds, predictor, tmp_path):
    opened.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    opened.drop(sounds / "same.wav")
    wanted = predictor.timeline(sounds / "same.wav").frame()
    opened.until("document.getElementById('status').textContent === 'Ready.'")
    for name in ("csv", "json"):
        opened.click(name)
        end = time.monotonic() + 10
        while not (tmp_path / f"timeline.{name}").is_file() and time.monotonic() < end:
            time.sleep(0.1)
    rows = list(csv.DictReader((tmp_path / "timeline.csv").read_text().splitlines()))
    assert [row["label"] for row in rows] == list(wanted["label"])
    for column in ["start", "end", "valence", "loudest_db", *(f"p_{c}" for c in predictor.classes)]:
        found = [float(row[column] or "nan") for row in rows]
        # browsers divide 16-bit samples by 32,767, and not by 32,768
        close = 1e-3 if column == "loudest_db" else 1e-5
        np.testing.assert_allclose(found, wanted[column].to_numpy(float), atol=close)
    assert [row["short"] == "true" for row in rows] == list(wanted["short"])
    record = json.loads((tmp_path / "timeline.json").read_text())
    assert [row["label"] for row in record["rows"]] == list(wanted["label"])
    assert record["model"]["weights_sha256"] == predictor.spec.weights_sha256


def test_the_second_page_compares_with_python(page, server):
    page.open(f"{server.address}debug.html")
    page.until("document.getElementById('status').textContent.startsWith('3 clips')")
    assert float(page.until("document.getElementById('status').dataset.largest")) < 1e-5
    assert page.driver.execute_script("return document.querySelectorAll('.good').length") == 3


def test_bundles_that_cannot_be_used_are_refused_and_the_old_one_answers(
    opened, packed, sounds, tmp_path
):
    half = tmp_path / "half.zip"
    half.write_bytes(packed.read_bytes()[:-3000])
    opened.drop(half)
    opened.until("document.getElementById('trouble').textContent.includes('it is not a zip file')")
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "changed.zip").write_bytes(content)
    opened.drop(tmp_path / "changed.zip")
    opened.until("document.getElementById('trouble').textContent.includes('changed.zip')")
    files = predict.bundle.read(packed)
    files.pop("bundle.json")
    bundling.pack({**files, "model.onnx": files["model.onnx"][:5000]}, tmp_path / "broken.zip")
    opened.drop(tmp_path / "broken.zip")
    opened.until("document.getElementById('trouble').textContent.includes('the model in broken')")
    opened.drop(sounds / "same.wav")
    opened.until("document.getElementById('of').textContent.startsWith('same.wav')")
    assert opened.text("trouble") == ""
    assert len(opened.shares()) == 3


def test_another_bundle_is_taken_and_says_what_it_is(opened, packed, tmp_path):
    files = predict.bundle.read(packed)
    files.pop("bundle.json")
    spec = predict.spec.Spec.from_json(files["spec.json"].decode(), "x")
    spec = dataclasses.replace(spec, synthetic=True, corpora=["<b>made up</b>"])
    bundling.pack({**files, "spec.json": spec.to_json().encode()}, tmp_path / "other.zip")
    opened.drop(tmp_path / "other.zip")
    opened.until("document.getElementById('facts').textContent.includes('<b>made up</b>')")
    assert opened.until("!document.getElementById('synthetic').hidden")
    opened.click("start")
    opened.until("document.getElementById('of').textContent.startsWith('The last')")
    opened.drop(packed)  # while the other one listens
    opened.until("document.getElementById('synthetic').hidden")
    assert opened.text("start-words") == "Start listening"
    opened.click("start")
    opened.until("document.getElementById('of').textContent.startsWith('The last')")


def test_files_that_are_no_sound(opened, tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    opened.drop(tmp_path / "text.wav")
    opened.until(TROUBLE)
    assert "Cannot read" in opened.text("trouble")


def test_a_model_that_enrolls_nobody_has_no_such_part(opened, tmp_path):
    assert not opened.driver.find_element("id", "voice").is_displayed()
    (tmp_path / "speaker.json").write_text("{}")
    opened.drop(tmp_path / "speaker.json")
    opened.until(TROUBLE)
    assert opened.text("trouble").startswith("This model cannot enrol a speaker.")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bundle.zip": b"PK"}, "Cannot load bundle.zip (2 of"),
        ({"bundle.zip": None}, "Cannot load bundle.zip (status 404)"),
        ({"runtime/ort.js": b"no script"}, "Cannot load the page"),
        ({"runtime/ort-wasm.js": b"no script"}, "Cannot open the model"),
        ({"downloads.json": b"{"}, "Cannot load downloads.json (it is damaged)"),
        ({"downloads.json": b"{}"}, "downloads.json does not list it"),
    ],
)
def test_a_page_that_lacks_something_says_so(change, words, plain, packed):
    files = {**app.files(packed), **change}
    files = {name: content for name, content in files.items() if content is not None}
    with app.Server(files, port=0) as broken:
        plain.open(broken.address)
        plain.until(f"document.getElementById('trouble').textContent.includes('{words}')")
        assert not plain.driver.execute_script(f"return {READY}")


def test_a_page_that_was_opened_from_the_disk_says_what_to_do(plain, packed, tmp_path):
    plain.open(app.write(packed, tmp_path / "page").as_uri())
    plain.until(TROUBLE)
    assert "only from a web server" in plain.text("trouble")


def started_in_vain(page, server):
    """Press the button; hand out what the page says, and what the button says then."""
    page.open(server.address)
    page.until(READY)
    page.click("start")
    page.until(TROUBLE)
    return page.text("trouble"), page.text("start-words")


def test_without_a_microphone(plain, server):
    trouble, button = started_in_vain(plain, server)
    assert trouble.startswith("No microphone was found.")
    assert button == "Start listening"


def test_a_microphone_that_is_refused(server):
    with browser.chromium(None, "--use-fake-device-for-media-stream") as page:
        page.cdp("Browser.setPermission", permission={"name": "microphone"}, setting="denied",
                 origin=server.address)  # fmt: skip
        trouble, button = started_in_vain(page, server)
    assert trouble.startswith("The browser denied access to the microphone.")
    assert button == "Start listening"


def test_a_browser_that_lacks_something_is_told(plain, server):
    script = "delete window.AudioWorkletNode;"
    made = plain.cdp("Page.addScriptToEvaluateOnNewDocument", source=script)
    plain.open(server.address)
    plain.until(TROUBLE)
    assert "support AudioWorklet" in plain.text("trouble")
    plain.cdp("Page.removeScriptToEvaluateOnNewDocument", **made)


def test_the_keyboard_reaches_everything_and_space_starts(opened):
    from selenium.webdriver.common.keys import Keys

    opened.press(Keys.SPACE)
    opened.until("document.getElementById('start-words').textContent === 'Stop listening'")
    opened.until("document.getElementById('csv').disabled === false")
    reached = []
    for _ in range(14):
        opened.press(Keys.TAB)
        reached.append(opened.driver.execute_script("return document.activeElement.id"))
    assert {"start", "pause", "file", "csv", "json", "clear", "device", "gate"} <= set(reached)
    opened.driver.execute_script("document.activeElement.blur()")
    opened.press(Keys.SPACE)
    opened.until("document.getElementById('start-words').textContent === 'Start listening'")


def test_a_phone_and_the_dark(opened):
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    try:
        opened.size(390, 844)
        width = "document.documentElement.scrollWidth"
        assert opened.driver.execute_script(f"return {width}") <= 390
        assert opened.driver.execute_script(
            "return document.getElementById('start').getBoundingClientRect().top"
        ) < 100  # fmt: skip
        opened.cdp("Emulation.setEmulatedMedia", features=dark)
        paper = opened.driver.execute_script(
            "return getComputedStyle(document.body).backgroundColor"
        )
        assert sum(int(v) for v in paper.strip("rgb()").split(",")) < 150
    finally:
        opened.cdp("Emulation.clearDeviceMetricsOverride")
        opened.cdp("Emulation.setEmulatedMedia", features=[])
