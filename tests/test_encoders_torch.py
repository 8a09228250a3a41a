"""Encoders against transformers, at small random sizes. Needs PyTorch, which no extra but `parity`
installs, and transformers.
"""

import itertools

import numpy as np
import pytest

from sertk import encoders
from sertk.errors import ModelError
from tests import encoder_files as files
from tests.errors import raises

pytestmark = [pytest.mark.torch, pytest.mark.backend]
SIZES = {
    "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 80,
    "conv_dim": (32,) * 7, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
RELATIVES = {
    "wav2vec2-base": ("Wav2Vec2", {"num_conv_pos_embeddings": 16}),
    "wav2vec2-large": ("Wav2Vec2", {"num_conv_pos_embeddings": 15, **LARGE}),
    "hubert-base": ("Hubert", {"num_conv_pos_embeddings": 16}),
    "hubert-large": ("Hubert", {"num_conv_pos_embeddings": 16, **LARGE}),
    "data2vec-audio": ("Data2VecAudio", {}),
    "wavlm-base": ("WavLM", {"num_conv_pos_embeddings": 16}),
    "wavlm-large": ("WavLM", {"num_conv_pos_embeddings": 16, "num_buckets": 16,
                              "max_bucket_distance": 20, **LARGE, "conv_bias": False}),
}  # fmt: skip


def random_network(kind, **sizes):
    """A network of transformers whose every parameter is random, norms and biases too."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")

    torch.manual_seed(1)
    network = getattr(transformers, f"{kind}Model")(getattr(transformers, f"{kind}Config")(**sizes))
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1 or "gru_rel_pos_const" in name:
            torch.nn.init.normal_(parameter, float(name.endswith("weight")), 0.2)
        elif name.endswith("original0"):
            torch.nn.init.uniform_(parameter, 0.5, 2.0)
        else:
            torch.nn.init.normal_(parameter, 0.0, 1.5 / parameter[0].numel() ** 0.5)
    for name, parameter in network.named_parameters():  # as the converted file stores them
        if not name.endswith("original0"):
            parameter.data = parameter.data.half().float()
    _round_folded_kernels(network)
    return network.eval()


def _round_folded_kernels(network):
    """Make products of weight normalization that float16 holds."""
    for module in network.modules():
        if hasattr(module, "parametrizations"):
            module.weight = module.weight.detach().half().float()


def states_of(blocks, run):
    """What enters the first block, and what leaves each; transformers normalizes the last one."""
    torch = pytest.importorskip("torch")

    found = []
    handles = [blocks[0].register_forward_pre_hook(lambda block, given: found.append(given[0]))]
    for block in blocks:
        handles.append(
            block.register_forward_hook(
                lambda block, given, out: found.append(out[0] if isinstance(out, tuple) else out)
            )
        )
    with torch.no_grad():
        run()
    for handle in handles:
        handle.remove()
    return [state.numpy() for state in found]


def assert_equal_states(found, wanted):
    assert len(found) == len(wanted) == 4
    errors = [np.abs(np.asarray(a) - b).max() for a, b in zip(found, wanted, strict=True)]
    assert max(errors) < 1e-4


def waveforms(samples):
    time = np.arange(samples) / 16_000
    noise = np.random.default_rng(0).normal(0, 0.05, (2, samples))
    return (np.sin(2 * np.pi * np.array([[200.0], [330.0]]) * time) + noise + 0.1).astype("float32")


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("name", RELATIVES)
def test_wav2vec2_and_its_relatives(name, normalize, tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    kind, sizes = RELATIVES[name]
    network = random_network(kind, **SIZES, **sizes)
    network.save_pretrained(tmp_path / "hf")
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=normalize)
    extractor.save_pretrained(tmp_path / "hf")
    path = encoders.convert(tmp_path / "hf", tmp_path / "x.safetensors", license="none")
    given = waveforms(40_000 if name == "wavlm-base" else 6_400)  # far and near positions
    prepared = extractor(list(given), sampling_rate=16_000, return_tensors="pt").input_values
    wanted = states_of(network.encoder.layers, lambda: network(torch.as_tensor(prepared)))
    encoder = encoders.find(str(path), blocks=3)
    found = encoder.build(3).predict(given[..., None], verbose=0)
    assert np.asarray(found[0]).shape[1] == encoder.frames(given.shape[1])
    assert_equal_states(found, wanted)


def test_both_spellings_of_weight_normalization(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    network = random_network("Wav2Vec2", **SIZES)
    network.save_pretrained(tmp_path)
    first = encoders.convert(tmp_path, tmp_path / "new.safetensors", license="none")
    arrays = load_file(tmp_path / "model.safetensors")
    for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
        array = arrays.pop(f"encoder.pos_conv_embed.conv.parametrizations.weight.{new}")
        arrays[f"encoder.pos_conv_embed.conv.{old}"] = array
    arrays = {f"wav2vec2.{name}": array for name, array in arrays.items()}
    save_file(arrays, tmp_path / "model.safetensors")
    second = encoders.convert(tmp_path, tmp_path / "old.safetensors", license="none")
    (tmp_path / "model.safetensors").unlink()
    torch.save(arrays, tmp_path / "pytorch_model.bin")
    third = encoders.convert(tmp_path, tmp_path / "pickled.safetensors", license="none")
    wanted, *others = (load_file(path) for path in (first, second, third))
    kernel = network.encoder.pos_conv_embed.conv.weight.detach()
    torch.testing.assert_close(
        wanted["encoder.pos_conv_embed.conv.weight"].float(), kernel, atol=2e-3, rtol=1e-3
    )
    for other in others:
        assert other.keys() == wanted.keys()
        assert all(torch.equal(other[name], wanted[name]) for name in wanted)


def test_whisper(tmp_path):
    torch = pytest.importorskip("torch")

    sizes = {
        "d_model": 48, "encoder_layers": 3, "encoder_attention_heads": 4, "encoder_ffn_dim": 192,
        "decoder_layers": 1, "decoder_attention_heads": 4, "decoder_ffn_dim": 8, "vocab_size": 20,
        "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "decoder_start_token_id": 1,
        "max_source_positions": 50,
    }  # fmt: skip
    network = random_network("Whisper", **sizes)
    half = 24
    phase = np.arange(50)[:, None] * np.exp(-np.log(10_000) / (half - 1) * np.arange(half))
    positions = np.concatenate([np.sin(phase), np.cos(phase)], axis=1)
    network.encoder.embed_positions.weight.data = torch.tensor(positions, dtype=torch.float32)
    network.save_pretrained(tmp_path / "hf")
    path = encoders.convert(tmp_path / "hf", tmp_path / "x.safetensors", license="none")
    decibels = np.random.default_rng(0).uniform(-79, 0, (2, 100, 80)).astype("float32")
    decibels[:, 0, 0] = 0.0
    scaled = torch.tensor((decibels / 10 + 4) / 4).transpose(1, 2)
    wanted = states_of(network.encoder.layers, lambda: network.encoder(scaled))
    found = encoders.find(str(path), blocks=3).build(3).predict(decibels, verbose=0)
    assert_equal_states(found, wanted)


def test_openais_own_format(tmp_path):
    """A file as torch.save writes it, of tensors that share a storage or are transposed."""
    torch = pytest.importorskip("torch")
    from safetensors.numpy import load_file

    arrays = {name: torch.tensor(array) for name, array in files.whisper_arrays().items()}
    kinds = itertools.cycle([torch.Tensor.half, torch.nn.Parameter, torch.Tensor.bfloat16])
    arrays = {name: next(kinds)(tensor) for name, tensor in arrays.items()}
    both = torch.randn(2, files.UNITS, files.UNITS, generator=torch.Generator().manual_seed(0))
    home = "encoder.layers.0.self_attn"
    arrays |= {f"{home}.q_proj.weight": both[0], f"{home}.k_proj.weight": both[1].T}
    state = {files.openai_name(name): tensor for name, tensor in arrays.items()}
    state["decoder.ln.weight"] = torch.ones(3)
    torch.save({"dims": files.DIMS, "model_state_dict": state}, tmp_path / "tiny.pt")
    path = encoders.convert(tmp_path / "tiny.pt", tmp_path / "x.safetensors", license="none")
    wanted = {name: tensor.detach().half().numpy() for name, tensor in arrays.items()}
    files.assert_same(load_file(path), wanted)
    torch.save({"dims": torch.nn.Linear(2, 2)}, tmp_path / "code.pt")
    with raises(ModelError, "unconvertible-encoder", "torch.nn.modules.linear.Linear"):
        encoders.convert(tmp_path / "code.pt", tmp_path / "y.safetensors", license="none")
