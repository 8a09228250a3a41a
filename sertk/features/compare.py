"""ComParE: the feature set of the computational paralinguistics challenges, computed by openSMILE.

In: a waveform. Out: `(1, 6373)` functionals, or `(frames, 65)` low-level descriptors at 100 Hz.
"""

from dataclasses import dataclass

from sertk.features._opensmile import OpenSmile


@dataclass(frozen=True)
class Compare(OpenSmile):
    """Compute the ComParE 2016 features with the package `opensmile`, an extra.

    openSMILE may be used for research only; its license forbids commercial products. It runs
    outside of the graph, so that a model on this feature cannot be exported.

    Args:
        level: `"functionals"`, one vector of 6373 numbers per utterance, for classical models; or
            `"lld"`, frames of 65 low-level descriptors, for networks and `probe`.
        sample_rate: int, Hz, of the waveform; a `Preprocessing` sets it to its own.

    Raises:
        UnknownNameError: If there is no such level.
        ConfigurationError: If opensmile is not installed.

    Examples:
        `sertk.Preprocessing("compare", sample_rate=16_000)`

    References:
        Schuller et al. 2016, The INTERSPEECH 2016 computational paralinguistics challenge; Eyben,
        Woellmer, Schuller 2010, openSMILE.
    """

    level: str = "functionals"
    sample_rate: int = 16_000
    feature_set = "ComParE_2016"
