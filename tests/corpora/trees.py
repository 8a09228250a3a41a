"""Write little folders in the layout of published corpora."""

import numpy as np
import soundfile


def sound(path, seconds=0.05, rate=16_000):
    """Write a short file of faint noise, as the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).normal(0, 0.01, int(seconds * rate))
    soundfile.write(path, noise, rate)
    return path


def sounds(root, *paths):
    for path in paths:
        sound(root / path)
    return root


def text(path, content=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path
