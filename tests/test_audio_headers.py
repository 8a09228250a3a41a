"""What headers declare and files hold: placeholders are read, and lost ends are refused."""

import shutil
import struct
import subprocess

import numpy as np
import pytest
import soundfile

from sertk import audio
from sertk.audio import headers
from sertk.errors import AudioError
from tests.errors import raises
from tests.test_audio_files import RATE, voice

CONTAINERS = [
    ("WAV", "PCM_16"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "PCM_16"),
    ("CAF", "PCM_16"), ("CAF", "ALAC_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"),
]  # fmt: skip
PHONES = {
    ".m4a": "-c:a aac", ".mp4": "-c:a aac -movflags +faststart", ".3gp": "-c:a aac",
    ".webm": "-c:a libopus", ".mka": "-c:a flac", ".wma": "-c:a wmav2",
    ".fragments.mp4": "-c:a aac -movflags frag_keyframe+empty_moov -frag_duration 500000",
}  # fmt: skip


def refuse_each_part(path):
    whole = path.read_bytes()
    for kept in (0.99, 0.8, 0.5, 0.1):
        path.write_bytes(whole[: round(kept * len(whole))])
        for call in (audio.read, lambda p: list(audio.blocks(p, sample_rate=8000))):
            with pytest.raises(AudioError) as caught:
                call(path)
            assert caught.value.code in ("truncated-audio", "unreadable-audio")


@pytest.mark.parametrize(("container", "subtype"), CONTAINERS)
def test_a_file_cut_anywhere_is_refused(tmp_path, container, subtype):
    path = tmp_path / "a.wav"
    soundfile.write(path, voice(6.0), RATE, format=container, subtype=subtype)
    assert audio.info(path)[0] == pytest.approx(6.0, abs=0.01)
    refuse_each_part(path)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("suffix", PHONES)
def test_a_phones_file_cut_anywhere_is_refused(tmp_path, suffix):
    soundfile.write(tmp_path / "a.wav", voice(6.0), RATE)
    path = tmp_path / f"b{suffix}"
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", *PHONES[suffix].split(), path]
    subprocess.run(command, check=True)
    assert len(audio.read(path, sample_rate=RATE)[0]) / RATE == pytest.approx(6.0, abs=0.1)
    refuse_each_part(path)


def rf64(samples, *, size, long_size, name=b"RF64"):
    """Write a long WAV, whose chunk ds64 holds the sizes."""
    content = samples.astype("<i2").tobytes()
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, 0, long_size, 0, 0)
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    data = b"data" + struct.pack("<I", size) + content
    return name + b"\xff" * 4 + b"WAVE" + ds64 + form + data


@pytest.mark.parametrize("name", [b"RF64", b"BW64"])
@pytest.mark.parametrize(
    ("size", "long_size"),
    [(2**32 - 1, 32_000), (2**32 - 1, 0), (2**32 - 1, 2**64 - 1), (32_000, 0), (0, 0)],
)
def test_a_long_wav_is_read_whatever_its_header_says(tmp_path, name, size, long_size):
    samples = np.round(20_000 * voice(1.0))
    (tmp_path / "a.wav").write_bytes(rf64(samples, size=size, long_size=long_size, name=name))
    waveform, _ = audio.read(tmp_path / "a.wav")
    np.testing.assert_array_equal(waveform, (samples / 32768).astype(np.float32))
    assert audio.info(tmp_path / "a.wav") == (1.0, RATE)


@pytest.mark.parametrize("suffix", [".ogg", ".opus"])
def test_streams_one_behind_the_other_are_read_to_the_end(tmp_path, suffix, monkeypatch):
    """Listed by libsndfile and soundfile as the first of them alone."""
    content = b""
    subtype = {".ogg": "VORBIS", ".opus": "OPUS"}[suffix]
    for number, seconds in enumerate((3.0, 2.0)):
        path = tmp_path / f"{number}.ogg"
        soundfile.write(path, voice(seconds), RATE, format="OGG", subtype=subtype)
        one = path.read_bytes()
        serial = one[14:18]
        with path.open("rb", buffering=0) as file:
            assert not headers.is_chained(file)
        content += one
    (tmp_path / f"a{suffix}").write_bytes(content)
    assert serial != content[14:18]
    if shutil.which("ffmpeg"):
        waveform, _ = audio.read(tmp_path / f"a{suffix}", sample_rate=RATE)
        assert len(waveform) / RATE == pytest.approx(5.0, abs=0.05)
    monkeypatch.setattr("sertk.audio.ffmpeg.installed", lambda: False)
    with raises(AudioError, "chained-ogg-streams"):
        audio.read(tmp_path / f"a{suffix}")


def test_a_sun_file_of_unknown_length_is_read(tmp_path):
    soundfile.write(tmp_path / "a.au", voice(1.0), RATE)
    content = bytearray((tmp_path / "a.au").read_bytes())
    whole, _ = audio.read(tmp_path / "a.au")
    for size in (b"\0" * 4, b"\xff" * 4):
        content[8:12] = size
        (tmp_path / "a.au").write_bytes(content)
        np.testing.assert_array_equal(audio.read(tmp_path / "a.au")[0], whole)


def test_chunks_without_end_are_refused_at_once(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + bytes(2**21))
    with raises(AudioError, "too-many-chunks", "131072"):
        audio.read(tmp_path / "a.wav")


def test_damaged_headers_give_no_other_error(tmp_path):
    generator = np.random.default_rng(0)
    for container, subtype in CONTAINERS:
        soundfile.write(tmp_path / "a", voice(0.2), RATE, format=container, subtype=subtype)
        whole = (tmp_path / "a").read_bytes()
        for _ in range(30):
            content = bytearray(whole)
            for at in generator.integers(0, 100, 5):
                content[at] = generator.choice([0, 1, 127, 255])
            (tmp_path / "b.wav").write_bytes(content[: generator.choice([40, 200, len(content)])])
            with (tmp_path / "b.wav").open("rb", buffering=0) as file:
                lost = headers.length(file).lost
            assert lost is None or lost[0] < lost[1]
