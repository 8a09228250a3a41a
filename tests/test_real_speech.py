"""On real recordings: the two forms of the features agree, and the main job runs to a report."""

import os
import warnings
from pathlib import Path

import librosa
import numpy as np
import pytest

from sertk import (
    audio,
    corpora,
    evaluation,
    features,
    labels,
    manifest,
    predict,
    report,
    splits,
    training,
)
from sertk.preprocessing import Preprocessing
from tests.test_features import COMPUTED, LINEAR, within

pytestmark = [pytest.mark.corpus, pytest.mark.backend]

HOME = os.environ.get("SERTK_CORPORA", "")
needs_ravdess = pytest.mark.skipif(
    not (Path(HOME) / "ravdess").is_dir(), reason="no ravdess/ below SERTK_CORPORA"
)


@pytest.fixture(scope="module")
def speech():
    return corpora.scan("ravdess", style="speech")


@needs_ravdess
@pytest.mark.parametrize("name", COMPUTED)
def test_layer_and_numpy_agree(speech, name):
    feature = features.get(name)
    layer = feature.layer()
    for row in speech.iloc[::37].itertuples():
        path = manifest.root_of(speech, "ravdess") / row.path
        wave, _ = audio.read(path, sample_rate=16_000)
        expected, given = feature(wave), np.asarray(layer(wave[None]))[0]
        if name == "log_mel":
            loud = within(expected, 80)
            expected, given = expected[loud], given[loud]
            mel = librosa.feature.melspectrogram(
                y=wave, sr=16_000, n_fft=512, hop_length=256, n_mels=64
            )
            theirs = librosa.power_to_db(mel, top_db=None).T[loud]
            np.testing.assert_allclose(expected, theirs, atol=1e-3)
        if name in LINEAR:  # a single bin far below the peak is where float32 ends
            loud = within(expected, 60)
            expected, given = expected[loud], given[loud]
        # relative as well, since the first cepstral coefficient reaches -800
        atol = 2e-3 if name in LINEAR else 1e-3
        np.testing.assert_allclose(given, expected, atol=atol, rtol=2e-6)


@pytest.mark.skipif(not (Path(HOME) / "emodb").is_dir(), reason="no emodb/ below SERTK_CORPORA")
def test_the_main_job(tmp_path):
    utterances = labels.apply(corpora.scan("emodb"), "emotion6")
    run = training.cross_validate(
        "mlp", splits.speaker_folds(utterances, folds=3, val=1), Preprocessing("mfcc"),
        folder=tmp_path / "run", augment="noise+pitch", copies=1, epochs=40, batch_size=16,
    )  # fmt: skip
    result = evaluation.evaluate(run)
    assert result.num_utterances == len(utterances)
    assert result.uar > 0.3  # chance is 0.167
    assert report.write_html(run).stat().st_size > 50_000


@needs_ravdess
@pytest.mark.parametrize("offset", [0.003, 0.05, -0.2])
def test_an_offset_changes_no_label_of_the_pretrained_model(speech, offset):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its license
        predictor = predict.load(threads=1)
    waves = [audio.read(path, sample_rate=16_000)[0] for path in manifest.paths(speech)[::9]]
    clean, moved = (
        np.stack([predictor.probabilities(wave + np.float32(added)) for wave in waves])
        for added in (0.0, offset)
    )
    np.testing.assert_array_equal(clean.argmax(axis=1), moved.argmax(axis=1))
    np.testing.assert_allclose(clean, moved, atol=1e-3)
