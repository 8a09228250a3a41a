"""Models as files: records, bundles and OpenVINO that are whole, damaged or tampered with."""

import json
import sys
import zipfile

import pytest

from sertk import predict
from sertk.errors import ConfigurationError, ModelError
from sertk.export import bundling
from sertk.predict import bundle, engines
from sertk.predict.spec import Spec
from tests import fake_model
from tests.errors import raises
from tests.fake_model import CLASSES, spec

pytest.importorskip("onnx")


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
