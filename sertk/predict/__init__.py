"""Predict emotions: one prediction per file, or a timeline of a long recording.

In: files of sound and a model: the pretrained one, a run folder, an ONNX or OpenVINO file, or a
bundle. Out: tables that draw themselves. Keras is imported for a run folder alone; with ONNX,
onnxruntime is enough.
"""

import warnings
from pathlib import Path

from sertk.predict import pretrained
from sertk.predict.displays import Predictions, Timeline
from sertk.predict.enrolment import Profile
from sertk.predict.paths import Search, find, search
from sertk.predict.predictor import LONGEST, Predictor
from sertk.predict.sound import NO_SPEECH, SHORT, SILENCE_DB
from sertk.predict.sources import open_engine
from sertk.run import Run

__all__ = [
    "LONGEST", "NO_SPEECH", "Predictions", "Predictor", "Profile", "Search", "Timeline", "find",
    "load", "search",
]  # fmt: skip


def load(
    source: str | Path | Run | None = None,
    *,
    model_name: str = pretrained.DEFAULT,
    fold: int | None = None,
    seed: int | None = None,
    threads: int = 0,
    silence_db: float | None = SILENCE_DB,
    short_seconds: float = SHORT,
    channel: int | None = None,
) -> Predictor:
    """Open a model for prediction.

    Args:
        source: A run or its folder, a model.keras in it, an .onnx, an .xml of OpenVINO, or a
            bundle (.zip). Without one it is a pretrained model of the package, whose weights
            are for non-commercial use, of which a warning reminds.
        model_name: Which pretrained model: `"encoder"`, on hidden states of Whisper tiny.en, in
            which a speaker can be enrolled; or `"compact"`, a small network that was trained from
            nothing.
        fold: int >= 0. Fold whose model is used; the first by default.
        seed: int. Training seed whose model is used; the first by default.
        threads: int >= 0. Threads of onnxruntime or OpenVINO; 0 uses every core.
        silence_db: What stays below it in its loudest 50 ms is no speech, nor is steady noise;
            `None` always answers.
        short_seconds: Recordings with less sound are marked as short.
        channel: Number of the channel to take, from 1; by default what the model was trained on,
            usually the mean of all channels.

    Raises:
        UnknownNameError: If there is no such pretrained model.
        ConfigurationError: If the source is none of these.
        RunError: If a folder holds no run.
        ModelError: If a file is damaged, was changed, or is not of sertk; or the pretrained
            model is not in this installation.

    Examples:
        `sertk.predict.load("bundle.zip").files(sertk.predict.find(["recordings"])).plot()`
    """
    engine = open_engine(source, fold, seed, threads, model_name)
    if source is None:
        warnings.warn(pretrained.notice(engine.spec, model_name), stacklevel=2)
    return Predictor(engine, silence_db=silence_db, short_seconds=short_seconds, channel=channel)
