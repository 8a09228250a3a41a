"""B1 and B1p: from 48 kHz files to log-mel spectra, with one worker and with all cores."""

import shutil
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from benchmarks import sound
from benchmarks.record import Record, Setting, faster
from benchmarks.timing import Timing, alternate, spread
from sertk import cache
from sertk import manifest as manifests
from sertk.features import LogMel
from sertk.preprocessing import Preprocessing

_RATE, _N_FFT, _HOP, _N_MELS = 16_000, 512, 256, 64
# librosa's loop trims nothing
_PREP = Preprocessing(
    LogMel(n_mels=_N_MELS, n_fft=_N_FFT, hop_length=_HOP), sample_rate=_RATE, trim_db=None
)
_LOOP = "librosa.load(path, sr=16000), melspectrogram(512/256/64), power_to_db"


def measure(setting: Setting) -> list[Record]:
    """Compare the front end alone, the same into a cache, and the numbers that come out."""
    rows, words = sound.recordings(setting, setting.pick(160, 6))
    paths = manifests.paths(rows)
    warm = f"{words}; nothing cached by sertk, files in the page cache"
    with threadpool_limits(1):
        alone = alternate(
            lambda: [_ours(p) for p in paths], lambda: [_loop(p) for p in paths], setting.repeats
        )
        kept = _into_a_cache(rows, paths, setting, 1)
    what = "48 kHz WAV to 16 kHz log-mel, one worker"
    return [
        faster(
            alone.per(len(paths)), "B1", what, _LOOP, unit="s per file", goal=1.6,
            notes=f"{warm}; one BLAS thread for both",
        ),
        faster(
            kept.per(len(paths)), "B1.cache", f"{what}, kept: cache.compute(n_jobs=1)",
            f"{_LOOP}, np.save", unit="s per file", goal=1.6,
            notes="checksums, parts and index included; both write, nothing is flushed to the disk",
        ),
        _equality(paths),
    ]  # fmt: skip


def measure_parallel(setting: Setting) -> list[Record]:
    """Compare the same with every core."""
    rows, words = sound.recordings(setting, setting.pick(320, 6))
    paths = manifests.paths(rows)
    alone = alternate(
        lambda: _threads(_ours, paths), lambda: _threads(_loop, paths), setting.repeats
    )
    kept = _into_a_cache(rows, paths, setting, -1)
    what = "48 kHz WAV to 16 kHz log-mel, a thread per core"
    return [
        faster(
            alone.per(len(paths)), "B1p", what, f"{_LOOP}, in joblib threads", unit="s per file",
            goal=1.5, notes=f"{words}; BLAS threads as installed for both",
        ),
        faster(
            kept.per(len(paths)), "B1p.cache", f"{what}, kept: cache.compute(n_jobs=-1)",
            f"{_LOOP}, np.save, in joblib threads", unit="s per file", goal=1.5,
            notes="checksums, parts and index included",
        ),
    ]  # fmt: skip


def _ours(path: Path) -> np.ndarray:
    return _PREP.extract(_PREP.load(path))


def _loop(path: Path) -> np.ndarray:
    waveform, _ = librosa.load(path, sr=_RATE)
    return librosa.power_to_db(
        librosa.feature.melspectrogram(
            y=waveform, sr=_RATE, n_fft=_N_FFT, hop_length=_HOP, n_mels=_N_MELS
        )
    )


def _threads(function: Callable[[Path], object], paths: list[Path]) -> list[object]:
    return Parallel(n_jobs=-1, prefer="threads")(delayed(function)(path) for path in paths)


def _into_a_cache(rows: pd.DataFrame, paths: list[Path], setting: Setting, jobs: int) -> Timing:
    """Time a fresh cache against files of the user's own."""
    ours, theirs = setting.work / f"cache_{jobs}", setting.work / f"npy_{jobs}"
    theirs.mkdir()

    def save(path: Path) -> Path:
        kept = theirs / f"{path.stem}.npy"
        np.save(kept, _loop(path))
        return kept

    def compute() -> None:
        shutil.rmtree(ours, ignore_errors=True)
        cache.compute(rows, _PREP, folder=ours, n_jobs=jobs)

    return alternate(
        compute,
        lambda: [save(p) for p in paths] if jobs == 1 else _threads(save, paths),
        setting.repeats,
    )


def _equality(paths: list[Path]) -> Record:
    """Compare with librosa fed the same waveform, for bins within 80 dB of the clip's peak."""
    apart = []
    for path in paths[:40]:
        waveform = _PREP.load(path)
        power = librosa.feature.melspectrogram(
            y=waveform, sr=_RATE, n_fft=_N_FFT, hop_length=_HOP, n_mels=_N_MELS
        )
        expected = librosa.power_to_db(power, top_db=None).T
        heard = expected > expected.max() - 80
        apart.append(float(np.abs(_PREP.extract(waveform) - expected)[heard].max()))
    return Record(
        "B1.equal", "largest difference of a clip from librosa's log-mel", "librosa itself", "dB",
        spread(apart), spread([0.0]), max(apart), "largest difference, dB", None, "<= 0.001",
        len(apart), "bins within 80 dB of the clip's peak, the same waveform given to both",
    )  # fmt: skip
