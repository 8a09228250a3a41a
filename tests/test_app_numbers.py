"""The page's own code: its numbers are Python's, its syntax is good, and its files stay small."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sertk import app, audio
from sertk.app import site
from sertk.audio import waveforms
from sertk.predict import enrolment, sound
from sertk.predict import spec as specs
from tests import fake_model
from tests.test_model_files import test_bundles_that_were_tampered_with as tampered

PAGE = Path(app.__file__).parent / "page"
SCRIPTS = sorted(PAGE.glob("*.js"))
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


def speech(rate, seconds):
    """Sound with quiet ends, gaps, and most of its energy below 6 kHz, as speech has."""
    generator = np.random.default_rng(rate)
    noise = generator.normal(0, 0.2, round(rate * seconds))
    spectrum = np.fft.rfft(noise)
    frequencies = np.fft.rfftfreq(len(noise), 1 / rate)
    spectrum *= 1 / (1 + (frequencies / 500) ** 2) * (frequencies < 0.42 * min(rate, 16_000))
    shape = np.interp(np.linspace(0, 9, len(noise)), range(10), [0, 0, 1, 0.2, 0, 1, 0.4, 0, 0, 0])
    return (np.fft.irfft(spectrum, len(noise)) * shape).astype("f4")


@pytest.fixture
def folder(tmp_path):
    """The page's scripts beside numbers from Python."""
    for path in SCRIPTS:
        shutil.copy(path, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    numbers = {
        "classes": fake_model.CLASSES,
        "trims": [],
        "offset": [waveforms.OFFSET_SECONDS, waveforms.OFFSET_BLOCK_SECONDS],
        "levels": [],
        "windows": [],
    }
    gate = specs._after(fake_model.CLASSES)["no_speech"]
    numbers["steady"], numbers["modulations"] = gate["steady"], []
    halves = [0.5, 1.5, 2.5, 23152.5, 0.49, 7.2]
    numbers["rounded"] = [[value, round(value)] for value in halves]
    give = lambda name, wave: np.asarray(wave, "f4").tofile(tmp_path / f"{name}.f32")  # noqa: E731
    (step,) = [s for s in specs._before({"sample_rate": 1, "trim_db": 40}) if s["step"] == "trim"]
    waves = {
        "speech": speech(16_000, 2.3), "short": speech(16_000, 0.03),
        "silent": np.zeros(9000, "f4"), "loud": speech(22_050, 4.0) + np.float32(0.01),
        "drifting": speech(16_000, 1.7) + np.linspace(-0.02, 0.3, 27_200, dtype="f4"),
    }  # fmt: skip
    for name, wave in waves.items():
        give(name, wave)
        give(f"{name}_centered", audio.remove_offset(wave, 16_000))
        for top_db in (40, 20):
            give(f"{name}_trimmed", audio.trim(wave, top_db))
        numbers["trims"].append({"name": name, "step": {**step, "top_db": top_db}})
        level = {"name": name, "rate": 16_000, "seconds": sound.FRAME_SECONDS}
        numbers["levels"].append({**level, "db": sound.loudest_db(wave, 16_000)})
        for rate in (16_000, 22_050, 48_000, 3000) if name != "short" else ():
            moved = {"name": name, "rate": rate, "db": sound.modulation_db(wave, rate)}
            numbers["modulations"].append(moved)
    soundfile.write(tmp_path / "w.wav", waves["speech"], 16_000)
    for window, hop in ((0.5, 0.25), (1.05, 0.525), (0.3, 0.7), (9.0, 4.5)):
        pieces = sound.windows(tmp_path / "w.wav", 16_000, window, hop)
        about = {"name": "speech", "rate": 16_000, "window": window, "hop": hop}
        numbers["windows"].append({**about, "places": [[p.start, p.end] for p in pieces]})
    numbers["resampled"] = []
    for rate in (48_000, 44_100, 22_050, 8000):
        give(f"at{rate}", speech(rate, 1.0))
        give(f"at{rate}_16000", audio.resample(speech(rate, 1.0), rate, 16_000))
        numbers["resampled"].append({"name": f"at{rate}", "from": rate, "to": 16_000})
        rising = speech(rate, 1.0) + np.linspace(0.03, 0.05, rate, dtype="f4")
        give(f"rising{rate}", rising)
        give(f"rising{rate}_16000", audio.resample(rising, rate, 16_000))
        numbers["resampled"].append({"name": f"rising{rate}", "from": rate, "to": 16_000})
    frame = speech(16_000, 1.0)[8000:8512].astype(float)
    give("frame", frame)
    power = np.abs(np.fft.rfft(frame * np.hanning(513)[:-1]))[:-1] ** 2
    give("frame_db", 10 * np.log10(power + 1e-12))
    soundfile.write(tmp_path / "sound.wav", waves["short"], 22_050)
    numbers["bundles"] = list(bundles(tmp_path))
    vectors = np.random.default_rng(0).normal(0, 30, (5, 3)).astype("f4")
    profile = enrolment.profile(list(vectors), "a" * 64)
    profile.write(tmp_path / "speaker.json")
    text = (tmp_path / "speaker.json").read_text()
    about = {"vectors": vectors.tolist(), "record": profile.to_dict(), "text": text}
    numbers["profile"] = about
    (tmp_path / "numbers.json").write_text(json.dumps(numbers))
    return tmp_path


def bundles(folder):
    fake_model.write_bundle(folder / "good.zip", {})
    yield {"file": "good.zip", "refused": None}
    (mark,) = [m for m in tampered.pytestmark if m.name == "parametrize"]
    for number, case in enumerate(mark.args[1]):
        change, _, words = case
        name = f"bad{number}.zip"
        fake_model.write_bundle(folder / name, change)
        yield {"file": name, "refused": words}
    content = (folder / "good.zip").read_bytes()
    fake_model.write_bundle(folder / "many.zip", {f"{n}.txt": b"" for n in range(100)})
    yield {"file": "many.zip", "refused": "files, over 100"}
    (folder / "half.zip").write_bytes(content[: len(content) // 2])
    yield {"file": "half.zip", "refused": "it is not a zip file"}


@needs_node
def test_the_numbers_of_the_page_are_pythons(folder, monkeypatch):
    monkeypatch.setenv("SERTK_PAGE", str(folder))
    test = Path(__file__).parent / "page" / "numbers.test.mjs"
    done = subprocess.run([NODE, "--test", test], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "pass 18" in done.stdout


@needs_node
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse(path, tmp_path):
    shutil.copy(path, tmp_path / "x.mjs")
    words = [NODE, "--check", str(tmp_path / "x.mjs")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_holds_no_address_and_no_inline_code():
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "http:" not in text.replace("over plain http:", "")
        assert "https:" not in text
        assert len(text.splitlines()) < 400
        if path.suffix == ".html":
            assert f'content="{site.POLICY}"' in text
            assert " style=" not in text
            assert " onclick=" not in text
            assert "<script>" not in text
