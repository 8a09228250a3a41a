"""Reading sound in every shape it comes in, and the primitives on waveforms."""

import hashlib
import re
import struct
import warnings

import librosa
import numpy as np
import pytest
import soundfile

from sertk import audio
from sertk.errors import AudioError
from tests.errors import raises

RATE = 16_000


def tone(seconds=0.5, rate=RATE, hertz=440, amplitude=0.5):
    time = np.arange(int(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        (".wav", "PCM_U8", 1 / 100),
        (".wav", "PCM_16", 1 / 30_000),
        (".wav", "PCM_24", 1e-6),
        (".wav", "PCM_32", 1e-6),
        (".wav", "FLOAT", 1e-7),
        (".wav", "DOUBLE", 1e-7),
        (".wav", "ULAW", 0.03),
        (".flac", "PCM_16", 1 / 30_000),
        (".flac", "PCM_24", 1e-6),
        (".ogg", "VORBIS", 0.1),
        (".mp3", "MPEG_LAYER_III", 0.1),
    ],
)
def test_formats_and_depths(tmp_path, suffix, subtype, tolerance):
    path = tmp_path / f"a{suffix.upper()}"
    wave = tone()
    soundfile.write(path, wave, RATE, subtype=subtype, format=suffix[1:].upper())
    read, rate = audio.read(path)
    assert rate == RATE
    assert read.dtype == np.float32
    assert read.flags["C_CONTIGUOUS"]
    if suffix == ".mp3":  # encoders put silence before and after
        assert abs(len(read) - len(wave)) < 3000
        assert np.abs(read).max() == pytest.approx(0.5, abs=tolerance)
    else:
        assert len(read) == len(wave)
        assert np.abs(read - wave).max() < tolerance
    duration, rate = audio.info(path)
    assert duration == pytest.approx(len(read) / RATE, abs=0.2 if suffix == ".mp3" else 1e-9)
    assert rate == RATE


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_sixteen_bits_are_libsndfiles_floats(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    pcm = np.concatenate([np.arange(-32768, 32768, 7), [32767]]).astype(np.int16)
    soundfile.write(path, pcm, RATE, subtype="PCM_16")
    expected, _ = soundfile.read(path, dtype="float32")
    np.testing.assert_array_equal(audio.read(path)[0], expected)


def test_channels_are_averaged(tmp_path):
    left, right = tone(), tone(hertz=550)
    for name, channels in (("two", [left, right]), ("three", [left, right, 0 * left])):
        soundfile.write(tmp_path / f"{name}.wav", np.stack(channels, 1), RATE, subtype="FLOAT")
        read, _ = audio.read(tmp_path / f"{name}.wav")
        np.testing.assert_allclose(read, np.mean(channels, axis=0), atol=1e-7)


def test_a_part_of_a_file(tmp_path):
    wave = tone()
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(audio.read(tmp_path / "a.wav", start=0.1)[0], wave[1600:])
    np.testing.assert_array_equal(audio.read(tmp_path / "a.wav", end=0.1)[0], wave[:1600])
    part, _ = audio.read(tmp_path / "a.wav", start=0.1, end=0.2, sample_rate=8000)
    assert len(part) == 800
    assert len(audio.read(tmp_path / "a.wav", start=0.4, end=9.0)[0]) == 1600
    with raises(AudioError, "no-samples", "0.6"):
        audio.read(tmp_path / "a.wav", start=0.6)
    with raises(AudioError, "no-samples", "0.3", "0.2"):
        audio.read(tmp_path / "a.wav", start=0.3, end=0.2)


def test_chunks_before_the_sound(tmp_path):
    soundfile.write(tmp_path / "plain.wav", tone(), RATE)
    plain = (tmp_path / "plain.wav").read_bytes()
    extra = b"PAD " + struct.pack("<I", 4096) + bytes(4096)
    at = plain.index(b"data")
    content = plain[:at] + extra + plain[at:]
    content = content[:4] + struct.pack("<I", len(content) - 8) + content[8:]
    (tmp_path / "padded.wav").write_bytes(content)
    first, _ = audio.read(tmp_path / "plain.wav")
    second, _ = audio.read(tmp_path / "padded.wav")
    np.testing.assert_array_equal(first, second)
    assert audio.content_hash(tmp_path / "plain.wav") == audio.content_hash(tmp_path / "padded.wav")


def broken_files():
    wave = tone()
    return {
        "absent.wav": (None, "missing-audio-file"),
        "zero.wav": (b"", "empty-audio-file"),
        "pointer.wav": (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n",
            "git-lfs-pointer",
        ),
        "page.wav": (b"<html>404</html>" * 9, "unreadable-audio"),
        "none.wav": (wave[:0], "no-samples"),
        "nan.wav": (np.where(np.arange(8000) < 3, np.nan, wave), "non-finite-samples"),
        "inf.wav": (np.where(np.arange(8000) < 1, np.inf, wave), "non-finite-samples"),
    }


@pytest.mark.parametrize("name", broken_files())
def test_what_cannot_be_read_says_why(tmp_path, name):
    content, code = broken_files()[name]
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        soundfile.write(path, content, RATE, subtype="FLOAT")
    with raises(AudioError, code, str(path)):
        audio.read(path)
    # a header tells everything but what the samples are
    if name not in ("none.wav", "nan.wav", "inf.wav"):
        with raises(AudioError, code):
            audio.info(path)


def test_content_hash(tmp_path):
    # whole numbers: writers round real ones each in their own way
    wave, other = ((32_767 * tone(hertz=hertz)).astype(np.int16) for hertz in (440, 441))
    soundfile.write(tmp_path / "a.wav", wave, RATE)
    soundfile.write(tmp_path / "a.flac", wave, RATE)
    soundfile.write(tmp_path / "stereo.wav", np.stack([wave] * 2, 1), RATE)
    soundfile.write(tmp_path / "b.wav", other, RATE)
    soundfile.write(tmp_path / "slow.wav", wave, RATE // 2)
    hashes = [audio.content_hash(p) for p in sorted(tmp_path.iterdir())]
    names = [p.name for p in sorted(tmp_path.iterdir())]
    by_name = dict(zip(names, hashes, strict=True))
    assert by_name["a.wav"] == by_name["a.flac"] == by_name["stereo.wav"]
    assert len(set(hashes)) == 3
    pcm = np.round(audio.read(tmp_path / "a.wav")[0] * 32767).astype("<i2").tobytes()
    expected = hashlib.blake2b(pcm + str(RATE).encode(), digest_size=16).hexdigest()
    assert by_name["a.wav"] == expected


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_resample_keeps_a_tone(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(rate=rate), rate, subtype="FLOAT")
    read, got = audio.read(tmp_path / "a.wav", sample_rate=RATE)
    assert got == RATE
    assert abs(len(read) - 8000) <= 1
    middle = slice(1000, 7000)
    assert np.abs(read[:8000][middle] - tone()[: len(read)][middle]).max() < 2e-3
    expected = librosa.resample(tone(rate=rate), orig_sr=rate, target_sr=RATE, res_type="soxr_hq")
    np.testing.assert_allclose(read[: len(expected)], expected[: len(read)], atol=1e-6)


def test_resample_removes_what_would_alias():
    high = tone(rate=48_000, hertz=12_000)
    assert np.abs(audio.resample(high, 48_000, RATE)[500:-500]).max() < 1e-3


@pytest.mark.parametrize("top_db", [20, 40, 60])
@pytest.mark.parametrize("seed", range(4))
def test_trim_equals_librosa(seed, top_db):
    generator = np.random.default_rng(seed)
    parts = [
        generator.normal(0, level, generator.integers(500, 20_000))
        for level in (1e-5, 1e-3, 0.3, 1e-2, 1e-5)
    ]
    wave = np.concatenate(parts).astype(np.float32)
    expected, _ = librosa.effects.trim(wave, top_db=top_db)
    np.testing.assert_array_equal(audio.trim(wave, top_db), expected)


@pytest.mark.parametrize("length", [1, 100, 1024, 2047, 2048, 2049])
def test_trim_of_short_waveforms(length):
    wave = tone()[:length] + 0.1
    np.testing.assert_array_equal(audio.trim(wave, 40), wave)


def test_trim_leaves_silence_alone():
    silence = np.zeros(5000, np.float32)
    assert audio.trim(silence, 40) is silence


def offsets():
    """What microphones and sound cards add, at 16 kHz for two seconds."""
    time = np.arange(2 * RATE) / RATE
    return {
        "constant": np.full(len(time), 0.05),
        "drift": 0.03 * time - 0.02,
        "step": np.where(time < 0.8, -0.01, 0.03),
        "slow wave": 0.02 * np.sin(2 * np.pi * 0.3 * time),
    }


@pytest.mark.parametrize("name", offsets())
def test_an_offset_is_removed(name):
    wave = tone(2.0) * np.hanning(2 * RATE).astype(np.float32)
    clean = audio.remove_offset(wave, RATE)
    np.testing.assert_allclose(clean, wave, atol=2e-3)  # what is sound stays
    other = audio.remove_offset(wave + offsets()[name].astype(np.float32), RATE)
    apart = np.abs(other - clean)
    assert clean.dtype == other.dtype == np.float32
    assert abs(float(other.mean(dtype=float))) < 1e-7
    if name == "step":  # stays for a quarter of a second around it
        far = np.abs(np.arange(2 * RATE) / RATE - 0.8) > 0.26
        assert apart[far].max() < 1e-5
        assert apart.max() < 0.03
    else:
        assert apart.max() < {"constant": 1e-6, "drift": 5e-3, "slow wave": 7e-3}[name]


@pytest.mark.parametrize("name", ["constant", "step"])
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_an_offset_makes_no_click_where_a_file_is_resampled(tmp_path, name, rate):
    places = np.linspace(0, 2 * RATE - 1, 2 * rate)
    added = np.interp(places, np.arange(2 * RATE), offsets()[name]).astype(np.float32)
    wave = tone(2.0, rate=rate) * np.hanning(2 * rate).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    soundfile.write(tmp_path / "b.wav", wave + added, rate, subtype="FLOAT")
    clean, other = (
        audio.remove_offset(audio.read(tmp_path / n, sample_rate=RATE)[0], RATE)
        for n in ("a.wav", "b.wav")
    )
    apart = np.abs(other - clean)
    far = np.abs(np.arange(2 * RATE) / RATE - 0.8) > 0.26  # from the step
    assert apart[far].max() < 1e-4
    pieces = audio.blocks(tmp_path / "b.wav", sample_rate=RATE, seconds=0.07)
    joined = np.concatenate(list(pieces))
    np.testing.assert_allclose(
        joined, audio.read(tmp_path / "b.wav", sample_rate=RATE)[0], atol=1e-6
    )


@pytest.mark.parametrize("length", [1, 7, 160, 161, 4000, 8001, 40_000])
def test_what_is_subtracted_are_lines_between_means(length):
    wave = np.random.default_rng(length).normal(0.1, 0.2, length).astype(np.float32)
    edges = [*range(0, length, 160), length]
    ends = [0 if edge == 0 else edge for edge in edges]
    places = {edge: k for k, edge in enumerate(edges)}
    means = [
        wave[edges[max(k - 25, 0)] : edges[min(k + 25, len(edges) - 1)]].mean(dtype=float)
        for k in places.values()
    ]
    expected = wave - np.interp(np.arange(length), ends, means)
    np.testing.assert_allclose(
        audio.remove_offset(wave, RATE), expected - expected.mean(), atol=2e-6
    )


def test_normalize_rms():
    for level in (-20.0, -3.0, 0.0):
        scaled = audio.normalize_rms(tone(), level)
        assert 20 * np.log10(np.sqrt(np.mean(scaled**2))) == pytest.approx(level, abs=1e-4)
        assert scaled.dtype == np.float32
    assert np.abs(audio.normalize_rms(tone(), 0.0)).max() > 1.0
    silence = np.zeros(100, np.float32)
    assert audio.normalize_rms(silence, -20.0) is silence


def test_nothing_is_warned_about(tmp_path):
    soundfile.write(tmp_path / "a.mp3", tone(), RATE)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        audio.read(tmp_path / "a.mp3", sample_rate=8000)
    assert caught == []
    assert re.fullmatch(r"\.\w+", audio.SUFFIXES[0])


def test_less_than_one_sample_at_the_new_rate_is_refused(tmp_path):
    soundfile.write(tmp_path / "one.wav", np.array([0.5]), 44_100)
    with raises(AudioError, "shorter-than-one-sample", "16000"):
        audio.read(tmp_path / "one.wav", sample_rate=16_000)
