"""Small files of weights as OpenAI, Hugging Face and CTranslate2 publish them, by hand."""

import itertools
import json
import struct
import zipfile

import numpy as np
from safetensors.numpy import save_file

UNITS, BLOCKS, HEADS, MELS = 8, 2, 2, 4
DIMS = {"n_mels": MELS, "n_audio_ctx": 10, "n_audio_state": UNITS, "n_audio_head": HEADS,
        "n_audio_layer": BLOCKS, "n_vocab": 9, "n_text_ctx": 5, "n_text_state": UNITS,
        "n_text_head": HEADS, "n_text_layer": 1}  # fmt: skip
WHISPER = {"model_type": "whisper", "d_model": UNITS, "encoder_layers": BLOCKS,
           "encoder_attention_heads": HEADS, "encoder_ffn_dim": 4 * UNITS,
           "num_mel_bins": MELS}  # fmt: skip
OPENAI = {"layers": "blocks", "self_attn.q_proj": "attn.query", "self_attn.k_proj": "attn.key",
          "self_attn.v_proj": "attn.value", "self_attn.out_proj": "attn.out",
          "self_attn_layer_norm": "attn_ln", "fc1": "mlp.0", "fc2": "mlp.2",
          "final_layer_norm": "mlp_ln"}  # fmt: skip


def whisper_arrays():
    """The encoder's arrays under Hugging Face's names, of values that float16 holds."""
    shapes = {"encoder.conv1.weight": (UNITS, MELS, 3), "encoder.conv2.weight": (UNITS, UNITS, 3),
              "encoder.conv1.bias": (UNITS,), "encoder.conv2.bias": (UNITS,)}  # fmt: skip
    for block in range(BLOCKS):
        home = f"encoder.layers.{block}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes[f"{home}.self_attn.{part}.weight"] = (UNITS, UNITS)
            if part != "k_proj":
                shapes[f"{home}.self_attn.{part}.bias"] = (UNITS,)
        for part, shape in (("fc1", (4 * UNITS, UNITS)), ("fc2", (UNITS, 4 * UNITS))):
            shapes |= {f"{home}.{part}.weight": shape, f"{home}.{part}.bias": shape[:1]}
        for part in ("self_attn_layer_norm", "final_layer_norm"):
            shapes |= {f"{home}.{part}.weight": (UNITS,), f"{home}.{part}.bias": (UNITS,)}
    return random_arrays(shapes)


def assert_same(found, wanted, atol=0.0):
    assert found.keys() == wanted.keys()
    for name, array in found.items():
        assert array.dtype == np.float16
        np.testing.assert_allclose(array, wanted[name], rtol=0, atol=atol, err_msg=name)


def random_arrays(shapes):
    generator = np.random.default_rng(0)
    return {
        name: generator.normal(0, 0.5, shape).astype(np.float16).astype(np.float32)
        for name, shape in shapes.items()
    }


def rest():
    """Arrays that no encoder needs."""
    return {
        "encoder.positional_embedding": np.ones((10, UNITS), np.float32),
        "encoder.layer_norm.weight": np.ones(UNITS, np.float32),
        "decoder.layers.0.fc1.weight": np.ones((300, 300), np.float32),
    }


def openai_name(name):
    for ours, theirs in OPENAI.items():
        name = name.replace(ours, theirs)
    return name


class Pickle:
    """Write the few opcodes of a pickle that `torch.save` uses for tensors."""

    def __init__(self):
        self.storages = {}

    def value(self, value):
        if isinstance(value, bytes):
            return value  # opcodes
        if isinstance(value, str):
            text = value.encode()
            return b"X" + struct.pack("<I", len(text)) + text
        if isinstance(value, int):
            return b"J" + struct.pack("<i", value)
        if isinstance(value, tuple):
            return b"(" + b"".join(map(self.value, value)) + b"t"
        if isinstance(value, dict):
            items = b"".join(self.value(k) + self.value(v) for k, v in value.items())
            return b"}(" + items + b"u"
        return self.tensor(value)

    def tensor(self, array, key=None, strides=None, kind=None, offset=0):
        kind = kind or {"f4": "FloatStorage", "f2": "HalfStorage"}[array.dtype.str[1:]]
        if key is None:
            key = str(len(self.storages))
            self.storages[key] = array.tobytes()
        storage = ("storage", f"ctorch\n{kind}\n".encode(), key, "cpu", array.size)
        strides = strides or tuple(s // array.itemsize for s in array.strides)
        rest = (self.value(storage) + b"Q", offset, array.shape, strides, b"\x89",
                b"ccollections\nOrderedDict\n)R")  # fmt: skip
        return b"ctorch._utils\n_rebuild_tensor_v2\n" + self.value(rest) + b"R"

    def save(self, path, value, home="archive"):
        text = b"\x80\x02" + self.value(value) + b"."
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{home}/data.pkl", text)
            for key, data in self.storages.items():
                archive.writestr(f"{home}/data/{key}", data)
        return path


def write_openai(path, arrays=None, dims=None):
    """Write a .pt of Whisper, half of its arrays in float16."""
    arrays = {**(whisper_arrays() if arrays is None else arrays), **rest()}
    kinds = itertools.cycle((np.float32, np.float16))
    state = {openai_name(name): a.astype(next(kinds)) for name, a in arrays.items()}
    return Pickle().save(path, {"dims": dims or DIMS, "model_state_dict": state})


def write_hugging_face(folder, config, arrays, prefix="", **preprocessor):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    if preprocessor:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    save_file({prefix + name: a for name, a in arrays.items()}, folder / "model.safetensors")
    return folder


CT2_NAMES = {"self_attn.out_proj": "self_attention/linear_1", "fc1": "ffn/linear_0",
             "fc2": "ffn/linear_1", "self_attn_layer_norm": "self_attention/layer_norm",
             "final_layer_norm": "ffn/layer_norm"}  # fmt: skip


def ctranslate2_variables(arrays, kind):
    """The variables of CTranslate2, quantized as its converter does."""
    found = {"encoder/num_heads": np.int16(HEADS), "decoder/scale_embeddings": np.int8(0)}
    for name in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            found[f"encoder/{name}/{part}"] = arrays[f"encoder.{name}.{part}"]
    for block in range(BLOCKS):
        ours, theirs = f"encoder.layers.{block}", f"encoder/layer_{block}"
        for part in ("weight", "bias"):
            found[f"{theirs}/self_attention/linear_0/{part}"] = np.concatenate([
                arrays.get(f"{ours}.self_attn.{p}_proj.{part}", np.zeros(UNITS, np.float32))
                for p in "qkv"
            ])  # fmt: skip
            for old, new in CT2_NAMES.items():
                last = {"weight": "gamma", "bias": "beta"}[part] if "norm" in new else part
                found[f"{theirs}/{new}/{last}"] = arrays[f"{ours}.{old}.{part}"]
    for name in [name for name in found if name.endswith("/weight")]:
        if kind == "int8":
            amax = np.abs(found[name]).max(axis=tuple(range(1, found[name].ndim)))
            scale = (127 / amax).astype(np.float32)
            by_row = scale.reshape(-1, *[1] * (found[name].ndim - 1))
            found[name] = np.rint(found[name] * by_row).astype(np.int8)
            found[f"{name}_scale"] = scale
        elif kind == "int16":
            scale = np.float32(2**10 / np.abs(found[name]).max())
            found[name] = np.rint(found[name] * scale).astype(np.int16)
            found[f"{name}_scale"] = scale
    return found


def write_ctranslate2(path, arrays, kind="float32", version=6, spec="WhisperSpec"):
    """Write a model.bin; equal biases of zero are stored once, under an alias."""
    variables = ctranslate2_variables(arrays, kind)
    aliases = []
    zeros = [n for n, a in variables.items() if n.endswith("bias") and not np.any(a)]
    for name in zeros[1:]:
        aliases.append((name, zeros[0]))
        del variables[name]
    types = {"<f4": 0, "|i1": 1, "<i2": 2, "<f2": 4}
    text = [struct.pack("<I", version), string(spec), struct.pack("<II", 3, len(variables))]
    for name, array in sorted(variables.items()):
        array, number = np.asarray(array), None
        if kind in ("float16", "bfloat16") and array.dtype == np.float32:
            array = array.astype(np.float16) if kind == "float16" else array
            if kind == "bfloat16":
                array, number = (array.view("<u4") >> 16).astype("<u2"), 5
        number = types[array.dtype.str] if number is None else number
        text += [string(name), struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape),
                 struct.pack("<BI", number, array.nbytes), array.tobytes()]  # fmt: skip
    text.append(struct.pack("<I", len(aliases)))
    text += [string(word) for pair in aliases for word in pair]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(text))
    return path


def string(text):
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"
