"""Files as recorders, phones, browsers and telephone exchanges write them, and hostile ones."""

import os
import shutil
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest
import soundfile

from sertk import audio
from sertk.errors import AudioError
from tests.errors import raises

RATE = 16_000
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def voice(seconds=4.0, rate=RATE):
    time = np.arange(round(seconds * rate)) / rate
    pitch = 200 + 60 * np.sin(2 * np.pi * 0.7 * time)
    tone = 0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / rate) * np.abs(np.sin(3 * time))
    return (tone + 0.01 * np.random.default_rng(0).normal(size=len(time))).astype(np.float32)


def headed(path, *, riff=None, data=None, form="<I"):
    """Write a WAV of a second whose header declares other sizes."""
    soundfile.write(path, voice(1.0), RATE, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    for at, size in ((4, riff), (40, data)):
        if size is not None:
            content[at : at + 4] = struct.pack(form, size)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (32_044, None),  # browser recorders: 8 too many
        (32_044, 32_008),
        (0x7FFFF024, 0x7FFFF000),  # SoX into a pipe
        (0x7FFFFF24, 0x7FFFFF00),  # arecord into a pipe
        (0xFFFFFFFF, 0xFFFFFFFF),  # ffmpeg into a pipe
        (0, 0),
        (None, 0),
        (None, 0xFFFFFFFF),
        (None, 32_044),  # the size of the file as that of its samples
        *((length, None) for length in (0, 0x7FFFFFFF, 0xFFFFFFFF)),
    ],
)
def test_a_whole_file_is_read_whatever_its_header_says(tmp_path, riff, data):
    path = headed(tmp_path / "a.wav", riff=riff, data=data)
    waveform, rate = audio.read(path)
    whole = soundfile.read(headed(tmp_path / "whole.wav"), dtype="float32")[0]
    np.testing.assert_array_equal(waveform, whole)
    assert audio.info(path) == (1.0, rate)
    pieces = list(audio.blocks(path, sample_rate=RATE, seconds=0.3))
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_an_empty_data_chunk_before_another_chunk_is_empty(tmp_path):
    soundfile.write(tmp_path / "a.wav", voice(1.0)[:0], RATE)
    content = (tmp_path / "a.wav").read_bytes() + b"LIST" + struct.pack("<I", 4) + b"INFO"
    (tmp_path / "a.wav").write_bytes(content)
    with raises(AudioError, "no-samples"):
        audio.read(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", [".wav", ".aiff"])
@pytest.mark.parametrize("kept", [60, 1000, 16_000, -100])
def test_a_file_that_lost_its_end_is_refused(tmp_path, suffix, kept):
    soundfile.write(tmp_path / f"a{suffix}", voice(1.0), RATE)
    content = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(content[:kept])
    for function in (audio.read, audio.info, audio.content_hash):
        left = f"{kept % len(content)} of {len(content)} bytes"
        with raises(AudioError, "truncated-audio", left):
            function(tmp_path / f"cut{suffix}")


def codecs():
    """Every format and subtype that libsndfile writes."""
    for container in ("WAV", "AIFF", "AU", "FLAC", "OGG", "MP3", "CAF", "W64", "RF64"):
        for subtype in soundfile.available_subtypes(container):
            yield container, subtype


@pytest.mark.parametrize(("container", "subtype"), list(codecs()))
def test_a_segment_is_that_part_of_the_whole(tmp_path, container, subtype):
    path = tmp_path / "a.bin"
    wave = np.concatenate([voice()] * 3)
    try:
        soundfile.write(path, wave, 8000, format=container, subtype=subtype)
    except soundfile.LibsndfileError:
        pytest.skip("libsndfile reads it, and does not write it")
    whole, rate = audio.read(path)
    assert len(whole) == pytest.approx(len(wave), abs=3000)
    for start, end in ((0.0, 1.0), (2.5, 3.0), (11.1, 13.7), (20.0, None)):
        part, _ = audio.read(path, start=start, end=end)
        expected = whole[round(start * rate) : None if end is None else round(end * rate)]
        np.testing.assert_allclose(part, expected, atol=2e-7)
        alone = audio.content_hash(path, start, end)
        soundfile.write(tmp_path / "cut.wav", part, rate, subtype="FLOAT")
        assert alone == audio.content_hash(tmp_path / "cut.wav")


def test_an_mp3_beside_an_apple_double_file(tmp_path, capfd):
    soundfile.write(tmp_path / "x.mp3", voice(), RATE)
    alone, _ = audio.read(tmp_path / "x.mp3")
    (tmp_path / "._x.mp3").write_bytes(b"\0\5\x16\7" + bytes(200))
    np.testing.assert_array_equal(audio.read(tmp_path / "x.mp3")[0], alone)
    assert capfd.readouterr().err == ""


DAMAGED = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from sertk import audio
from sertk.errors import AudioError
def one(k):
    try:
        audio.read(sys.argv[1])
    except AudioError:
        pass
    os.write(2, f"line {k}\\n".encode())
with ThreadPoolExecutor(4) as pool:
    list(pool.map(one, range(20)))
print("last", file=sys.stderr, end="")
"""


def test_the_mp3_decoder_prints_nothing_and_everybody_else_does(tmp_path):
    soundfile.write(tmp_path / "x.mp3", voice(), RATE)
    content = bytearray((tmp_path / "x.mp3").read_bytes())
    generator = np.random.default_rng(0)
    for at in generator.integers(600, len(content), 200):
        content[at] = int(generator.integers(256))
    (tmp_path / "damaged.mp3").write_bytes(content)
    command = [sys.executable, "-c", DAMAGED, str(tmp_path / "damaged.mp3")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *lines, last = done.stderr.splitlines()
    assert sorted(lines) == sorted(f"line {k}" for k in range(20))
    assert last == "last"


HUGE = 2**36


def declaring_too_much(folder):
    """Files of a few kB that declare a hundred billion samples, or rates no recorder has."""
    soundfile.write(folder / "a.flac", voice(1.0), RATE)
    content = bytearray((folder / "a.flac").read_bytes())
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4  # the 36 bits of STREAMINFO's number of samples
    (folder / "many.flac").write_bytes(content)
    soundfile.write(folder / "a.rf64", voice(1.0), RATE, format="RF64", subtype="PCM_16")
    content = bytearray((folder / "a.rf64").read_bytes())
    at = content.index(b"ds64") + 8
    content[at : at + 24] = struct.pack("<QQQ", 2 * HUGE + 36, 2 * HUGE, HUGE)
    (folder / "many.wav").write_bytes(content)
    soundfile.write(folder / "a.w64", voice(1.0), RATE, format="W64", subtype="PCM_16")
    content = bytearray((folder / "a.w64").read_bytes())
    at = content.index(b"data") + 16
    content[at : at + 8] = struct.pack("<Q", 2 * HUGE)
    (folder / "many.w64").write_bytes(content)
    for name, rate in (("fast", 2**31 - 1), ("slow", 1)):
        soundfile.write(folder / f"{name}.wav", voice(1.0), rate)
    soundfile.write(folder / "wide.wav", np.zeros((50, 1000), "f4"), RATE)
    return ["many.flac", "many.wav", "many.w64", "fast.wav", "slow.wav", "wide.wav"]


LIMITED = """
import resource, sys
from sertk import audio
from sertk.errors import AudioError
limit = 3 * 2**30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sys.argv[1:]:
    for call in (lambda: audio.read(path, sample_rate=16000), lambda: audio.read(path, start=0.2),
                 lambda: list(audio.blocks(path, sample_rate=16000)), lambda: audio.info(path),
                 lambda: audio.content_hash(path)):
        try:
            call()
        except AudioError as error:
            assert len(str(error)) < 500
print("done")
"""


def test_memory_follows_what_a_file_holds_and_not_what_it_declares(tmp_path):
    paths = [str(tmp_path / name) for name in declaring_too_much(tmp_path)]
    command = [sys.executable, "-c", LIMITED, *paths]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout == "done\n", done.stderr


@pytest.mark.parametrize("pieces", [0.5, 1, 1.7, 2, 2.3, 3, 6.4])
@pytest.mark.parametrize("sample_rate", [RATE, 44_100, 8_000])
def test_every_piece_of_a_long_recording_is_read(tmp_path, monkeypatch, pieces, sample_rate):
    monkeypatch.setattr("sertk.audio.reading._PIECE", 20_000)
    wave = voice(20_000 * pieces / RATE)
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    whole, _ = audio.read(tmp_path / "a.wav", sample_rate=sample_rate)
    wanted = wave if sample_rate == RATE else audio.resample(wave, RATE, sample_rate)
    np.testing.assert_allclose(whole, wanted, atol=1e-6)
    joined = np.concatenate(list(audio.blocks(tmp_path / "a.wav", sample_rate=sample_rate)))
    np.testing.assert_allclose(joined, wanted, atol=1e-6)
    part, _ = audio.read(tmp_path / "a.wav", start=0.1)
    np.testing.assert_array_equal(part, wave[RATE // 10 :])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_and_a_folder_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    (tmp_path / "b.wav").mkdir()
    for name, what in (("a.wav", "FIFO"), ("b.wav", "folder")):
        for function in (audio.read, audio.info, audio.content_hash):
            with raises(AudioError, "unopenable-audio", what):
                function(tmp_path / name)


def test_channels_that_cancel_are_refused_and_each_can_be_chosen(tmp_path):
    wave = voice(1.0)
    soundfile.write(tmp_path / "a.wav", np.stack([wave, -wave], 1), RATE, subtype="FLOAT")
    for call in (lambda: audio.read(tmp_path / "a.wav", sample_rate=8000),
                 lambda: list(audio.blocks(tmp_path / "a.wav", sample_rate=RATE))):  # fmt: skip
        with raises(AudioError, "canceling-channels"):
            call()
    np.testing.assert_array_equal(audio.read(tmp_path / "a.wav", channel=1)[0], wave)
    second = audio.blocks(tmp_path / "a.wav", sample_rate=RATE, channel=2)
    np.testing.assert_array_equal(np.concatenate(list(second)), -wave)
    with raises(AudioError, "missing-channel"):
        audio.read(tmp_path / "a.wav", channel=3)
    soundfile.write(tmp_path / "silent.wav", np.zeros((800, 2)), RATE)
    assert not audio.read(tmp_path / "silent.wav")[0].any()
    soundfile.write(tmp_path / "one.wav", np.stack([wave, 0 * wave], 1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(audio.read(tmp_path / "one.wav")[0], wave / 2, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "cancel"),
    [("quieter", True), ("offset", True), ("offsets alone", False), ("first part", False),
     ("second part", False), ("noise", True)],
)  # fmt: skip
def test_channels_cancel_whatever_their_offset(tmp_path, name, cancel):
    wave = voice(12.0)
    ends = np.where(np.arange(len(wave)) < len(wave) / 2, 1, -1).astype(np.float32)
    constant = np.full_like(wave, 0.1)
    pair = {
        "quieter": (wave, -0.96 * wave),
        "offset": (wave + constant, constant - wave),
        "offsets alone": (constant, -constant),
        "first part": (wave, -wave * ends),
        "second part": (wave, wave * ends),
        "noise": (wave, 1e-3 * np.random.default_rng(1).normal(size=len(wave)) - wave),
    }[name]
    soundfile.write(tmp_path / "a.wav", np.stack(pair, 1), RATE, subtype="FLOAT")

    def in_pieces(path):
        return np.concatenate(list(audio.blocks(path, sample_rate=RATE)))

    for call in (lambda path: audio.read(path)[0], in_pieces):
        if cancel:
            with raises(AudioError, "canceling-channels"):
                call(tmp_path / "a.wav")
        else:
            np.testing.assert_array_equal(call(tmp_path / "a.wav"), np.stack(pair, 1).mean(axis=1))


@needs_ffmpeg
@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".m4a", "aac"), (".webm", "libopus"), (".mp4", "aac"), (".wma", "wmav2"), (".mka", "flac"),
     (".3gp", "aac"), (".aac", "aac")],
)  # fmt: skip
def test_what_phones_and_browsers_record_is_read_by_ffmpeg(tmp_path, suffix, codec):
    wave = voice(3.0, 48_000)
    soundfile.write(tmp_path / "a.wav", np.stack([wave, wave / 2], 1), 48_000, subtype="FLOAT")
    path = tmp_path / f"it's a recording{suffix}"
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", "-c:a", codec, path]
    subprocess.run(command, check=True)
    read, rate = audio.read(path, sample_rate=RATE)
    seconds, own = audio.info(path)
    assert rate == RATE
    assert own == 48_000
    assert seconds == pytest.approx(3.0, abs=0.1)
    assert len(read) == pytest.approx(seconds * RATE, abs=2)
    expected = audio.resample(wave * 0.75, 48_000, RATE)
    shift = np.argmax(np.correlate(read[:20_000], expected[4000:16_000])) - 4000
    matched = np.corrcoef(read[4000 + shift : 16_000 + shift], expected[4000:16_000])[0, 1]
    assert matched > 0.95
    whole, _ = audio.read(path)
    part, _ = audio.read(path, start=1.0, end=2.0)
    np.testing.assert_array_equal(part, whole[48_000:96_000])
    pieces = audio.blocks(path, sample_rate=RATE, seconds=0.7)
    np.testing.assert_allclose(np.concatenate(list(pieces)), read, atol=1e-6)
    assert np.abs(audio.read(path, channel=2)[0]).max() < 0.7 * np.abs(whole).max() + 0.02


@needs_ffmpeg
def test_what_ffmpeg_refuses_says_why(tmp_path):
    (tmp_path / "a.m4a").write_bytes(b"ftypM4A " * 9)
    with raises(AudioError, "ffmpeg-decoding-failed", "a.m4a"):
        audio.read(tmp_path / "a.m4a")
    # a playlist under the name of a recording opens nothing else
    soundfile.write(tmp_path / "other.wav", voice(), RATE)
    (tmp_path / "b.m4a").write_text(
        f"#EXTM3U\n#EXTINF:4,\n{tmp_path / 'other.wav'}\n#EXT-X-ENDLIST\n"
    )
    with raises(AudioError, "ffmpeg-decoding-failed"):
        audio.read(tmp_path / "b.m4a")
    assert threading.active_count() < 20


def test_without_ffmpeg_the_message_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "it's.m4a").write_bytes(b"ftypM4A ")
    with raises(AudioError, "ffmpeg-not-installed", "a .m4a file") as caught:
        audio.read(tmp_path / "it's.m4a")
    command = str(caught.value).partition("that has it: ")[2]
    quoted = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\n' {command.removeprefix('ffmpeg ')}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert quoted.stdout.splitlines() == ["-i", "it's.m4a", "it's.wav"]
