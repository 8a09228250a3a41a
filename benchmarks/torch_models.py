"""The networks of B4 in PyTorch, layer by layer what `sertk.models` builds in Keras.

In: standardized clips (batch, frames, bins). Out: logits (batch, classes). Each is as large as its
Keras twin; `benchmarks.throughput` refuses to compare them otherwise.
"""

import torch
from torch import nn

from sertk.models._shape import scaled


class Compact(nn.Module):
    """Twin of `sertk.models.compact`."""

    def __init__(self, bins: int, num_classes: int, width: float):
        super().__init__()
        self.hide = Hide()
        blocks, channels = [], 1
        for filters, pool in ((24, (2, 2)), (48, (2, 2)), (64, (1, 4))):
            blocks += [
                nn.Conv2d(channels, scaled(filters, width), 3, padding=1, bias=False),
                nn.MaxPool2d(pool),
                nn.BatchNorm2d(scaled(filters, width), eps=1e-3),
                nn.SiLU(),
                nn.Dropout2d(0.15),
            ]
            channels, bins = scaled(filters, width), bins // pool[1]
        self.blocks = nn.Sequential(*blocks)
        units = scaled(64, width)
        self.gru = nn.GRU(channels * bins, units, batch_first=True, bidirectional=True)
        self.hidden, self.score = nn.Linear(2 * units, units), nn.Linear(units, 1, bias=False)
        self.dropout, self.last = nn.Dropout(0.3), nn.Linear(4 * units, num_classes)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Compute logits."""
        x = self.blocks(self.hide(clips)[:, None])  # (batch, channels, frames / 4, bins / 16)
        x, _ = self.gru(x.permute(0, 2, 1, 3).flatten(2))
        weights = torch.softmax(self.score(torch.tanh(self.hidden(x))), dim=1)
        mean = (weights * x).sum(dim=1)
        variance = (weights * x.square()).sum(dim=1) - mean.square()
        pooled = torch.cat([mean, variance.clamp(min=1e-6).sqrt()], dim=1)
        return self.last(self.dropout(pooled))


class FcnAttention(nn.Module):
    """Twin of `sertk.models.fcn_attention`."""

    def __init__(self, bins: int, num_classes: int, width: float):
        super().__init__()
        layers: list[nn.Module] = [nn.BatchNorm2d(1)]
        channels = 1
        for filters, size, pool in (
            (64, 11, True), (192, 5, True), (384, 3, False), (256, 3, False), (256, 3, True),
        ):  # fmt: skip
            stride, padding = (4, 2) if size == 11 else (1, size // 2)
            layers += [
                nn.Conv2d(channels, scaled(filters, width), size, stride, padding),
                nn.BatchNorm2d(scaled(filters, width)),
                nn.ReLU(),
                *([nn.MaxPool2d(3, 2)] if pool else []),
            ]
            channels = scaled(filters, width)
        self.layers = nn.Sequential(*layers)
        self.hidden, self.score = nn.Linear(channels, channels), nn.Linear(channels, 1)
        self.head = nn.Sequential(
            nn.Linear(channels, scaled(256, width)), nn.BatchNorm1d(scaled(256, width)), nn.ReLU(),
            nn.Dropout(0.2), nn.Linear(scaled(256, width), num_classes),
        )  # fmt: skip

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Compute logits."""
        places = self.layers(clips[:, None]).flatten(2).transpose(1, 2)  # (batch, places, channels)
        weights = torch.softmax(0.3 * self.score(torch.tanh(self.hidden(places))), dim=1)
        return self.head((weights * places).sum(dim=1))


class Hide(nn.Module):
    """Twin of `sertk.layers.SpecAugment`: two stretches of time and two of bins become 0."""

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Hide in training, and pass everything on otherwise."""
        if not self.training:
            return clips
        batch, frames, bins = clips.shape
        for _ in range(2):
            clips = clips * _keep(batch, frames, 0.1)[:, :, None]
            clips = clips * _keep(batch, bins, 0.12)[:, None, :]
        return clips


def _keep(batch: int, size: int, share: float) -> torch.Tensor:
    length = torch.rand(batch, 1) * share * size
    first = torch.rand(batch, 1) * (size - length)
    position = torch.arange(size)[None]
    return 1.0 - ((position >= first) & (position < first + length)).float()


TWINS = {"compact": Compact, "fcn_attention": FcnAttention}
