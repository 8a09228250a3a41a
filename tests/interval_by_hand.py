"""What an interval over speakers must be, computed from resamples as the textbook writes it."""

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t


def ends(value, drawn, speakers, bounds=(0.0, 1.0), level=0.95):
    """Student's t on the logit scale, from the standard deviation of resamples."""
    low, high = bounds
    share = (value - low) / (high - low)
    error = np.std(drawn) * np.sqrt(speakers / (speakers - 1)) / (high - low)
    reach = t.ppf((1 + level) / 2, speakers - 1) * error / (share * (1 - share))
    return [low + (high - low) * expit(logit(share) + side * reach) for side in (-1, 1)]
