"""The wording of errors: some in full, and rules for all. Other tests match class and code."""

import ast
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

import sertk
from sertk import (
    Preprocessing,
    audio,
    corpora,
    encoders,
    errors,
    evaluation,
    features,
    labels,
    manifest,
    models,
    predict,
    splits,
)
from sertk.cache import housekeeping
from sertk.datasets.enrolment import Enrolment
from sertk.errors import SertkError
from sertk.evaluation import metrics
from sertk.explore import selection
from sertk.predict import enrolment, turns
from sertk.predict.enrolling import Enrolling
from sertk.run import Run
from sertk.studies import Study
from sertk.training import Config, convex_start
from tests import fake_run
from tests.errors import raises

SOURCE = Path(sertk.__file__).parent
KINDS = {n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, Exception)}
SHARED = {  # codes of one fault that several places find
    "all-trials-failed": 2, "folder-in-use": 3, "invalid-model-arguments": 3, "unfinished-run": 2,
    "unknown-fit": 2, "clips-too-small": 4, "invalid-coefficients": 2, "invalid-jobs": 2,
    "invalid-waveform": 2,
    "labels-outside-classes": 2, "missing-corpus-folder": 2, "no-readable-files": 4,
    "no-root-folder": 2, "too-few-classes": 2, "too-few-speakers": 2, "unlabeled-manifest": 2,
    "untested-run": 2, "unwritable-path": 2, "weights-of-other-size": 2, "wrong-file-ending": 2,
    "wrong-number-of-folds": 2,
}  # fmt: skip
WRAPPERS = {  # which end with the first error of many
    "all-trials-failed", "no-rankable-runs", "no-readable-files", "unreadable-noise-recording",
}  # fmt: skip
BANNED = re.compile(r"\b(anew|heard|nobody|said|stands?|tells?|told|whom)\b", re.IGNORECASE)


def file(path, text=""):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def copied(rows):
    copy = rows[rows["split"] == "test"].head(1)
    copy = copy.assign(utterance_id="copy", split="train", parent=copy["utterance_id"])
    return pd.concat([rows, copy], ignore_index=True)


def enrolling(bins):
    """Enrol speakers in a model whose vectors have a shape."""
    spec = SimpleNamespace(model="mlp", weights_sha256="a")
    return Enrolling(SimpleNamespace(bins=bins, spec=spec), Preprocessing(), lambda *_: True)


def profile(size, model):
    return predict.Profile(np.zeros(size, np.float32), 1, model)


MESSAGES = {  # code: a mistake in Python or on the command line, and its message
    "unknown-name": (lambda tmp, rows: corpora.scan("ravdes", tmp),
        "Unknown corpus 'ravdes'. Did you mean 'ravdess'? Known corpus names: crema_d, emodb, "
        "folders, iemocap, jl_corpus, nemo, ravdess, savee, table, tess, toy."),
    "missing-corpus-folder": (lambda tmp, rows: corpora.scan("ravdess", tmp / "none"),
        "No folder at {tmp}/none. The corpus 'ravdess' is expected there. Check root= (--root "
        "DIR). `sertk download ravdess --to DIR` fetches it."),
    "no-corpus-files": (lambda tmp, rows: corpora.scan("ravdess", tmp),
        "No RAVDESS files in {tmp} (found 0 *.wav). Expected names like "
        "Actor_01/03-01-05-01-02-01-01.wav. Unpack Audio_Speech_Actors_01-24.zip there, or pass "
        "root= the folder that contains Actor_01."),
    "unclear-folder-layout": (
        lambda tmp, rows: corpora.scan("folders", file(tmp / "x" / "a.wav").parent),
        "Cannot determine the emotions from the folders in {tmp}/x (all files are in one "
        "folder). Expected emotion/a.wav, speaker/emotion/a.wav or emotion/speaker/a.wav, with "
        "emotion words such as angry, happy, sad. Map other words with emotions={'your word': "
        "'angry'} (None excludes a word), or describe the folders with "
        "layout='{emotion}/{speaker}_*.wav'."),
    "wrong-argument-type": (lambda tmp, rows: corpora.scan("folders", tmp, layout=3),
        "The corpus folders received layout=3. layout must be a string or null. Omit it to use "
        "the default, None."),
    "no-root-folder": (lambda tmp, rows: manifest.paths(rows.drop(columns="root")),
        "No root folder is known for the corpus 'small' (SERTK_CORPORA is not set). Paths in a "
        "manifest are relative to the root of their corpus. Pass --root DIR (root= or roots= in "
        "Python), or set SERTK_CORPORA to the folder above small/."),
    "missing-manifest-file": (lambda tmp, rows: manifest.read(tmp / "m.csv"),
        "No manifest at {tmp}/m.csv. A manifest is a CSV file with one row per utterance. Create "
        "one with `sertk scan CORPUS --root DIR -o manifest.csv`."),
    "missing-manifest-columns": (
        lambda tmp, rows: manifest.validate(rows[["path", "speaker", "emotion"]]),
        "The manifest has no columns utterance_id, corpus (its columns: path, speaker, emotion). "
        "Every manifest has the columns utterance_id, corpus, path, speaker, emotion. Create it "
        "again with `sertk scan`, or read your own table with `--corpus table`."),
    "invalid-manifest-rows": (lambda tmp, rows: manifest.validate(rows.iloc[[0, 1, 1]]),
        "2 of 3 manifest rows have a duplicate utterance_id (small_ann_angry_1 "
        "(ann/angry_1.wav), small_ann_angry_1 (ann/angry_1.wav)). Each row needs a unique "
        "utterance_id and the path of a file below the root. Remove or rename the duplicates."),
    "selection-matches-nothing": (lambda tmp, rows: manifest.select(rows, emotion="hapy"),
        "No row has emotion = hapy. The values of this column are: angry, neutral, sad. Select "
        "one of these, or omit the selection."),
    "empty-selection": (lambda tmp, rows: selection.one(rows.head(0)),
        "The selection is empty. At least one utterance is needed. Relax the filters."),
    "grouping-matches-nothing": (
        lambda tmp, rows: labels.apply(rows, {"bored": "bored", "calm": "calm"}),
        "None of the 72 rows has an emotion of this grouping (found: angry, neutral, sad). The "
        "grouping maps: bored, calm. Choose another grouping, or pass a mapping of these "
        "emotions."),
    "unlabeled-manifest": (lambda tmp, rows: labels.classes(rows.drop(columns="label")),
        "The manifest has no column 'label'. Training needs a label in every row. Call "
        "sertk.labels.apply(manifest, 'emotion8') first."),
    "missing-audio-file": (lambda tmp, rows: audio.read(tmp / "a.wav"),
        "No audio file at {tmp}/a.wav. Check the path; `sertk verify MANIFEST --root DIR` lists "
        "the files that are missing."),
    "empty-audio-file": (lambda tmp, rows: audio.read(file(tmp / "a.wav")),
        "{tmp}/a.wav is empty (0 bytes). Download it again, or unpack the archive again."),
    "git-lfs-pointer": (
        lambda tmp, rows: audio.read(file(tmp / "a.wav", "version https://git-lfs.github.com")),
        "{tmp}/a.wav is a Git LFS pointer of 34 bytes, not an audio file. Run `git lfs pull` in "
        "the corpus folder."),
    "shared-speakers": (
        lambda tmp, rows: splits.check(rows.assign(split=["train", "val", "test"] * 24)),
        "Speakers small_ann, small_ben, small_cat, small_dan, small_eve and 1 more are in both "
        "'train' and 'test' (24 utterances). Speaker-independent scores need them apart. Use "
        "sertk.splits.by_speaker(), or pass allow_shared_speakers=True if that is the "
        "experiment."),
    "copies-across-splits": (
        lambda tmp, rows: splits.check(copied(splits.by_speaker(rows, val=1, test=1))),
        "1 augmented copies are in a different split than their originals, or have no original "
        "(copy). An augmented copy in a different split than its original leaks test data. Split "
        "the originals only, and let training make the copies: augment= (--augment)."),
    "too-few-speakers": (lambda tmp, rows: splits.by_speaker(rows, val=3, test=3),
        "Cannot split 6 speakers (small_fred, small_ann, small_dan, small_eve, small_ben and 1 "
        "more) into 3 for validation, 3 for test and at least one for training. Each of the "
        "three splits needs at least one speaker of its own. Choose other numbers (--val 1 "
        "--test 1), or cross-validate (`sertk cv`)."),
    "wrong-number-of-folds": (lambda tmp, rows: splits.speaker_folds(rows, folds=9),
        "9 folds of 6 speakers were requested (small_fred, small_ann, small_dan, small_eve, "
        "small_ben and 1 more). At least 2 folds are needed, and at least one speaker per fold. "
        "Use 5 folds."),
    "unavailable-speakers": (lambda tmp, rows: splits.by_speaker(rows, test=["ann"]),
        "ann cannot be in 'test': unknown, or already in another split. Available speakers: "
        "small_fred, small_ann, small_dan, small_eve, small_ben, small_cat. Speaker names "
        "include the corpus, such as ravdess_03."),
    "missing-speakers": (lambda tmp, rows: splits.by_speaker(rows.assign(speaker=None)),
        "72 of 72 rows have no speaker. A speaker-independent protocol needs the speaker of "
        "every row. Fill the column `speaker` (for folders: layout='{speaker}/{emotion}/*'); "
        "only --protocol random, which leaks speakers, works without."),
    "invalid-preprocessing": (lambda tmp, rows: Preprocessing(clip_seconds=-1.0),
        "Preprocessing received clip_seconds=-1.0. Rates, lengths, levels and channels must be "
        "positive; sample_rate is 1000 to 192000 Hz, clip_seconds at most 600. The defaults are "
        "16000 Hz, 3.0 s, trim_db 40 and top_db 80."),
    "invalid-mel-bands": (lambda tmp, rows: features.get("log_mel", n_mels=300),
        "Received n_mels=300, n_fft=512, fmin=0.0, fmax=None. n_mels must be positive and at "
        "most n_fft / 2 + 1, and fmin below fmax. Use the defaults, which suit speech at 16 kHz."),
    "invalid-training-settings": (lambda tmp, rows: Config(epochs=0),
        "Training received epochs=0. Numbers of epochs, sizes, patience and rates must be "
        "positive; momentum, warmup, label_smoothing, time_mask and freq_mask must be in [0, 1). "
        "Omit a setting to use its default."),
    "cache-not-a-folder": (lambda tmp, rows: housekeeping.contents(file(tmp / "f")),
        "{tmp}/f is a file. The cache must be a folder. Pass a folder with --cache, or set "
        "SERTK_CACHE."),
    "unwritable-path": (lambda tmp, rows: manifest.write(rows, file(tmp / "f") / "m.csv"),
        "Cannot write {tmp}/f: this name is taken (file exists). Choose another name."),
    "missing-run": (lambda tmp, rows: Run.open(tmp),
        "{tmp} is not a run folder (no run.json). A run folder is written by `sertk train` or "
        "`sertk cv`. Check the path, or train first."),
    "damaged-bundle": (lambda tmp, rows: predict.load(file(tmp / "b.zip")),
        "Cannot use {tmp}/b.zip as a bundle (File is not a zip file). A bundle is an unchanged "
        "zip file written by `sertk export RUN --to bundle`. Copy it again, or export the run "
        "again."),
    "labels-outside-classes": (lambda tmp, rows: metrics.uar(["a"], ["c"], ["a", "b"]),
        "Received the labels c, which are not in the class list (a, b). Every label must be a "
        "class. Pass labels=[...] with every class of the task."),
    "unknown-encoder-license": (lambda tmp, rows: encoders.convert("a.pt", tmp / "a.safetensors"),
        "The license of a.pt is unknown. A file of weights records its license, which is known "
        "for published names only. Pass name= (--name whisper-base), or license= (--license "
        "TEXT) for other weights."),
    "unconvertible-encoder": (
        lambda tmp, rows: encoders.convert(
            file(tmp / "a.pt"), tmp / "a.safetensors", license="MIT"
        ),
        "Cannot convert {tmp}/a.pt (File is not a zip file). It must be a whole model of an "
        "architecture that `sertk encoder list` lists: OpenAI's .pt, Hugging Face's folder or "
        ".safetensors with config.json, or CTranslate2's model.bin. Check the path, or download "
        "the file again."),
    "encoder-not-downloadable": (lambda tmp, rows: encoders.download("wavlm-base", tmp),
        "There is no single file of wavlm-base to download. Its license is: MIT "
        "(microsoft/unilm) or CC BY-SA 3.0 (microsoft/UniSpeech), Microsoft. Download its folder "
        "from Hugging Face, and convert it: sertk encoder convert FOLDER wavlm-base.safetensors "
        "--name wavlm-base"),
    "invalid-blocks": (lambda tmp, rows: features.get("hidden_states", blocks="2;3"),
        "Received blocks='2;3'. It must be different numbers of blocks with commas between them. "
        'For example: blocks="2,3".'),
    "encoder-sample-rate": (lambda tmp, rows: features.get("pooled_states", sample_rate=8000),
        "The feature `hidden_states` received a sample rate of 8000 Hz. Encoders are trained on "
        "speech at 16,000 Hz. Omit sample_rate."),
    "enrolment-of-decibels": (lambda tmp, rows: Enrolment(rows, {}, Preprocessing()),
        "standardize=enrolment received the feature LogMel. The mean of a speaker's recordings is "
        "subtracted from states or functionals; decibels count from each clip's own maximum. Use "
        "--feature pooled_states, hidden_states or functionals."),
    "enrolment-without-speakers": (
        lambda tmp, rows: Enrolment(
            rows.head(2).assign(speaker=["ann", "ben"]),
            dict.fromkeys(rows["utterance_id"], np.zeros((1, 512))), Preprocessing("functionals"),
        ),
        "standardize=enrolment received 0 training speakers with two or more recordings. "
        "Enrolment is learned from how recordings of one speaker differ; it needs at least two "
        "such speakers. Fill the column `speaker` of the manifest, or use standardize=training."),
    "damaged-profile": (lambda tmp, rows: predict.Profile.read(file(tmp / "p.json", "{")),
        "Cannot read {tmp}/p.json as the profile of a speaker (Input data was truncated). A "
        "profile is a file that `sertk enrol` wrote. Write it again from recordings of the "
        "speaker: sertk enrol DIR -o speaker.json."),
    "no-speech-to-enrol": (lambda tmp, rows: enrolment.profile([], "x"),
        "None of the recordings of the speaker contains speech. Enrolment averages recordings in "
        "which the speaker speaks, better five or more. Check the recordings and their level, or "
        "predict without --speaker."),
    "model-without-enrolment": (lambda tmp, rows: enrolling(None).enrol(None),
        "The model mlp cannot enrol a speaker. A model learns to with --standardize enrolment; the "
        "pretrained model did. Omit --speaker, or train such a model. --speaker-normalization "
        "works with any."),
    "profile-of-another-model": (lambda tmp, rows: enrolling((2,)).enrol(profile(2, "b")),
        "The profile of the speaker was written with another model. A profile holds what one model "
        "computes of a voice. Write it again with this model, from recordings of the speaker."),
    "profile-of-other-shape": (lambda tmp, rows: enrolling((2,)).enrol(profile(3, "a")),
        "The profile of the speaker has the shape (3,) and the count 1. This model needs finite "
        "numbers of shape (2,), and a count of 1 or more. Write it again with this model, from "
        "recordings of the speaker."),
    "invalid-turns": (lambda tmp, rows: turns.read(file(tmp / "t.csv", "start,end\n0,1\n")),
        "Cannot read the turns of {tmp}/t.csv (no column speaker). Turns have start and "
        "end in seconds, and a speaker: CSV with the columns start, end, speaker, or RTTM. Correct "
        "the table, or pass self for a recording of one speaker."),
    "unreadable-turns": (lambda tmp, rows: turns.read(file(tmp / "t.csv")),
        "Cannot read {tmp}/t.csv (No columns to parse from file). The turns of a recording are a "
        "CSV file or RTTM. Check the path."),
    "standardized-for-encoder": (
        lambda tmp, rows: models.check_standardize("encoder", "training"),
        "The model encoder received standardize=training. It was pretrained on the feature as it "
        "is, which needs standardize=none. Use --standardize none; the whole of it is: --model "
        "encoder --standardize none --feature log_mel --feature-option n_mels=80 --feature-option "
        "n_fft=400 --feature-option hop_length=160 --db-reference full_scale --target-rms-db -26"),
    "no-dense-head": (
        lambda tmp, rows: convex_start.last_dense(
            keras.Sequential([keras.layers.Softmax()], name="x")
        ),
        "Training received head_start=convex for the model 'x'. It sets the last dense layer, "
        "which this network does not end with. Omit head_start, or use another model, such as "
        "encoder or mlp."),
    "no-enrolment-curve": (
        lambda tmp, rows: evaluation.enrolment_curve(fake_run.write(tmp / "run")),
        "The run {tmp}/run has no enrolment.csv. The curve is measured on test speakers, by models "
        "that can enrol a speaker. Train one: --standardize enrolment --feature pooled_states."),
    "protocols-compared": (lambda tmp, rows: Study("Which?", compare="protocol"),
        "A study received compare='protocol'. Scores of different protocols are not comparable. "
        "Use sertk leak-gap, or compare another factor."),
    "command-line-syntax": ("train --epochs",
        "Invalid arguments for `sertk train`: argument --epochs: expected one argument. See "
        "`sertk train --help` for its arguments."),
    "unexpected-arguments": ("verify a b",
        "Unexpected arguments: b. The command takes fewer arguments. See `sertk COMMAND --help`; "
        "put a name with spaces in quotation marks."),
    "corpus-or-manifest": ("train -o run",
        "Received neither of --corpus and --manifest. Exactly one of them is needed to select "
        "the utterances. For example: --corpus ravdess --root ~/corpora/ravdess"),
    "malformed-assignment": ("scan toy --option x",
        "Received --option x. It must have the form NAME=VALUE. Add the equals sign."),
    "turns-without-timeline": ("predict x.wav --turns self",
        "Received --turns self without --timeline. Turns say who speaks when along a recording. "
        "Add --timeline, or omit --turns."),
    "several-models": ("predict x.wav --run a --model b",
        "Received 2 of --run, --model, --bundle and --model-name. At most one of them selects the "
        "model; by default it is the pretrained model. Omit all but one."),
}  # fmt: skip


@pytest.mark.parametrize("code", MESSAGES)
def test_a_message_in_full(code, tmp_path, small, refused, monkeypatch):
    monkeypatch.delenv("SERTK_CORPORA", raising=False)
    mistake, text = MESSAGES[code]
    text = text.replace("{tmp}", str(tmp_path))
    if isinstance(mistake, str):
        line = refused(*mistake.split())
        assert (line, line.code) == (f"sertk: {text}", code)
    else:
        with raises(SertkError, code) as caught:
            mistake(tmp_path, small)
        assert str(caught.value) == text


def raised():
    """Yield (place, arguments, code) of every error that the package makes."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS:
                if node.func.id == "UnknownNameError" or path.name == "errors.py":
                    continue  # its class has the code and the words
                if not any(isinstance(argument, ast.Starred) for argument in node.args):
                    codes = [word.value.value for word in node.keywords if word.arg == "code"]
                    yield f"{path.relative_to(SOURCE)}:{node.lineno}", node.args, codes


def texts(node):
    """List the literal texts of an argument; the branches of a condition are two."""
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else "{}" for p in node.values]
        return ["".join(parts)]
    return [node.value] if isinstance(node, ast.Constant) else []


def test_every_error_has_a_code_of_its_own():
    found = Counter()
    for place, _, codes in raised():
        assert len(codes) == 1, place
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+){1,3}", codes[0]), place
        found.update(codes)
    assert len(found) > 250
    assert {code: places for code, places in found.items() if places > 1} == SHARED


def test_every_message_says_what_was_received_what_is_needed_and_what_to_do():
    for place, arguments, codes in raised():
        assert len(arguments) == 3 or set(codes) <= WRAPPERS, place
        for argument in arguments:
            for text in texts(argument):
                assert not BANNED.search(text), (place, text)
                complete = text.endswith((".", "{}")) or not text
                if argument is arguments[-1]:  # may be a question, or end with a command
                    complete = complete or text.endswith("?") or ": " in text
                assert complete, (place, text)
