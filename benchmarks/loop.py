"""The peer of B4: the training loop everybody writes in PyTorch.

In: features as one .npy per utterance. Out: a network trained for some epochs, batch by batch.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from sertk.preprocessing import Preprocessing


class Clips(Dataset):
    """Finished clips of utterances, each cut anew at a random place.

    Args:
        files: One .npy per utterance: its spectrum, absolute dB.
        classes: Class indices.
        prep: How clips are cut and finished.
        statistics: Mean and deviation per bin.
    """

    def __init__(
        self,
        files: list[Path],
        classes: list[int],
        prep: Preprocessing,
        statistics: tuple[np.ndarray, np.ndarray],
    ):
        self.files, self.classes, self.prep = files, classes, prep
        self.mean, self.deviation = statistics

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[np.ndarray, int]:
        """Read, cut and standardize one clip."""
        spectrum = np.load(self.files[number])
        clip = np.empty(self.prep.clip_shape, np.float32)
        room = len(spectrum) - len(clip)
        start = torch.randint(min(room, 0), max(room, 0) + 1, ()).item()
        self.prep.cut(spectrum, int(start), clip)
        finished = (self.prep.finish(clip) - self.mean) / self.deviation
        return finished.astype(np.float32), self.classes[number]


def training(net: nn.Module, clips: Clips, batch_size: int, epochs: int) -> Callable[[], None]:
    """Make a function that trains for so many epochs."""
    loader = DataLoader(clips, batch_size, shuffle=True)
    objective = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)
    net.train()

    def train() -> None:
        for _ in range(epochs):
            for batch, classes in loader:
                optimizer.zero_grad()
                objective(net(batch), classes).backward()
                optimizer.step()

    return train
