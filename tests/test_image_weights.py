"""torchvision's AlexNet weights in Keras, against AlexNet written in numpy, and in torch."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from sertk import models
from sertk.errors import ConfigurationError
from tests.errors import raises

CONVOLUTIONS = {
    0: (64, 3, 11),
    3: (192, 64, 5),
    6: (384, 192, 3),
    8: (256, 384, 3),
    10: (256, 256, 3),
}
DENSE = {1: (4096, 9216), 4: (4096, 4096), 6: (1000, 4096)}


@pytest.fixture(scope="module")
def state():
    """Random weights under torchvision's exact names and shapes."""
    generator = np.random.default_rng(0)

    def entry(*shape):
        fan_in = np.prod(shape[1:])
        return (generator.standard_normal(shape, np.float32) * np.sqrt(2 / fan_in)).astype("f4")

    made = {}
    for place, (out, given, size) in CONVOLUTIONS.items():
        made[f"features.{place}.weight"] = entry(out, given, size, size)
        made[f"features.{place}.bias"] = 0.1 * entry(out, 1)[:, 0]
    for place, (out, given) in DENSE.items():
        made[f"classifier.{place}.weight"] = entry(out, given)
        made[f"classifier.{place}.bias"] = 0.1 * entry(out, 1)[:, 0]
    return made


@pytest.fixture(scope="module")
def file(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "alexnet.npz"
    np.savez(path, **state)
    return path


def convolve(x, kernel, bias, stride, padding):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    size = kernel.shape[-1]
    places = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    places = places[:, ::stride, ::stride]  # (channels, height, width, size, size)
    out = np.tensordot(kernel, places, axes=((1, 2, 3), (0, 3, 4)))
    return np.maximum(out + bias[:, None, None], 0)


def pool(x):
    return np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::2, ::2].max((3, 4))


def adaptive(x, size=6):
    """Average over torch's bins: from floor(k n / size) to ceil((k + 1) n / size)."""
    out = np.empty((len(x), size, size), x.dtype)
    for i, j in np.ndindex(size, size):
        rows, columns = (
            slice(k * n // size, -(-(k + 1) * n // size))
            for k, n in zip((i, j), x.shape[1:], strict=True)
        )
        out[:, i, j] = x[:, rows, columns].mean((1, 2))
    return out


def alexnet(state, picture):
    """Hidden activations before the last layer, of one picture (3, height, width)."""
    x = picture
    for place, (_, _, size) in CONVOLUTIONS.items():
        weight, bias = state[f"features.{place}.weight"], state[f"features.{place}.bias"]
        x = convolve(x, weight, bias, 4 if size == 11 else 1, 2 if size == 11 else size // 2)
        if place in (0, 3, 10):
            x = pool(x)
    x = adaptive(x).reshape(-1)
    for place in (1, 4):
        x = state[f"classifier.{place}.weight"] @ x + state[f"classifier.{place}.bias"]
        x = np.maximum(x, 0)
    return x


def hidden(model, clip):
    import keras

    body = keras.Model(model.inputs, model.get_layer("dense1").output)
    return body.predict(clip[None], verbose=0)[0]


def test_a_converted_alexnet_computes_what_the_original_does(state, file):
    clip = np.random.default_rng(1).normal(size=(160, 120, 3)).astype(np.float32)
    expected = alexnet(state, clip.transpose(2, 1, 0))  # the original's height is frequency
    model = models.build("alexnet", clip.shape, 4, weights=str(file))
    np.testing.assert_allclose(hidden(model, clip), expected, atol=1e-3 * expected.max())


@pytest.mark.backend
def test_the_picture_is_the_original_s(state, file):
    from sertk.layers import SpectrogramImage

    clip = np.random.default_rng(2).uniform(size=(160, 120)).astype(np.float32)
    picture = np.asarray(SpectrogramImage(80)(clip[None, :, :, None]))[0]
    assert picture.shape == (80, 107, 3)
    model = models.build("alexnet", clip.shape, 4, weights=str(file), image_size=80)
    expected = alexnet(state, picture.transpose(2, 0, 1))
    np.testing.assert_allclose(hidden(model, clip), expected, atol=1e-3 * expected.max())


def test_safetensors_and_the_convolutional_net_take_them_too(state, tmp_path):
    save_file(state, tmp_path / "alexnet.safetensors")
    model = models.build(
        "alexnet_gap", (96, 96, 3), 4, weights=str(tmp_path / "alexnet.safetensors")
    )
    kernel = np.asarray(model.get_layer("conv4").kernel)
    np.testing.assert_array_equal(kernel, state["features.10.weight"].transpose(3, 2, 1, 0))


def test_one_channel_starts_its_first_layer_anew(state, file):
    model = models.build("alexnet_gap", (96, 96), 4, weights=str(file))
    assert np.asarray(model.get_layer("conv0").kernel).shape == (11, 11, 1, 64)
    np.testing.assert_array_equal(
        np.asarray(model.get_layer("conv1").bias), state["features.3.bias"]
    )


def test_what_is_no_alexnet_is_refused(state, file, tmp_path):
    with raises(ConfigurationError, "missing-weights-file"):
        models.build("alexnet_gap", (96, 96), 4, weights=str(tmp_path / "no.npz"))
    (tmp_path / "alexnet.pth").write_bytes(b"no weights")
    with raises(ConfigurationError, "unreadable-weights"):
        models.build("alexnet_gap", (96, 96), 4, weights=str(tmp_path / "alexnet.pth"))
    np.savez(tmp_path / "other.npz", weight=np.zeros(3))
    with raises(ConfigurationError, "wrong-weights", "features.0.weight"):
        models.build("alexnet_gap", (96, 96), 4, weights=str(tmp_path / "other.npz"))
    with raises(ConfigurationError, "weights-of-other-size"):
        models.build("alexnet_gap", (96, 96, 3), 4, weights=str(file), width=0.5)


@pytest.mark.torch
def test_a_converted_alexnet_is_torch_s(state, file):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    features = nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
    )  # fmt: skip
    classifier = nn.Sequential(
        nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096),
        nn.ReLU(), nn.Linear(4096, 1000),
    )  # fmt: skip
    net = nn.ModuleDict({"features": features, "classifier": classifier}).eval()
    net.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    clip = np.random.default_rng(1).normal(size=(160, 120, 3)).astype(np.float32)
    with torch.no_grad():
        x = features(torch.from_numpy(clip.transpose(2, 1, 0)[None].copy()))
        x = nn.functional.adaptive_avg_pool2d(x, 6).flatten(1)
        expected = classifier[:-1](x).numpy()[0]
    model = models.build("alexnet", clip.shape, 4, weights=str(file))
    np.testing.assert_allclose(hidden(model, clip), expected, atol=1e-3 * expected.max())
