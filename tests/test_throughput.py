"""B4: the networks in PyTorch are as large as those in Keras, and answer in the same shape."""

import numpy as np
import pytest

from benchmarks import throughput
from benchmarks.record import Setting
from sertk import models
from sertk.errors import ConfigurationError
from tests.errors import raises


@pytest.mark.torch
@pytest.mark.parametrize("width", [1.0, 0.1])
@pytest.mark.parametrize("name", ["compact", "fcn_attention"])
def test_twins_have_as_many_parameters(name, width):
    torch = pytest.importorskip("torch")
    from benchmarks import torch_models

    assert sorted(torch_models.TWINS) == sorted(throughput._NETWORKS.values())
    twin = torch_models.TWINS[name](64, 8, width)
    net = models.build(name, (188, 64), 8, width=width)
    assert sum(p.numel() for p in twin.parameters()) == throughput.trainable(net)
    clips = torch.zeros(2, 188, 64)
    assert twin.train()(clips).shape == twin.eval()(clips).shape == (2, 8)


@pytest.mark.torch
def test_fcn_attention_computes_what_keras_does():
    torch = pytest.importorskip("torch")
    from benchmarks import torch_models

    net, twin = (
        models.build("fcn_attention", (188, 64), 8),
        torch_models.FcnAttention(64, 8, 1.0).eval(),
    )
    learned = [p for p in twin.parameters() if p.requires_grad]
    for given, taken in zip(net.trainable_variables, learned, strict=True):
        value = np.random.default_rng(0).normal(0, 0.02, given.shape).astype(np.float32)
        given.assign(value)
        axes = {2: (1, 0), 4: (3, 2, 0, 1)}.get(value.ndim)
        taken.data = torch.from_numpy(np.ascontiguousarray(value.transpose(axes)))
    clips = np.random.default_rng(1).normal(size=(2, 188, 64)).astype(np.float32)
    found = torch.softmax(twin(torch.from_numpy(clips)), dim=1).detach().numpy()
    np.testing.assert_allclose(found, net.predict_on_batch(clips), atol=1e-5)


@pytest.mark.torch
def test_the_peer_gets_the_threads_that_suit_it(monkeypatch):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    clock = [0.0]
    monkeypatch.setattr(throughput.environment, "cores", lambda: 2)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: clock[0])

    def slower_by_threads():
        clock[0] += torch.get_num_threads()

    try:
        assert throughput.fastest_threads(slower_by_threads) == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.torch
def test_a_twin_of_another_size_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from types import SimpleNamespace

    part = SimpleNamespace(input_shape=(188, 64), num_classes=8)
    ready = throughput.Pipeline(models.build("mlp", (188, 64), 8), part, None, None)
    with raises(ConfigurationError, "different-twin"):
        throughput.torch_loop(Setting(tmp_path, tmp_path), "compact", ready)


def test_without_torch_the_peer_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(throughput.importlib.util, "find_spec", lambda name: None)
    with raises(ConfigurationError, "torch-not-installed", "'.[parity]'"):
        throughput.torch_loop(Setting(tmp_path, tmp_path), "compact", None)
