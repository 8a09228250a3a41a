"""Keras layers that networks are made of, on every backend and exportable.

In and out: (batch, frames, bins[, channels]) tensors; each layer's docstring gives its shapes.
"""

from sertk.layers.kernels import LogProbabilities, PairwiseVotes, RadialBasis, Temperature, Trees
from sertk.layers.pooling import (
    AdaptiveAveragePooling2D,
    AttentionPooling,
    MapAttention,
    MixBlocks,
    SigmoidAttention,
    SoundStatistics,
    StatisticsPooling,
)
from sertk.layers.scaling import Standardize
from sertk.layers.speaker import SubtractSpeaker
from sertk.layers.spec_augment import SpecAugment
from sertk.layers.spectrogram_image import SpectrogramImage

__all__ = [
    "AdaptiveAveragePooling2D", "AttentionPooling", "LogProbabilities", "MapAttention", "MixBlocks",
    "PairwiseVotes", "RadialBasis", "SigmoidAttention", "SoundStatistics", "SpecAugment",
    "SpectrogramImage", "Standardize", "StatisticsPooling", "SubtractSpeaker", "Temperature",
    "Trees",
]  # fmt: skip
