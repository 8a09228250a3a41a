"""A speaker who is enrolled in the page: Python's profile and predictions, kept by the browser."""

import json
import time

import numpy as np
import pytest
import soundfile

from sertk import Preprocessing, app, audio, predict, splits
from sertk.export import bundling
from sertk.predict import pretrained
from sertk.predict.enrolment import Profile
from tests import browser, small_corpus

pytestmark = pytest.mark.browser
READY = "document.getElementById('start').disabled === false"
ENROLLED = "document.getElementById('voice-status').textContent.startsWith('Enrolled with')"
FORGOTTEN = "document.getElementById('voice-status').textContent === 'No voice is enrolled.'"
TROUBLE = "document.getElementById('voice-trouble').textContent"
REQUESTS = "return performance.getEntriesByType('resource').length"
CLOSE = 1e-3


@pytest.fixture(scope="module", autouse=True)
def _needed():
    browser.require()


def bundle_of(root, folder, feature):
    """A bundle of a model that enrols, trained in a few seconds."""
    from sertk import training

    rows = splits.by_speaker(small_corpus.manifest(root), val=1, test=1)
    run = training.cross_validate(
        "logreg", rows, Preprocessing(feature, clip_seconds=0.6), folder=folder / "run",
        standardize="enrolment",
    )  # fmt: skip
    return bundling.to_bundle(run, folder / "bundle.zip", roots={"small": root}).path


@pytest.fixture(scope="module")
def packed(small_root, tmp_path_factory):
    return bundle_of(small_root, tmp_path_factory.mktemp("enrols"), "functionals")


@pytest.fixture(scope="module")
def sounds(small_root, tmp_path_factory):
    """Speech to enrol by: short recordings, a long one with a pause, and a silence."""
    folder = tmp_path_factory.mktemp("sounds")
    takes = [soundfile.read(p, dtype="float32")[0] for p in sorted((small_root / "dan").iterdir())]
    pause = np.zeros(12_000, "float32")
    soundfile.write(folder / "one.wav", np.concatenate([pause, takes[0], pause[:5000]]), 16_000)
    soundfile.write(folder / "long.wav", np.concatenate([*takes[4:7], pause, takes[9]]), 16_000)
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(folder / "clip.wav", takes[2], 16_000)
    tiled = np.concatenate(takes[:8])
    soundfile.write(folder / "spoken.wav", audio.resample(tiled, 16_000, 48_000), 48_000)
    return folder


@pytest.fixture(scope="module")
def predictor(packed):
    return predict.load(packed)


@pytest.fixture(scope="module")
def profile(predictor, sounds):
    made = predictor.enrol([sounds / "one.wav", sounds / "long.wav", sounds / "silent.wav"])
    predictor.enrol(None)
    return made


@pytest.fixture(scope="module")
def server(packed):
    with app.Server(app.files(packed), port=0) as server:
        yield server


@pytest.fixture(scope="module")
def page(sounds):
    with browser.chromium(sounds / "spoken.wav", "--window-size=1280,1000") as page:
        yield page


@pytest.fixture
def opened(page, server):
    page.open(server.address)
    page.driver.execute_script("localStorage.clear()")
    page.open(server.address)
    page.until(READY)
    yield page
    assert [w for w in page.complaints() if "Content Security Policy" in w] == []


def choose(page, name, *paths):
    """Choose files, as in the browser's own window."""
    page.driver.find_element("id", name).send_keys("\n".join(map(str, paths)))


def enrol(page, sounds):
    choose(page, "enrol-files", *(sounds / f"{name}.wav" for name in ("one", "long", "silent")))
    page.until(ENROLLED)


def shares_of(page, path):
    page.drop(path)
    page.until(f"document.getElementById('of').textContent.startsWith('{path.name}')")
    page.until("document.getElementById('status').textContent === 'Ready.'")
    return page.shares()


def of_python(predictor, path, speaker):
    predictor.enrol(speaker)
    row = predictor.file(path)
    predictor.enrol(None)
    return {name: row[f"p_{name}"] for name in predictor.classes}


def saved(page, folder):
    """Save the profile, and wait for the file."""
    page.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    page.click("profile-save")
    end = time.monotonic() + 10
    while not (folder / "speaker.json").is_file() and time.monotonic() < end:
        time.sleep(0.1)
    return folder / "speaker.json"


def test_recordings_enroll_as_in_python(opened, sounds, predictor, profile, tmp_path):
    clip = sounds / "clip.wav"
    nobody = of_python(predictor, clip, None)
    assert shares_of(opened, clip) == pytest.approx(nobody, abs=CLOSE)
    asked = opened.driver.execute_script(REQUESTS)
    enrol(opened, sounds)
    assert opened.driver.execute_script(REQUESTS) == asked
    wanted = of_python(predictor, clip, profile)
    assert max(abs(wanted[name] - nobody[name]) for name in wanted) > 0.02
    # what was shown is predicted again
    first = predictor.classes[0]
    opened.until(f"Math.abs(document.querySelector('#bars data').value - {wanted[first]}) < 1e-3")
    assert opened.shares() == pytest.approx(wanted, abs=CLOSE)
    found = Profile.read(saved(opened, tmp_path))
    assert opened.text("voice-status") == f"Enrolled with {profile.count} pieces of speech."
    assert (found.count, found.model) == (profile.count, profile.model)
    np.testing.assert_allclose(found.mean, profile.mean, rtol=CLOSE, atol=CLOSE)
    assert of_python(predictor, clip, found) == pytest.approx(wanted, abs=CLOSE)


def test_a_timeline_is_of_the_enrolled_speaker(opened, sounds, predictor, profile, tmp_path):
    profile.write(tmp_path / "mine.json")
    opened.drop(tmp_path / "mine.json")
    opened.until(ENROLLED)
    opened.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    shares_of(opened, sounds / "long.wav")
    opened.click("json")
    end = time.monotonic() + 10
    while not (tmp_path / "timeline.json").is_file() and time.monotonic() < end:
        time.sleep(0.1)
    rows = json.loads((tmp_path / "timeline.json").read_text())["rows"]
    predictor.enrol(profile)
    wanted = predictor.timeline(sounds / "long.wav").frame()
    predictor.enrol(None)
    for name in predictor.classes:
        found = [np.nan if row[f"p_{name}"] is None else row[f"p_{name}"] for row in rows]
        np.testing.assert_allclose(found, wanted[f"p_{name}"], atol=CLOSE)


def test_a_profile_outlives_the_page_until_it_is_forgotten(opened, sounds, server, predictor):
    enrol(opened, sounds)
    words = opened.text("voice-status")
    enrolled = shares_of(opened, sounds / "clip.wav")
    opened.open(server.address)
    opened.until(READY)
    assert opened.text("voice-status") == words
    assert shares_of(opened, sounds / "clip.wav") == pytest.approx(enrolled, abs=1e-9)
    opened.click("profile-forget")
    opened.until(FORGOTTEN)
    assert opened.driver.execute_script("return localStorage.length") == 0
    assert not opened.driver.find_element("id", "profile-save").is_enabled()
    nobody = of_python(predictor, sounds / "clip.wav", None)
    assert shares_of(opened, sounds / "clip.wav") == pytest.approx(nobody, abs=CLOSE)
    opened.open(server.address)
    opened.until(READY)
    assert opened.text("voice-status") == "No voice is enrolled."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "0" * 64}, "was written with another model. A profile holds"),
        ({"schema_version": 9}, "newer version of sertk"),
        ({"count": 0}, "its count is not a positive integer"),
        ({"mean": [1.0, None]}, "numbers"),
        (None, "it is not JSON"),
    ],
)
def test_profiles_that_do_not_fit_are_refused(change, words, opened, profile, tmp_path):
    path = tmp_path / "other.json"
    text = "no profile" if change is None else json.dumps({**profile.to_dict(), **change})
    path.write_text(text)
    choose(opened, "profile-open", path)
    assert "other.json" in opened.until(TROUBLE)
    assert words in opened.text("voice-trouble")
    assert opened.text("voice-status") == "No voice is enrolled."


def test_the_microphone_enrols(opened, predictor, sounds):
    opened.click("enrol")
    opened.until("document.getElementById('enrol-words').textContent.startsWith('Keep talking: 2')")
    assert opened.until("Number(document.getElementById('enrol-meter').ariaValueNow) > -60")
    assert opened.text("enrol-start-words") == "Stop and enrol"
    time.sleep(3)
    opened.driver.execute_script("document.activeElement.blur()")
    opened.press(" ")  # as it starts and stops listening
    opened.until(ENROLLED)
    assert int(opened.text("voice-status").split()[2]) >= 4
    assert opened.text("start-words") == "Start listening"
    opened.click("start")
    opened.until("document.getElementById('of').textContent.startsWith('The last')")
    opened.click("start")


def test_a_recording_ends_by_itself_and_can_be_canceled(opened):
    opened.click("enrol")
    opened.until("document.getElementById('enrol-words').textContent.includes('29 s left')")
    opened.click("enrol-cancel")
    assert opened.text("voice-status") == "No voice is enrolled."
    assert opened.text("enrol-start-words") == "Record 30 seconds"
    opened.click("enrol")
    opened.until(ENROLLED, 60)
    assert int(opened.text("voice-status").split()[2]) >= 45  # pieces of 0.6 s


def test_listening_ends_a_recording_and_the_other_way_round(opened):
    opened.click("start")
    opened.until("document.getElementById('start-words').textContent === 'Stop listening'")
    opened.click("enrol")
    assert opened.text("start-words") == "Start listening"
    opened.click("start")
    assert opened.text("enrol-start-words") == "Record 30 seconds"
    opened.click("start")


def test_recordings_that_cannot_enrol(opened, sounds, tmp_path):
    choose(opened, "enrol-files", sounds / "silent.wav")
    assert opened.until(TROUBLE).startswith("The recording contains no speech.")
    (tmp_path / "text.wav").write_text("no sound")
    choose(opened, "enrol-files", sounds / "one.wav", tmp_path / "text.wav")
    opened.until(f"{TROUBLE}.includes('text.wav')")
    assert opened.text("voice-status") == "No voice is enrolled."


def test_the_second_page_compares_an_enrolled_speaker(page, packed, sounds, profile):
    clips = [sounds / "clip.wav", sounds / "long.wav"]
    with app.Server(app.files(packed, clips=clips, speaker=profile), port=0) as server:
        page.open(f"{server.address}debug.html")
        page.until("document.getElementById('status').textContent.startsWith('2 clips')")
        assert float(page.until("document.getElementById('status').dataset.largest")) < CLOSE
        assert page.driver.execute_script("return document.querySelectorAll('.good').length") == 4
        assert f"enrolled with {profile.count} pieces" in page.text("clips")


@pytest.mark.skipif(
    not (pretrained.FOLDER / "whisper-tiny.en.safetensors").is_file(),
    reason="the weights of the encoder are not in this installation",
)
def test_an_encoder_in_its_own_file(page, small_root, sounds, tmp_path):
    packed = bundle_of(small_root, tmp_path, "pooled_states")
    files = predict.bundle.read(packed)
    assert len(files["model.onnx"]) < 1e6 < len(files["whisper-tiny.en.safetensors"])
    speaker = [sounds / "one.wav", sounds / "long.wav"]
    clips = [sounds / "clip.wav"]
    with app.Server(app.files(packed, clips=clips, speaker=speaker), port=0) as server:
        page.open(f"{server.address}debug.html")
        page.until("document.getElementById('status').textContent.startsWith('1 clip')", 60)
        assert float(page.until("document.getElementById('status').dataset.largest")) < CLOSE
        page.open(server.address)
        page.until(READY, 60)
        choose(page, "enrol-files", *speaker)
        page.until(ENROLLED, 60)
        predictor = predict.load(packed)
        wanted = of_python(predictor, clips[0], speaker)
        assert shares_of(page, clips[0]) == pytest.approx(wanted, abs=CLOSE)


def test_the_keyboard_and_a_phone_reach_the_voice(opened, sounds):
    from selenium.webdriver.common.keys import Keys

    enrol(opened, sounds)
    opened.driver.execute_script("document.getElementById('start').focus()")
    reached = []
    for _ in range(12):
        opened.press(Keys.TAB)
        reached.append(opened.driver.execute_script("return document.activeElement.id"))
    wanted = ["enrol", "enrol-files", "profile-open", "profile-save", "profile-forget"]
    assert [name for name in reached if name in wanted] == wanted
    try:
        opened.size(390, 844)
        width = "return document.documentElement.scrollWidth"
        assert opened.driver.execute_script(width) <= 390
        opened.driver.execute_script("document.getElementById('enrol').focus()")
        opened.press(Keys.ENTER)
        opened.until("document.getElementById('enrol-words').textContent.startsWith('Keep')")
        assert opened.driver.execute_script(width) <= 390
        opened.press(Keys.TAB)
        opened.press(Keys.SPACE)  # cancel
    finally:
        opened.cdp("Emulation.clearDeviceMetricsOverride")
    assert opened.text("enrol-start-words") == "Record 30 seconds"
    assert opened.text("voice-status").startswith("Enrolled with")
