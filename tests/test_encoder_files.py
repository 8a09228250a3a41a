"""Files of weights that others publish: what the converter reads, and what it refuses."""

import json
import struct
import zipfile

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sertk import encoders
from sertk.encoders import _weights, wav2vec2, whisper
from sertk.errors import ModelError, UnknownNameError
from tests import encoder_files as files
from tests.encoder_files import assert_same
from tests.errors import raises


def converted(source, tmp_path, **options):
    target = tmp_path / "converted" / "x.safetensors"
    assert encoders.convert(source, target, **{"license": "ours", **options}) == target
    assert [path.name for path in target.parent.iterdir()] == ["x.safetensors"]
    return encoders.find(str(target)), load_file(target)


CONFIG = whisper.Config(files.UNITS, files.BLOCKS, files.HEADS, files.MELS)


def test_openais_file(tmp_path):
    source = files.write_openai(tmp_path / "tiny.pt")
    encoder, arrays = converted(source, tmp_path)
    assert_same(arrays, files.whisper_arrays())
    assert (encoder.config, encoder.kept, encoder.license) == (CONFIG, files.BLOCKS, "ours")
    assert _weights.read_metadata(encoder.path)["source"] == "tiny.pt"


def test_the_first_blocks_only(tmp_path):
    source = files.write_openai(tmp_path / "tiny.pt")
    encoder, arrays = converted(source, tmp_path, blocks=1)
    assert (encoder.config.blocks, encoder.kept) == (files.BLOCKS, 1)
    assert not [name for name in arrays if "layers.1" in name]
    for blocks in (0, 3):
        with raises(ModelError, "invalid-encoder-blocks", f"{blocks} blocks"):
            encoders.convert(source, tmp_path / "y.safetensors", license="ours", blocks=blocks)


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "int16", "int8"])
def test_ctranslate2s_file(kind, tmp_path):
    wanted = files.whisper_arrays()
    if kind == "bfloat16":
        wanted = {
            name: (array.view("<u4") >> 16 << 16).view("<f4") for name, array in wanted.items()
        }
    wanted["encoder.conv1.bias"][:] = wanted["encoder.conv2.bias"][:] = 0.0  # one is an alias
    files.write_ctranslate2(tmp_path / "model" / "model.bin", wanted, kind)
    encoder, arrays = converted(tmp_path / "model", tmp_path)
    step = {"int8": 2 / 127, "int16": 2 / 1024}.get(kind, 0)
    assert_same(arrays, wanted, atol=step)
    assert encoder.config == CONFIG
    alone = converted(tmp_path / "model" / "model.bin", tmp_path / "alone")
    assert_same(alone[1], arrays)


@pytest.mark.parametrize("prefix", ["model.", ""])
def test_hugging_faces_folder_of_whisper(prefix, tmp_path):
    wanted = files.whisper_arrays()
    folder = files.write_hugging_face(
        tmp_path / "hf", files.WHISPER, {**wanted, **files.rest()}, prefix
    )
    encoder, arrays = converted(folder, tmp_path)
    assert encoder.config == CONFIG
    assert_same(arrays, wanted)
    assert_same(converted(folder / "model.safetensors", tmp_path / "b")[1], wanted)


def test_hugging_faces_folder_in_parts_or_pickled(tmp_path):
    wanted = files.whisper_arrays()
    folder = files.write_hugging_face(tmp_path / "hf", files.WHISPER, wanted)
    (folder / "model.safetensors").unlink()
    files.Pickle().save(folder / "pytorch_model.bin", wanted)
    assert_same(converted(folder, tmp_path)[1], wanted)
    (folder / "pytorch_model.bin").unlink()
    place = {name: f"part-{number % 2}.safetensors" for number, name in enumerate(wanted)}
    for part in set(place.values()):
        save_file({n: a for n, a in wanted.items() if place[n] == part}, folder / part)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": place}))
    assert_same(converted(folder, tmp_path / "b")[1], wanted)
    index.write_text(json.dumps({"weight_map": {"x": "../x.safetensors"}}))
    with raises(ModelError, "unconvertible-encoder", "other folders"):
        encoders.convert(folder, tmp_path / "y.safetensors", license="ours")


WAV2VEC2 = {"model_type": "wav2vec2", "hidden_size": 8, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 12, "conv_dim": [4] * 7,
            "num_conv_pos_embeddings": 3, "num_conv_pos_embedding_groups": 2}  # fmt: skip
SMALL = wav2vec2.config_of(WAV2VEC2)


@pytest.mark.parametrize("spelling", ["weight_{}", "parametrizations.weight.original{}"])
def test_weight_normalization_is_folded(spelling, tmp_path):
    home = "wav2vec2.encoder.pos_conv_embed.conv"
    lengths, directions = (
        f"{home}.{spelling.format(n)}" for n in ("gv" if "_" in spelling else "01")
    )
    name = "encoder.pos_conv_embed.conv.weight"
    wanted = {*wav2vec2.outside_blocks(SMALL), "encoder.layers.0.feed_forward.output_dense.weight"}
    arrays = files.random_arrays({
        **{f"wav2vec2.{other}": (8,) for other in sorted(wanted - {name})},
        lengths: (1, 1, 3), directions: (8, 4, 3), "wav2vec2.masked_spec_embed": (8,),
        "quantizer.codevectors": (1, 2, 3),
    })  # fmt: skip
    folder = files.write_hugging_face(tmp_path / "hf", WAV2VEC2, arrays, do_normalize=False)
    encoder, found = converted(folder, tmp_path)
    assert encoder.architecture == "wav2vec2"
    assert not encoder.config.normalize
    kernel = arrays[directions]
    norm = np.linalg.norm(kernel.transpose(2, 0, 1).reshape(3, -1), axis=1)
    np.testing.assert_allclose(found[name], arrays[lengths] * kernel / norm, rtol=1e-3, atol=1e-5)
    assert found.keys() == wanted


def test_sizes_of_published_networks_are_read_from_their_records():
    base = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
            "intermediate_size": 3072, "conv_dim": [512] * 7}  # fmt: skip
    large = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
             "intermediate_size": 4096, "conv_dim": [512] * 7, "feat_extract_norm": "layer",
             "do_stable_layer_norm": True, "conv_bias": True}  # fmt: skip
    for name, record in {
        "wav2vec2-base": {"model_type": "wav2vec2", **base},
        "wav2vec2-xls-r-300m": {"model_type": "wav2vec2", **large},
        "hubert-large-ll60k": {"model_type": "hubert", **large},
        "data2vec-audio-base": {"model_type": "data2vec-audio", **base},
        "wavlm-base": {"model_type": "wavlm", **base},
        "wavlm-large": {"model_type": "wavlm", **large, "conv_bias": False},
    }.items():
        assert wav2vec2.config_of(record) == wav2vec2.CONFIGS[name], name
        assert wav2vec2.unsupported(record) == ""


@pytest.mark.parametrize(
    ("change", "word"),
    [({"model_type": "bert"}, "bert"), ({"hidden_act": "relu"}, "hidden_act relu"),
     ({"conv_kernel": [10, 3]}, "conv_kernel"), ({"adapter_attn_dim": 16}, "adapter_attn_dim"),
     ({"conv_dim": [4, 8]}, "conv_dim"), ({"num_hidden_layers": 2}, "block 2"),
     ({}, "it has no encoder.layer_norm.bias"),
     ({"hidden_size": None}, "hidden_size"), ({"hidden_size": "8"}, "Expected `int`"),
     ({"conv_dim": 4}, "config.json"), ({"conv_dim": []}, "config.json")],
)  # fmt: skip
def test_a_network_that_sertk_does_not_build(change, word, tmp_path):
    arrays = files.random_arrays({"encoder.layers.0.x.weight": (2,)})
    record = {k: v for k, v in {**WAV2VEC2, **change}.items() if v is not None}
    folder = files.write_hugging_face(tmp_path / "hf", record, arrays)
    with raises(ModelError, "unconvertible-encoder", word):
        encoders.convert(folder, tmp_path / "x.safetensors", license="ours")
    assert not (tmp_path / "x.safetensors").exists()


def test_values_beyond_float16(tmp_path):
    arrays = files.whisper_arrays()
    arrays["encoder.conv1.weight"][0, 0, 0] = 70_000
    folder = files.write_hugging_face(tmp_path / "hf", files.WHISPER, arrays)
    encoders.convert(folder, tmp_path / "x.safetensors", license="ours")
    found = load_file(tmp_path / "x.safetensors")
    assert found["encoder.conv1.weight"][0, 0, 0] == 70_000
    arrays["encoder.conv1.weight"][0, 0, 0] = np.nan
    files.write_hugging_face(folder, files.WHISPER, arrays)
    with raises(ModelError, "unconvertible-encoder", "encoder.conv1.weight"):
        encoders.convert(folder, tmp_path / "y.safetensors", license="ours")


def test_license_and_name(tmp_path):
    source, target = files.write_openai(tmp_path / "base.pt"), tmp_path / "x.safetensors"
    with raises(ModelError, "unknown-encoder-license", "base.pt"):
        encoders.convert(source, target)
    with raises(UnknownNameError, "unknown-name", "whisper-basic"):
        encoders.convert(source, target, name="whisper-basic")
    with raises(ModelError, "encoder-of-another-name", "8 units", "512 units"):
        encoders.convert(source, target, name="whisper-base")
    with raises(ModelError, "encoder-of-another-name", "whisper"):
        encoders.convert(source, target, name="hubert-base-ls960")
    with raises(ModelError, "invalid-encoder-target", "x.bin"):
        encoders.convert(source, tmp_path / "x.bin", license="ours")
    assert not target.exists()


def test_the_license_of_a_published_name_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setitem(whisper.CONFIGS, "whisper-base", CONFIG)
    source = files.write_openai(tmp_path / "base.pt")
    encoders.convert(source, tmp_path / "x.safetensors", name="whisper-base")
    record = _weights.read_metadata(tmp_path / "x.safetensors")
    assert record["license"] == whisper.LICENSE
    assert record["source"] == "whisper-base, from base.pt"


def damaged_pickles():
    tensor = np.ones((2, 2), np.float32)
    yield "posix.system", lambda p: p.save_text(b"cposix\nsystem\n(X\x02\0\0\0lstR")
    yield "builtins.eval", lambda p: p.save_text(b"cbuiltins\neval\n")
    yield "torch.load", lambda p: p.save_text(b"ctorch\nload\n")
    yield "outside", lambda p: p.save_state(p.tensor(tensor, strides=(2, 2)))
    yield "outside", lambda p: p.save_state(p.tensor(tensor, offset=1))
    yield "outside", lambda p: p.save_state(p.tensor(tensor, strides=(-1, 1)))
    yield "damaged", lambda p: p.save_state(p.tensor(tensor, key="none"))
    yield "no storage", lambda p: p.save_text(p.value("storage") + b"Q")
    yield "damaged", lambda p: p.save_text(b"(((")
    yield "dims", lambda p: p.save_text(p.value({"weights": tensor}))
    yield "dims", lambda p: p.save_text(p.value({"dims": {"n": 1}, "model_state_dict": {}}))
    yield "dims", lambda p: p.save_text(p.value({"dims": {"n": "1"}, "model_state_dict": {}}))


class _Damaged(files.Pickle):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def save_text(self, text):
        return self.save(self.path, text)

    def save_state(self, tensor):
        arrays = {files.openai_name(n): a for n, a in files.whisper_arrays().items()}
        state = {**arrays, "encoder.conv1.weight": tensor}
        return self.save(self.path, {"dims": files.DIMS, "model_state_dict": state})


@pytest.mark.parametrize("number", range(len(list(damaged_pickles()))))
def test_a_pickle_runs_no_code_and_reads_nothing_outside(number, tmp_path):
    word, write = list(damaged_pickles())[number]
    path = write(_Damaged(tmp_path / "x.pt"))
    with raises(ModelError, "unconvertible-encoder", word):
        encoders.convert(path, tmp_path / "x.safetensors", license="ours")


def test_damaged_files(tmp_path):
    whole = files.write_openai(tmp_path / "whole.pt").read_bytes()
    binary = files.write_ctranslate2(tmp_path / "w.bin", files.whisper_arrays()).read_bytes()
    with zipfile.ZipFile(tmp_path / "empty.pt", "w") as archive:
        archive.writestr("readme.txt", "no tensors")
    wrong_type = binary.replace(struct.pack("<BI", 0, 384), struct.pack("<BI", 9, 384))
    wrong_size = binary.replace(struct.pack("<BI", 0, 384), struct.pack("<BI", 0, 380))
    for name, content in {
        "a.pt": whole[: len(whole) // 2], "b.pt": b"", "c.pt": (tmp_path / "empty.pt").read_bytes(),
        "d.bin": binary[:-40], "e.bin": binary[: len(binary) // 2], "f.bin": binary[:9],
        "g.bin": wrong_type, "h.bin": wrong_size, "i.safetensors": binary[4:], "j.bin": b"\5\0\0\0",
    }.items():  # fmt: skip
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / name).write_bytes(content)
        (tmp_path / "x" / "config.json").write_text(json.dumps(files.WHISPER))
        with raises(ModelError, "unconvertible-encoder", name):
            encoders.convert(tmp_path / "x" / name, tmp_path / "x.safetensors", license="ours")
    for path, options in ((tmp_path / "y.bin", {"version": 6, "spec": "TransformerSpec"}),):
        files.write_ctranslate2(path, files.whisper_arrays(), **options)
        with raises(ModelError, "unconvertible-encoder", "TransformerSpec"):
            encoders.convert(path, tmp_path / "x.safetensors", license="ours")
    for missing in (tmp_path / "none.pt", tmp_path):
        with raises(ModelError, "unconvertible-encoder", str(missing)):
            encoders.convert(missing, tmp_path / "x.safetensors", license="ours")
    assert not (tmp_path / "x.safetensors").exists()


# CTranslate2 4.8, float32, on tiny.en from which blocks were removed and in which the position
# embeddings were float32: the output of its encoder for `golden_input`, with the last layer
# normalization's gamma and beta undone, at every 13th frame and every 131st unit
GOLDEN = {
    3: [-0.2631, 1.9294, 0.083, 1.6431, 2.0138, 0.186, -0.6303, 1.8268, 0.8075, 1.8255, 1.8674,
        0.3237],
    4: [0.1724, 0.3152, -0.1018, 2.4633, -0.2644, 0.9016, -1.6808, -0.2666, 0.4811, 0.9449, 0.071,
        -0.0831],
}  # fmt: skip


def golden_input():
    frame, band = np.arange(80)[:, None], np.arange(80)
    waves = np.sin(0.13 * frame + 0.05 * band) * np.cos(0.31 * band)
    return (-40 + 39 * waves).astype(np.float32)


@pytest.mark.backend
@pytest.mark.parametrize("blocks", GOLDEN)
def test_whisper_tiny_en_computes_what_ctranslate2_computes(blocks):
    try:
        encoder = encoders.find("whisper-tiny.en", blocks=blocks)
    except ModelError as error:
        pytest.skip(str(error))
    state = np.asarray(encoder.build(blocks)(golden_input()[None])[blocks])
    assert state.shape == (1, 40, 384)
    centered = state - state.mean(axis=-1, keepdims=True)
    normalized = centered / np.sqrt(state.var(axis=-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(normalized[0, ::13, ::131].ravel(), GOLDEN[blocks], atol=2e-4)
