"""Models as files: compared with Keras, whole, damaged, tampered with, or claiming too much."""

import io
import json
import sys
import tracemalloc
import zipfile

import keras
import numpy as np
import pytest

from sertk import models, predict
from sertk.corpora import _download
from sertk.errors import ConfigurationError, CorpusError, ModelError, RunError, UnknownNameError
from sertk.export import bundling, clips, parity
from sertk.predict import bundle, engines
from sertk.predict import spec as specs
from sertk.predict.spec import Spec
from sertk.training import saving
from sertk.training.checkpoint import Checkpoint
from tests import fake_model
from tests.errors import raises
from tests.fake_model import CLASSES, spec


def test_records_of_other_versions(tmp_path):
    text = spec().to_json()
    assert Spec.from_json(text, "x") == spec()
    newer = json.dumps({**json.loads(text), "schema_version": 99})
    with raises(ModelError, "newer-model-schema"):
        Spec.from_json(newer, "x")
    for damaged in ("{", "[]", '{"schema_version": 1}', '{"schema_version": 1, "classes": 3}'):
        with raises(ModelError, "damaged-model-description"):
            Spec.from_json(damaged, "x")


@pytest.fixture
def files(tmp_path):
    return fake_model.files_of_a_bundle(tmp_path)


def test_a_bundle(files, tmp_path):
    recordings = fake_model.write_recordings(tmp_path / "sounds")
    bundling.pack(files, tmp_path / "b.zip")
    assert bundle.read(tmp_path / "b.zip")["MODEL_CARD.md"] == b"# Card"
    found = predict.load(tmp_path / "b.zip")
    assert found.engine.name == "onnxruntime"
    assert found.file(recordings / "a.wav")["label"] == "happy"
    bundling.pack(files, tmp_path / "again.zip")
    assert (tmp_path / "b.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()


@pytest.mark.parametrize(
    ("change", "code", "value"),
    [
        ({"../../evil.py": b"x"}, "damaged-bundle", "outside the archive"),
        ({"/etc/evil": b"x"}, "damaged-bundle", "outside the archive"),
        ({"c:evil": b"x"}, "damaged-bundle", "outside the archive"),
        ({"model.onnx": None}, "damaged-bundle", "model.onnx"),
        ({"MODEL_CARD.md": b"# Better"}, "damaged-bundle", "MODEL_CARD.md"),
        ({"extra.py": b"import os"}, "damaged-bundle", "extra.py"),
    ],
)
def test_bundles_that_were_tampered_with(change, code, value, tmp_path, refused):
    path = fake_model.write_bundle(tmp_path / "b.zip", change)
    refused("predict", "--bundle", path, "a.wav").check(code, value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.zip", "model.onnx"]


def test_a_bundle_describes_the_model_it_holds(tmp_path, refused):
    other = spec(classes=CLASSES[::-1]).to_json().encode()
    files = {**fake_model.files_of_a_bundle(tmp_path), "spec.json": other}
    bundling.pack(files, tmp_path / "b.zip")  # every sum fits
    refused("predict", "--bundle", tmp_path / "b.zip", "a.wav").check("bundle-record-mismatch")


def test_what_is_no_bundle(files, tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK no zip")
    with raises(ModelError, "damaged-bundle"):
        bundle.read(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("model.onnx", b"x")
    with raises(ModelError, "damaged-bundle", "bundle.json"):
        bundle.read(tmp_path / "y.zip")
    bundling.pack(files, tmp_path / "z.zip")
    whole = (tmp_path / "z.zip").read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    (tmp_path / "z.zip").write_bytes(changed)
    with raises(ModelError, "damaged-bundle"):
        bundle.read(tmp_path / "z.zip")


def test_openvino_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    (tmp_path / "m.xml").write_text("<net/>")
    with raises(ConfigurationError, "openvino-not-installed"):
        engines.OpenVinoEngine(tmp_path / "m.xml")


def test_openvino_that_is_damaged(tmp_path):
    pytest.importorskip("openvino")
    (tmp_path / "m.xml").write_text("<net/>")
    with raises(ModelError, "unopenable-model", "m.bin is missing"):
        engines.OpenVinoEngine(tmp_path / "m.xml")
    (tmp_path / "m.bin").write_bytes(b"")
    with raises(ModelError, "unopenable-model") as caught:
        engines.OpenVinoEngine(tmp_path / "m.xml")
    assert "Exception from" not in str(caught.value)


MEGABYTE = 2**20


def claiming(path, sizes, content=b"x"):
    """Write a zip whose directory says that its files are so large; they hold next to nothing."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sizes:
            archive.writestr(name, content)
    packed = bytearray(path.read_bytes())
    place = 0
    for size in sizes.values():
        place = packed.index(b"PK\x01\x02", place)
        packed[place + 24 : place + 28] = size.to_bytes(4, "little")
        place += 4
    path.write_bytes(packed)
    return path


@pytest.mark.parametrize(
    ("size", "count", "value"), [(2**30 - 1, 7, "7.5 GB, over 1.1"), (1, 200, "200")]
)
def test_size_and_number_of_the_files_of_a_bundle_are_bounded(tmp_path, size, count, value):
    path = claiming(tmp_path / "b.zip", {f"{k}.onnx": size for k in range(count)})
    with raises(ModelError, "damaged-bundle", value):
        bundle.read(path)


@pytest.fixture
def network(tmp_path):
    saving.save_model(models.build("mlp", (20, 8), 3, width=0.1), tmp_path / "m.keras")
    return tmp_path / "m.keras"


def replaced(path, **files):
    """Write a .keras file again with some files of other content."""
    with zipfile.ZipFile(path) as archive:
        there = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**there, **files}.items():
            archive.writestr(name, content)
    return path


def test_a_large_description_is_not_inflated(network):
    replaced(network, **{"config.json": b" " * (100 * MEGABYTE)})
    tracemalloc.start()
    with raises(ModelError, "damaged-model-file", "configuration"):
        saving.load_model(network)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * MEGABYTE


def described(path, class_name, module, registered_name=None, **config):
    """Put one more layer into the description of a network."""
    with zipfile.ZipFile(path) as archive:
        description = json.loads(archive.read("config.json"))
    layer = {"class_name": class_name, "module": module, "registered_name": registered_name,
             "config": {"name": "x", **config}, "inbound_nodes": []}  # fmt: skip
    description["config"]["layers"].append({**layer, "name": "x"})
    return replaced(path, **{"config.json": json.dumps(description).encode()})


@pytest.mark.parametrize(
    ("class_name", "module", "registered"),
    [
        ("TorchModuleWrapper", "keras.layers", None),
        ("TorchModuleWrapper", "keras.src.utils.torch_utils", "TorchModuleWrapper"),
        ("TFSMLayer", "keras.layers", None),
        ("FlaxLayer", "keras.layers", None),
        ("system", "os", None),
        ("Popen", "subprocess", "subprocess>Popen"),
        ("Mine", "mine", "mine>Mine"),
    ],
)
def test_layers_of_others_are_not_built(class_name, module, registered, network):
    described(network, class_name, module, registered, lazy=False)
    there = "torch" in sys.modules
    with raises(ModelError, "damaged-model-file"):
        saving.load_model(network)
    assert ("torch" in sys.modules) == there


def test_a_layer_that_was_imported_is_loaded(tmp_path):
    @keras.saving.register_keras_serializable("theirs")
    class Doubled(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    inputs = keras.Input((4,))
    saving.save_model(keras.Model(inputs, Doubled()(inputs)), tmp_path / "m.keras")
    found = saving.load_model(tmp_path / "m.keras")(np.ones((1, 4)))
    assert np.allclose(found, 2)


def weights(path, write):
    import h5py

    sink = io.BytesIO()
    with h5py.File(sink, "w") as file:
        write(file, h5py)
    return replaced(path, **{"model.weights.h5": sink.getvalue()})


def test_weights_in_other_files_or_of_any_size_are_refused(network, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret" * 10)
    outside = [(str(tmp_path / "secret"), 0, 40)]
    for write, value in (
        (lambda f, h: f.create_dataset("a", (10,), "f4", external=outside), "in another file"),
        (lambda f, h: f.__setitem__("a", h.ExternalLink("b.h5", "/")), "a link"),
        (lambda f, h: f.__setitem__("a", h.SoftLink("/")), "a link"),
        (lambda f, h: f.create_dataset("a", (10**10,), "f4", chunks=(10**6,)), "unpack to"),
    ):
        weights(network, write)
        with raises(ModelError, "damaged-model-file", value):
            saving.load_model(network)


def test_a_state_that_claims_more_than_it_holds(tmp_path):
    sink = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
    np.lib.format.write_array_header_1_0(sink, header)
    with zipfile.ZipFile(tmp_path / "state.npz", "w") as archive:
        archive.writestr("last_0.npy", sink.getvalue())
    with raises(RunError, "damaged-checkpoint"):
        Checkpoint(tmp_path)
    claiming(tmp_path / "state.npz", {f"last_{k}.npy": 2**32 - 2 for k in range(5)})
    with raises(RunError, "damaged-checkpoint", "unpacks to"):
        Checkpoint(tmp_path)
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "a.npy").replace(tmp_path / "state.npz")
    with raises(RunError, "damaged-checkpoint"):
        Checkpoint(tmp_path)


def test_a_corpus_with_one_name_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("a.wav", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.wav", b"2")
    with raises(CorpusError, "damaged-archive", "same name"):
        _download.unpack(tmp_path / "c.zip", tmp_path / "to")
    assert not list((tmp_path / "to").iterdir())


def test_what_files_are_compared_on(trained, small_root, monkeypatch):
    spec, _ = specs.of_run(trained)
    roots = {"small": small_root}
    found = clips.of_run(trained, spec, ("test", "val"), roots)
    rows = trained.manifest
    assert found.labels == sorted(rows.loc[rows["split"] == "test", "label"])
    assert (len(found.labels), found.num_recorded, len(found.waveforms)) == (12, 24, 30)
    assert found.note == (
        "on 12 utterances of test speakers, 12 utterances of val speakers and 6 made sounds"
    )
    monkeypatch.setattr(clips, "MOST", 20)
    fewer = clips.of_run(trained, spec, ("test", "val", "train"), roots)
    assert (len(fewer.labels), fewer.num_recorded) == (12, 20)
    assert "12 utterances of test speakers, 8 utterances of val speakers and" in fewer.note
    with raises(UnknownNameError, "unknown-name", "Did you mean 'test'"):
        clips.of_run(trained, spec, ("tset",), roots)


def test_labels_agree_over_recordings_and_uar_over_the_labeled():
    sounds = clips.Clips([np.zeros(1, "f")] * 4, ["a", "b"], 3, "")
    reference = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
    found = np.array([[0.4, 0.6], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]])
    row = parity.compare("x", reference, found, sounds, ["a", "b"]).iloc[0]
    assert row["label_agreement"] == pytest.approx(2 / 3)  # the fourth is made
    assert row["max_difference"] == pytest.approx(0.5)
    assert (row["uar_keras"], row["uar"], row["uar_difference"]) == (1.0, 0.5, -0.5)
    assert (row["waveforms"], row["utterances"], row["labeled"]) == (4, 3, 2)
