"""The mistakes of the troubleshooting page, each made anew whenever the page is built.

In: the lists of `tests.test_bad_input` and `tests.test_bad_runs`, so that a mistake that gets a
test gets an entry, and some that those tests make one by one. Out: sections of `Said`.
"""

import contextlib
import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from docs._make.captured_errors import Listener, Said
from sertk import Preprocessing, audio, cache, corpora, labels, manifest, notebooks, run
from sertk._utils.keras_backend import without_native_messages
from sertk.cli import main
from sertk.predict import pretrained
from tests import (
    fake_model,
    fake_run,
    small_corpus,
    test_bad_input,
    test_bad_runs,
    test_export,
    test_model_files,
    test_predict,
)
from tests.corpora import trees


def cases(test: Callable[..., None]) -> list[tuple[Any, ...]]:
    """Read what a test is parametrised by."""
    (mark,) = [m for m in test.pytestmark if m.name == "parametrize"]  # type: ignore[attr-defined]
    return [tuple(getattr(case, "values", case)) for case in mark.args[1]]


def words(at: Listener) -> Iterator[Said]:
    """Make slips in commands and options."""
    for given, _ in cases(test_bad_input.test_words):
        yield at.run(given)
    _save(at, test_bad_input.table())
    for more in ("train --protocol loso", "cv --protocol by_speaker"):
        yield at.run(f"{more} --manifest m.csv --root . -o x")


def protocols(at: Listener) -> Iterator[Said]:
    """Ask protocols for what the speakers cannot give."""
    _save(at, test_bad_input.table())
    for given, _ in cases(test_bad_input.test_protocols):
        yield at.run(["audit", "m.csv", *given.split()])
    for speakers, given in cases(test_bad_input.test_too_few_speakers):
        frame = test_bad_input.table(speaker=[f"my_{n % speakers}" for n in range(8)])
        _save(at, frame)
        yield at.run(["audit", "m.csv", "--protocol", *given])
    _save(at, test_bad_input.table(speaker=""))
    yield at.run("audit m.csv --protocol loso")


def manifests(at: Listener) -> Iterator[Said]:
    """Give tables that are no manifests."""
    for frame, options, _ in cases(test_bad_input.test_manifests):
        _save(at, frame, **options)
        yield at.run("extract m.csv --root .")
    (at.folder / "m.csv").unlink()
    yield at.run("extract m.csv --root .")


def selections(at: Listener) -> Iterator[Said]:
    """Choose rows and groupings that are not there."""
    _save(at, test_bad_input.table(emotion=["hapy", "sad"] * 4))
    for given, _ in cases(test_bad_input.test_selections):
        yield at.run(["cv", "--manifest", "m.csv", "--root", ".", *given, "-o", "run"])
    _save(at, test_bad_input.table(gender=""))
    yield at.run("cv --manifest m.csv --root . --gender male -o run")


def folders(at: Listener) -> Iterator[Said]:
    """Look for corpora where they are not, and ask for those that are not given away."""
    with mock.patch.dict(os.environ):
        os.environ.pop("SERTK_CORPORA", None)
        yield at.run("scan ravdess")
    yield at.run("scan ravdess --root corpora/ravdess")
    (at.folder / "file").write_text("mine")
    yield at.run("scan ravdess --root file")
    (at.folder / "zip").mkdir()
    (at.folder / "zip" / "Audio_Speech_Actors_01-24.zip").write_bytes(b"PK")
    yield at.run("scan ravdess --root zip")
    trees.sounds(at.folder / "half", "Actor_01/03-01-05-01-01-01-01.wav")
    with _quiet():
        main(["scan", "ravdess", "--root", "half", "-o", "half.csv"])
    yield at.run("audit half.csv --protocol dev4")
    trees.sounds(at.folder / "mine", "ann/glad/1.wav", "ben/glad/1.wav")
    yield at.run("scan folders --root mine")
    yield at.run(["scan", "folders", "--root", "mine", "--option", "layout={speaker}/{emotion}/*"])
    yield at.run(["scan", "folders", "--root", "mine", "--option", "layout={emotion}_{speaker}"])
    (at.folder / "mine.csv").write_text("path,speaker\nann/glad/1.wav,ann\n")
    yield at.run("scan table --root mine.csv")
    row = "mine/ann/glad/1.wav,ann,glad\n"
    (at.folder / "mine.csv").write_text(f"path,speaker,emotion\n{row}{row}mine/2.wav,,sad\n")
    yield at.run("scan table --root mine.csv")
    for name in corpora.names():
        if not corpora.load(name).DOWNLOADS and corpora.load(name).URL:
            yield at.run(f"download {name} --to corpora/{name}")


def sounds(at: Listener) -> Iterator[Said]:
    """Read files that hold no usable sound; the command goes on, and names them at its end."""
    for folder in ("good", "bad"):
        (at.folder / folder).mkdir()
    with without_native_messages():  # of the MP3 decoder
        test_bad_input.sounds(at.folder)
        yield from _unreadable(at)
    _save(at, test_bad_input.table())
    yield at.run("audit m.csv --root . --compare-audio")
    yield at.run("extract m.csv --root .")


def _unreadable(at: Listener) -> Iterator[Said]:
    (at.folder / "bad" / "phone.m4a").write_bytes(b"\0" * 99)
    names = [f"bad/{name}" for name in (*test_bad_input.WRONG, "gone.wav", "phone.m4a")]
    for name in names:
        yield at.call(lambda name=name: audio.read(at.folder / name), name)  # type: ignore[misc]


def models(at: Listener) -> Iterator[Said]:
    """Ask for what a model cannot answer, and give files that are no models."""
    fake_model.write_model(at.folder / "model.onnx")
    sounds = fake_model.write_recordings(at.folder / "sounds")
    (sounds / "empty").mkdir()
    for given, _ in cases(test_predict.test_mistakes):
        words = [word.format("sounds") for word in given]
        yield at.run(["predict", "--model", "model.onnx", *words])
    with mock.patch.object(pretrained, "FOLDER", at.folder / "nowhere"):
        yield at.run("predict sounds/a.wav")
    fake_model.write_pretrained(at.folder / "pretrained")
    (at.folder / "pretrained" / "model.onnx").write_bytes(b"other")
    with mock.patch.object(pretrained, "FOLDER", at.folder / "pretrained"):
        yield at.run("predict sounds/a.wav")
    for given in (["--model", "no.onnx"], ["--model", "sounds/a.wav"], ["--run", "sounds"]):
        yield at.run(["predict", *given, "sounds/a.wav"])
    (at.folder / "half.onnx").write_bytes(b"half")
    yield at.run("predict --model half.onnx sounds/a.wav")
    fake_model.write_model(at.folder / "other.onnx", record=False)
    yield at.run("predict --model other.onnx sounds/a.wav")
    for number, (change, _) in enumerate(
        cases(test_model_files.test_bundles_that_were_tampered_with)
    ):
        fake_model.write_bundle(at.folder / f"bundle{number}.zip", change)
        yield at.run(f"predict --bundle bundle{number}.zip sounds/a.wav")
    yield at.run("app --run run0 --bundle bundle0.zip")
    yield at.run("app --bundle bundle0.zip --runtime sounds")
    _fake(at.folder / "run")
    for given, _ in cases(test_export.test_mistakes_in_words):
        yield at.run(["export", "run", *given])


def disks(at: Listener) -> Iterator[Said]:
    """Write to where nothing can be written."""
    trees.sounds(at.folder / "corpus", "happy/a.wav")
    (at.folder / "file").write_text("mine")
    yield at.run("scan folders --root corpus -o corpus")
    yield at.run("scan folders --root corpus -o file/m.csv")
    yield at.run("download emodb --to file")
    for number, _ in cases(test_bad_runs.test_disks_that_refuse):
        error = OSError(number, os.strerror(number))
        with mock.patch.object(pd.DataFrame, "to_csv", side_effect=error):
            yield at.run("scan folders --root corpus -o m.csv")
    shard = _shard(at)
    index = shard / "index.json"
    whole = index.read_text()
    index.write_text(whole[:50])
    yield at.run("extract small.csv --root small --cache cache")
    index.write_text(whole)
    (shard / "features.npy").write_bytes(b"")
    rows = manifest.read(at.folder / "small.csv", root=at.folder / "small")
    name = rows["utterance_id"][0]
    yield at.call(
        lambda: cache.compute(rows, Preprocessing(), folder=at.folder / "cache")[name],
        "sertk.cache.compute(utterances, prep)",
    )


def runs(at: Listener) -> Iterator[Said]:
    """Read run folders that are damaged, unfinished, or none."""
    (at.folder / "empty").mkdir()
    yield at.run("evaluate empty")
    folder = at.folder / "run"
    for damage, _ in cases(test_bad_runs.test_damaged_runs):
        _fake(folder)
        damage(folder)
        yield at.run("evaluate run")
    _fake(folder)
    (folder / "history.csv").write_text("epoch\n1\n")
    yield at.run("report run")
    (folder / "history.csv").write_text("")
    yield at.call(lambda: run.Run(folder).history, 'sertk.run.Run("run").history')
    _fake(folder)
    yield at.run("evaluate run --grouping valenc2")


def trainings(at: Listener) -> Iterator[Said]:
    """Train with settings that cannot be, and into folders that are not free."""
    own = labels.Grouping({emotion: emotion for emotion in small_corpus.EMOTIONS})
    with mock.patch.dict(labels.GROUPINGS, {"own3": own}):
        yield from _trainings(at, _training(at))


def _trainings(at: Listener, train: Callable[..., list[str]]) -> Iterator[Said]:
    for more, _ in cases(test_bad_runs.test_trainings_that_cannot_be):
        yield at.run(train("run", *more), show=" ".join(["train ...", *map(_word, more)]))
        shutil.rmtree(at.folder / "run", ignore_errors=True)
    (at.folder / "data").mkdir()
    (at.folder / "data" / "manifest.csv").write_text("mine")
    yield at.run(train("data"), show="train ... -o data")
    with _quiet():
        main(train("first", "--epochs", "1"))
    yield at.run(train("first", "--seeds", "1"), show="train ... --seeds 1 -o first")
    with mock.patch("filelock.FileLock.acquire", side_effect=_timeout()):
        yield at.run(train("first", "--epochs", "1"), show="train ... -o first")
    yield from _models(at, train)
    with mock.patch("sertk._utils.keras_backend._has_accelerator", return_value=False):
        yield at.run(train("run", "--device", "gpu"), show="train ... --device gpu")


def _models(at: Listener, train: Callable[..., list[str]]) -> Iterator[Said]:
    import keras

    path = at.folder / "first" / "fold_0" / "seed_0" / "model.keras"
    shape = run.Run(at.folder / "first").info["preprocessing"]["feature"]["n_mels"]
    path.write_bytes(b"no model")
    again, shown = train("second", "--init-from", "first"), "train ... --init-from first"
    yield at.run(again, show=shown)
    inputs = keras.Input((57, shape))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x * 2)(inputs)).save(path)
    yield at.run(again, show=shown)


def pages(at: Listener) -> Iterator[Said]:
    """Run notebooks that are none, or with parameters that they do not have."""
    import nbformat

    v4 = nbformat.v4
    tags = {"tags": ["parameters"]}
    cells = [v4.new_code_cell("epochs: int = 2  # passes over the speakers", metadata=tags)]
    cells.append(v4.new_code_cell("1 / epochs"))
    kernel = {"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}
    (at.folder / "notebooks").mkdir()
    tiny = at.folder / "notebooks" / "mine.ipynb"
    nbformat.write(v4.new_notebook(cells=cells, metadata=kernel), tiny)
    yield at.run("run notebooks/none.ipynb")
    yield at.run("run notebooks/mine.ipynb -p epoch 3")
    yield at.run("run notebooks/mine.ipynb -p epochs few")
    yield at.run("run notebooks/mine.ipynb -o notebooks")
    with mock.patch("importlib.util.find_spec", return_value=None):
        yield at.call(lambda: notebooks.run(tiny), "sertk run notebooks/mine.ipynb")
    with _quiet():
        said = at.call(lambda: notebooks.run(tiny, output="out", epochs=0), "")
    yield Said("sertk run notebooks/mine.ipynb -p epochs 0", *_fields(said)[1:])


SECTIONS: dict[str, Callable[[Listener], Iterator[Said]]] = {
    "words": words,
    "folders": folders,
    "sounds": sounds,
    "manifests": manifests,
    "selections": selections,
    "protocols": protocols,
    "trainings": trainings,
    "runs": runs,
    "models": models,
    "disks": disks,
    "pages": pages,
}


def collect(folder: Path, names: Iterable[str] = tuple(SECTIONS)) -> dict[str, list[Said]]:
    """Make the mistakes of some sections in an empty folder, and hand out what was said."""
    found = {}
    for name in names:
        own = folder / name
        own.mkdir()
        environment = {"SERTK_CACHE": str(own / "features")}
        with mock.patch.dict(os.environ, environment), Listener(own).listening() as at:
            found[name] = list(SECTIONS[name](at))
    return found


def _fields(said: Said) -> tuple[str, ...]:
    return said.did, said.kind, said.received, said.needed, said.remedy


def _save(at: Listener, frame: pd.DataFrame, **options: Any) -> None:
    frame.to_csv(at.folder / "m.csv", index=False, **options)


def _word(word: str) -> str:
    return word or "''"


def _timeout() -> Exception:
    import filelock

    return filelock.Timeout("run.lock")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    sink = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        yield


def _fake(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    fake_run.write(folder, classes=("happy", "sad"), speakers=4, folds=2, seeds=(0,))


def _shard(at: Listener) -> Path:
    root = small_corpus.write(_made(at.folder / "small"))
    manifest.write(small_corpus.manifest(root), at.folder / "small.csv")
    with _quiet():
        main(["extract", "small.csv", "--root", "small", "--cache", "cache"])
    return next((at.folder / "cache").glob("*/*/index.json")).parent


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _training(at: Listener) -> Callable[..., list[str]]:
    """Write the small corpus; hand out the words of a training on it."""
    root = small_corpus.write(_made(at.folder / "small"))
    rows = labels.apply(small_corpus.manifest(root), "emotion8")
    manifest.write(rows, at.folder / "small.csv")
    common = ["train", "--manifest", "small.csv", "--root", "small", *test_bad_runs.QUICK,
              "--grouping", "own3", "--val", "1", "--test", "1"]  # fmt: skip

    def train(out: str, *more: str) -> list[str]:
        return [*common, *more, "-o", out]

    return train
